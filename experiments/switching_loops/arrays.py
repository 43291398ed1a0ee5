"""Descriptions of the arrays of the report on switching loops."""

from experiments.datasets.loops import PARAMETERS, Loops
from experiments.lab.run import Array

MAP = ("row", "column")
OF_MODEL = ("seed",)


def described(loops: Loops) -> dict[str, Array]:
    """Return the descriptions of all arrays, in the units of the loops."""
    units = {"response": loops.unit, "V": loops.bias_unit, "response/V": f"{loops.unit}/{loops.bias_unit}"}
    area = loops.bias_unit if loops.unit == "1" else f"{loops.unit} {loops.bias_unit}"
    return {
        "bias": Array(("step",), loops.bias_unit, "bias of each step", coordinate=True),
        "response": Array((*MAP, "step"), loops.unit, "response"),
        "bad": Array((*MAP, "step"), "1", "bad or missing sample"),
        "kept": Array(MAP, "1", "point whose loop is known"),
        "image": Array(MAP, loops.unit, "domain image: response before the sweep, bad points from their neighbours"),
        "area": Array(MAP, area, "area of the loop"),
        "explained": Array(MAP, "1", "share of the loop's variance that the hysteresis function explains"),
        **{name: Array(MAP, units[unit], f"{name.replace('_', ' ')} of the loop") for name, unit in PARAMETERS.items()},
        "latent": Array((*MAP, "latent"), "1", "posterior mean of the first fit"),
        "cluster": Array(MAP, "1", "cluster of the latents, −1 where the loop is not known"),
        "cluster_loop": Array(("group", "step"), "1", "mean loop of a cluster, from its median, in its extent"),
        "manifold": Array(("z1", "z2", "step"), "1", "decoded loops over the latents' quantiles"),
        "axis": Array(("latent", "quantile"), "1", "latents of the manifold"),
        "shown_loop": Array(("shown", "step"), "1", "held-out loops, NaN where bad"),
        "shown_fit": Array(("shown", "step"), "1", "their reconstructions by the VAE"),
        "vae_error": Array(OF_MODEL, "1", "held-out median |residual|, in the loop's extent"),
        "latent_std": Array((*OF_MODEL, "latent"), "1", "standard deviation of the encoded means"),
        "in_latent": Array((*OF_MODEL, "parameter"), "1", "R² of a parameter among nearest neighbours in the latents"),
        "parameter": Array(("parameter",), "1", "parameter of the hysteresis function", coordinate=True),
        "predicted_loop": Array(("example", "step"), "1", "loops predicted from patches: best, median, worst"),
        "true_loop": Array(("example", "step"), "1", "the same loops as measured"),
        "strategy": Array(("strategy",), "1", "what chose the points", coordinate=True),
        "chosen": Array(("strategy", "seed", "evaluation"), "1", "point measured, among those kept"),
        "best_share": Array(("strategy", "seed", "evaluation"), "1", "largest area so far, as a share of the largest"),
        "recall": Array(("strategy", "seed", "evaluation"), "1", "share of the largest areas found"),
    }
