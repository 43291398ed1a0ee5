"""Why ascents arrive or do not: how many basins a map has, and the kinks of |·| along a line."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from experiments.gradient_latent.maps import LANES, Place, Programs, in_chunks, values_of

SAME = 0.25  # standard deviations of the means: ends that are nearer to each other lie in one basin
HALF = 0.5  # half the length of the line through the best cell, in standard deviations
DIRECTION = (2 / np.sqrt(5), 1 / np.sqrt(5))  # of the line: along no axis
WIDTH = 0.01  # model units, at which the kinks of |curl| are rounded; the mean |curl| of a good end is some .04


class Survey(NamedTuple):
    """Ascents from random cells: values [start step] and ends of the objective itself and of its smooth variant, whose
    end counts by the objective itself; the best point found [latent] with its value."""

    values: Float[np.ndarray, "start step"]
    start: Float[np.ndarray, "start latent"]
    end: Float[np.ndarray, "start latent"]
    end_value: Float[np.ndarray, " start"]
    smooth_value: Float[np.ndarray, " start"]
    best: Float[np.ndarray, " latent"]
    value: float


class Line(NamedTuple):
    """Value and slope along a line through the best cell, of the objective and of its smooth variant."""

    distance: Float[np.ndarray, " place"]
    value: Float[np.ndarray, " place"]
    slope: Float[np.ndarray, " place"]
    smooth_value: Float[np.ndarray, " place"]
    smooth_slope: Float[np.ndarray, " place"]


def survey(plain: Programs, smooth: Programs, place: Place, starts: Float[np.ndarray, "start latent"]) -> Survey:
    """Ascend from every start, on the objective and on its smooth variant, and once more from where that leads."""
    found = in_chunks(plain.ascend, place, starts, LANES)
    again = in_chunks(plain.ascend, place, found.point, LANES)
    rounded = in_chunks(smooth.ascend, place, starts, LANES)
    rounded = in_chunks(smooth.ascend, place, rounded.point, LANES)
    smooth_value = values_of(plain, place, rounded.point, "an ascent of the smooth variant")
    ends, values = np.concatenate([again.point, rounded.point]), np.concatenate([again.value, smooth_value])
    best = int(np.argmax(values))
    path = np.concatenate([found.values, again.values], 1)
    return Survey(path, starts, again.point, again.value, smooth_value, ends[best], float(values[best]))


def line(plain: Programs, smooth: Programs, place: Place, best: Float[np.ndarray, " latent"], points: int) -> Line:
    """Return value and slope at so many points of a line through a point."""
    distance = np.linspace(-HALF, HALF, points)
    along = np.asarray(DIRECTION) * np.asarray(place.spread)
    parts = []
    for programs in (plain, smooth):
        value, slope = in_chunks(programs.slope, place, best + distance[:, None] * along, LANES)
        parts += [value, slope @ along]
    return Line(distance, *parts)


def basins(ends: Float[np.ndarray, "end latent"], values: Float[np.ndarray, " end"], spread: np.ndarray) -> int:
    """Return the number of ends that are not near a better one."""
    kept = np.zeros((0, ends.shape[1]))
    for end in (ends / spread)[np.argsort(-values)]:
        if (np.linalg.norm(kept - end, axis=1) > SAME).all():
            kept = np.concatenate([kept, end[None]])
    return len(kept)


def turns(slope: Float[np.ndarray, " place"]) -> int:
    """Return how often a slope changes its sign along a line."""
    return int(np.sum(np.diff(np.sign(slope)) != 0))


def width(distance: Float[np.ndarray, " place"], value: Float[np.ndarray, " place"], threshold: float) -> float:
    """Return the length of the piece around the highest value of a line where values reach the threshold."""
    high = value >= threshold
    best = int(np.argmax(value))
    below = np.flatnonzero(~high)
    left, right = below[below < best].max(initial=0), below[below > best].min(initial=len(value) - 1)
    return float(distance[right] - distance[left]) if high[best] else 0.0
