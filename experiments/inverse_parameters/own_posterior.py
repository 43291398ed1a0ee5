"""The posterior of a loop's parameters: populations that are led from the prior to it by tempering (sequential Monte
Carlo), moved by differences of their own members.

The density has many peaks and kinks, because switching comes in steps. Neither importance sampling around one peak nor
gradients get on there; populations do, and how far independent ones agree says how many draws they are worth. Sources:
Del Moral, Doucet, Jasra, J. R. Stat. Soc. B 68, 411 (2006); ter Braak, Stat. Comput. 16, 239 (2006).
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.stats import norm, qmc

from experiments.inverse_parameters import estimating, own_linear
from experiments.inverse_parameters.own_model import LoopProblem
from experiments.lab.checkpoints import once

GROUPS = 4  # independent populations
KEPT = 0.5  # of a population's weight in effective draws, after each rise of the power
MOVES, LAST = 8, 32  # of every member between two rises, and after the last one
ACCEPTED = 0.25  # share of the moves that their length is led to
SHORT, LONG = 0.1, 1.5  # bounds of the length over that for a normal density
WHOLE = 0.1  # share of the moves by a whole difference, from peak to peak
AROUND = 0.1  # share of the moves to a point around the best fit
JITTER = 1e-3
HALVINGS = 40  # of the rise of the power
IMPOSSIBLE = -1e30  # log likelihood where the simulation is not finite
FIRST = 1e-4  # power at which progress begins

Likelihood = Callable[[Array], Array]  # compiled: points [n parameter] → log likelihoods [n]


class Population(NamedTuple):
    """Members of every group under the prior times a power of the likelihood, and the log of each group's evidence."""

    points: Float[Array, "group member parameter"]
    logs: Float[Array, "group member"]
    power: float
    evidence: Float[np.ndarray, " group"]
    length: float


def posterior_of(
    key: Array,
    problem: LoopProblem,
    weights: Float[Array, " step"],
    fitted: estimating.Fit,
    members: int,
    progress: Callable[[float], object] = lambda share: None,
) -> estimating.Draws:
    """Return draws of the posterior of all fitted parameters of a loop, under its draw of the defects.

    Those that the response is linear in are integrated out, because populations find their way in fewer dimensions, and
    drawn at the end, for every member. Simulations are in single precision, which is far below the noise of a loop and
    takes half the time.
    """
    problem = problem._replace(precision="float32")
    to_others, to_linear = jax.random.split(key)
    others = own_linear.others_of(problem)

    @jax.jit
    def likelihood(points: Array) -> Array:
        logs = jax.vmap(partial(own_linear.log_marginal, problem, weights))(points)
        return jnp.where(jnp.isfinite(logs), logs, IMPOSSIBLE)

    if len(others):
        draws = posterior(to_others, likelihood, estimating.part_of(fitted, others), members, progress)
    else:
        blank, equal = jnp.zeros((members, 0)), jnp.full((members,), 1 / members)
        draws = estimating.Draws(blank, equal, jnp.asarray(float(members)))
    complete = jax.vmap(lambda key, point: own_linear.completed(key, problem, weights, point))
    points = jax.jit(complete)(jax.random.split(to_linear, len(draws.points)), draws.points)
    return draws._replace(points=points)


