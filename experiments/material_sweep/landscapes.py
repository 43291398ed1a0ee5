"""Every history simulated in every material, which no campaign sees; what campaigns and random search reach of it."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float
from scipy.special import gammaln

from experiments.lab.parallel import over_devices
from experiments.lab.run import refuse_non_finite
from experiments.material_sweep.campaigns import Found
from experiments.material_sweep.problem import Material, Problem, simulated

TOGETHER = 16  # histories side by side
PAIRS = 4  # of material and defects, on each device and in each call
NEAR = 0.02  # of the landscape's range: as near to its best counts as found


class Scores(NamedTuple):
    """What campaigns found, (material, weight, seed) each, and what random search of the same budget would.

    Regrets are in units of the landscape's range.
    """

    best: np.ndarray  # objective
    history: np.ndarray  # index of the best history
    regret: np.ndarray
    near: np.ndarray  # whether it comes within NEAR of the landscape's best
    random_best: np.ndarray  # expected
    random_regret: np.ndarray  # expected
    random_near: np.ndarray  # probability
    optimum: np.ndarray  # best of all histories
    optimal_history: np.ndarray
    reference_loss: np.ndarray  # regret of the history that is best in the reference material with the same defects
    others_loss: np.ndarray  # mean regret of the histories that are best with the other seeds' defects


def landscapes(
    problem: Problem, progress: Callable[[int], Any] | None = None
) -> Float[np.ndarray, "material seed candidate"]:
    """Return Σ|curl P| of every history in every material with every seed's defects."""
    seeds, materials = problem.config.seeds, problem.materials
    curves = problem.histories.curves

    def of_pair(material: Material, local: Array) -> Array:
        return jax.lax.map(partial(simulated, problem.setup, material, local), curves, batch_size=TOGETHER)

    count = len(materials.coupling)
    rows = Material(*(np.repeat(values, seeds) for values in materials))
    local = np.tile(problem.defects, (count, 1, 1, 1))
    found = over_devices(of_pair, PAIRS)(rows, local, progress=progress).reshape(count, seeds, -1)
    refuse_non_finite("simulation", found, ("material", "seed", "history"))
    return found


def scores(problem: Problem, curl: Float[np.ndarray, "material seed candidate"], found: Found) -> Scores:
    """Hold what the campaigns found against the landscapes."""
    config, cost = problem.config, problem.histories.cost
    weights = np.array(config.weights)
    truth = curl[:, None].astype(float) - (weights[:, None] * cost)[None, :, None]
    shape = truth.shape[:3]
    value, chosen = (part.reshape(*shape, -1) for part in (found.value, found.history))
    place = value.argmax(-1)
    best = np.take_along_axis(value, place[..., None], -1)[..., 0]
    history = np.take_along_axis(chosen, place[..., None], -1)[..., 0]
    top, span = truth.max(-1), np.ptp(truth, axis=-1)
    optimal = truth.argmax(-1)
    good = np.sum(truth >= (top - NEAR * span)[..., None], -1)
    expected = expected_best(truth, config.evaluations)

    def regret_of(index: np.ndarray) -> np.ndarray:
        reached = np.take_along_axis(truth, index[..., None], -1)[..., 0]
        return (top - reached) / span

    reference = np.broadcast_to(optimal[:1], shape)
    others = [regret_of(np.roll(optimal, shift, -1)) for shift in range(1, config.seeds)] or [np.full(shape, np.nan)]
    return Scores(
        best=best,
        history=history,
        regret=(top - best) / span,
        near=best >= top - NEAR * span,
        random_best=expected,
        random_regret=(top - expected) / span,
        random_near=chance_of_one(good, truth.shape[-1], config.evaluations),
        optimum=top,
        optimal_history=optimal,
        reference_loss=regret_of(reference),
        others_loss=np.mean(others, axis=0),
    )


def expected_best(values: Float[np.ndarray, "*n candidate"], count: int) -> Any:
    """Return the expected largest of ``count`` values drawn without replacement."""
    size = values.shape[-1]
    rank = np.arange(count, size + 1)  # the largest drawn is the rank-th smallest of all
    weight = np.exp(log_choose(rank - 1, count - 1) - log_choose(size, count))
    return np.sort(values, -1)[..., count - 1 :] @ weight


def chance_of_one(good: np.ndarray, size: int, count: int) -> Any:
    """Return the probability that ``count`` of ``size`` candidates, drawn at random, hold one of ``good``."""
    rest = size - good
    none = np.where(rest >= count, np.exp(log_choose(np.maximum(rest, count), count) - log_choose(size, count)), 0.0)
    return 1 - none


def log_choose(n: Any, k: Any) -> Any:
    """Return the logarithm of the binomial coefficient."""
    return gammaln(np.asarray(n) + 1) - gammaln(np.asarray(k) + 1) - gammaln(np.asarray(n) - k + 1)
