"""Loops of ``experiments/ferrosim_microstates/compute.py``: their quantities, and the numbers that follow from them."""

import jax
import numpy as np

import ferro_jax as ferro
from experiments.ferrosim_microstates.drive import CONDITIONS
from experiments.lab.run import Run
from experiments.lab.summaries import record_spread


def loop_numbers(field: np.ndarray, along: np.ndarray, unit: float) -> dict[str, np.ndarray]:
    """Quantities of the loops ``along`` (..., sample); fields in coercive fields."""
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


def record_loops(run: Run, field: np.ndarray, series: dict[str, np.ndarray], unit: float) -> None:
    """Numbers of the last cycle's loops, and the ratios between conditions, realisation by realisation."""
    loops = loop_numbers(field, series["along"], unit)
    peak, samples = int(np.argmax(field)), len(field)
    for name, values in loops.items():
        units = "coercive field" if name.endswith("_ec") else "model unit"
        run.add(f"loop_{name}", ("condition", "realisation"), values, units, f"loop: {name.replace('_', ' ')}")
    rising = int(np.argmin(np.abs(field[: peak + 1] - 0.75 * field[peak])))
    falling = peak + int(np.argmin(np.abs(field[peak : samples // 2] - 0.75 * field[peak])))
    for number, condition in enumerate(CONDITIONS):
        for name, values in loops.items():
            record_spread(run, f"{condition}_{name}", values[number])
    for number, condition in enumerate(("defects", "no_defects")):
        at = {name: values[number] for name, values in series.items()}
        numbers = {
            "gap_at_three_quarters_share_of_peak": np.abs(at["along"][:, falling] / at["along"][:, peak]
                                                          - at["along"][:, rising] / at["along"][:, peak]),
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
        }  # fmt: skip
        for name, values in numbers.items():
            record_spread(run, f"{condition}_{name}", values)
    for name in ("coercive_half_width_ec", "remnant_half_width_model_units", "area_model_units_per_site_and_cycle"):
        value, short = loops[name], name.split("_ec")[0].split("_model")[0]
        record_spread(run, f"defects_over_no_defects_{short}_ratio", value[0] / value[1])
        record_spread(run, f"depolarization_over_none_{short}_ratio_with_defects", value[0] / value[2])
        record_spread(run, f"depolarization_over_none_{short}_ratio_without_defects", value[1] / value[3])
