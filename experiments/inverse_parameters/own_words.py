"""What the report says of a loop: its parameters with intervals, and in words what it tells and what not."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from experiments.inverse_parameters import estimating
from experiments.inverse_parameters.config import PARAMETERS, Config
from experiments.inverse_parameters.own_loops import Loop
from experiments.inverse_parameters.own_model import LoopProblem, Told, response, whole_point
from experiments.inverse_parameters.own_noise import Noise
from experiments.lab.run import Array

LEVEL = 0.9  # of intervals
WITHIN = 2**0.5  # residual over the noise, root mean square, below which a lattice describes a loop within its noise
LARGEST = 0.1  # residual over the half extent, above which no lattice shows a loop, and nothing counts as told
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
    "own_std": Array(("own_parameter",), "1", "posterior standard deviation, with the spread over draws"),
    "own_interval": Array(("own_end", "own_parameter"), "1", "ends of the 90 % interval"),
    "own_by_defects": Array(("defect_draw", "own_parameter"), "1", "best fit under each draw of the defects"),
    "own_misfit": Array(("defect_draw",), "1", "mean square residual over the noise, under each draw of the defects"),
    "own_truth": Array(("own_parameter",), "1", "truth of a simulated loop; NaN for a measured one"),
    "own_eigenvalue": Array(("own_direction",), "1", "information in units of the prior's"),
    "own_direction": Array(("own_direction", "own_parameter"), "1", "combination of parameters that it belongs to"),
}  # fmt: skip


def of_loop(problem: LoopProblem, mode: jax.Array, draws: estimating.Draws) -> dict[str, Any]:
    """Return the loop, its best fit, and the interval of responses by the posterior."""
    of = jax.jit(jax.vmap(partial(response, problem)))
    loop, curves = problem.loop, np.asarray(of(draws.points))
    return {
        "own_bias": loop.bias,
        "own_response": np.where(loop.known, loop.response, np.nan),
        "own_known": loop.known,
        "own_fit": np.asarray(of(jnp.asarray(mode)[None]))[0],
        "own_predicted": quantiles(curves, np.asarray(draws.weights)),
    }


def of_parameters(
    problem: LoopProblem, modes: np.ndarray, draws: estimating.Draws, information: Told
) -> tuple[dict[str, Any], Told]:
    """Return the parameters: what is known before and after the loop, and under each draw of the defects; and what the
    loop tells by the posterior with the spread over the draws.

    ``modes`` [defects parameter] are NaN where no fit is finite.
    """
    whole = jax.vmap(partial(whole_point, problem))
    by_defects, prior = np.asarray(whole(jnp.asarray(modes))), np.where(problem.fitted, problem.prior, 0.0)
    fitted = by_defects[np.isfinite(by_defects).all(1)]
    points, weights = widened(draws, np.asarray(whole(draws.points)), fitted, prior)
    mean, known = weights @ points, problem.loop.truth
    std = np.sqrt(weights @ (points - mean) ** 2)
    left = np.where(problem.fitted, std / problem.prior, np.nan)
    arrays = {
        "own_parameter": np.array(PARAMETERS, dtype=object),
        "own_prior": prior,
        "own_left": left,
        "own_mean": mean,
        "own_std": std,
        "own_interval": quantiles(points, weights),
        "own_by_defects": by_defects,
        "own_truth": np.array(list(known.values())) if known else np.full(len(PARAMETERS), np.nan),
        "own_eigenvalue": information.eigenvalue,
        "own_direction": information.direction,
    }
    return arrays, information._replace(left=left)


def widened(
    draws: estimating.Draws, points: np.ndarray, fitted: np.ndarray, prior: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return points [draw parameter] of a posterior under one draw of the defects, and their weights, for intervals.

    They are spread as for one more draw than those that they are worth, and moved by the differences between best fits
    under several draws of the defects, as for one more of these, that of the sample. No parameter becomes wider than
    before the loop, because best fits differ at will in what it does not tell.
    """
    weights = np.asarray(draws.weights)
    points = _stretched(points, weights, _one_more(float(draws.effective)))
    if (count := len(fitted)) > 1:
        shift = _one_more(count) * np.sqrt(count / (count - 1)) * (fitted - fitted.mean(0))
        points = (points[:, None] + shift[None]).reshape(-1, points.shape[1])
        weights = np.repeat(weights / count, count)
    std = np.sqrt(weights @ (points - weights @ points) ** 2)
    return _stretched(points, weights, np.minimum(1, prior / np.maximum(std, np.finfo(float).tiny))), weights


