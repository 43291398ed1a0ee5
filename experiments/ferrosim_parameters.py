"""Map global responses of the lattice against coupling and depolarization, thousands of simulations in one call.

    python -m experiments.ferrosim_parameters            # 64 × 64 parameters, three random fields: about a minute
    python -m experiments.ferrosim_parameters --smoke    # a small one

Every cell of the grid is driven through bipolar field cycles from p = 0; the last one is evaluated: loop area (energy
dissipated per site and cycle), remnant polarization, coercive field, Σ|curl| and domain-wall density where the field
is zero. Coupling K and depolarization are traced numbers, so the whole map is one vmapped call, compiled once.
Source of the example: the lecture's parameter space coupling × depolarization (arXiv 2206.12435 has the simulator).
Expected: area, remnant polarization and coercive field fall with the depolarization (rank correlation -0.9), have a
valley along K between 3 and 6 and their extremes on the edge of the grid; Σ|curl| and walls fall with K (-1.0) and are
largest one cell inside, at K = 0.4. The loops are far from quasi-static: four times slower, their area is 0.4 of that.
"""

import itertools
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from experiments import harness
from experiments.scores import rank_correlation

if TYPE_CHECKING:
    import jax

    from experiments.harness import Run
    from ferro_jax import Setup

RESPONSES = {
    "area": ("model unit", "loop area: energy dissipated per site and cycle"),
    "remnant": ("model unit", "remnant polarization: half the gap of the branches at zero field"),
    "coercive": ("coercive field", "coercive field: half the width of the loop at zero polarization"),
    "curl": ("model unit", "sum of |curl P| at zero field, mean of the two remnant states"),
    "walls": ("1", "share of bonds that are domain walls at zero field, mean of the two remnant states"),
}
POINTS = ("A", "B", "C", "D", "E")  # the corners, row by row, and the centre
SINGLE_CALLS = 8
SLOWER = 4  # times as slow are the cycles that show how far the loops depend on the rate


@dataclass(frozen=True)
class Config(harness.Settings):
    """Options of the parameter map."""

    preset: Literal["physical", "lecture"] = "physical"
    """Set-up whose coupling and depolarization vary; lecture moves a quarter of the sites per step."""
    grid_points: int = 64
    """Points per axis of the grid."""
    coupling_max: float = 25.0
    """The coupling K runs from 0 to this (the presets have 12.5)."""
    depolarization_max: float = 4.0
    """The depolarization strength runs from 0 to this (the presets have 0.3)."""
    amplitude: float = 3.0
    """Largest field of a cycle, in coercive fields of the preset."""
    steps_per_cycle: int = 2000
    """Time steps of one field cycle, a multiple of 4; lecture needs four times as many for the same rate."""
    cycles: int = 2
    """Cycles from p = 0; the last is evaluated."""
    realisations: int = 3
    """Random fields, each with a map of its own."""

    def __post_init__(self) -> None:
        for name, least in (("grid_points", 3), ("cycles", 2), ("realisations", 2)):
            if getattr(self, name) < least:
                raise ValueError(f"--{name.replace('_', '-')} is {getattr(self, name)}; give at least {least}")
        if self.steps_per_cycle < 8 or self.steps_per_cycle % 4:
            raise ValueError(f"--steps-per-cycle is {self.steps_per_cycle}; give a multiple of 4, at least 8")
        for name in ("coupling_max", "depolarization_max", "amplitude"):
            if not getattr(self, name) > 0:
                raise ValueError(f"--{name.replace('_', '-')} is {getattr(self, name)}; give a positive number")


SMOKE = Config(smoke=True, grid_points=7, steps_per_cycle=400, realisations=2)
STAGES = ("defects", "maps", "loops", "single_calls", "scores", "figures")


