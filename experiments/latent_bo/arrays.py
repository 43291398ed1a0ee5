"""Arrays of ``results.nc``: names, axes, units and meanings."""

from experiments.lab.run import Array

HISTORIES = {
    "training_curve": Array(
        ("history", "sample"), "1", "field history, scaled to its own range, with noise", step=2.0**-11
    ),
    "training_curve_clean": Array(("shown", "sample"), "1", "the first field histories before the noise"),
    "amplitude": Array(("history",), "1", "generating parameter: amplitude A"),
    "growth": Array(("history",), "1", "generating parameter: growth rate α"),
    "frequency": Array(("history",), "1", "generating parameter: angular frequency ω"),
    "offset": Array(("history",), "1", "generating parameter: offset B"),
}
DECODER = {
    "decoder_kernel_0": Array(("z", "hidden_0"), "1", "weights of the decoder's first layer, tanh after it"),
    "decoder_bias_0": Array(("hidden_0",), "1", "biases of the first layer"),
    "decoder_kernel_1": Array(("hidden_0", "hidden_1"), "1", "weights of the second layer, tanh after it"),
    "decoder_bias_1": Array(("hidden_1",), "1", "biases of the second layer"),
    "decoder_kernel_2": Array(("hidden_1", "sample"), "1", "weights of the last layer, whose outputs are the history"),
    "decoder_bias_2": Array(("sample",), "1", "biases of the last layer"),
}
LATENTS = {
    "latent_mean": Array(("history", "z"), "1", "posterior mean of each history"),
    "latent_std": Array(("history", "z"), "1", "posterior standard deviation of each history"),
}
CELLS = {
    "latent": Array(("cell", "z"), "1", "latent coordinates of the grid's cells"),
    "decoded_curve": Array(
        ("cell", "sample"),
        "1",
        "decoded history, beyond 1 where the decoder extrapolates; under a preset, E_x of a step (model units) is this "
        "times its field_scale and coercive_field, E_y is 0, and the last field is held",
        step=2.0**-14,
    ),
    "inside_support": Array(("cell",), "1", "cell is as near to five training latents as 99 % of them are"),
}
SIMULATIONS = {
    "subset": Array(
        ("step", "site"),
        "1",
        "site (row-major) moves in this step, lecture preset; in step 0 none does, its sample is the start state's",
    ),
    "local_field": Array(
        ("component", "row", "column"), "model unit", "random field of the defects, lecture preset; x and y"
    ),
    "local_field_physical": Array(
        ("component", "row", "column"), "model unit", "random field of the defects, physical preset; x and y"
    ),
    "target_lecture": Array(("cell",), "model unit", "sum of |curl P| at the end: lecture preset"),
    "target_synchronous": Array(
        ("cell",), "model unit", "sum of |curl P| at the end: lecture preset, but all sites move in each step"
    ),
    "target_physical": Array(("cell",), "model unit", "sum of |curl P| at the end: physical preset"),
}
METHOD = {  # of the campaigns, and with a prefix of each baseline
    "chosen_cell": Array(("seed", "evaluation"), "1", "cell evaluated"),
    "chosen_value": Array(("seed", "evaluation"), "model unit", "sum of |curl P| of that cell"),
    "regret": Array(("seed", "evaluation"), "model unit", "maximum of the map minus the best so far"),
    "recall": Array(("seed", "evaluation"), "1", "share of the map's top 1 % found"),
    "surface_rmse": Array(("seed", "evaluation"), "model unit", "root mean square error of the surface over all cells"),
    "surface_nll": Array(
        ("seed", "evaluation"), "nats per cell", "mean negative log predictive density over all cells"
    ),
    "surface_mean": Array(("seed", "cell"), "model unit", "posterior mean after the last evaluation"),
    "surface_std": Array(("seed", "cell"), "model unit", "posterior standard deviation at the end"),
}
_SCALED = "inputs in the unit square, targets standardised"
CAMPAIGN = {
    "predicted_mean": Array(("seed", "evaluation"), "model unit", "predicted mean of the choice before its evaluation"),
    "predicted_std": Array(("seed", "evaluation"), "model unit", "predicted standard deviation before the evaluation"),
    "z_score": Array(("seed", "evaluation"), "1", "z-score of the value under the prediction before its evaluation"),
    "gp_lengthscale": Array(("seed", "evaluation", "z"), "1", f"length scale of the Gaussian process, {_SCALED}"),
    "gp_variance": Array(("seed", "evaluation"), "1", f"variance of the Gaussian process, {_SCALED}"),
    "gp_noise": Array(("seed", "evaluation"), "1", f"noise of the Gaussian process, {_SCALED}"),
}
RESIMULATION = {
    "hold": Array(("hold",), "1", "steps after the field stops", coordinate=True),
    "variant": Array(("variant",), "1", "how it was simulated again", coordinate=True),
    "honesty_best_cell": Array(("member",), "1", "cells of the group: best"),
    "honesty_middle_cell": Array(("member",), "1", "cells of the group: middle"),
    "honesty_best": Array(
        ("variant", "member", "hold"), "model unit", "sum of |curl P| while the field is held, group: best"
    ),
    "honesty_middle": Array(
        ("variant", "member", "hold"), "model unit", "sum of |curl P| while the field is held, group: middle"
    ),
    "best_applied_field": Array(("time",), "model unit", "best cell as evaluated: E_x of each step"),
    "best_polarization": Array(("component", "row", "column"), "model unit", "best cell as evaluated: final P"),
    "best_curl": Array(("row", "column"), "model unit", "best cell as evaluated: final curl of P"),
    "best_synchronous_polarization": Array(
        ("component", "row", "column"), "model unit", "best cell, all sites moving: final P"
    ),
    "best_synchronous_curl": Array(("row", "column"), "model unit", "best cell, all sites moving: final curl of P"),
}
