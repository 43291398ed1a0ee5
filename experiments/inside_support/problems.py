"""What is searched: candidates decoded from a latent space, their values, and which of them exist."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.spatial import KDTree

import models
from experiments.inside_support.config import Config
from experiments.inside_support.families import Family
from experiments.lab.run import RunError, refuse_non_finite
from models import histories, latent
from models.histories.scaling import to_vectors

LEVEL = 0.99  # share of the family's own reconstructions that pass for members of it
FRESH = 2000  # members that set the tolerances
SAMPLES = 100  # of a history, about, when distances are taken
FEATURES = 6  # principal components of the decoded histories that the decoupled process sees
FINE = 4  # cells of the fine grid for each candidate that is taken from it


class Candidates(NamedTuple):
    """Candidates in an order that all methods share: the first half a grid over the box, the others in the support."""

    z: np.ndarray  # (candidate, 2)
    values: np.ndarray  # (candidate, sample) decoded histories
    duration: np.ndarray  # (candidate,)
    features: np.ndarray  # (candidate, FEATURES) principal components of the decoded histories
    member_features: np.ndarray  # the same of as many members of the family
    inside: np.ndarray  # (candidate,) in the support of the encoded histories
    miss: np.ndarray  # (candidate,) |code of the decoded history − z|, in units of its tolerance
    distance: np.ndarray  # (candidate,) to the nearest member of the family, in units of its tolerance
    log_density: np.ndarray  # (candidate,) of the aggregated posterior
    exploration: np.ndarray  # (candidate,) log density of the decoder's outputs
    log_prior: np.ndarray  # (candidate,) of N(0, 1) times the area that the candidate stands for

    @property
    def exists(self) -> np.ndarray:
        """Which decoded histories re-encode to themselves and lie in the family, (candidate,)."""
        return (self.miss <= 1) & (self.distance <= 1)


class Problem(NamedTuple):
    """Candidates with their values, and the values of members of the family."""

    name: str
    candidates: Candidates
    value: np.ndarray  # (candidate,) what is maximised
    members: np.ndarray  # (member,)


def problems_of(family: Family, config: Config) -> list[Problem]:
    """Decode the candidates of a family, and evaluate all of them and the members in each of its problems."""
    searched = candidates(family, config)
    problems = []
    for name, evaluate in family.evaluate.items():
        value = np.asarray(evaluate(searched.values, searched.duration), float)
        members = np.asarray(evaluate(family.values, family.duration), float)
        refuse_non_finite(f"{name}: values of the candidates", value, ("candidate",))
        problems.append(Problem(name, searched, value, members))
    return problems


def candidates(family: Family, config: Config) -> Candidates:
    """Decode the points of all methods, and measure how far each is from what exists."""
    learned = family.learned
    z, area = points(learned, config)
    single = jnp.asarray(z, jnp.float32)
    decoded = jax.device_get(jax.jit(lambda z: histories.decode(learned, z))(single))
    score = jax.jit(lambda z: models.exploration_score(lambda p: learned.model.decode(learned.params, p), z))
    density = jax.jit(models.aggregated_log_density)
    vectors = vectors_of(learned, *decoded)
    return Candidates(
        z=z,
        values=np.asarray(decoded.values),
        duration=np.asarray(decoded.duration),
        features=components(vectors),
        member_features=components(vectors_of(learned, family.values[: len(z)], family.duration[: len(z)])),
        inside=models.inside_support(z, learned.mean, latent.NEIGHBOURS, latent.COVERAGE),
        miss=misses(learned, z) / np.quantile(misses(learned, learned.mean[:FRESH]), LEVEL),
        distance=distances(family, vectors),
        log_density=np.asarray(density(jnp.asarray(learned.mean), jnp.asarray(learned.std), single)),
        exploration=np.asarray(score(single)),
        log_prior=-0.5 * (z**2).sum(1) + np.log(area),
    )


def points(learned: histories.Learned, config: Config) -> tuple[np.ndarray, np.ndarray]:
    """Return the points (candidate, 2) of all methods, and the area that each of them stands for.

    Half are a grid over the box. The others are drawn from a fine grid inside the support, because a grid of the box
    alone has few points there. RunError where the support is too small for that.
    """
    count, extent = config.grid_points**2, config.grid_extent
    axis = np.linspace(-extent, extent, config.grid_points)
    wide = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    pool = latent.pool(learned, FINE * count)
    fine = pool.supported.z.astype(float)
    if len(fine) < count:
        raise RunError(f"{len(fine)} points of the fine grid lie inside the support and {count} are wanted: the "
                       "histories fill too little of their latent space; raise --epochs or --histories")  # fmt: skip
    sides = np.ptp(pool.z, axis=0) / (np.array(pool.shape) - 1)
    chosen = np.sort(np.random.default_rng(config.seed).choice(len(fine), count, replace=False))
    area = np.repeat([(axis[1] - axis[0]) ** 2, sides.prod() * len(fine) / count], count)
    return np.concatenate([wide, fine[chosen]]), area


def record_of(values: np.ndarray, duration: np.ndarray) -> histories.Histories:
    """Return values and durations as ``histories.encode`` takes them."""
    return histories.Histories(np.asarray(values), None, np.asarray(duration, float), (), ("",), ("",))


def misses(learned: histories.Learned, z: np.ndarray) -> np.ndarray:
    """Return how far the code of each decoded history lies from the point it was decoded from."""
    decoded = jax.device_get(histories.decode(learned, z))
    return np.linalg.norm(np.asarray(histories.encode(learned, record_of(*decoded)).mean) - z, axis=1)


def vectors_of(learned: histories.Learned, values: np.ndarray, duration: np.ndarray) -> np.ndarray:
    """Return histories as the vectors that are compared: thinned samples, and the duration where it is learned."""
    vectors = np.asarray(to_vectors(record_of(values, duration), learned.scaling).x, float)
    step = max(1, learned.samples // SAMPLES)
    kept, rest = vectors[:, : learned.samples : step], vectors[:, learned.samples :]
    return np.column_stack([kept, rest / np.sqrt(step)])


def distances(family: Family, vectors: np.ndarray) -> np.ndarray:
    """Return the distance of each history to the nearest member, in units of the tolerance.

    The tolerance is kept by 99 % of the reconstructions of members that are not among those compared with.
    """
    learned, fresh = family.learned, min(FRESH, len(family.values) // 3)
    tree = KDTree(vectors_of(learned, family.values[fresh:], family.duration[fresh:]))
    codes = histories.encode(learned, record_of(family.values[:fresh], family.duration[:fresh])).mean
    again = vectors_of(learned, *jax.device_get(histories.decode(learned, codes)))
    return tree.query(vectors)[0] / np.quantile(tree.query(again)[0], LEVEL)


def components(vectors: np.ndarray) -> np.ndarray:
    """Return the first principal components of the histories, (history, FEATURES)."""
    centred = vectors - vectors.mean(0)
    return centred @ np.linalg.svd(centred, full_matrices=False)[2][:FEATURES].T