class Problem(NamedTuple):
    """What is swept and what stays."""

    setup: "Setup"
    subset_key: "jax.Array"
    local: np.ndarray  # (realisation, component, row, column), model units, float32
    coupling: np.ndarray  # (lane,) of one map, coupling varying fastest
    depolarization: np.ndarray  # (lane,)
    config: Config

    def respond(self, coupling: Any, depolarization: Any, realisation: Any, slower: int = 1) -> dict[str, Any]:
        """Responses, loop and remnant state of one simulation; all but ``slower`` may be traced."""
        import jax.numpy as jnp

        import ferro_jax as ferro

        setup, config = self.setup, self.config
        params = setup.params._replace(coupling=coupling, depolarization=depolarization)
        local = jnp.asarray(self.local)[realisation]
        amplitude = jnp.asarray(config.amplitude * setup.coercive_field, setup.dtype)
        field = ferro.cycle(amplitude, slower * config.steps_per_cycle)
        along = 0 if setup.field_axis == "x" else 1
        applied = jnp.stack([field, jnp.zeros_like(field)][:: 1 - 2 * along], axis=-1)

        def mean(state: Any) -> Any:
            return ferro.mean_polarization(state.seen)[along]

        def run(state: Any, applied: Any, observe: Any = None) -> tuple[Any, Any]:
            key, lattice = self.subset_key, setup.lattice
            return ferro.run(key, state, applied, local, params, lattice, observe=observe, check=False)

        state = ferro.initial_state(setup.lattice, setup.dtype)
        for _ in range(config.cycles - 1):
            state, _ = run(state, applied)
        half = len(field) // 2  # the last value of either half cycle is zero field
        positive, first = run(state, applied[:half], mean)
        negative, second = run(positive, applied[half:], mean)
        polarization = jnp.concatenate([first, second])
        loop = ferro.loop_quantities(field, polarization)

        def remnant_mean(function: Any) -> Any:
            return (function(positive) + function(negative)) / 2

        return {
            "area": loop.area,
            "remnant": (loop.remnant_positive - loop.remnant_negative) / 2,
            "coercive": (loop.coercive_positive - loop.coercive_negative) / 2 / setup.coercive_field,
            "curl": remnant_mean(lambda state: ferro.target(state, setup)),
            "walls": remnant_mean(lambda state: ferro.domain_wall_density(state.seen, setup.lattice.boundary)),
            "closure": jnp.abs(polarization[-1] - mean(state)),
            "field": field / setup.coercive_field,
            "polarization": polarization,
            "state": negative.seen,
            "state_curl": ferro.curl(negative.seen, setup.curl_boundary, setup.curl_x_axis),
        }

    def numbers(self, coupling: Any, depolarization: Any, realisation: Any) -> dict[str, Any]:
        """The scalars of ``respond`` alone: nothing else is kept."""
        every = self.respond(coupling, depolarization, realisation)
        return {name: every[name] for name in (*RESPONSES, "closure")}


def compute(run: "Run", config: Config) -> None:
    """Do the job stage by stage."""
    with run.stage("defects"):
        problem = prepare(run, config)
    with run.stage("maps"):
        maps = simulate_maps(run, problem)
    with run.stage("loops"):
        loops_at_points(run, problem)
    with run.stage("single_calls"):
        single_calls(run, problem, maps)
    with run.stage("scores"):
        score(run, problem, maps)