def posterior(
    key: Array,
    likelihood: Likelihood,
    fitted: estimating.Fit,
    members: int,
    progress: Callable[[float], object] = lambda share: None,
) -> estimating.Draws:
    """Return draws of the posterior of parameters that are normal of standard deviation 1 before the loop.

    ``fitted`` is the best fit, around which some of the moves go, because few members find a narrow peak. There are
    ``members`` in all, in ``GROUPS`` populations, which are weighted by their evidence. ``effective`` is what the
    spread of the groups' means leaves of them. ``progress`` gets the share that is done, after every rise of the power.
    """
    state = begun(jax.random.fold_in(key, 0), likelihood, len(fitted.mode), members // GROUPS)
    rises = 0
    while state.power < 1:
        rises += 1
        state = risen(jax.random.fold_in(key, rises), likelihood, fitted, state)
        progress(min(1.0, max(0.0, 1 - np.log(state.power) / np.log(FIRST))))
    return draws_of(state)


@once
def begun(key: Array, likelihood: Likelihood, count: int, members: int) -> Population:
    """Return groups that fill the prior."""
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    fills = [norm.ppf(qmc.Sobol(count, rng=rng).random(members)) for _ in range(GROUPS)]
    points = jnp.asarray(np.stack(fills))
    logs = jnp.stack([likelihood(group) for group in points])
    return Population(points, logs, 0.0, np.zeros(GROUPS), 1.0)


@once
def risen(key: Array, likelihood: Likelihood, fitted: estimating.Fit, state: Population) -> Population:
    """Return the groups at the next power of the likelihood: members drawn by their weights, then moved."""
    to_choice, to_moves = jax.random.split(key)
    rng = np.random.default_rng(np.asarray(jax.random.key_data(to_choice)))
    logs, members = np.asarray(state.logs), state.logs.shape[1]
    power = next_power(logs, state.power)
    weights, evidence = _weights(logs, power - state.power)
    chosen = np.stack([_resampled(rng, group) for group in weights])
    points = jnp.take_along_axis(state.points, jnp.asarray(chosen)[..., None], 1)
    moved, length = jnp.take_along_axis(state.logs, jnp.asarray(chosen), 1), state.length
    half = members // 2
    for number, to_move in enumerate(jax.random.split(to_moves, LAST if power == 1 else MOVES)):
        shares = []
        for side, to_side in enumerate(jax.random.split(to_move)):
            active = slice(side * half, (side + 1) * half)
            others = slice((1 - side) * half, (2 - side) * half)
            trial, least = _proposed(to_side, points[:, active], points[:, others], length, fitted)
            trial_logs = likelihood(trial.reshape(-1, trial.shape[-1])).reshape(trial.shape[:2])
            better = power * (trial_logs - moved[:, active]) > least
            points = points.at[:, active].set(jnp.where(better[..., None], trial, points[:, active]))
            moved = moved.at[:, active].set(jnp.where(better, trial_logs, moved[:, active]))
            shares.append(float(jnp.mean(better)))
        if power < 1 or number < MOVES:  # then fixed, so that the last moves leave the posterior as it is
            length = float(np.clip(length * np.exp(np.mean(shares) - ACCEPTED), SHORT, LONG))
    return Population(points, moved, power, state.evidence + evidence, length)


def next_power(logs: Float[np.ndarray, "group member"], power: float) -> float:
    """Return the power, at most 1, at which the weights of the members are worth ``KEPT`` of them."""

    def enough(trial: float) -> bool:
        weights = _weights(logs, trial - power)[0]
        return bool(1 / np.mean(np.sum(weights**2, 1)) >= KEPT * logs.shape[1])

    low, high = power, 1.0
    if enough(high):
        return high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if enough(middle) else (low, middle)
    return low if low > power else high


def draws_of(state: Population) -> estimating.Draws:
    """Return all members, each group by its evidence, and how many independent draws they are worth.

    By the spread of the groups' means over that of the members, averaged over parameters; and groups of little
    evidence count little.
    """
    points = np.asarray(state.points)
    shares = np.exp(state.evidence - state.evidence.max())
    shares /= shares.sum()
    members = points.shape[1]
    weights = np.repeat(shares / members, members)
    flat = points.reshape(-1, points.shape[-1])
    spread = weights @ (flat - weights @ flat) ** 2
    between = points.mean(1).var(0, ddof=1)
    worth = 1 / max(float(np.mean(between / spread)), 1 / members)
    effective = max(1.0, worth / float(np.sum(shares**2)))
    return estimating.Draws(jnp.asarray(flat), jnp.asarray(weights), jnp.asarray(effective))


@jax.jit
def _proposed(
    key: Array, active: Array, others: Array, length: Array | float, fitted: estimating.Fit
) -> tuple[Array, Array]:
    """Return trials: members moved by differences of two others of their group, or points around the best fit; and how
    far the power of the likelihood must rise for each to be taken."""
    to_first, to_second, to_kind, to_jitter, to_fit, to_least = jax.random.split(key, 6)
    shape, half = active.shape[:2], others.shape[1]
    first = jax.random.randint(to_first, shape, 0, half)
    second = (first + jax.random.randint(to_second, shape, 1, half)) % half
    way = jnp.take_along_axis(others, first[..., None], 1) - jnp.take_along_axis(others, second[..., None], 1)
    kind = jax.random.uniform(to_kind, shape)
    factor = jnp.where(kind < WHOLE, 1.0, length * 2.38 / np.sqrt(2 * active.shape[-1]))
    near = active + factor[..., None] * way + JITTER * jax.random.normal(to_jitter, active.shape)
    away = estimating.around(to_fit, fitted, active.shape[0] * active.shape[1]).reshape(active.shape)
    to_fit_too = kind > 1 - AROUND
    trial = jnp.where(to_fit_too[..., None], away, near)
    drawn = estimating.log_around(fitted, trial) - estimating.log_around(fitted, active)
    prior = (jnp.sum(active**2, -1) - jnp.sum(trial**2, -1)) / 2
    return trial, jnp.log(jax.random.uniform(to_least, shape)) - prior + jnp.where(to_fit_too, drawn, 0.0)


def _weights(logs: np.ndarray, rise: float) -> tuple[np.ndarray, np.ndarray]:
    """Return weights [group member] after a rise of the power, and the logs of their means before they sum to 1."""
    highest = logs.max(1, keepdims=True)
    raw = np.exp(rise * (logs - highest))
    return raw / raw.sum(1, keepdims=True), np.log(raw.mean(1)) + rise * highest[:, 0]


def _resampled(rng: np.random.Generator, weights: np.ndarray) -> np.ndarray:
    """Return members drawn by their weights at equal distances, in a random order."""
    marks = (np.arange(len(weights)) + rng.uniform()) / len(weights)
    return rng.permutation(np.minimum(np.searchsorted(np.cumsum(weights), marks), len(weights) - 1))
