"""Match the classes of an ensemble's members and compare their predictions. NumPy.

Matching is needed because a model that is trained without labels numbers its classes in an order of its own.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment

from ferro_jax.values import floats


class Consensus(NamedTuple):
    """The consensus of members whose classes were matched, example by example; entropies in nats.

    ``mean`` is the averaged prediction and ``std`` the standard deviation over members of its probabilities, their
    root mean square over classes. ``total`` = H(mean), ``within`` = mean H(member): ``total − within`` is the
    disagreement between members (mutual information of class and member), the part that shows badly separated classes.
    ``stability`` of a class is the mean over members of |A ∩ B| / |A ∪ B|, where A are the examples that the member
    assigns to the class and B those that the mean does; NaN where both are empty for every member.
    """

    mean: Float[np.ndarray, "n classes"]
    std: Float[np.ndarray, " n"]
    total: Float[np.ndarray, " n"]
    within: Float[np.ndarray, " n"]
    stability: Float[np.ndarray, " classes"]

    @property
    def disagreement(self) -> Float[np.ndarray, " n"]:
        """Return H(mean) − mean H, in nats."""
        return self.total - self.within


def match(
    reference: Float[np.ndarray, "n classes"], probabilities: Float[np.ndarray, "n classes"]
) -> Int[np.ndarray, " classes"]:
    """Return the permutation that makes ``probabilities[:, permutation]`` agree best with ``reference``.

    The Hungarian method on co-assignment counts Σ_i reference[i, j] · probabilities[i, k], which are plain counts where
    both are one-hot.
    """
    reference, other = (np.asarray(floats(each, "probabilities")) for each in (reference, probabilities))
    return linear_sum_assignment(reference.T @ other, maximize=True)[1]


def align(probabilities: Float[np.ndarray, "member n classes"], rounds: int = 20) -> Int[np.ndarray, "member classes"]:
    """Return permutations that match the classes of all members: ``aligned(probabilities, align(probabilities))``.

    The first reference is the member that agrees best with the others; then the mean of the matched members takes its
    place, until nothing changes or ``rounds`` are over. The order of the classes is that of the first reference. Class
    k of the consensus is class ``permutations[m, k]`` of member m: decode that one to see the same class of each.
    ValueError for probabilities that are not finite or not [member n classes].
    """
    given = np.asarray(floats(probabilities, "probabilities"), float)
    if given.ndim != 3 or 0 in given.shape or not np.isfinite(given).all():
        raise ValueError(f"probabilities of shape {given.shape}: expected finite ones, [member n classes].")

    def agreement(member: np.ndarray, other: np.ndarray) -> float:
        return float(np.sum(member * other[:, match(member, other)]))

    first = np.argmax([sum(agreement(member, other) for other in given) for member in given])
    reference, permutations = given[first], np.full((len(given), given.shape[2]), -1)
    for _ in range(rounds):
        last, permutations = permutations, np.stack([match(reference, member) for member in given])
        if (last == permutations).all():
            break
        reference = aligned(given, permutations).mean(0)
    return permutations


def aligned(
    probabilities: Float[np.ndarray, "member n classes"], permutations: Int[np.ndarray, "member classes"]
) -> Float[np.ndarray, "member n classes"]:
    """Return the members' probabilities with their classes in the matched order."""
    return np.take_along_axis(np.asarray(floats(probabilities, "probabilities")), permutations[:, None, :], axis=2)


def consensus(matched: Float[np.ndarray, "member n classes"]) -> Consensus:
    """Return mean, dispersion and stability of members whose classes were matched."""
    values = np.asarray(floats(matched, "probabilities", finite=True), float)
    mean = values.mean(0)
    by_member = np.eye(values.shape[2], dtype=bool)[values.argmax(2)]
    by_mean = np.eye(values.shape[2], dtype=bool)[mean.argmax(1)][None]
    union = (by_member | by_mean).sum(1)
    overlap = np.where(union > 0, (by_member & by_mean).sum(1) / np.maximum(union, 1), np.nan)
    known = np.isfinite(overlap).sum(0)
    stability = np.where(known > 0, np.nansum(overlap, 0) / np.maximum(known, 1), np.nan)
    std = np.sqrt(np.mean(values.var(0), axis=1))
    return Consensus(mean, std, _entropy(mean), _entropy(values).mean(0), stability)


def _entropy(probabilities: np.ndarray) -> np.ndarray:
    """Return the entropy over the last axis, in nats."""
    return -np.sum(probabilities * np.log(np.maximum(probabilities, 1e-300)), axis=-1)
