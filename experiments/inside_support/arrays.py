"""Arrays of ``results.nc``: names, axes, units and meanings."""

from experiments.inside_support.config import PROBLEMS
from experiments.lab.run import Array

_PATH = ("method", "seed", "evaluation")


def of_problem(name: str) -> dict[str, Array]:
    """Return the arrays of one problem, by their names without its prefix."""
    cell, member = f"{name}_candidate", f"{name}_member"
    units = PROBLEMS[name].units
    shape = (f"{name}_sample",) if PROBLEMS[name].axis else (f"{name}_row", f"{name}_column")
    return {
        "z": Array((cell, "latent"), "1", f"{name}: candidates; the first half is a grid over the box"),
        "example": Array((cell, *shape), "1", f"{name}: decoded histories or images", step=1e-3),
        "best_member_example": Array(shape, "1", f"{name}: the best member of the family"),
        "value": Array((cell,), units, f"{name}: value of each candidate; NaN: the evaluation failed"),
        "inside": Array((cell,), "1", f"{name}: candidate lies in the support"),
        "miss": Array((cell,), "1", f"{name}: distance of the candidate from its example's code, over tolerance"),
        "distance": Array((cell,), "1", f"{name}: distance of the example from the family, over tolerance"),
        "log_density": Array((cell,), "nat", f"{name}: log density of the aggregated posterior"),
        "exploration": Array((cell,), "nat", f"{name}: log density of the decoder's outputs"),
        "member_value": Array((member,), units, f"{name}: values of members of the family; NaN: failed"),
        "asked": Array(_PATH, "1", f"{name}: candidate asked, or member of the family"),
        "best": Array(_PATH, units, f"{name}: best existing example so far"),
        "best_anywhere": Array(_PATH, units, f"{name}: best example so far, existing or not"),
    }


COORDINATES = {"method": Array(("method",), "1", "what chose the candidates", coordinate=True)}
