"""What a replayed campaign believes of every candidate, and what blind choices would give if it were right."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.spatial import KDTree

import bo
from bo.campaigns import chances
from bo.campaigns.cube import unit_cube
from bo.campaigns.records import Pool
from experiments.lab import scores
from experiments.process import fronts, replay
from experiments.process.page import missing
from experiments.process.study import Candidates

BLIND = 256  # draws of the model, for what blind choices would have found
BLIND_FRONTS = 64  # the same of a front, whose volume takes longer


class Beliefs(NamedTuple):
    """Predictions of every candidate: means and standard deviations of the objectives (objective, cell), and the
    probability of success within the limits (cell). In a study with contexts those of the last evaluation's context.
    """

    mean: np.ndarray
    std: np.ndarray
    probability: np.ndarray


def beliefs_of(campaign: bo.Campaign, state: bo.State) -> Beliefs:
    """Return what a campaign believes of its candidates."""
    value = campaign.surface(state)
    surrogate = replay.surrogate_of(campaign.domain.space)
    believed = jax.jit(lambda x: chances.believe(surrogate, campaign.outcomes, state)(x))(cube_of(campaign, state))
    every = [value, *believed.others]
    mean, std = (np.stack([np.asarray(getattr(each, name)) for each in every]) for name in ("mean", "std"))
    return Beliefs(mean, std, np.exp(np.asarray(believed.log_success)))


def cube_of(campaign: bo.Campaign, state: bo.State) -> jax.Array:
    """Return the candidates in the unit cube, with the context of the last evaluation."""
    domain = campaign.domain
    assert isinstance(domain, Pool)
    if domain.space is None:
        return unit_cube(domain.candidates, state.data.x.dtype)
    columns = jnp.array(domain.space.context)
    last = state.data.x[state.count - 1, columns]
    cube = domain.space.to_cube(domain.candidates.astype(state.data.x.dtype))
    return cube.at[:, columns].set(jnp.broadcast_to(last, (cube.shape[0], len(last))))


def blind_draws(
    beliefs: Beliefs, candidates: Candidates, seed: int, count: int, reference: np.ndarray | None
) -> np.ndarray:
    """Return the best so far of random candidates and of random histories of the file, (2, draw, evaluation).

    By the model: each draw takes values of independent normals with its means and deviations, and failures with its
    probability; a history of the file counts as the candidate nearest to its place in the latent space. With a
    ``reference``, (objective), the hypervolume above it takes the place of the best.
    """
    generator = np.random.default_rng(seed)
    nearest = KDTree(candidates.z).query(candidates.code)[1]
    draws = BLIND if reference is None else BLIND_FRONTS
    paths = []
    for cells in (np.arange(len(candidates.z)), np.atleast_1d(nearest)):
        rows = np.stack([generator.permutation(len(cells))[:count] for _ in range(draws)])
        rows = cells[np.resize(rows, (draws, count))]
        values = generator.normal(beliefs.mean[0][rows], beliefs.std[0][rows])
        failed = generator.random(rows.shape) > beliefs.probability[rows]
        if reference is None:
            values[failed] = np.nan
            paths.append(missing(scores.best_so_far(values)))
            continue
        others = [
            generator.normal(mean[rows], std[rows]) for mean, std in zip(beliefs.mean[1:], beliefs.std[1:], strict=True)
        ]
        points = np.stack([values, *others], axis=-1)
        paths.append(np.array([fronts.growth(*each, reference) for each in zip(points, ~failed, strict=True)]))
    return np.stack(paths)


def median(values: Any) -> float:
    """Return the median, where NaN counts as the smallest; NaN where that is the median."""
    middle = float(np.median(np.where(np.isnan(values), -np.inf, values)))
    return middle if np.isfinite(middle) else float("nan")
