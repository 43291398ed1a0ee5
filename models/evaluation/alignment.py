"""Classes of joint models have no names of their own: members of an ensemble are matched, then compared. NumPy."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment


class Consensus(NamedTuple):
    """What members agree on, example by example, after their classes were matched; entropies in nats.

    ``mean`` is the averaged prediction and ``std`` the standard deviation over members of its probabilities, their
    root mean square over classes. ``total`` = H(mean), ``within`` = mean H(member): ``total − within`` is the
    disagreement between members (mutual information of class and member), the part that tells badly separated classes.
    ``stability`` of a class is the mean over members of |A ∩ B| / |A ∪ B|, A the examples that the member puts there
    and B those that the mean does; NaN where nobody puts any.
    """

    mean: Float[np.ndarray, "n classes"]
    std: Float[np.ndarray, " n"]
    total: Float[np.ndarray, " n"]
    within: Float[np.ndarray, " n"]
    stability: Float[np.ndarray, " classes"]

    @property
    def disagreement(self) -> Float[np.ndarray, " n"]:
        """H(mean) − mean H, in nats."""
        return self.total - self.within


def match(
    reference: Float[np.ndarray, "n classes"], probabilities: Float[np.ndarray, "n classes"]
) -> Int[np.ndarray, " classes"]:
    """The permutation that makes ``probabilities[:, permutation]`` agree best with ``reference``: the Hungarian method
    on co-assignment counts Σ_i reference[i, j] · probabilities[i, k], which are plain counts where both are one-hot."""
    return linear_sum_assignment(reference.T @ probabilities, maximize=True)[1]


def align(probabilities: Float[np.ndarray, "member n classes"], rounds: int = 20) -> Int[np.ndarray, "member classes"]:
    """Permutations that match the classes of all members: ``aligned(probabilities, align(probabilities))``.

    The first reference is the member that agrees best with the others; then the mean of the matched members takes its
    place, until nothing changes or ``rounds`` are over. The names of the classes are the first reference's. Label k of
    the consensus is class ``permutations[m, k]`` of member m: decode that one to see the same class of each.
    """
    values = np.asarray(probabilities, float)
    if values.ndim != 3 or 0 in values.shape or not np.isfinite(values).all():
        raise ValueError(f"probabilities of shape {values.shape}: expected finite ones, [member n classes].")

    def agreement(one: np.ndarray, other: np.ndarray) -> float:
        return float(np.sum(one * other[:, match(one, other)]))

    first = np.argmax([sum(agreement(one, other) for other in values) for one in values])
    reference, permutations = values[first], np.full((len(values), values.shape[2]), -1)
    for _ in range(rounds):
        last, permutations = permutations, np.stack([match(reference, member) for member in values])
        if (last == permutations).all():
            break
        reference = aligned(values, permutations).mean(0)
    return permutations


def aligned(
    probabilities: Float[np.ndarray, "member n classes"], permutations: Int[np.ndarray, "member classes"]
) -> Float[np.ndarray, "member n classes"]:
    """The members' probabilities with matched classes."""
    return np.take_along_axis(np.asarray(probabilities), permutations[:, None, :], axis=2)


def consensus(matched: Float[np.ndarray, "member n classes"]) -> Consensus:
    """Mean, dispersion and stability of members whose classes were matched."""
    values = np.asarray(matched, float)
    mean = values.mean(0)
    theirs = np.eye(values.shape[2], dtype=bool)[values.argmax(2)]
    ours = np.eye(values.shape[2], dtype=bool)[mean.argmax(1)][None]
    union = (theirs | ours).sum(1)
    overlap = np.where(union > 0, (theirs & ours).sum(1) / np.maximum(union, 1), np.nan)
    known = np.isfinite(overlap).sum(0)
    stability = np.where(known > 0, np.nansum(overlap, 0) / np.maximum(known, 1), np.nan)
    std = np.sqrt(np.mean(values.var(0), axis=1))
    return Consensus(mean, std, _entropy(mean), _entropy(values).mean(0), stability)


def _entropy(probabilities: np.ndarray) -> np.ndarray:
    return -np.sum(probabilities * np.log(np.maximum(probabilities, 1e-300)), axis=-1)