def _one_more(count: int | float) -> float:
    """Return the interval of one more draw, after ``count`` of a normal density, over that of a known density."""
    end = (1 + LEVEL) / 2
    return float(stats.t.ppf(end, max(count - 1, 1)) / stats.norm.ppf(end) * np.sqrt(1 + 1 / max(count, 1)))


def _stretched(points: np.ndarray, weights: np.ndarray, factor: Any) -> np.ndarray:
    """Return points at ``factor`` times their distance from the mean."""
    mean = weights @ points
    return mean + factor * (points - mean)


def quantiles(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return both ends of the interval of LEVEL of weighted draws [draw column], [end column]."""
    order = np.argsort(values, axis=0)
    below = np.cumsum(weights[order], axis=0)
    ends = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    rows = [np.minimum((below < end).sum(0), len(values) - 1) for end in ends]
    return np.stack([np.take_along_axis(values, order[row, range(values.shape[1])][None], 0)[0] for row in rows])


def numbers_of(problem: LoopProblem, arrays: dict[str, Any], found: Told, noise: Noise, effective: float) -> dict:
    """Return the numbers that the report shows."""
    loop = problem.loop
    numbers = {
        "own_good_samples": int(loop.known.sum()),
        "own_parameters": len(problem.names),
        "own_noise_measured": loop.noise,
        "own_misfit_over_noise": noise.misfit / loop.noise,
        "own_misfit_over_half_extent": noise.misfit / loop.half,
        "own_noise_used": noise.used,
        "own_unexplained_over_half_extent": noise.unexplained / loop.half,
        "own_correlated_steps": noise.steps,
        "own_effective_draws": effective,
        "own_shown": int(shown(loop, noise)),
        "own_told": len(found.names) if shown(loop, noise) else 0,
    }
    for place, name in enumerate(PARAMETERS):
        low, high = arrays["own_interval"][:, place]
        ends = {"mean": arrays["own_mean"][place], "low": low, "high": high, "before": arrays["own_prior"][place]}
        numbers |= {f"own_{name}_{end}": float(value) for end, value in ends.items()}
        numbers[f"own_{name}_left_share"] = float(found.left[place])
    return numbers


def shown(loop: Loop, noise: Noise) -> bool:
    """Return whether a lattice shows a loop, but for its noise or ``LARGEST`` of its half extent."""
    return noise.misfit <= max(LARGEST * loop.half, WITHIN * loop.noise)


def words_of(loop: Loop, found: Told, noise: Noise, effective: float, config: Config) -> dict[str, str]:
    """Return in words where the loop comes from, what it tells and what not, and how far the posterior can be read."""
    missed = (
        f"{noise.misfit / loop.noise:.1f} times its noise, {100 * noise.misfit / loop.half:.0f} % of half its extent"
    )
    if noise.misfit <= WITHIN * loop.noise:
        described = "The lattice describes the loop within its noise."
    elif shown(loop, noise):
        described = f"The lattice describes the loop but for {missed}; intervals include this."
    else:
        described = (
            f"The lattice cannot show this loop: it misses it by {missed}. What follows describes the nearest loop "
            "that a lattice shows, and not the sample, so no parameter counts as told."
        )
    drawn = f"The posterior is worth {effective:.0f} independent {'draw' if effective < 1.5 else 'draws'}"
    if effective < config.fewest_effective:
        drawn += f", fewer than {config.fewest_effective}: its intervals are rough; raise --own-population"
    names, untold = (found.names, found.untold) if shown(loop, noise) else ([], [*found.names, *found.untold])
    return {
        "own_source": loop.source,
        "own_bias_unit": loop.bias_unit,
        "own_unit": loop.unit,
        "own_tells": ", ".join(names) or "none",
        "own_tells_not": ", ".join(untold) or "none",
        "own_directions": "; ".join(found.directions()) or "none",
        "own_described": described,
        "own_drawn": f"{drawn}.",
    }
