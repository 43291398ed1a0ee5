"""Columns refined to subpixels: Gaussians fitted to the frame, all of them together, neighbours subtracted."""

from typing import NamedTuple

import numpy as np

_ROUNDS = 8
_STILL = 2e-3  # pixels: no further round where nothing moves by more
_LONGEST_STEP = 0.5  # pixels in a round
_WIDTHS = (0.5, 0.45)  # a column is at least half a pixel and at most 0.45 of the spacing wide


class Fit(NamedTuple):
    """Fitted columns: ``xy`` [n 2], ``amplitude`` [n] over the background, its ``error`` [n], and the ``width``."""

    xy: np.ndarray
    amplitude: np.ndarray
    error: np.ndarray
    width: float


def fit_columns(
    frame: np.ndarray, mask: np.ndarray | None, xy: np.ndarray, width: float, spacing: float, noise: float,
    fixed: np.ndarray | None = None,
) -> Fit:  # fmt: skip
    """Fit a Gaussian and a constant background to the surroundings of each place, by Gauss–Newton steps.

    In each round the neighbours, as they are fitted so far, are subtracted. The width is one number for the frame. A
    column moves at most a third of the spacing from where it began; those of ``fixed`` [n] do not move.
    """
    start, place = xy, xy.copy()
    amplitude, error = np.zeros(len(xy)), np.full(len(xy), np.inf)
    background = np.zeros(len(xy))
    still = np.zeros(len(xy), bool) if fixed is None else fixed
    for number in range(_ROUNDS):
        patch = _Patches.around(frame.shape, place, max(1, int(np.ceil(min(2 * width, 0.6 * spacing)))))
        model = _drawn(frame.shape, place, amplitude, width)
        rest = frame[patch.rows, patch.columns] - model[patch.rows, patch.columns] - background[:, None]
        weight = patch.weight(place, 0.6 * spacing, mask)
        slopes = _slopes(patch, place, amplitude, width)
        weighted = np.swapaxes(slopes * weight[:, :, None], 1, 2)
        normal = weighted @ slopes
        size = np.einsum("naa->na", normal)
        ridge = np.eye(5) * (1e-6 * size + 1e-12)[:, None, :]
        ridge[:, [1, 2, 3], [1, 2, 3]] += 1e-3 * size[:, [1, 2, 3]] + 1e-9 * size[:, :1]
        inverse = np.linalg.inv(normal + ridge)
        change = (inverse @ (weighted @ rest[:, :, None]))[:, :, 0]
        error = noise * np.sqrt(np.abs(inverse[:, 0, 0]))
        moves = np.clip(change[:, 1:3], -_LONGEST_STEP, _LONGEST_STEP)
        moves[still | (number == 0)] = 0
        place = start + _shortened(place + moves - start, spacing / 3)
        amplitude = np.maximum(amplitude + change[:, 0], 0)
        background += change[:, 4]
        if number:
            good = amplitude > 5 * error
            step = np.average(change[good, 3], weights=amplitude[good] ** 2) if good.any() else 0.0
            before = width
            width = float(np.clip(width + np.clip(step, -0.2 * width, 0.2 * width), _WIDTHS[0], _WIDTHS[1] * spacing))
            if np.abs(moves).max() < _STILL and abs(width - before) < _STILL:
                break
    return Fit(place, amplitude, error, width)


class _Patches(NamedTuple):
    """Pixels around places: ``rows`` and ``columns`` [n pixel], and which lie ``inside`` the frame."""

    rows: np.ndarray
    columns: np.ndarray
    inside: np.ndarray

    @classmethod
    def around(cls, shape: tuple[int, ...], place: np.ndarray, reach: int) -> "_Patches":
        y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].reshape(2, -1)
        middle = np.round(place).astype(int)
        rows, columns = middle[:, 1:] + y, middle[:, :1] + x
        inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
        return cls(np.clip(rows, 0, shape[0] - 1), np.clip(columns, 0, shape[1] - 1), inside)

    def weight(self, place: np.ndarray, reach: float, mask: np.ndarray | None) -> np.ndarray:
        """Return 1 for pixels that were measured within ``reach`` of the place, 0 elsewhere."""
        distance = np.hypot(self.columns - place[:, :1], self.rows - place[:, 1:])
        known = self.inside if mask is None else self.inside & mask[self.rows, self.columns]
        return (known & (distance <= reach + 0.5)).astype(float)


def _slopes(patch: _Patches, place: np.ndarray, amplitude: np.ndarray, width: float) -> np.ndarray:
    """Return the derivatives [n pixel 5] by amplitude, x, y, width and background."""
    x, y = patch.columns - place[:, :1], patch.rows - place[:, 1:]
    shape = np.exp(-(x**2 + y**2) / (2 * width**2))
    scaled = amplitude[:, None] * shape / width**2
    return np.stack([shape, scaled * x, scaled * y, scaled * (x**2 + y**2) / width, np.ones_like(x)], -1)


def _drawn(shape: tuple[int, ...], place: np.ndarray, amplitude: np.ndarray, width: float) -> np.ndarray:
    """Return the sum of all columns [y x]."""
    patch = _Patches.around(shape, place, int(np.ceil(4 * width)))
    x, y = patch.columns - place[:, :1], patch.rows - place[:, 1:]
    values = amplitude[:, None] * np.exp(-(x**2 + y**2) / (2 * width**2)) * patch.inside
    flat = np.bincount((patch.rows * shape[1] + patch.columns).ravel(), values.ravel(), shape[0] * shape[1])
    return flat.reshape(shape)


def _shortened(moves: np.ndarray, longest: float) -> np.ndarray:
    """Return moves [n 2] cut to a length."""
    length = np.linalg.norm(moves, axis=1, keepdims=True)
    return moves * np.minimum(1, longest / np.maximum(length, 1e-12))
