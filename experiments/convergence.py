"""Measure how time step, hold, update rule, edges, subsets and precision change the target, against its own spread.

    python -m experiments.convergence            # 128 histories, three random fields: one to two minutes
    python -m experiments.convergence --smoke    # a small one

The target is the lecture's, Σ|curl| of the final state. The same field histories and random fields are simulated again
with one choice changed at a time; the change is compared with the standard deviation of the target over the histories,
since that spread is what an optimiser works with, and with what happens to the histories' ranking.
Expected, in standard deviations over the histories: with the synchronous update the lecture's time step errs by 0.014
(order 1.0) and its 50 held steps by 0.35; with the random subset by 0.7 and 0.8, and a third of the best tenth of the
histories stays when all sites move. After 4000 held steps the two updates agree to 0.007. float32 errs by 1e-6.
"""

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from experiments import harness
from experiments.scores import rank_correlation

if TYPE_CHECKING:
    import jax

    from experiments.harness import Run
    from ferro_jax import Setup

# what is compared: name, its words, the choice (a) and what it is held against (b)
COMPARISONS = (
    ("update_same_steps", "random subset → synchronous, same number of steps", "random_1", "synchronous_1"),
    ("update_same_site_updates", "random subset → synchronous, same number of site updates", "random_stretched",
     "synchronous_1"),
    ("update_same_rate", "random subset → synchronous, a quarter of the mobility", "random_1", "quarter_1"),
    ("update_same_rate_finest", "random subset → quarter mobility, both with the finest step", "random_finest",
     "quarter_finest"),
    ("time_step_double", "twice the time step → finest, synchronous", "synchronous_double", "synchronous_finest"),
    ("time_step", "time step → finest, synchronous", "synchronous_1", "synchronous_finest"),
    ("time_step_half", "half the time step → finest, synchronous", "synchronous_2", "synchronous_finest"),
    ("time_step_random", "time step → finest, random subset", "random_1", "random_finest"),
    ("hold_random", "hold of 50 steps → longest, random subset", "random_1", "random_held"),
    ("hold_synchronous", "hold of 50 steps → longest, synchronous", "synchronous_1", "synchronous_held"),
    ("update_held", "random subset → synchronous, both held longest", "random_held", "synchronous_held"),
    ("edges_open", "grounded edges → open", "random_1", "open"),
    ("edges_periodic", "grounded edges → periodic", "random_1", "periodic"),
    ("extrapolation", "as observers see it → the polarization itself", "random_1", "random_unprojected"),
    ("precision_random", "float32 → float64, random subset", "random_1", "random_float64"),
    ("precision_synchronous", "float32 → float64, synchronous", "synchronous_1", "synchronous_float64"),
)  # fmt: skip
PAIRED = (("subset_seed", "another seed of the subsets"), ("random_field", "another random field"))
LABELS = {name: label for name, label, *_ in COMPARISONS} | dict(PAIRED)
COARSE = 2  # by how much the time step is also made longer
SMALL = 0.05  # of the spread over histories: what counts as settled
TARGET = "sum of |curl P| of the final state"


@dataclass(frozen=True)
class Config(harness.Settings):
    """Options of the convergence study."""

    histories: int = 128
    """Field histories."""
    realisations: int = 3
    """Random fields."""
    refinements: int = 3
    """Halvings of the time step."""
    longest_hold: int = 4000
    """Steps that the last field is held, at most."""
    subset_seeds: int = 4
    """Seeds of the random subsets."""

    def __post_init__(self) -> None:
        least = {"histories": 8, "realisations": 2, "refinements": 2, "longest_hold": 100, "subset_seeds": 2}
        for name, value in least.items():
            if getattr(self, name) < value:
                raise ValueError(f"--{name.replace('_', '-')} is {getattr(self, name)}; give at least {value}")


SMOKE = Config(smoke=True, histories=12, realisations=2, refinements=2, longest_hold=200, subset_seeds=2)
STAGES = (
    "histories",
    "time_step",
    "update_rule",
    "hold",
    "edges",
    "subset_seeds",
    "precision",
    "comparison",
    "figures",
)


