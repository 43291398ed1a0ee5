"""A learned latent space searched: a pool of supported cells, and ascent along an objective's gradient."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from models.evaluation.latent import inside_support
from models.histories.coding import decode
from models.histories.records import Learned

NEIGHBOURS, COVERAGE = 5, 0.99  # of the support's rule, models.inside_support
MOST_LATENTS = 3  # of a grid: with four, ten points along each are 10,000 cells


class Pool(NamedTuple):
    """Cells of a grid over a latent space, decoded into physical units.

    ``z`` row-major with the last latent fastest, so that a value per cell reshapes to ``shape``. ``inside`` says which
    cells lie inside the support; the others complete the grid, and their histories are extrapolated.
    """

    z: Float[np.ndarray, "cells latent"]
    histories: Float[np.ndarray, "cells samples *channels"]
    duration: Float[np.ndarray, " cells"]
    shape: tuple[int, ...]
    inside: Bool[np.ndarray, " cells"]

    @property
    def supported(self) -> "Pool":
        """The cells inside the support alone, in the same order; they fill no grid, so ``shape`` is their number."""
        rows = self.inside
        return Pool(self.z[rows], self.histories[rows], self.duration[rows], (int(rows.sum()),), self.inside[rows])


def pool(learned: Learned, cells: int = 900, *, quantile: float = 0.005, chunk: int = 2000) -> Pool:
    """Return a grid of about ``cells`` cells over the rectangle where the histories lie, decoded.

    The rectangle runs from the ``quantile`` to the 1 − ``quantile`` of the encoded means in each latent; cells have
    equal sides, so a latent that hardly varies has few or one. A cell is inside the support where it is as near to
    encoded histories as these are to each other (``models.inside_support``, five neighbours, 99 %). ValueError for more
    than three latents, which no grid fills, and for fewer than one cell.
    """
    latents = learned.config.latent_dim
    if latents > MOST_LATENTS:
        raise ValueError(f"{latents} latents: a grid fills up to {MOST_LATENTS}; learn with latent=2, or search a box.")
    if cells < 1 or not 0 <= quantile < 0.5:
        raise ValueError(f"cells={cells}, quantile={quantile}: give one cell or more and a share below one half.")
    low, high = np.quantile(learned.mean, (quantile, 1 - quantile), axis=0).astype(float)
    counts = _points(high - low, cells)
    middles = (low + high)[:, None] / 2
    axes = [
        np.linspace(start, end, points) if points > 1 else middle
        for start, end, points, middle in zip(low, high, counts, middles, strict=True)
    ]
    z = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, latents).astype(np.float32)
    decoder = jax.jit(lambda z: decode(learned, z))
    parts = [jax.device_get(decoder(jnp.asarray(z[at : at + chunk]))) for at in range(0, len(z), chunk)]
    values, duration = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Pool(z, values, duration, counts, inside_support(z, learned.mean, NEIGHBOURS, COVERAGE))


def _points(sides: np.ndarray, cells: int) -> tuple[int, ...]:
    """Return the points along each side of a rectangle that make about ``cells`` cells of equal sides."""
    sides = np.maximum(sides, 1e-9 * max(sides.max(), 1e-30))
    counts = np.ones(len(sides), int)
    free = np.ones(len(sides), bool)
    while free.any():  # sides shorter than a cell have one point, and the others share the cells
        step = (sides[free].prod() / cells) ** (1 / free.sum())
        short = free & (sides < step)
        if not short.any():
            counts[free] = np.maximum(1, np.round(sides[free] / step))
            break
        free &= ~short
    return tuple(counts.tolist())
