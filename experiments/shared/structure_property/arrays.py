"""Describe the arrays that experiments on scans record: axes, units, meaning."""

from experiments.datasets.plasmonics.scan import REGIONS, Scan
from experiments.lab.run import Array
from experiments.shared.structure_property.scoring import SCORES

KINDS = ", ".join(REGIONS)
PREDICTORS = ("model", "nearest", "ridge")
FIELD = ("map_y", "map_x")


def of_scan(scan: Scan) -> dict[str, Array]:
    """Describe a scan in its own units."""
    return {
        "y": Array(("y",), scan.scale_units, "downwards", coordinate=True),
        "x": Array(("x",), scan.scale_units, "to the right", coordinate=True),
        "energy": Array(("energy",), scan.energy_units, "energy", coordinate=True),
        "image": Array(("y", "x"), "1", "electron image, brightness"),
        "cube_mean": Array(("y", "x"), scan.units, "mean of the local spectrum"),
        "region": Array(("y", "x"), "1", f"kind of point: {KINDS}"),
    }


def of_maps(scan: Scan) -> dict[str, Array]:
    """Describe maps of predictions over the field of a scan."""
    return {
        "map_y": Array(("map_y",), scan.scale_units, "downwards", coordinate=True),
        "map_x": Array(("map_x",), scan.scale_units, "to the right", coordinate=True),
        "part": Array(("y", "x"), "1", "region of the point: 0 trained on, 1 watched, 2 scored"),
        "map_error": Array(FIELD, "1", "root mean square error of the ensemble's mean"),
        "map_spread": Array(FIELD, "1", "mean standard deviation between members"),
        "map_code": Array((*FIELD, "plane"), "1", "two principal components of the codes"),
        "map_region": Array(FIELD, "1", f"kind of the point: {KINDS}"),
        "map_cluster": Array(FIELD, "1", "k-means cluster of the first member's codes"),
    }


def of_examples(forward: bool) -> dict[str, Array]:
    """Describe single predictions: of spectra from patches (``forward``), or of patches from spectra."""
    patch, spectrum = ("example", "y_patch", "x_patch"), ("example", "energy")
    given, wanted = (patch, spectrum) if forward else (spectrum, patch)
    return {
        "example": Array(("example",), "1", "how well it is predicted", coordinate=True),
        "example_error": Array(("example",), "1", "relative error of the ensemble's mean"),
        "example_given": Array(given, "1", "what was given"),
        "example_true": Array(wanted, "1", "truth"),
        "example_mean": Array(wanted, "1", "mean of the ensemble"),
        "example_std": Array(wanted, "1", "its spread"),
        "example_nearest": Array(wanted, "1", "nearest"),
        "example_ridge": Array(wanted, "1", "ridge"),
        "test_error": Array(("test_patch",), "1", "root mean square error of the ensemble's mean"),
        "test_spread": Array(("test_patch",), "1", "mean standard deviation between members"),
    }


def of_patches(scan: Scan, forward: bool) -> dict[str, Array]:
    """Describe all arrays of an experiment on the patches of a scan."""
    scores = {f"{name}_{score}": array for name in PREDICTORS for score, array in SCORES.items()}
    return of_scan(scan) | of_maps(scan) | of_examples(forward) | scores
