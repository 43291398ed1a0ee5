"""Arrays of ``results.nc``: names, axes, units and meanings."""

from experiments.lab.run import Array

UNITS = {"lecture": "model unit", "physical": "model unit", "annealing": "1"}
_PATH = ("method", "seed", "evaluation")


def of_problem(name: str) -> dict[str, Array]:
    """Return the arrays of one problem, by their names without its prefix."""
    cell, sample, member = (f"{name}_{axis}" for axis in ("candidate", "sample", "member"))
    return {
        "z": Array((cell, "latent"), "1", f"{name}: candidates; the first half is a grid over the box"),
        "history": Array((cell, sample), "1", f"{name}: decoded histories", step=1e-3),
        "value": Array((cell,), UNITS[name], f"{name}: value of each candidate"),
        "inside": Array((cell,), "1", f"{name}: candidate lies in the support"),
        "miss": Array((cell,), "1", f"{name}: distance of the candidate from the code of its history, over tolerance"),
        "distance": Array((cell,), "1", f"{name}: distance of the history from the family, over tolerance"),
        "log_density": Array((cell,), "nat", f"{name}: log density of the aggregated posterior"),
        "exploration": Array((cell,), "nat", f"{name}: log density of the decoder's outputs"),
        "member_value": Array((member,), UNITS[name], f"{name}: values of members of the family"),
        "asked": Array(_PATH, "1", f"{name}: candidate asked, or member of the family"),
        "best": Array(_PATH, UNITS[name], f"{name}: best existing history so far"),
        "best_anywhere": Array(_PATH, UNITS[name], f"{name}: best history so far, existing or not"),
    }


COORDINATES = {"method": Array(("method",), "1", "what chose the candidates", coordinate=True)}
