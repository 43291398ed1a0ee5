"""Compute and record what measurements tell, estimates and posteriors, and the random field."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from experiments.inverse_parameters import chains, estimating, own_fit, own_words
from experiments.inverse_parameters.config import NAMES, Config
from experiments.inverse_parameters.information import design, information
from experiments.inverse_parameters.measuring import Problem, courses, in_units_of_noise, measured, noisy, problem_of
from experiments.inverse_parameters.own_model import loop_problem, refuse_too_few
from experiments.inverse_parameters.random_field import random_field
from experiments.lab.checkpoints import once
from experiments.lab.keys import Keys, keys_of
from experiments.lab.parallel import over_devices
from experiments.lab.progress import advance
from experiments.lab.run import Array, Outcome, Run

KEYS = ("defects", "truth", "noise", "starts", "draws", "chains")
OWN = 1  # folded into the seed for the loop, so that what the other stages draw does not depend on it
PERCENT = 100
CHUNK = 5  # data sets of one call, on each device
STARTS = 8
FAILED = 0.7  # half the sum of squares for each residual, above which a fit has failed; 0.5 is expected
LEVEL = 0.9  # of the intervals whose coverage is counted
BINS = 10  # of the ranks
OF_SET = ("set", "parameter")
ARRAYS = {
    "parameter": Array(("parameter",), "1", "parameter", coordinate=True),
    "measurement": Array(("measurement",), "1", "what is measured", coordinate=True),
    "bound": Array(("measurement", "parameter"), "1", "least relative standard deviation"),
    "eigenvalue": Array(("measurement", "order"), "1", "eigenvalues of the information by logarithms"),
    "weakest": Array(("measurement", "parameter"), "1", "direction in the logarithms that is determined least"),
    "loop_sensitivity": Array(("parameter", "sample"), "model unit", "change of the mean Px by the logarithm"),
    "loop_field": Array(("sample",), "model unit", "field along x at the measured steps"),
    "next": Array(("next",), "1", "measurement that comes next", coordinate=True),
    "next_bound": Array(("next", "parameter"), "1", "least relative standard deviation with a loop along x before"),
    "next_gain": Array(("next",), "nat", "gain of the logarithm of the information's determinant"),
    "designed_field": Array(("step", "component"), "coercive field", "field that tells most, of those found"),
    "design_path": Array(("start", "climb_step"), "nat", "gain during the climbs of the design"),
    "truth": Array(OF_SET, "1", "logarithm of the parameter over the reference"),
    "mode": Array(OF_SET, "1", "the same: best fit"),
    "mean": Array(OF_SET, "1", "the same: mean of the posterior"),
    "std": Array(OF_SET, "1", "the same: standard deviation of the posterior"),
    "truth_rank": Array(OF_SET, "1", "weight of the posterior below the truth"),
    "effective": Array(("set",), "1", "effective draws of importance sampling"),
    "by_chain": Array(("set",), "1", "whether Hamiltonian Monte Carlo took over"),
    "field_true": Array(("component", "row", "column"), "coercive field", "random field"),
    "frames": Array(("frames",), "1", "snapshots that the random field is inferred from", coordinate=True),
    "field_found": Array(("frames", "component", "row", "column"), "coercive field", "random field inferred"),
    "field_std": Array(("frames", "component", "row", "column"), "coercive field", "its standard deviation"),
}


def compute(run: Run, config: Config) -> None:
    """Go through the stages."""
    keys = keys_of(config.seed, KEYS)
    with run.stage("own_loop"):
        of_loop, of_fit = jax.random.split(jax.random.fold_in(jax.random.key(config.seed), OWN))
        loop = own_fit.loop_of(of_loop, config)
        with run.progress(PERCENT, "%") as bar:
            outcome = own_fit.own_loop(of_fit, loop, config, lambda share: advance(bar)(PERCENT * share))
        run.keep(own_words.ARRAYS, outcome)
    if config.path:
        return
    problem = problem_of(keys["defects"], config)
    field = jnp.asarray(courses(problem)["x"])
    with run.stage("information"):
        run.keep(ARRAYS, information(problem))
    with run.stage("design"):
        run.keep(ARRAYS, design(problem, config.seed, 6 if config.smoke else 60))
    with run.stage("estimates"), run.progress(config.data_sets, "data set") as bar:
        truth = estimating.truths(keys["truth"], config)
        data = simulated(keys["noise"], problem, field, truth)
        fits, outcome = estimates(keys["starts"], problem, field, data, advance(bar))
        run.keep(ARRAYS, outcome)
        run.record(data_sets=config.data_sets, starts=STARTS)
    with run.stage("posteriors"), run.progress(config.data_sets + chains.WARMUP + chains.SAMPLES, "step") as bar:
        run.keep(ARRAYS, posteriors(keys, problem, field, data, truth, fits, advance(bar)))
    with run.stage("random_field"):
        found = [random_field(problem, config.seed, frames) for frames in config.frames]
        for outcome in found:
            run.record(**outcome.numbers)
        run.add_all(
            ARRAYS,
            {
                "frames": np.array(config.frames),
                "field_true": np.asarray(problem.defects) / problem.coercive_field,
                "field_found": np.stack([outcome.arrays["found"] for outcome in found]),
                "field_std": np.stack([outcome.arrays["std"] for outcome in found]),
            },
        )


def check(config: Config) -> None:
    """ValueError for a loop that cannot be used, or has fewer samples than parameters, before anything is written."""
    if config.path:
        key = jax.random.key(config.seed)
        refuse_too_few(loop_problem(key, own_fit.loop_of(key, config), config))


@once
def simulated(key: jax.Array, problem: Problem, field: jax.Array, truth: np.ndarray) -> np.ndarray:
    """Return measurements [set value] of lattices with these parameters, in units of their noise, with noise."""
    program = jax.jit(jax.vmap(lambda logs: in_units_of_noise(problem, measured(problem, logs, field))))
    return np.asarray(noisy(key, program(jnp.asarray(truth))))


@once
def estimates(
    key: jax.Array, problem: Problem, field: jax.Array, data: np.ndarray, progress: Callable[[int], None]
) -> tuple[estimating.Fit, Outcome]:
    """Return the best of eight fits to every data set, and how often one start and eight of them fail."""
    count, config = len(data), problem.config
    others = config.prior * jax.random.normal(key, (STARTS - 1, len(NAMES)), jnp.float64)
    starts = jnp.concatenate([jnp.zeros((1, len(NAMES))), others])

    def from_all(data: jax.Array) -> estimating.Fit:
        return jax.vmap(partial(estimating.fit, problem, field, data))(starts)

    fits = over_devices(from_all, CHUNK)(data, progress=progress)
    values = np.where(np.isfinite(fits.half_squares), fits.half_squares, np.inf)
    best = values.argmin(1)
    chosen = estimating.Fit(*(jnp.asarray(np.asarray(part)[np.arange(count), best]) for part in fits))
    residuals = data.shape[1]
    numbers = {
        "one_start_fails_share": float(np.mean(values[:, 0] / residuals > FAILED)),
        "eight_starts_fail_share": float(np.mean(values.min(1) / residuals > FAILED)),
        "half_squares_for_each_value_median": float(np.median(values.min(1)) / residuals),
    }
    return chosen, Outcome({"mode": np.asarray(chosen.mode)}, numbers)


@once
def posteriors(
    keys: Keys,
    problem: Problem,
    field: jax.Array,
    data: np.ndarray,
    truth: np.ndarray,
    fits: estimating.Fit,
    progress: Callable[[int], None],
) -> Outcome:
    """Return posteriors of all data sets, and whether the ranks of the truth are uniform."""
    config, count = problem.config, len(data)

    def of_set(draws: estimating.Draws, truth: jax.Array) -> tuple:
        return estimating.rank_of(draws, truth), *estimating.moments(draws), draws.effective

    def weighed(key: jax.Array, data: jax.Array, fitted: estimating.Fit, truth: jax.Array) -> tuple:
        return of_set(estimating.importance(key, problem, field, data, fitted, config.draws), truth)

    to_sets = jax.random.split(keys["draws"], count)
    found = over_devices(weighed, CHUNK)(to_sets, data, fits, truth, progress=progress)
    rank, mean, std, effective = (np.array(part) for part in found)
    few = np.flatnonzero(effective < config.fewest_effective)
    divergent = 0
    if len(few):
        points, divergent = chains.chained(
            partial(estimating.log_posterior, problem, field),
            jax.random.split(keys["chains"], count)[few],
            jnp.asarray(data[few]),
            jax.tree.map(lambda leaf: leaf[few], fits),
            lambda done: progress(count + done),
        )
        for row, drawn in zip(few, points, strict=True):
            weights = jnp.full(len(drawn), 1 / len(drawn))
            equal = estimating.Draws(jnp.asarray(drawn), weights, jnp.asarray(float(len(drawn))))
            rank[row], mean[row], std[row] = of_set(equal, jnp.asarray(truth[row]))[:3]
    numbers = {
        "effective_median": float(np.median(effective)),
        "effective_enough_share": float(np.mean(effective >= config.fewest_effective)),
        "chains": len(few),
        "divergent_transitions": divergent,
        "coverage_level": LEVEL,
    }
    for number, name in enumerate(NAMES):
        expected = np.histogram(rank[:, number], BINS, (0, 1))[0]
        numbers[f"rank_{name}_chi_squared_p"] = float(stats.chisquare(expected).pvalue)
        inside = np.abs(rank[:, number] - 0.5) < LEVEL / 2
        numbers[f"coverage_{name}"] = float(inside.mean())
        numbers[f"std_{name}_median"] = float(np.median(std[:, number]))
    arrays = {"truth": truth, "mean": mean, "std": std, "truth_rank": rank, "effective": effective}
    return Outcome(arrays | {"by_chain": effective < config.fewest_effective}, numbers)
