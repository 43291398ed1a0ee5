"""What is searched: candidates decoded from a latent space, their values, and which of them exist."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.spatial import KDTree

import models
from experiments.inside_support.config import Config
from experiments.inside_support.families import Family
from experiments.inside_support.spaces import Examples, Space, rows_of
from experiments.lab.run import RunError, refuse_non_finite
from models import latent

LEVEL = 0.99  # share of the family's own reconstructions that pass for members of it
FRESH = 2000  # members that set the tolerances
FEATURES = 6  # principal components of the decoded examples that the decoupled process sees
FINE = (4, 16, 64)  # cells of the fine grid for each candidate that is taken from it, until enough are supported


class Candidates(NamedTuple):
    """Candidates in an order that all methods share: the first half a grid over the box, the others in the support."""

    z: np.ndarray  # (candidate, 2)
    examples: Examples  # decoded, as many as there are candidates
    features: np.ndarray  # (candidate, FEATURES) principal components of the decoded examples
    member_features: np.ndarray  # the same of as many members of the family, or of all where it has fewer
    inside: np.ndarray  # (candidate,) in the support of the encoded examples
    miss: np.ndarray  # (candidate,) |code of the decoded example − z|, in units of its tolerance
    distance: np.ndarray  # (candidate,) to the nearest member of the family, in units of its tolerance
    log_density: np.ndarray  # (candidate,) of the aggregated posterior
    exploration: np.ndarray  # (candidate,) log density of the decoder's outputs
    log_prior: np.ndarray  # (candidate,) of N(0, 1) times the area that the candidate stands for

    @property
    def exists(self) -> np.ndarray:
        """Which decoded examples re-encode to themselves and lie in the family, (candidate,)."""
        return (self.miss <= 1) & (self.distance <= 1)


class Problem(NamedTuple):
    """Candidates with their values, and the values of members of the family; NaN where an evaluation failed."""

    name: str
    candidates: Candidates
    value: np.ndarray  # (candidate,) what is maximised
    members: np.ndarray  # (member,)
    best_member: np.ndarray  # (*shape,) the values of the best of them

    @property
    def fails(self) -> bool:
        """Whether any evaluation failed."""
        return bool(np.isnan(self.value).any() or np.isnan(self.members).any())


def problems_of(family: Family, config: Config) -> list[Problem]:
    """Decode the candidates of a family, and evaluate all of them and the members in each of its problems."""
    searched = candidates(family, config)
    problems = []
    for name, evaluate in family.evaluate.items():
        value = np.asarray(evaluate(*searched.examples), float)
        known = family.known.get(name)
        members = np.asarray(evaluate(*family.members) if known is None else known, float)
        if not family.fails:
            refuse_non_finite(f"{name}: values of the candidates", value, ("candidate",))
        best = np.asarray(family.members.values[np.nanargmax(members)])
        problems.append(Problem(name, searched, value, members, best))
    return problems


def candidates(family: Family, config: Config) -> Candidates:
    """Decode the points of all methods, and measure how far each is from what exists."""
    space = family.space
    z, area = points(space.mean, config)
    single = jnp.asarray(z, jnp.float32)
    decoded = space.decode(z)
    score = jax.jit(lambda z: models.exploration_score(space.output, z))
    density = jax.jit(models.aggregated_log_density)
    vectors = space.vectors(decoded)
    return Candidates(
        z=z,
        examples=decoded,
        features=components(vectors),
        member_features=components(space.vectors(rows_of(family.members, slice(len(z))))),
        inside=models.inside_support(z, space.mean, latent.NEIGHBOURS, latent.COVERAGE),
        miss=misses(space, z) / np.quantile(misses(space, space.mean[:FRESH]), LEVEL),
        distance=distances(family, vectors),
        log_density=np.asarray(density(jnp.asarray(space.mean), jnp.asarray(space.std), single)),
        exploration=np.asarray(score(single)),
        log_prior=-0.5 * (z**2).sum(1) + np.log(area),
    )


def points(means: np.ndarray, config: Config) -> tuple[np.ndarray, np.ndarray]:
    """Return the points (candidate, 2) of all methods, and the area that each of them stands for.

    Half are a grid over the box. The others are drawn from a fine grid inside the support, because a grid of the box
    alone has few points there. RunError where the support is too small for that.
    """
    count, extent = config.grid_points**2, config.grid_extent
    axis = np.linspace(-extent, extent, config.grid_points)
    wide = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    grids = (supported(means, cells * count) for cells in FINE)
    found = next(((fine, cell) for fine, cell in grids if len(fine) >= count and cell > 0), None)
    if found is None:  # a cell without area is that of a latent that has collapsed to a single point
        raise RunError(f"fewer than {count} points of a fine grid lie inside the support, or all on a line: the "
                       "examples fill too little of their latent space; raise --epochs or --histories")  # fmt: skip
    fine, cell = found
    chosen = np.sort(np.random.default_rng(config.seed).choice(len(fine), count, replace=False))
    area = np.repeat([(axis[1] - axis[0]) ** 2, cell * len(fine) / count], count)
    return np.concatenate([wide, fine[chosen]]), area


def supported(means: np.ndarray, cells: int) -> tuple[np.ndarray, float]:
    """Return the supported points of a grid of about ``cells`` cells over the codes, and the area of a cell."""
    axes = [np.asarray(axis, np.float32) for axis in latent.axes_over(means, cells)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
    inside = models.inside_support(grid, means, latent.NEIGHBOURS, latent.COVERAGE)
    sides = np.ptp(grid, axis=0) / np.maximum(np.array([len(axis) for axis in axes]) - 1, 1)
    return grid[inside].astype(float), sides.prod()


def misses(space: Space, z: np.ndarray) -> np.ndarray:
    """Return how far the code of each decoded example lies from the point it was decoded from."""
    return np.linalg.norm(space.encode(space.decode(z)) - z, axis=1)


def distances(family: Family, vectors: np.ndarray) -> np.ndarray:
    """Return the distance of each example to the nearest member, in units of the tolerance.

    The tolerance is kept by 99 % of the reconstructions of members that are not among those compared with.
    """
    space, fresh = family.space, min(FRESH, len(family.members.values) // 3)
    tree = KDTree(space.vectors(rows_of(family.members, slice(fresh, None))))
    again = space.vectors(space.decode(space.encode(rows_of(family.members, slice(fresh)))))
    return tree.query(vectors)[0] / np.quantile(tree.query(again)[0], LEVEL)


def components(vectors: np.ndarray) -> np.ndarray:
    """Return the first principal components of the vectors, (vector, FEATURES)."""
    centred = vectors - vectors.mean(0)
    return centred @ np.linalg.svd(centred, full_matrices=False)[2][:FEATURES].T