def prepare(run: "Run", config: Config) -> Problem:
    """Draw the random fields, lay out the grid, refuse one that the time step cannot carry."""
    import jax
    import jax.numpy as jnp

    import ferro_jax as ferro

    setup = {"physical": ferro.physical, "lecture": ferro.lecture}[config.preset](jnp.float32)
    to_subset, to_fields = jax.random.split(jax.random.key(config.seed))
    fields = [ferro.random_field(key, setup.lattice) for key in jax.random.split(to_fields, config.realisations)]
    defects = np.asarray(fields, np.float32)
    local = (setup.coercive_field * defects).astype(np.float32)
    axes = [np.linspace(0, end, config.grid_points) for end in (config.coupling_max, config.depolarization_max)]
    largest = config.amplitude * setup.coercive_field + float(np.linalg.norm(local, axis=1).max())
    bound = stability_bound(setup, axes[0][-1], axes[1][-1], largest)
    dt = float(setup.params.dt)
    if dt > bound:
        raise ValueError(
            f"at K = {config.coupling_max:g} and depolarization {config.depolarization_max:g}, fields up to "
            f"{largest:.3g} model units allow time steps up to {bound:.3g}, but the {config.preset} preset has "
            f"{dt:.3g}: lower --coupling-max, --depolarization-max or --amplitude"
        )
    run.add("coupling", ("coupling",), axes[0], "model unit", "coupling K", coordinate=True)
    run.add("depolarization", ("depolarization",), axes[1], "1", "depolarization strength", coordinate=True)
    run.add("local_field", ("realisation", "component", "row", "column"), defects, "coercive field",
            "random field of the defects")  # fmt: skip
    run.record(
        coercive_field_model_units=setup.coercive_field, dt_model_units=dt, dt_over_stability_bound=dt / bound,
        amplitude_coercive_fields=config.amplitude, steps_per_cycle=config.steps_per_cycle, cycles=config.cycles,
        cycle_duration_model_units=dt * config.steps_per_cycle, realisations=config.realisations,
        grid_points=config.grid_points, coupling_max=config.coupling_max,
        depolarization_max=config.depolarization_max,
        preset_coupling=float(setup.params.coupling), preset_depolarization=float(setup.params.depolarization),
    )  # fmt: skip
    coupling, depolarization = (x.ravel().astype(np.float32) for x in np.meshgrid(*axes))
    return Problem(setup, to_subset, local, coupling, depolarization, config)


def stability_bound(setup: "Setup", coupling: float, depolarization: float, largest_field: float) -> float:
    """Largest stable time step over all of [0, coupling] × [0, depolarization]: the bound falls along both."""
    import ferro_jax as ferro

    params = setup.params._replace(coupling=coupling, depolarization=depolarization)
    return ferro.stability_bound(params, setup.lattice, largest_field)


