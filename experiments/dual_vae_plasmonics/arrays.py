"""Describe the arrays of the experiment on single assemblies: axes, units, meaning."""

from collections.abc import Sequence

from experiments.lab.run import Array

PICTURE, SPECTRUM = ("particle", "row", "column"), ("particle", "polarization", "wavelength")
PER_SEED, CODE = ("seed", "particle"), ("seed", "particle", "latent")
BASELINES = ("nearest", "ridge")  # predict pictures, spectra and classes
ARRAYS = {
    "wavelength": Array(("wavelength",), "nm", "wavelength in vacuum", coordinate=True),
    "polarization": Array(("polarization",), "degree", "polarization from x", coordinate=True),
    "true_image": Array(PICTURE, "1", "electron image, brightness"),
    "true_spectrum": Array(SPECTRUM, "1e4 nm2", "scattering cross section"),
    "angle": Array(("particle",), "rad", "true angle of the longer axis, modulo π"),
    "aspect_ratio": Array(("particle",), "1", "true aspect ratio"),
    "code": Array(CODE, "1", "code of the spectrum"),
    "code_of_image": Array(CODE, "1", "code of the image"),
    "picture": Array(PICTURE, "1", "image predicted from the spectrum, first seed"),
    "spectrum": Array(SPECTRUM, "1e4 nm2", "spectrum predicted from the image, first seed"),
    "nearest_picture": Array(PICTURE, "1", "image of the nearest training spectrum"),
    "found_class": Array(PER_SEED, "1", "class read out of the spectrum's code"),
    "manifold_axis": Array(("c1",), "1", "place along a principal direction, in standard deviations of the codes"),
    "manifold_image": Array(("c1", "c2", "row", "column"), "1", "decoded images"),
    "manifold_spectrum": Array(("c1", "c2", "polarization", "wavelength"), "1e4 nm2", "decoded spectra"),
    "plane": Array(("particle", "plane_axis"), "1", "held-out codes of the first seed in that plane"),
}
ANGLES = {
    "angle": Array(PER_SEED, "rad", "angle predicted from the spectrum"),
    "ratio": Array(PER_SEED, "1", "aspect ratio predicted from the spectrum"),
    "angle_error_deg": Array(("seed",), "degree", "mean |error| of the angle"),
    "angle_median_error_deg": Array(("seed",), "degree", "median |error| of the angle"),
    "angle_concordance": Array(
        ("seed",), "1", "Lin's concordance of predicted and true angle, predictions taken within 90° of the true angle"
    ),
    "ratio_error": Array(("seed",), "1", "mean |error| of the aspect ratio"),
}
NMSE = {
    "picture_nmse": Array(("seed",), "1", "error of the image predicted from the spectrum over that of the mean image"),
    "spectrum_nmse": Array(
        ("seed",), "1", "error of the spectrum predicted from the image over that of the mean spectrum"
    ),
}


def arrays_of(classes: Sequence[str]) -> dict[str, Array]:
    """Describe all arrays of a run on assemblies of these classes."""
    of_class = {
        f"fidelity_{label}": Array(("seed",), "1", f"share of {label}s recognised from the spectrum")
        for label in classes
    }
    of_class["confusion"] = Array(("seed", "true_class", "found_class"), "1", "assemblies")
    tables = {
        "dual_": of_class | ANGLES | NMSE,
        "dual_code_": ANGLES,
        "machine_": of_class,
        **{f"{name}_": of_class | ANGLES | NMSE for name in BASELINES},
    }
    scores = {prefix + name: array for prefix, table in tables.items() for name, array in table.items()}
    return ARRAYS | scores | {"label": Array(("particle",), "1", "class: " + ", ".join(classes))}