class Problem(NamedTuple):
    """What every simulation shares."""

    setup: "Setup"  # lecture
    curves: np.ndarray  # (history, drive), float32
    defects: np.ndarray  # (realisation, component, row, column), coercive fields
    keys: list["jax.Array"]  # of the subsets
    targets: dict[str, np.ndarray]  # (realisation, history) of each choice, as they are computed
    config: Config

    @property
    def synchronous(self) -> "Setup":
        return self.setup._replace(lattice=replace(self.setup.lattice, update="synchronous"))

    def lanes(self) -> tuple[np.ndarray, np.ndarray]:
        """Curves and local fields (model units) of all pairs of random field and history."""
        local = (self.setup.coercive_field * self.defects).astype(np.float32)
        return np.tile(self.curves, (len(local), 1)), np.repeat(local, len(self.curves), axis=0)


def compute(run: "Run", config: Config) -> None:
    """Do the study stage by stage."""
    with run.stage("histories"):
        problem = prepare(run, config)
    with run.stage("time_step"):
        time_step(run, problem)
    with run.stage("update_rule"):
        update_rule(run, problem)
    with run.stage("hold"):
        hold(run, problem)
    with run.stage("edges"):
        for boundary in ("open", "periodic"):
            setup = problem.setup._replace(lattice=replace(problem.setup.lattice, boundary=boundary))
            problem.targets[boundary] = simulate(problem, setup)["target"]
    with run.stage("subset_seeds"):
        for number, key in enumerate(problem.keys[1:], start=2):
            problem.targets[f"subset_seed_{number}"] = simulate(problem, problem.setup, key=key)["target"]
    with run.stage("precision"):
        precision(problem)
    with run.stage("comparison"):
        compare_all(run, problem)


def prepare(run: "Run", config: Config) -> Problem:
    """Draw histories and random fields."""
    import jax
    import jax.numpy as jnp

    import ferro_jax as ferro

    setup = ferro.lecture(jnp.float32)
    to_curves, to_fields, to_subsets = jax.random.split(jax.random.key(config.seed), 3)
    curves = np.asarray(ferro.damped_oscillation(to_curves, config.histories).curves)
    fields = [ferro.random_field(key, setup.lattice) for key in jax.random.split(to_fields, config.realisations)]
    defects = np.asarray(fields, np.float32)
    run.describe(setup)
    run.add("curve", ("history", "sample"), curves, "1", "field histories, scaled to their own range")
    run.add("local_field", ("realisation", "component", "row", "column"), defects, "coercive field",
            "random field of the defects")  # fmt: skip
    largest = setup.coercive_field * (setup.field_scale * np.abs(curves).max() + np.linalg.norm(defects, axis=1).max())
    bound = ferro.stability_bound(setup.params, setup.lattice, float(largest))
    dt = float(setup.params.dt)
    run.record(
        histories=config.histories, realisations=config.realisations, dt_model_units=dt, drive_steps=setup.drive_steps,
        hold_steps=setup.hold_steps, dt_over_stability_bound=dt / bound, coarse=COARSE,
        dt_double_over_stability_bound=COARSE * dt / bound, finest=2**config.refinements,
    )  # fmt: skip
    subset_keys = list(jax.random.split(to_subsets, config.subset_seeds))
    masks = np.asarray(ferro.subset_masks(subset_keys[0], setup.drive_steps + setup.hold_steps, setup.lattice))
    run.add(
        "subset", ("step", "row", "column"), masks, "1", "site moves in this step: random subset, lecture's time step"
    )
    return Problem(setup, curves, defects, subset_keys, {}, config)


def refined(setup: "Setup", times: int) -> "Setup":
    """The set-up with the time step divided by ``times`` and as many more steps: the same physical time."""
    return lengthened(setup._replace(params=setup.params._replace(dt=setup.params.dt / times)), times)


def lengthened(setup: "Setup", times: int) -> "Setup":
    """The set-up with ``times`` as many steps of drive and hold."""
    return setup._replace(drive_steps=setup.drive_steps * times, hold_steps=setup.hold_steps * times)


