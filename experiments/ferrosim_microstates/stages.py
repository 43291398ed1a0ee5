"""Stages of ``experiments/ferrosim_microstates/compute.py``: each computes, records its numbers and saves its arrays."""

import jax
import jax.numpy as jnp
import numpy as np

import ferro_jax as ferro
from experiments.ferrosim_microstates.config import RATES, Config
from experiments.ferrosim_microstates.drive import CONDITIONS, SCALARS, Bench, Lanes, driver, field_of, observer
from experiments.ferrosim_microstates.loops import loop_numbers, record_loops
from experiments.lab.parallel import over_devices
from experiments.lab.run import Run, RunError
from experiments.lab.summaries import record_spread

SWEPT_CYCLES = 2  # the second is closed where the first has forgotten its start


def cycles(run: Run, bench: Bench, lanes: Lanes, config: "Config") -> np.ndarray:
    """All conditions at the main rate; returns the last cycle's mean polarization (condition, realisation, sample)."""
    setup, unit, count = bench.setup, bench.setup.coercive_field, config.realisations
    field = field_of(bench, config, config.steps_per_cycle, config.cycles)
    applied = field[:, None] * np.asarray(bench.direction)
    strongest = lanes.local[np.hypot(lanes.local[:, 0], lanes.local[:, 1]).max((1, 2)).argmax()]
    ferro.validate(
        ferro.initial_state(setup.lattice, setup.dtype), applied, strongest, setup.params, setup.lattice
    )  # a step too long ends here, in words
    series = over_devices(driver(bench, field, config.cycles * config.samples, observer(bench)))(*lanes)
    series = {name: values.reshape(len(CONDITIONS), count, -1) for name, values in series.items()}
    if not np.isfinite(series["along"]).all():
        condition, realisation, sample = np.argwhere(~np.isfinite(series["along"]))[0]
        raise RunError(
            f"realisation {realisation} of {list(CONDITIONS)[condition]} went non-finite at observation {sample}"
        )

    stride = config.steps_per_cycle // config.samples
    time = float(setup.params.dt) * stride * np.arange(1, config.cycles * config.samples + 1)
    sampled = field[stride - 1 :: stride]
    end = slice(-config.samples, None)
    run.add("condition", ("condition",), np.array(list(CONDITIONS), dtype=object), "1", "what was simulated", True)
    run.add("field", ("sample",), sampled[end] / unit, "coercive field", "applied field, last cycle")
    run.add("field_history", ("history_sample",), sampled / unit, "coercive field", "applied field, all cycles")
    run.add("time_history", ("history_sample",), time, "model time", "time of each observation, all cycles")
    run.add("local_field", ("realisation", "component", "row", "column"), lanes.local[:count], "model unit",
            "random field of the defects")  # fmt: skip
    for name, (units, text) in SCALARS.items():
        run.add(name, ("condition", "realisation", "sample"), series[name][..., end], units, f"{text}, last cycle")
        run.add(f"{name}_history", ("realisation", "history_sample"), series[name][0], units,
                f"{text}, all cycles, with defects and depolarization")  # fmt: skip
    _record_setup(run, bench, config)
    record_loops(run, sampled[end], {name: values[..., end] for name, values in series.items()}, unit)
    for number, name in enumerate(CONDITIONS):
        two = series["along"][number, :, -2 * config.samples :].reshape(count, 2, -1)
        closure = np.abs(two[:, 1] - two[:, 0]).max(1) / np.abs(two[:, 1]).max(1)
        run.record(**{f"{name}_last_cycle_change_share_max": closure.max()})
    return series["along"][..., end]


