"""Arrays of ``results.nc``: names, axes, units and meanings."""

from experiments.lab.run import Array

_PATH = ("landscape", "strategy", "seed", "evaluation")
SCORES = {
    "landscape": Array(("landscape",), "1", "pool that campaigns search", coordinate=True),
    "strategy": Array(("strategy",), "1", "swept weights, rules without ground truth, blind orders", coordinate=True),
    "kappa": Array(("weight",), "1", "weight κ of the standard deviation, of the first methods", coordinate=True),
    "cell": Array(_PATH, "1", "candidate evaluated"),
    "z_score": Array(_PATH, "1", "one-step-ahead z-score; none for the initial design and blind orders"),
    "gap": Array(_PATH, "1", "maximum minus best so far, over the pool's range"),
    "needed": Array(_PATH[:3], "1", "evaluations to the first good candidate; infinite if not within the budget"),
    "calibrated_kappa": Array(("landscape", "seed", "evaluation"), "1", "κ of the calibrated rule at each evaluation"),
}
_PAIR = ("landscape", "strategy")
RATIOS = {
    "ratio": Array(_PAIR, "1", "median evaluations over those of the best κ in hindsight"),
    "ratio_low": Array(_PAIR, "1", "lower end of the 95 % interval of that, over resampled seeds"),
    "ratio_high": Array(_PAIR, "1", "upper end of that interval"),
    "ratio_mean": Array(_PAIR, "1", "the same of restricted means"),
    "ratio_judged": Array(_PAIR, "1", "median evaluations over those of the κ that the other half of the seeds chose"),
    "chosen_share": Array(("landscape", "weight"), "1", "share of random halves of the seeds that chose this κ"),
}


def pool_arrays(name: str) -> dict[str, Array]:
    """Return the arrays of one landscape, by their names without its prefix."""
    units = {"ferrosim": "model unit", "battery": "Ah"}.get(name, "1")
    return {
        "pool": Array((f"{name}_candidate", f"{name}_axis"), "1", f"{name}: candidates"),
        "value": Array((f"{name}_candidate",), units, f"{name}: value of each candidate"),
    }