def coarsened(setup: "Setup") -> "Setup":
    """The set-up with ``COARSE`` times the time step and as many fewer steps."""
    params = setup.params._replace(dt=setup.params.dt * COARSE)
    return setup._replace(params=params, drive_steps=setup.drive_steps // COARSE, hold_steps=setup.hold_steps // COARSE)


def resampled(curve: "jax.Array", steps: int) -> "jax.Array":
    """The same history in ``steps`` steps: each sample repeated, or runs of samples averaged."""
    import jax.numpy as jnp

    if steps >= len(curve):
        return jnp.repeat(curve, steps // len(curve))
    return curve.reshape(steps, -1).mean(1)


def simulate(problem: Problem, setup: "Setup", *, key: "jax.Array | None" = None) -> dict[str, np.ndarray]:
    """All histories (realisation, history) under a set-up of any number of steps: ``target`` of what observers see,
    ``unprojected`` of the polarization itself, and ``extrapolation``, the size of what neighbours see beyond it."""
    import jax.numpy as jnp

    import ferro_jax as ferro
    from experiments.parallel import over_devices

    key = problem.keys[0] if key is None else key

    def one(curve: Any, local: Any) -> dict[str, Any]:
        curve = resampled(curve, setup.drive_steps)
        state = ferro.simulate(key, curve, local, setup, check=False).state
        beyond = state.projected - state.polarization
        return {
            "target": ferro.target(state, setup),
            "unprojected": ferro.target(state._replace(seen=state.polarization), setup),
            "extrapolation": jnp.sqrt(jnp.mean(beyond**2) / jnp.mean(state.polarization**2)),
        }

    found = over_devices(one)(*problem.lanes())
    shape = (len(problem.defects), len(problem.curves))
    return {name: np.asarray(values, float).reshape(shape) for name, values in found.items()}


def _refinements(problem: Problem) -> list[int]:
    return [2**n for n in range(problem.config.refinements + 1)]


def _spread(run: "Run", name: str, values: Any) -> None:
    """Median, smallest and largest over the random fields."""
    run.record(**{f"{name}_median": np.median(values), f"{name}_min": np.min(values), f"{name}_max": np.max(values)})


def _rms(values: np.ndarray) -> np.ndarray:
    """Root mean square over the histories, one number a random field."""
    return np.sqrt(np.mean(values**2, axis=-1))


def time_step(run: "Run", problem: Problem) -> None:
    """Synchronous update: the same field history with longer and shorter time steps, and the order of convergence."""
    setup, targets, levels = problem.synchronous, problem.targets, _refinements(problem)
    for times in levels:
        targets[f"synchronous_{times}"] = simulate(problem, refined(setup, times))["target"]
    targets["synchronous_finest"] = targets[f"synchronous_{levels[-1]}"]
    coarse = simulate(problem, coarsened(setup))["target"]
    run.record(time_step_double_finite_share=np.isfinite(coarse).mean())
    targets["synchronous_double"] = coarse
    finest = targets["synchronous_finest"]
    errors = np.stack([_rms(values - finest) for values in (coarse, *(targets[f"synchronous_{t}"] for t in levels))])
    run.add("relative_time_step", ("level",), [COARSE, *(1 / t for t in levels)], "1", "time step over the lecture's")
    run.add("time_step_error", ("level", "realisation"), errors, "model unit",
            f"rms over histories of the difference to the finest time step: {TARGET}, synchronous")  # fmt: skip
    # differences of successive levels fall by 2^order; those to the finest level fall faster near it
    steps = [targets[f"synchronous_{a}"] - targets[f"synchronous_{b}"] for a, b in itertools.pairwise(levels)]
    for (a, b), level in zip(itertools.pairwise(steps), levels[2:], strict=False):
        _spread(run, f"time_step_order_rms_to_{level}", np.log2(_rms(a) / _rms(b)))
        ratio = np.median(np.abs(a), axis=-1) / np.median(np.abs(b), axis=-1)
        _spread(run, f"time_step_order_typical_to_{level}", np.log2(ratio))
    _spread(run, "time_step_order", np.log2(_rms(steps[-2]) / _rms(steps[-1])))
    largest = np.abs(targets["synchronous_1"] - finest).max(axis=-1)
    _spread(run, "time_step_largest_error", largest)


def update_rule(run: "Run", problem: Problem) -> None:
    """Random subset against synchronous: same steps, same site updates, same rate, and the limit of short steps."""
    setup, targets, levels = problem.setup, problem.targets, _refinements(problem)
    quarter = problem.synchronous._replace(params=setup.params._replace(mobility=setup.params.mobility / 4))

    extrapolation = []
    for times in levels:
        found = simulate(problem, refined(setup, times))
        targets[f"random_{times}"], targets[f"unprojected_{times}"] = found["target"], found["unprojected"]
        extrapolation.append(_rms(found["extrapolation"]))
    targets["random_finest"], targets["random_unprojected"] = targets[f"random_{levels[-1]}"], targets["unprojected_1"]
    targets["random_stretched"] = simulate(problem, lengthened(setup, 4))["target"]
    for times in (1, levels[-1]):
        targets[f"quarter_{times}"] = simulate(problem, refined(quarter, times))["target"]
    limit = targets["quarter_finest"] = targets[f"quarter_{levels[-1]}"]
    run.add("refinement", ("refinement",), levels, "1", "lecture's time step over the one used", coordinate=True)
    run.add("extrapolation_size", ("refinement", "realisation"), extrapolation, "1",
            "rms of (projected - polarization) over rms polarization at the end, rms over histories")  # fmt: skip
    rows = [targets[f"random_{times}"] for times in levels]
    for name, values, text in (
        ("difference", [_rms(row - limit) for row in rows], "rms difference"),
        ("shift", [(row - limit).mean(-1) for row in rows], "mean difference"),
        ("spearman", [rank_correlation(row, limit) for row in rows], "rank correlation"),
        ("correlation", [_correlations(row, limit) for row in rows], "correlation"),
    ):
        units = "1" if name in ("correlation", "spearman") else "model unit"
        run.add(f"update_{name}", ("refinement", "realisation"), values, units,
                f"{text} of the random subset's target and that of the synchronous update with a quarter of the "
                "mobility and the finest time step")  # fmt: skip
        for times, value in zip(levels, values, strict=True):
            _spread(run, f"update_limit_{name}_dt_over_{times}", value)
    differences = np.array([_rms(row - limit) for row in rows])
    slope = np.polyfit(np.log(levels), np.log(differences), 1)[0]
    _spread(run, "update_limit_order", -slope)
    for times, value in zip(levels, extrapolation, strict=True):
        _spread(run, f"extrapolation_size_dt_over_{times}", value)


def _correlations(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pearson correlation over the histories, one number a random field."""
    return np.array([np.corrcoef(x, y)[0, 1] for x, y in zip(a, b, strict=True)])


def hold(run: "Run", problem: Problem) -> None:
    """The target while the last field is held, both updates."""
    import ferro_jax as ferro
    from experiments.parallel import over_devices

    config, targets = problem.config, problem.targets
    longest = config.longest_hold
    shown = np.unique([0, 50, longest, *np.geomspace(1, longest, 40).round().astype(int)])
    run.add("hold", ("hold",), shown, "1", "steps after the field stops", coordinate=True)
    for name, setup in (("random", problem.setup), ("synchronous", problem.synchronous)):
        held_setup = setup._replace(hold_steps=0)

        def one(curve: Any, local: Any, setup: Any = held_setup) -> Any:
            end = ferro.simulate(problem.keys[0], curve, local, setup, check=False)
            held = end.applied[-1:].repeat(longest, axis=0)
            _, values = ferro.run(
                problem.keys[0], end.state, held, local, setup.params, setup.lattice,
                observe=lambda state: ferro.target(state, setup), check=False,
            )  # fmt: skip
            return ferro.target(end.state, setup), values[shown[1:] - 1]

        start, values = over_devices(one)(*problem.lanes())
        series = np.concatenate([start[:, None], values], axis=1).astype(float)
        series = series.reshape(config.realisations, config.histories, len(shown))
        targets[f"{name}_held"] = end = series[..., -1]
        run.add(f"hold_{name}_target", ("realisation", "history", "hold"), series, "model unit", f"{TARGET}: {name}")
        rms = np.stack([_rms(series[..., n] - end) for n in range(len(shown))])
        ranks = np.stack([rank_correlation(series[..., n], end) for n in range(len(shown))])
        text = f"target after a hold against that after the longest, {name}"
        run.add(f"hold_{name}_rms", ("hold", "realisation"), rms, "model unit", f"rms difference of the {text}")
        run.add(f"hold_{name}_spearman", ("hold", "realisation"), ranks, "1", f"rank correlation of the {text}")
        for steps in (0, problem.setup.hold_steps, longest // 4, longest // 2):
            nearest = int(np.argmin(np.abs(shown - steps)))
            _spread(run, f"hold_{name}_{'none' if not steps else _part(steps, longest)}_rms", rms[nearest])
        _spread(run, f"hold_{name}_mean_loss", series[..., list(shown).index(50)].mean(-1) - end.mean(-1))
        _spread(run, f"hold_{name}_spearman_after_lecture", ranks[list(shown).index(50)])
        unsettled = rms > SMALL * end.std(-1)  # (hold, realisation); the first hold after the last that is not settled
        first = [int(np.flatnonzero(column)[-1]) + 1 for column in unsettled.T]
        _spread(run, f"hold_{name}_settled_after_steps", shown[first])
    run.record(longest_hold_steps=longest, settled_share_of_std=SMALL)


def _part(steps: int, longest: int) -> str:
    return {longest // 4: "quarter_of_longest", longest // 2: "half_of_longest"}.get(steps, "lecture")


def precision(problem: Problem) -> None:
    """The same histories and random fields in double precision, both updates."""
    import jax.numpy as jnp

    import ferro_jax as ferro

    double = ferro.lecture(jnp.float64)
    synchronous = double._replace(lattice=replace(double.lattice, update="synchronous"))
    for name, setup in (("random", double), ("synchronous", synchronous)):
        problem.targets[f"{name}_float64"] = simulate(problem, setup)["target"]


def compare_all(run: "Run", problem: Problem) -> None:
    """Every choice against what it is held against, in units of the spread over histories; ranked."""
    targets = problem.targets
    for name, values in targets.items():
        if name != "synchronous_double" and not np.isfinite(values).all():
            raise harness.RunError(f"the target went non-finite under {name}")
    names = sorted(targets)
    run.add("choice", ("choice",), np.array(names, dtype=object), "1", "how it was simulated", coordinate=True)
    run.add(
        "target",
        ("choice", "realisation", "history"),
        np.stack([targets[name] for name in names]),
        "model unit",
        TARGET,
    )
    for name in ("random_1", "synchronous_1", "quarter_1", "synchronous_finest", "random_held", "synchronous_held"):
        _spread(run, f"{name}_std_over_histories", targets[name].std(-1))
        _spread(run, f"{name}_mean", targets[name].mean(-1))
    stable = {name for name, values in targets.items() if np.isfinite(values).all()}
    results = {name: compare(targets[a], targets[b]) for name, _, a, b in COMPARISONS if {a, b} <= stable}
    seeds = ["random_1", *(f"subset_seed_{n}" for n in range(2, len(problem.keys) + 1))]
    pairs = [compare(targets[a], targets[b]) for a, b in itertools.combinations(seeds, 2)]
    results["subset_seed"] = {key: np.mean([pair[key] for pair in pairs], axis=0) for key in pairs[0]}
    lecture = targets["random_1"]
    pairs = [compare(lecture[[a]], lecture[[b]]) for a, b in itertools.combinations(range(len(lecture)), 2)]
    results["random_field"] = {key: np.concatenate([pair[key] for pair in pairs]) for key in pairs[0]}
    for name, numbers in results.items():
        for key, values in numbers.items():
            _spread(run, f"{name}_{key}", values)
    order = sorted(results, key=lambda name: -np.median(results[name]["rms_over_std"]))
    run.record(**{f"{name}_rank": order.index(name) + 1 for name in order}, comparisons=len(order))


def compare(a: np.ndarray, b: np.ndarray) -> dict[str, np.ndarray]:
    """How far two targets (realisation, history) differ, one number a random field. ``over_std``: in units of the
    mean of the two standard deviations over the histories. ``top_kept``: share of a's best tenth that b has too."""
    std = (a.std(-1) + b.std(-1)) / 2
    count = max(1, a.shape[-1] // 10)
    best = [np.argsort(values, axis=-1)[:, -count:] for values in (a, b)]
    kept = [len(np.intersect1d(x, y)) / count for x, y in zip(*best, strict=True)]
    return {
        "rms": _rms(a - b), "rms_over_std": _rms(a - b) / std, "shift_over_std": (b - a).mean(-1) / std,
        "scatter_over_std": (a - b).std(-1) / std, "spearman": rank_correlation(a, b),
        "correlation": _correlations(a, b), "top_kept": np.array(kept),
    }  # fmt: skip


EXPERIMENT = harness.Experiment(
    "convergence", __doc__ or "", Config, SMOKE, STAGES, compute, "experiments.figures.convergence"
)

if __name__ == "__main__":
    harness.main(EXPERIMENT)