def _record_setup(run: Run, bench: Bench, config: "Config") -> None:
    """The drive, and what the homogeneous free energy says with and without depolarization."""
    setup, unit = bench.setup, bench.setup.coercive_field
    period = float(setup.params.dt) * config.steps_per_cycle
    run.record(
        coercive_field_unit_model_units=unit,
        amplitude_ec=config.amplitude,
        amplitude_model_units=config.amplitude * unit,
        period_model_time=period,
        mean_sweep_rate_ec_per_model_time=4 * config.amplitude / period,
        realisations=config.realisations,
        cycles=config.cycles,
        steps_per_cycle=config.steps_per_cycle,
        defect_share=np.mean(np.any(run.results.local_field.to_numpy() != 0, axis=1)),
    )
    for suffix, depolarization in (("", setup.params.depolarization), ("_no_depolarization", 0.0)):
        params, name = setup.params._replace(depolarization=depolarization), f"homogeneous{suffix}"
        run.record(**{
            f"{name}_coercive_field_ec": float(ferro.coercive_field(params, setup.lattice.axes)) / unit,
            f"{name}_rotation_field_ec": float(ferro.transverse_instability(params, setup.lattice.axes)) / unit,
            f"{name}_well_model_units": float(ferro.wells(params, setup.lattice.axes).magnitude),
        })  # fmt: skip


def states(run: Run, bench: Bench, lanes: Lanes, config: "Config") -> None:
    """Every observed state of the last cycle, realisation 0 with defects and depolarization."""
    field = field_of(bench, config, config.steps_per_cycle, config.cycles)
    drive = driver(bench, field, config.cycles * config.samples, lambda p: p)
    states = over_devices(drive)(lanes.local[:1], lanes.depolarization[:1])[0, -config.samples :]
    setup = bench.setup
    curls = jax.jit(jax.vmap(lambda p: ferro.curl(p, setup.curl_boundary, setup.curl_x_axis)))(states)
    run.add("polarization", ("sample", "component", "row", "column"), states, "model unit", "P, last cycle")
    run.add("curl_map", ("sample", "row", "column"), curls, "model unit", "curl P, last cycle")
    run.describe(setup)
    run.results.attrs |= {
        "x_axis": setup.curl_x_axis,
        "direction_x": bench.direction[0],
        "direction_y": bench.direction[1],
    }


def sweep_rates(run: Run, bench: Bench, lanes: Lanes, last: np.ndarray, config: "Config") -> None:
    """The loops at other sweep rates: is the main one slow enough for its width to be the material's?"""
    unit, (x, y) = bench.setup.coercive_field, bench.direction
    half_width, area = [], []
    for rate in RATES:
        steps = round(config.steps_per_cycle / rate)
        along = last
        if rate != 1:
            field = field_of(bench, config, steps, SWEPT_CYCLES)
            drive = driver(
                bench, field, SWEPT_CYCLES * config.samples, lambda p: jnp.mean(p[0]) * x + jnp.mean(p[1]) * y
            )
            along = over_devices(drive)(*lanes)[:, -config.samples :].reshape(last.shape)
        sampled = field_of(bench, config, steps, 1)[steps // config.samples - 1 :: steps // config.samples]
        loops = loop_numbers(sampled, along, unit)
        half_width.append(loops["coercive_half_width_ec"])
        area.append(loops["area_model_units_per_site_and_cycle"])
    rates = np.array(RATES) * run.metrics["mean_sweep_rate_ec_per_model_time"]
    width, energy = np.stack(half_width), np.stack(area)
    run.add("rate", ("rate",), rates, "coercive fields per model time", "mean sweep rate", coordinate=True)
    dims = ("rate", "condition", "realisation")
    run.add("swept_half_width", dims, width, "coercive field", "half the difference of the two coercive fields")
    run.add("swept_area", dims, energy, "model unit", "energy lost per site and cycle")
    main, half = RATES.index(1.0), RATES.index(0.5)
    for number, condition in enumerate(CONDITIONS):
        change = width[half, number] / width[main, number] - 1
        record_spread(run, f"{condition}_half_rate_coercive_half_width_ec", width[half, number])
        record_spread(run, f"{condition}_half_rate_change_share", change)
        record_spread(run, f"{condition}_half_rate_area_change_share", energy[half, number] / energy[main, number] - 1)
        if "no_defects" in condition:  # past a spinodal the delay of the switch grows as the 2/3 power of the rate
            x_half, x_main = (rates[[half, main]]) ** (2 / 3)
            slope = (width[main, number] - width[half, number]) / (x_main - x_half)
            record_spread(run, f"{condition}_extrapolated_half_width_ec", width[half, number] - slope * x_half)
