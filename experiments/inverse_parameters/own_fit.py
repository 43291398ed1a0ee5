"""From a measured loop to parameters with intervals: fits under several draws of the defects, then a posterior."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.inverse_parameters import estimating
from experiments.inverse_parameters.config import PARAMETERS, Config
from experiments.inverse_parameters.own_loops import Loop, loop_of_file
from experiments.inverse_parameters.own_model import (
    LoopProblem,
    Told,
    in_units_of,
    loop_problem,
    refuse_too_few,
    residuals,
    response,
    told,
    whole_point,
)
from experiments.lab.checkpoints import once
from experiments.lab.run import Array, Outcome, RunError

ITERATIONS = 40  # of a fit
LEVEL = 0.9  # of intervals
TRUTH = {"alpha1": 0.1, "depolarization": 0.3, "mobility": 0.2, "disorder": 0.3, "bias_scale": 0.8,
         "response_scale": 0.1, "offset": 0.15, "imprint": 0.05}  # fmt: skip
SIMULATED = (64, 8.0, 0.03)  # steps of the bias, largest bias in volts, noise over half the extent
ARRAYS = {
    "own_bias": Array(("own_step",), "unit of the file", "bias of each step of the loop"),
    "own_response": Array(("own_step",), "unit of the file", "measured response"),
    "own_known": Array(("own_step",), "1", "whether the sample is good"),
    "own_fit": Array(("own_step",), "unit of the file", "response of the best fit"),
    "own_predicted": Array(("own_end", "own_step"), "unit of the file", "ends of the 90 % interval of the response"),
    "own_parameter": Array(("own_parameter",), "1", "parameter of a loop", coordinate=True),
    "own_prior": Array(("own_parameter",), "1", "standard deviation before the loop, of logarithms but the last three"),
    "own_left": Array(("own_parameter",), "1", "share of it that is left, with the spread over draws of the defects"),
    "own_mean": Array(("own_parameter",), "1", "posterior mean, in the same unit"),
    "own_std": Array(("own_parameter",), "1", "posterior standard deviation"),
    "own_interval": Array(("own_end", "own_parameter"), "1", "ends of the 90 % interval"),
    "own_by_defects": Array(("defect_draw", "own_parameter"), "1", "best fit under each draw of the defects"),
    "own_misfit": Array(("defect_draw",), "1", "mean square residual over the noise, under each draw of the defects"),
    "own_truth": Array(("own_parameter",), "1", "truth of a simulated loop; NaN for a measured one"),
    "own_eigenvalue": Array(("own_direction",), "1", "information in units of the prior's"),
    "own_direction": Array(("own_direction", "own_parameter"), "1", "combination of parameters that it belongs to"),
}  # fmt: skip


def loop_of(key: jax.Array, config: Config) -> Loop:
    """Return the loop of the user's file, or a simulated one under defects that the fit is not given."""
    if config.path:
        return loop_of_file(config.path, config.dataset, config.point, config.own_noise)
    steps, reach, share = SIMULATED
    quarter = np.linspace(0, reach, steps // 4 + 1)[:-1]
    bias = np.concatenate([quarter, reach - quarter, -quarter, quarter - reach])
    blank = Loop(
        bias, np.where(bias > np.roll(bias, 1), -1.0, 1.0), np.ones(steps, bool), share, "simulated loop", "V", "1"
    )
    to_defects, to_noise = jax.random.split(key)
    problem = loop_problem(to_defects, blank, config)._replace(fitted=np.ones(len(PARAMETERS), bool))
    truth = {name: TRUTH.get(name, 0.0) for name in PARAMETERS}
    point = jnp.array(list(truth.values())) / problem.prior
    clean = np.asarray(jax.jit(partial(response, problem))(point))
    noisy = clean + share * np.asarray(jax.random.normal(to_noise, (steps,)))
    loop = blank._replace(response=noisy)
    begun = loop_problem(to_defects, loop, config)
    truth["bias_scale"] += float(np.log(problem.start_scale / begun.start_scale))
    truth = in_units_of(truth, blank, loop)
    return loop._replace(truth=truth)


@once
def own_loop(keys: jax.Array, loop: Loop, config: Config) -> Outcome:
    """Return what a loop tells, the parameters with their intervals, and how they depend on the draw of the defects.

    RunError where no fit comes to a finite point.
    """
    to_defects, to_starts, to_draws = jax.random.split(keys, 3)
    problems = [loop_problem(key, loop, config) for key in jax.random.split(to_defects, config.defect_draws)]
    refuse_too_few(problems[0])
    count = int(problems[0].fitted.sum())
    starts = 0.5 * jax.random.normal(to_starts, (config.own_starts, count)).at[0].set(0.0)
    fits, misfit = _fits(problems, starts)
    best = int(np.nanargmin(misfit))
    problem, fitted = problems[best], jax.tree.map(lambda leaf: leaf[best], fits)
    noise = loop.noise * max(1.0, float(misfit[best]) ** 0.5)  # what the lattice cannot show counts as noise
    fitted = _one_fit(problem, noise, jnp.asarray(fitted.mode))
    draws, diverging = _posterior(to_draws, problem, noise, fitted, config)
    found = with_defects(told(problem, fitted.mode, noise), draws, fits)
    arrays = _of_loop(problem, fitted.mode, draws) | _of_parameters(problems, fits, draws, found)
    numbers = {
        "own_good_samples": int(loop.known.sum()),
        "own_parameters": count,
        "own_misfit_of_best": float(misfit[best]),
        "own_noise_used": noise,
        "own_noise_measured": loop.noise,
        "own_effective_draws": float(draws.effective),
        "own_divergent_transitions": diverging,
        "own_told": len(found.names),
    }
    for place, name in enumerate(PARAMETERS):
        low, high = arrays["own_interval"][:, place]
        ends = {"mean": arrays["own_mean"][place], "low": low, "high": high, "before": arrays["own_prior"][place]}
        numbers |= {f"own_{name}_{end}": float(value) for end, value in ends.items()}
        numbers[f"own_{name}_left_share"] = float(found.left[place])
    return Outcome(arrays | {"own_misfit": misfit}, numbers, words_of(loop, found, float(misfit[best])))


def with_defects(found: Told, draws: estimating.Draws, fits: estimating.Fit) -> Told:
    """Return what a loop tells if the draw of the defects is not known: standard deviations of the posterior under one
    draw, and of the best fits under several, together over those before the loop."""
    weights, points = np.asarray(draws.weights), np.asarray(draws.points)
    within = weights @ (points - weights @ points) ** 2
    between = np.var(np.asarray(fits.mode), axis=0, ddof=1) if len(fits.mode) > 1 else 0.0
    left = found.left.copy()
    left[~np.isnan(left)] = np.sqrt(within + between)
    return found._replace(left=left)


def _fits(problems: list[LoopProblem], starts: jax.Array) -> tuple[estimating.Fit, np.ndarray]:
    """Return the best fit under each draw of the defects, and its mean square residual of the good samples."""
    loop = problems[0].loop
    local = jnp.stack([problem.lattice.defects for problem in problems])

    def best_of(defects: jax.Array) -> estimating.Fit:
        problem = problems[0]._replace(lattice=problems[0].lattice._replace(defects=defects))
        of = partial(residuals, problem, loop.noise)
        fits = jax.vmap(lambda start: estimating.least_squares(of, start, ITERATIONS))(starts)
        best = jnp.argmin(jnp.where(jnp.isfinite(fits.half_squares), fits.half_squares, jnp.inf))
        return jax.tree.map(lambda leaf: leaf[best], fits)

    fits = jax.device_get(jax.jit(lambda local: jax.lax.map(best_of, local))(local))
    if not np.isfinite(fits.half_squares).any():
        raise RunError("no fit of the loop came to a finite point: check the bias and the response of the file")
    squares = 2 * fits.half_squares - np.sum(fits.mode**2, 1)  # without the prior's
    return fits, np.where(np.isfinite(squares), squares / loop.known.sum(), np.nan)


def _one_fit(problem: LoopProblem, noise: float, start: jax.Array) -> estimating.Fit:
    """Return the fit from a start with another noise."""
    of = partial(residuals, problem, noise)
    return jax.jit(lambda start: estimating.least_squares(of, start, ITERATIONS // 2))(start)


def _posterior(
    key: jax.Array, problem: LoopProblem, noise: float, fitted: estimating.Fit, config: Config
) -> tuple[estimating.Draws, int]:
    """Return draws of the posterior, by Hamiltonian Monte Carlo where importance sampling has too few effective ones;
    and how many of its transitions diverged."""

    def log_density(point: jax.Array) -> jax.Array:
        value = -jnp.sum(residuals(problem, noise, point, "adjoint") ** 2) / 2
        return jnp.where(jnp.isfinite(value), value, -jnp.inf)

    to_draws, to_chain = jax.random.split(key)
    draws = jax.jit(lambda key: estimating.weighed(key, log_density, fitted, config.draws))(to_draws)
    if float(draws.effective) >= config.fewest_effective:
        return draws, 0
    draws, diverging = jax.jit(lambda key: estimating.chained(key, log_density, fitted))(to_chain)
    return draws, int(diverging)


def _of_loop(problem: LoopProblem, mode: jax.Array, draws: estimating.Draws) -> dict[str, Any]:
    """Return the loop, its best fit, and the interval of responses by the posterior."""
    of = jax.jit(lambda points: jax.lax.map(partial(response, problem), points))
    loop, curves = problem.loop, np.asarray(of(draws.points))
    return {
        "own_bias": loop.bias,
        "own_response": np.where(loop.known, loop.response, np.nan),
        "own_known": loop.known,
        "own_fit": np.asarray(of(jnp.asarray(mode)[None]))[0],
        "own_predicted": quantiles(curves, np.asarray(draws.weights)),
    }


def _of_parameters(
    problems: list[LoopProblem], fits: estimating.Fit, draws: estimating.Draws, found: Told
) -> dict[str, Any]:
    """Return the parameters: what is known before and after the loop, and under each draw of the defects."""
    problem = problems[0]
    whole = jax.vmap(partial(whole_point, problem))
    points, modes = np.asarray(whole(draws.points)), np.asarray(whole(jnp.asarray(fits.mode)))
    weights = np.asarray(draws.weights)
    mean = weights @ points
    known = problem.loop.truth
    return {
        "own_parameter": np.array(PARAMETERS, dtype=object),
        "own_prior": np.where(problem.fitted, problem.prior, 0.0),
        "own_left": found.left,
        "own_mean": mean,
        "own_std": np.sqrt(weights @ (points - mean) ** 2),
        "own_interval": quantiles(points, weights),
        "own_by_defects": modes,
        "own_truth": np.array(list(known.values())) if known else np.full(len(PARAMETERS), np.nan),
        "own_eigenvalue": found.eigenvalue,
        "own_direction": found.direction,
    }


def quantiles(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return both ends of the interval of LEVEL of weighted draws [draw column], [end column]."""
    order = np.argsort(values, axis=0)
    below = np.cumsum(weights[order], axis=0)
    ends = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    rows = [np.minimum((below < end).sum(0), len(values) - 1) for end in ends]
    return np.stack([np.take_along_axis(values, order[row, range(values.shape[1])][None], 0)[0] for row in rows])


def words_of(loop: Loop, found: Told, misfit: float) -> dict[str, str]:
    """Return in words where the loop comes from, what it tells and what not."""
    directions = "; ".join(found.directions()) or "none"
    near = "within its noise" if misfit < 2 else f"but for {misfit**0.5:.1f} times its noise, which intervals include"
    return {
        "own_source": loop.source,
        "own_bias_unit": loop.bias_unit,
        "own_unit": loop.unit,
        "own_tells": ", ".join(found.names) or "none",
        "own_tells_not": ", ".join(found.untold) or "none",
        "own_directions": directions,
        "own_described": f"The lattice describes the loop {near}.",
    }
