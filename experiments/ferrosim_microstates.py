"""Drive a lattice with defects through bipolar field cycles: its microstates, and the loops seen from outside.

    python -m experiments.ferrosim_microstates            # about a minute on two cores
    python -m experiments.ferrosim_microstates --smoke    # a small one
    python -m experiments.ferrosim_microstates --preset lecture --steps-per-cycle 12800    # the published update

Eight realisations of the random-field defects, each with and without them (then with fields of 1 % of a coercive field
that break the symmetry) and with and without depolarization, go through triangular cycles of ±4 coercive fields along
the easy direction, at four sweep rates. Kept of each: mean P, mean |P|, Σ|curl P|, domain walls and vortices; of one
lattice every state of the last cycle, for frames and an animation. The lecture drives ±150 coercive fields in 900
steps, where the width of the loop is that of the sweep and not of the material.
Expected, physical preset: without defects the half-width of the loop is 0.97 coercive fields, 9 % less at half the
rate, and tends to 0.73, between the fields at which the homogeneous lattice turns (0.68) and reverses without turning
(0.86). With defects (30 coercive fields at 15 % of the sites) it is 0.06 and halves with the rate; each realisation's
loop is shifted by up to 0.4 coercive fields, and Σ|curl P| goes from 13 at the largest field to 20 during reversal.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from experiments import harness

if TYPE_CHECKING:
    import numpy as np

    import ferro_jax as ferro
    from experiments.harness import Run

RATES = (4.0, 2.0, 1.0, 0.5)  # sweep rates, in that of the main cycles
SWEPT_CYCLES = 2  # the second is closed where the first has forgotten its start
WEAK = 0.01  # standard deviation, in coercive fields, of what breaks the symmetry of a lattice without defects
CONDITIONS = {
    "defects": "defects, depolarization",
    "no_defects": "no defects, depolarization",
    "defects_no_depolarization": "defects, no depolarization",
    "no_defects_no_depolarization": "no defects, no depolarization",
}
SCALARS = {
    "along": ("model unit", "mean polarization along the field"),
    "across": ("model unit", "mean polarization across the field"),
    "magnitude": ("model unit", "mean |P| of the sites"),
    "curl": ("model unit", "sum of |curl P| over the sites"),
    "walls": ("1", "share of the bonds that join two domains"),
    "vortices": ("1", "plaquettes of winding number +1"),
    "antivortices": ("1", "plaquettes of winding number -1"),
    "aligned": ("1", "share of the sites whose P has a positive component along the positive field direction"),
}


@dataclass(frozen=True)
class Config(harness.Settings):
    """Options; the defaults are the slowest sweep that fits into a minute."""

    preset: Literal["physical", "lecture"] = "physical"
    """physical: free edges, all sites move. lecture: grounded edges, a random quarter moves."""
    landau: Literal["tetragonal", "rhombohedral", "square_electric", "uniaxial"] = "tetragonal"
    """Landau set; the field is along its easy direction."""
    shape: Literal["triangle", "sine"] = "triangle"
    """Shape of the field's cycle."""
    amplitude: float = 4.0
    """Largest field, in coercive fields."""
    steps_per_cycle: int = 128_000
    """Time steps of a cycle: more is slower."""
    cycles: int = 3
    """Cycles; the last one is analysed."""
    samples: int = 800
    """Observations per cycle."""
    realisations: int = 8
    """Draws of the defects."""

    def __post_init__(self) -> None:
        for name, least in (("cycles", 2), ("samples", 16), ("realisations", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"--{name} is {getattr(self, name)}; give at least {least}")
        if self.samples % 8:
            raise ValueError(f"--samples is {self.samples}; give a multiple of 8, so that the frames are among them")
        if not self.amplitude > 0:
            raise ValueError(f"--amplitude is {self.amplitude}; give a positive field, in coercive fields")
        unit = int(self.samples * max(RATES))
        if self.steps_per_cycle < 1 or self.steps_per_cycle % unit:
            raise ValueError(
                f"--steps-per-cycle is {self.steps_per_cycle}; give a multiple of {unit}, so that every sweep rate has "
                f"{self.samples} observations per cycle"
            )


SMOKE = Config(smoke=True, steps_per_cycle=1536, cycles=2, samples=24, realisations=4)
STAGES = ("cycles", "states", "sweep_rates", "figures")


class Lanes(NamedTuple):
    """What is driven side by side; the leading axis is (condition, realisation), flattened."""

    local: "np.ndarray"  # (lane, component, row, column), model units
    depolarization: "np.ndarray"  # (lane,)


class Bench(NamedTuple):
    """A set-up with the field's direction, a unit vector, and the key of its random subsets."""

    setup: "ferro.Setup"
    direction: tuple[float, float]
    easy: str
    key: Any


def _bench(config: Config) -> Bench:
    import jax
    import jax.numpy as jnp

    import ferro_jax as ferro

    make = {"physical": ferro.physical, "lecture": ferro.lecture}[config.preset]
    setup = make(jnp.float32, config.landau)
    diagonal = bool(ferro.wells(setup.params, setup.lattice.axes).diagonal)
    along_axis = (1.0, 0.0) if setup.field_axis == "x" else (0.0, 1.0)
    direction = (0.5**0.5, 0.5**0.5) if diagonal else along_axis
    return Bench(setup, direction, "diagonal" if diagonal else "axis", jax.random.key(config.seed + 1))


def _lanes(bench: Bench, config: Config) -> Lanes:
    import jax
    import numpy as np

    import ferro_jax as ferro

    lattice, count = bench.setup.lattice, config.realisations
    defects, weak = jax.random.split(jax.random.key(config.seed))
    draw = jax.jit(jax.vmap(lambda key: ferro.random_field(key, lattice)))
    strong = np.asarray(draw(jax.random.split(defects, count)))
    small = WEAK * jax.random.normal(weak, (count, 2, *lattice.shape))
    local = bench.setup.coercive_field * np.concatenate([strong, small, strong, small])
    depolarization = np.repeat([float(bench.setup.params.depolarization), 0.0], 2 * count)
    return Lanes(local.astype(np.float32), depolarization.astype(np.float32))


def _field(bench: Bench, config: Config, steps: int, cycles: int) -> "np.ndarray":
    """The field's value (model units) at each step."""
    import numpy as np

    import ferro_jax as ferro

    one = ferro.cycle(config.amplitude * bench.setup.coercive_field, steps, cycles, config.shape)
    return np.asarray(one, np.float32)


def _drive(bench: Bench, field: "np.ndarray", samples: int, look: Callable[[Any], Any]) -> Callable[..., Any]:
    """``(local, depolarization) -> look(seen polarization)`` at ``samples`` times, from p = 0."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    import ferro_jax as ferro

    setup = bench.setup
    rows = field[:, None] * np.asarray(bench.direction, np.float32)
    rows = rows.reshape(samples, -1, 2)

    def one(local: Any, depolarization: Any) -> Any:
        params = setup.params._replace(depolarization=depolarization)

        def until_next(state: Any, applied: Any) -> tuple[Any, Any]:
            state, _ = ferro.run(bench.key, state, applied, local, params, setup.lattice, check=False)
            return state, look(state.seen)

        start = ferro.initial_state(setup.lattice, setup.dtype)._replace(step=jnp.int32(0))
        return jax.lax.scan(until_next, start, jnp.asarray(rows))[1]

    return one


def _look(bench: Bench) -> Callable[[Any], dict[str, Any]]:
    """The macroscopic observables, ``SCALARS``."""
    import jax.numpy as jnp

    import ferro_jax as ferro

    setup, (x, y) = bench.setup, bench.direction

    def look(p: Any) -> dict[str, Any]:
        mean = ferro.mean_polarization(p)
        count = ferro.count_vortices(p, setup.lattice.boundary, setup.curl_x_axis)
        return {
            "along": mean[0] * x + mean[1] * y,
            "across": mean[1] * x - mean[0] * y,
            "magnitude": jnp.mean(jnp.hypot(p[0], p[1])),
            "curl": ferro.sum_abs_curl(p, setup.curl_boundary, setup.curl_x_axis),
            "walls": ferro.domain_wall_density(p, setup.lattice.boundary, bench.easy),
            "vortices": count.vortices,
            "antivortices": count.antivortices,
            "aligned": jnp.mean(p[0] * x + p[1] * y > 0),
        }

    return look


def _loops(field: "np.ndarray", along: "np.ndarray", unit: float) -> dict[str, "np.ndarray"]:
    """Quantities of the loops ``along`` (..., sample); fields in coercive fields."""
    import jax
    import numpy as np

    import ferro_jax as ferro

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


def _record_spread(run: "Run", name: str, values: "np.ndarray") -> None:
    """Median, least and greatest over realisations; those of a loop that never crosses zero (NaN) are left out."""
    import numpy as np

    known = values[np.isfinite(values)]
    for label, function in (("median", np.median), ("min", np.min), ("max", np.max)):
        run.record(**{f"{name}_{label}": function(known) if len(known) else float("nan")})


def compute(run: "Run", config: Config) -> None:
    """Cycles at the main sweep rate, the states of one lattice, the other sweep rates."""
    bench = _bench(config)
    lanes = _lanes(bench, config)
    with run.stage("cycles"):
        last = _cycles(run, bench, lanes, config)
    with run.stage("states"):
        _states(run, bench, lanes, config)
    with run.stage("sweep_rates"):
        _sweep_rates(run, bench, lanes, last, config)


def _cycles(run: "Run", bench: Bench, lanes: Lanes, config: Config) -> "np.ndarray":
    """All conditions at the main rate; returns the last cycle's mean polarization (condition, realisation, sample)."""
    import numpy as np

    import ferro_jax as ferro
    from experiments.parallel import over_devices

    setup, unit, count = bench.setup, bench.setup.coercive_field, config.realisations
    field = _field(bench, config, config.steps_per_cycle, config.cycles)
    applied = field[:, None] * np.asarray(bench.direction)
    strongest = lanes.local[np.hypot(lanes.local[:, 0], lanes.local[:, 1]).max((1, 2)).argmax()]
    ferro.validate(
        ferro.initial_state(setup.lattice, setup.dtype), applied, strongest, setup.params, setup.lattice
    )  # a step too long ends here, in words
    series = over_devices(_drive(bench, field, config.cycles * config.samples, _look(bench)))(*lanes)
    series = {name: values.reshape(len(CONDITIONS), count, -1) for name, values in series.items()}
    if not np.isfinite(series["along"]).all():
        condition, realisation, sample = np.argwhere(~np.isfinite(series["along"]))[0]
        raise harness.RunError(
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
    _record_loops(run, sampled[end], {name: values[..., end] for name, values in series.items()}, unit)
    for number, name in enumerate(CONDITIONS):
        two = series["along"][number, :, -2 * config.samples :].reshape(count, 2, -1)
        closure = np.abs(two[:, 1] - two[:, 0]).max(1) / np.abs(two[:, 1]).max(1)
        run.record(**{f"{name}_last_cycle_change_share_max": closure.max()})
    return series["along"][..., end]


def _record_setup(run: "Run", bench: Bench, config: Config) -> None:
    """The drive, and what the homogeneous free energy says with and without depolarization."""
    import numpy as np

    import ferro_jax as ferro

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
        params = setup.params._replace(depolarization=depolarization)
        run.record(
            **{
                f"homogeneous{suffix}_coercive_field_ec": float(ferro.coercive_field(params, setup.lattice.axes))
                / unit,
                f"homogeneous{suffix}_rotation_field_ec": float(
                    ferro.transverse_instability(params, setup.lattice.axes)
                )
                / unit,
                f"homogeneous{suffix}_well_model_units": float(ferro.wells(params, setup.lattice.axes).magnitude),
            }
        )


def _record_loops(run: "Run", field: "np.ndarray", series: dict[str, "np.ndarray"], unit: float) -> None:
    """Numbers of the last cycle's loops, and the ratios between conditions, realisation by realisation."""
    import numpy as np

    loops = _loops(field, series["along"], unit)
    peak, samples = int(np.argmax(field)), len(field)
    for name, values in loops.items():
        units = "coercive field" if name.endswith("_ec") else "model unit"
        run.add(f"loop_{name}", ("condition", "realisation"), values, units, f"loop: {name.replace('_', ' ')}")
    rising = int(np.argmin(np.abs(field[: peak + 1] - 0.75 * field[peak])))
    falling = peak + int(np.argmin(np.abs(field[peak : samples // 2] - 0.75 * field[peak])))
    for number, condition in enumerate(CONDITIONS):
        for name, values in loops.items():
            _record_spread(run, f"{condition}_{name}", values[number])
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
            _record_spread(run, f"{condition}_{name}", values)
    for name in ("coercive_half_width_ec", "remnant_half_width_model_units", "area_model_units_per_site_and_cycle"):
        value, short = loops[name], name.split("_ec")[0].split("_model")[0]
        _record_spread(run, f"defects_over_no_defects_{short}_ratio", value[0] / value[1])
        _record_spread(run, f"depolarization_over_none_{short}_ratio_with_defects", value[0] / value[2])
        _record_spread(run, f"depolarization_over_none_{short}_ratio_without_defects", value[1] / value[3])


def _states(run: "Run", bench: Bench, lanes: Lanes, config: Config) -> None:
    """Every observed state of the last cycle, realisation 0 with defects and depolarization."""
    import jax

    import ferro_jax as ferro
    from experiments.parallel import over_devices

    field = _field(bench, config, config.steps_per_cycle, config.cycles)
    drive = _drive(bench, field, config.cycles * config.samples, lambda p: p)
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


def _sweep_rates(run: "Run", bench: Bench, lanes: Lanes, last: "np.ndarray", config: Config) -> None:
    """The loops at other sweep rates: is the main one slow enough for its width to be the material's?"""
    import jax.numpy as jnp
    import numpy as np

    from experiments.parallel import over_devices

    unit, (x, y) = bench.setup.coercive_field, bench.direction
    half_width, area = [], []
    for rate in RATES:
        steps = round(config.steps_per_cycle / rate)
        along = last
        if rate != 1:
            field = _field(bench, config, steps, SWEPT_CYCLES)
            drive = _drive(
                bench, field, SWEPT_CYCLES * config.samples, lambda p: jnp.mean(p[0]) * x + jnp.mean(p[1]) * y
            )
            along = over_devices(drive)(*lanes)[:, -config.samples :].reshape(last.shape)
        sampled = _field(bench, config, steps, 1)[steps // config.samples - 1 :: steps // config.samples]
        loops = _loops(sampled, along, unit)
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
        _record_spread(run, f"{condition}_half_rate_coercive_half_width_ec", width[half, number])
        _record_spread(run, f"{condition}_half_rate_change_share", change)
        _record_spread(run, f"{condition}_half_rate_area_change_share", energy[half, number] / energy[main, number] - 1)
        if "no_defects" in condition:  # past a spinodal the delay of the switch grows as the 2/3 power of the rate
            x_half, x_main = (rates[[half, main]]) ** (2 / 3)
            slope = (width[main, number] - width[half, number]) / (x_main - x_half)
            _record_spread(run, f"{condition}_extrapolated_half_width_ec", width[half, number] - slope * x_half)


EXPERIMENT = harness.Experiment(
    "ferrosim_microstates", __doc__ or "", Config, SMOKE, STAGES, compute, "experiments.figures.ferrosim_microstates"
)

if __name__ == "__main__":
    harness.main(EXPERIMENT)