def simulate_maps(run: "Run", problem: Problem) -> dict[str, np.ndarray]:
    """Every response (realisation, lane): one vmapped call a map, all by the same compiled program."""
    import jax

    from experiments.parallel import over_devices

    count, cells = problem.config.realisations, len(problem.coupling)
    devices = jax.local_device_count()
    ends = [_clocks()]
    with run.progress(count * cells, "simulation") as bar:

        def told(done: int) -> None:
            ends.append(_clocks())
            bar.update(done - bar.n)

        values = over_devices(problem.numbers, -(-cells // devices))(
            np.tile(problem.coupling, count), np.tile(problem.depolarization, count),
            np.repeat(np.arange(count, dtype=np.int32), cells), progress=told,
        )  # fmt: skip
    maps = {name: value.reshape(count, cells) for name, value in values.items()}
    for name in RESPONSES:
        bad = ~np.isfinite(maps[name])
        if bad.any() and name not in ("remnant", "coercive"):  # these two are undefined where a loop never crosses
            raise harness.RunError(f"{name} went non-finite in {bad.sum()} of {bad.size} simulations")
    grid = (count, problem.config.grid_points, problem.config.grid_points)
    for name, (units, text) in RESPONSES.items():
        run.add(name, ("realisation", "depolarization", "coupling"), maps[name].reshape(grid), units, text)
    calls = np.diff(ends, axis=0)
    wall, processor = np.median(calls[1:], axis=0)
    run.record(
        simulations=count * cells, cells=cells, site_updates=_site_updates(problem),
        undefined_loops=int(np.isnan(maps["coercive"]).sum() + np.isnan(maps["remnant"]).sum()),
        vmapped_call_with_compilation_s=calls[0, 0], vmapped_call_s=wall, vmapped_call_processor_s=processor,
        devices=devices,
        loop_closure_error_max_model_units=maps["closure"].max(),
        loop_closure_error_median_model_units=np.median(maps["closure"]),
    )  # fmt: skip
    return maps


def _clocks() -> tuple[float, float]:
    """Wall and processor seconds."""
    return time.perf_counter(), time.process_time()


def _site_updates(problem: Problem) -> int:
    """Site updates of all maps."""
    config, lattice = problem.config, problem.setup.lattice
    moving = lattice.sites if lattice.update == "synchronous" else lattice.subset_size
    return config.realisations * len(problem.coupling) * config.cycles * config.steps_per_cycle * moving


def _points(problem: Problem) -> np.ndarray:
    """Lanes of the corners (low K first, then low depolarization) and of the centre."""
    n = problem.config.grid_points
    return np.array([0, n - 1, n * (n - 1), n * n - 1, n * (n // 2) + n // 2])


def loops_at_points(run: "Run", problem: Problem) -> None:
    """Loops and remnant states of the chosen points, and their loops when the cycle is ``SLOWER`` times as slow."""
    from experiments.parallel import over_devices

    lanes, count = _points(problem), problem.config.realisations
    arguments = (
        np.tile(problem.coupling[lanes], count), np.tile(problem.depolarization[lanes], count),
        np.repeat(np.arange(count, dtype=np.int32), len(lanes)),
    )  # fmt: skip
    every = over_devices(problem.respond)(*arguments)
    slow = over_devices(lambda *lane: problem.respond(*lane, slower=SLOWER))(*arguments)
    run.add("point", ("point",), np.array(POINTS, dtype=object), "1", "chosen point of the grid", coordinate=True)
    for name, values in (("coupling", problem.coupling), ("depolarization", problem.depolarization)):
        run.add(f"point_{name}", ("point",), values[lanes], "1", f"{name} at the chosen point")
    split = (count, len(lanes))
    for prefix, values in (("", every), ("slow_", slow)):
        time_axis = f"{prefix}time"
        run.add(f"{prefix}loop_field", (time_axis,), values["field"][0], "coercive field", "field of the last cycle")
        run.add(f"{prefix}loop_polarization", ("realisation", "point", time_axis),
                values["polarization"].reshape(*split, -1), "model unit",
                "mean polarization along the field")  # fmt: skip
    for name, dims, text in (("state", ("component", "row", "column"), "P at the end of the last cycle, field zero"),
                             ("state_curl", ("row", "column"), "curl P of that state")):  # fmt: skip
        shape = every[name].shape[1:]
        run.add(name, ("realisation", "point", *dims), every[name].reshape(*split, *shape), "model unit", text)
    for name in ("area", "coercive"):
        ratio = (slow[name] / every[name]).reshape(split)
        for point, values in zip(POINTS, np.median(ratio, axis=0), strict=True):
            run.record(**{f"slow_over_fast_{name}_point_{point}": values})
        run.record(**{f"slow_over_fast_{name}_median": np.median(ratio)})
    sizes = np.linalg.norm(every["state"], axis=1)
    run.describe(problem.setup)
    run.results.attrs["x_axis"] = problem.setup.curl_x_axis
    run.record(slower=SLOWER, arrow_model_units=np.quantile(sizes, 0.85))


def single_calls(run: "Run", problem: Problem, maps: dict[str, np.ndarray]) -> None:
    """Time single simulations one by one, and hold their responses against the map's."""
    import jax

    cells = len(problem.coupling)
    lanes = np.linspace(0, cells - 1, SINGLE_CALLS).round().astype(int)
    call = jax.jit(problem.numbers)

    def one(lane: int) -> dict[str, Any]:
        found = call(problem.coupling[lane], problem.depolarization[lane], np.int32(0))
        return jax.tree.map(np.asarray, jax.block_until_ready(found))

    one(int(lanes[0]))  # compiles
    seconds, worst = [], {name: 0.0 for name in RESPONSES}
    for lane in map(int, lanes):
        begin = _clocks()
        found = one(lane)
        seconds.append(np.subtract(_clocks(), begin))
        for name in RESPONSES:
            difference = abs(float(found[name]) - float(maps[name][0, lane]))
            worst[name] = max(worst[name], difference if np.isfinite(difference) else 0.0)
    wall, processor = np.median(seconds, axis=0)
    run.record(
        single_calls_timed=SINGLE_CALLS, single_call_s=wall, python_loop_extrapolated_s=wall * cells,
        python_loop_over_vmapped=wall * cells / run.metrics["vmapped_call_s"],
        python_loop_over_vmapped_processor_time=processor * cells / run.metrics["vmapped_call_processor_s"],
        **{f"single_against_map_{name}_max_difference": value for name, value in worst.items()},
    )  # fmt: skip


def score(run: "Run", problem: Problem, maps: dict[str, np.ndarray]) -> None:
    """Median maps, spread over the random fields, dependence on the two parameters, places of the extremes."""
    n = problem.config.grid_points
    for name, (units, text) in RESPONSES.items():
        grids = maps[name].reshape(-1, n, n)
        median, std = np.median(grids, axis=0), np.std(grids, axis=0, ddof=1)
        if not np.isfinite(median).any(axis=0).all() or not np.isfinite(median).any(axis=1).all():
            raise harness.RunError(
                f"{name}: whole rows of the map have no loop that crosses zero; raise --amplitude or --steps-per-cycle"
            )
        level = float(np.nanmean(np.abs(median)))
        run.add(f"{name}_median", ("depolarization", "coupling"), median, units, f"{text}: median of the random fields")
        run.add(f"{name}_std", ("depolarization", "coupling"), std, units, f"{text}: std over the random fields")
        run.record(**{
            f"{name}_min": np.nanmin(median), f"{name}_max": np.nanmax(median),
            f"{name}_relative_spread": np.nanmean(std) / level,
            f"{name}_relative_variation_over_grid": np.nanstd(median) / level,
        })  # fmt: skip
        known = np.isfinite(median.ravel())
        for parameter, values in (("coupling", problem.coupling), ("depolarization", problem.depolarization)):
            run.record(**{f"{name}_spearman_{parameter}": rank_correlation(values[known], median.ravel()[known])})
        shares = variance_shares(median)
        run.record(**{f"{name}_variance_share_{part}": value for part, value in shares.items()})
        for extreme, place in (("max", np.nanargmax), ("min", np.nanargmin)):
            row, column = np.unravel_index(int(place(median)), median.shape)
            inside = 0 < row < n - 1 and 0 < column < n - 1
            each = [np.unravel_index(int(place(grid)), grid.shape) for grid in grids]
            apart = max(max(abs(a[0] - b[0]), abs(a[1] - b[1])) for a, b in itertools.combinations(each, 2))
            run.record(**{
                f"{name}_{extreme}_coupling": problem.coupling[column],
                f"{name}_{extreme}_depolarization": problem.depolarization[row * n],
                f"{name}_{extreme}_inside": int(inside),
                f"{name}_{extreme}_largest_distance_cells": int(apart),
            })  # fmt: skip


def variance_shares(grid: np.ndarray) -> dict[str, float]:
    """Shares of a map's variance (depolarization, coupling) explained by a function of K alone, of the depolarization
    alone, and by neither (interaction); they sum to 1. NaN cells are left out of the means."""
    mean = np.nanmean(grid)
    by_coupling, by_depolarization = np.nanmean(grid, axis=0), np.nanmean(grid, axis=1)
    total = np.nanmean((grid - mean) ** 2)
    main = {"coupling": by_coupling, "depolarization": by_depolarization}
    shares = {name: float(np.nanmean((values - mean) ** 2) / total) for name, values in main.items()}
    return shares | {"interaction": 1 - sum(shares.values())}


EXPERIMENT = harness.Experiment(
    "ferrosim_parameters", __doc__ or "", Config, SMOKE, STAGES, compute, "experiments.figures.ferrosim_parameters"
)

if __name__ == "__main__":
    harness.main(EXPERIMENT)
