"""Simulate the cycles at the main rate, the states of one lattice, and the other sweep rates."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import ferro_jax as ferro
from experiments.ferrosim_microstates.config import RATES, Config
from experiments.ferrosim_microstates.drive import CONDITIONS, Bench, Lanes, driver, field_of, observer
from experiments.ferrosim_microstates.loops import compare_loops, loop_numbers
from experiments.lab.parallel import over_devices
from experiments.lab.run import Outcome, RunError
from experiments.lab.summaries import spread

SWEPT_CYCLES = 2  # the second is closed where the first has forgotten its start


def cycles(bench: Bench, lanes: Lanes, config: Config) -> Outcome:
    """Simulate all conditions at the main rate.

    ValueError for a time step that is too long, RunError where a lattice is not finite.
    """
    unit, end = bench.setup.coercive_field, slice(-config.samples, None)
    field = field_of(bench, config, config.steps_per_cycle, config.cycles)
    series = simulate_cycles(bench, lanes, field, config)
    stride = config.steps_per_cycle // config.samples
    time = float(bench.setup.params.dt) * stride * np.arange(1, config.cycles * config.samples + 1)
    sampled = field[stride - 1 :: stride]
    local = lanes.local[: config.realisations]
    arrays = {
        "condition": np.array(list(CONDITIONS), dtype=object),
        "field": sampled[end] / unit,
        "field_history": sampled / unit,
        "time_history": time,
        "local_field": local,
    }
    for name, values in series.items():
        arrays |= {name: values[..., end], f"{name}_history": values[0]}
    loops = compare_loops(sampled[end], {name: values[..., end] for name, values in series.items()}, unit)
    numbers = description(bench, config) | {"defect_share": np.mean(np.any(local != 0, axis=1))} | loops.numbers
    for number, name in enumerate(CONDITIONS):
        two = series["along"][number, :, -2 * config.samples :].reshape(config.realisations, 2, -1)
        closure = np.abs(two[:, 1] - two[:, 0]).max(1) / np.abs(two[:, 1]).max(1)
        numbers[f"{name}_last_cycle_change_share_max"] = closure.max()
    return Outcome(arrays | loops.arrays, numbers)


def simulate_cycles(bench: Bench, lanes: Lanes, field: np.ndarray, config: Config) -> dict[str, np.ndarray]:
    """Return SCALARS (condition, realisation, sample) of all cycles."""
    setup = bench.setup
    applied = field[:, None] * np.asarray(bench.direction)
    strongest = lanes.local[np.hypot(lanes.local[:, 0], lanes.local[:, 1]).max((1, 2)).argmax()]
    start = ferro.initial_state(setup.lattice, setup.dtype)
    ferro.validate(start, applied, strongest, setup.params, setup.lattice)  # refuses a time step that is too long
    series = over_devices(driver(bench, field, config.cycles * config.samples, observer(bench)))(*lanes)
    series = {name: values.reshape(len(CONDITIONS), config.realisations, -1) for name, values in series.items()}
    if not np.isfinite(series["along"]).all():
        condition, realisation, sample = np.argwhere(~np.isfinite(series["along"]))[0]
        raise RunError(
            f"realisation {realisation} of {list(CONDITIONS)[condition]} went non-finite at observation {sample}"
        )
    return series


def sweep_rate(bench: Bench, config: Config) -> float:
    """Return the mean rate of the main cycles, coercive fields per model time."""
    return 4 * config.amplitude / (float(bench.setup.params.dt) * config.steps_per_cycle)


def description(bench: Bench, config: Config) -> dict[str, Any]:
    """Return numbers of the drive, and of the homogeneous free energy with and without depolarization."""
    setup, unit = bench.setup, bench.setup.coercive_field
    numbers = {
        "coercive_field_unit_model_units": unit,
        "amplitude_ec": config.amplitude,
        "amplitude_model_units": config.amplitude * unit,
        "period_model_time": float(setup.params.dt) * config.steps_per_cycle,
        "mean_sweep_rate_ec_per_model_time": sweep_rate(bench, config),
        "realisations": config.realisations,
        "cycles": config.cycles,
        "steps_per_cycle": config.steps_per_cycle,
    }
    for suffix, depolarization in (("", setup.params.depolarization), ("_no_depolarization", 0.0)):
        params, name = setup.params._replace(depolarization=depolarization), f"homogeneous{suffix}"
        numbers |= {
            f"{name}_coercive_field_ec": float(ferro.coercive_field(params, setup.lattice.axes)) / unit,
            f"{name}_rotation_field_ec": float(ferro.transverse_instability(params, setup.lattice.axes)) / unit,
            f"{name}_well_model_units": float(ferro.wells(params, setup.lattice.axes).magnitude),
        }
    return numbers


def states(bench: Bench, lanes: Lanes, config: Config) -> Outcome:
    """Simulate realisation 0 with defects and depolarization again, and keep every state of the last cycle."""
    field, setup = field_of(bench, config, config.steps_per_cycle, config.cycles), bench.setup
    drive = driver(bench, field, config.cycles * config.samples, lambda p: p)
    last = over_devices(drive)(lanes.local[:1], lanes.depolarization[:1])[0, -config.samples :]
    curls = jax.jit(jax.vmap(lambda p: ferro.curl(p, setup.curl_boundary, setup.curl_x_axis)))(last)
    return Outcome({"polarization": last, "curl_map": curls}, {})


def sweep_rates(bench: Bench, lanes: Lanes, last: np.ndarray, config: Config) -> Outcome:
    """Simulate the loops at other sweep rates: is the main one slow enough for its width to be the material's?

    ``last`` (condition, realisation, sample) is the mean polarization along the field in the main rate's last cycle.
    """
    half_width, area = [], []
    for rate in RATES:
        loops = loops_at(rate, bench, lanes, last, config)
        half_width.append(loops["coercive_half_width_ec"])
        area.append(loops["area_model_units_per_site_and_cycle"])
    rates = np.array(RATES) * sweep_rate(bench, config)
    width, energy = np.stack(half_width), np.stack(area)
    main, half = RATES.index(1.0), RATES.index(0.5)
    numbers = {}
    for number, condition in enumerate(CONDITIONS):
        change = width[half, number] / width[main, number] - 1
        numbers |= spread(f"{condition}_half_rate_coercive_half_width_ec", width[half, number])
        numbers |= spread(f"{condition}_half_rate_change_share", change)
        numbers |= spread(f"{condition}_half_rate_area_change_share", energy[half, number] / energy[main, number] - 1)
        if "no_defects" in condition:  # past a spinodal the delay of the switch grows as the 2/3 power of the rate
            x_half, x_main = (rates[[half, main]]) ** (2 / 3)
            slope = (width[main, number] - width[half, number]) / (x_main - x_half)
            numbers |= spread(f"{condition}_extrapolated_half_width_ec", width[half, number] - slope * x_half)
    return Outcome({"rate": rates, "swept_half_width": width, "swept_area": energy}, numbers)


def loops_at(rate: float, bench: Bench, lanes: Lanes, last: np.ndarray, config: Config) -> dict[str, np.ndarray]:
    """Return the loops' quantities at ``rate`` times the main sweep rate, each (condition, realisation)."""
    (x, y), steps = bench.direction, round(config.steps_per_cycle / rate)
    along = last
    if rate != 1:
        field = field_of(bench, config, steps, SWEPT_CYCLES)
        drive = driver(bench, field, SWEPT_CYCLES * config.samples, lambda p: jnp.mean(p[0]) * x + jnp.mean(p[1]) * y)
        along = over_devices(drive)(*lanes)[:, -config.samples :].reshape(last.shape)
    sampled = field_of(bench, config, steps, 1)[steps // config.samples - 1 :: steps // config.samples]
    return loop_numbers(sampled, along, bench.setup.coercive_field)
