"""Quantities of hysteresis loops, and the numbers that follow from them."""

import jax
import numpy as np

import ferro_jax as ferro
from experiments.ferrosim_microstates.drive import CONDITIONS
from experiments.lab.run import Outcome
from experiments.lab.summaries import spread

QUANTITIES = (
    "coercive_half_width_ec",
    "coercive_positive_ec",
    "coercive_negative_ec",
    "imprint_ec",
    "remnant_positive_model_units",
    "remnant_negative_model_units",
    "remnant_half_width_model_units",
    "area_model_units_per_site_and_cycle",
)
"""Names of what ``loop_numbers`` returns; ``_ec``: in coercive fields."""


def loop_numbers(field: np.ndarray, along: np.ndarray, unit: float) -> dict[str, np.ndarray]:
    """Return the quantities of the loops ``along`` (…, sample), each (…); fields are in coercive fields (``unit``)."""
    flat = along.reshape(-1, along.shape[-1]).astype(float)
    loop = jax.jit(jax.vmap(ferro.loop_quantities, (None, 0)))(field.astype(float), flat)
    loop = jax.tree.map(lambda leaf: np.asarray(leaf).reshape(along.shape[:-1]), loop)
    return {
        "coercive_half_width_ec": (loop.coercive_positive - loop.coercive_negative) / 2 / unit,
        "coercive_positive_ec": loop.coercive_positive / unit,
        "coercive_negative_ec": loop.coercive_negative / unit,
        "imprint_ec": loop.imprint / unit,
        "remnant_positive_model_units": loop.remnant_positive,
        "remnant_negative_model_units": loop.remnant_negative,
        "remnant_half_width_model_units": (loop.remnant_positive - loop.remnant_negative) / 2,
        "area_model_units_per_site_and_cycle": loop.area,
    }


def compare_loops(field: np.ndarray, series: dict[str, np.ndarray], unit: float) -> Outcome:
    """Return the last cycle's loops, their numbers, and ratios between conditions, realisation by realisation.

    ``field`` (sample,) is in model units, ``series`` holds SCALARS (condition, realisation, sample).
    """
    loops = loop_numbers(field, series["along"], unit)
    arrays = {f"loop_{name}": values for name, values in loops.items()}
    numbers = {}
    for number, condition in enumerate(CONDITIONS):
        for name, values in loops.items():
            numbers |= spread(f"{condition}_{name}", values[number])
    for number, condition in enumerate(("defects", "no_defects")):
        at = {name: values[number] for name, values in series.items()}
        for name, values in numbers_along(field, at, unit).items():
            numbers |= spread(f"{condition}_{name}", values)
    for name in ("coercive_half_width_ec", "remnant_half_width_model_units", "area_model_units_per_site_and_cycle"):
        value, short = loops[name], name.split("_ec")[0].split("_model")[0]
        numbers |= spread(f"defects_over_no_defects_{short}_ratio", value[0] / value[1])
        numbers |= spread(f"depolarization_over_none_{short}_ratio_with_defects", value[0] / value[2])
        numbers |= spread(f"depolarization_over_none_{short}_ratio_without_defects", value[1] / value[3])
    return Outcome(arrays, numbers)


def numbers_along(field: np.ndarray, at: dict[str, np.ndarray], unit: float) -> dict[str, np.ndarray]:
    """Return numbers of a condition's last cycle, each (realisation,); ``at`` holds SCALARS (realisation, sample)."""
    peak, samples = int(np.argmax(field)), len(field)
    rising = int(np.argmin(np.abs(field[: peak + 1] - 0.75 * field[peak])))
    falling = peak + int(np.argmin(np.abs(field[peak : samples // 2] - 0.75 * field[peak])))
    return {
        "gap_at_three_quarters_share_of_peak": np.abs(
            at["along"][:, falling] / at["along"][:, peak] - at["along"][:, rising] / at["along"][:, peak]
        ),
        "aligned_share_at_peak": at["aligned"][:, peak],
        "curl_at_peak_model_units": at["curl"][:, peak],
        "curl_at_zero_field_model_units": at["curl"][:, samples // 2 - 1],
        "curl_maximum_model_units": at["curl"].max(1),
        "curl_maximum_abs_field_ec": np.abs(field[at["curl"].argmax(1)]) / unit,
        "across_maximum_model_units": np.abs(at["across"]).max(1),
        "wall_density_at_peak": at["walls"][:, peak],
        "wall_density_maximum": at["walls"].max(1),
        "vortices_maximum": at["vortices"].max(1),
        "magnitude_minimum_model_units": at["magnitude"].min(1),
    }
