"""A learned latent space searched: a pool of supported cells, ascent along an objective's gradient, refinement.

Latent for the start, samples for the finish: a family of histories spans few directions, so ascent in its latent space
ends at the best member of the family, and refinement of the samples goes on from there.
"""

from collections.abc import Callable, Sequence
from functools import partial
from inspect import signature
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float
from scipy.spatial import KDTree

from ferro_jax import values
from models.evaluation.latent import inside_support
from models.evaluation.support import COVERAGE, NEIGHBOURS, support_of, to_support
from models.histories.checks import bounds_of
from models.histories.coding import decode
from models.histories.records import Learned
from models.parts.climbing import climb
from models.parts.limits import Limits, within
from models.parts.smoothing import smoothing_matrix

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
        """The cells inside the support alone, in the same order."""
        return self.take(np.flatnonzero(self.inside))

    def take(self, rows: np.ndarray) -> "Pool":
        """Return some of the cells, by number; they fill no grid, so ``shape`` is their number."""
        return Pool(self.z[rows], self.histories[rows], self.duration[rows], (len(rows),), self.inside[rows])


def pool(learned: Learned, cells: int = 900, *, quantile: float = 0.005, chunk: int = 2000) -> Pool:
    """Return a grid of about ``cells`` cells over the rectangle where the histories lie, decoded.

    The rectangle runs from the ``quantile`` to the 1 − ``quantile`` of the encoded means in each latent; cells have
    equal sides, so a latent that hardly varies has few or one. A cell is inside the support where it is as near to
    encoded histories as these are to each other (``models.inside_support``, five neighbours, 99 %). ValueError for more
    than three latents, which no grid fills, and for fewer than one cell.
    """
    return pool_at(learned, axes_over(learned.mean, cells, quantile=quantile), chunk=chunk)


def axes_over(
    means: Float[np.ndarray, "n latent"], cells: int = 900, *, quantile: float = 0.005
) -> list[Float[np.ndarray, " points"]]:
    """Return the points along each latent of the grid of about ``cells`` cells that ``pool`` lays over encoded means.

    It serves latent spaces of any examples, such as images. ValueError as of ``pool``.
    """
    means = np.asarray(values.floats(means, "means", finite=True))
    cells, quantile, latents = values.whole(cells, "cells"), values.number(quantile, "quantile"), means.shape[1]
    if latents > MOST_LATENTS:
        raise ValueError(f"{latents} latents: a grid fills up to {MOST_LATENTS}; learn with latent=2, or search a box.")
    if cells < 1 or not 0 <= quantile < 0.5:
        raise ValueError(f"cells={cells}, quantile={quantile}: give one cell or more and a share below one half.")
    low, high = np.quantile(means, (quantile, 1 - quantile), axis=0).astype(float)
    counts = _points(high - low, cells)
    middles = (low + high)[:, None] / 2
    return [
        np.linspace(start, end, points) if points > 1 else middle
        for start, end, points, middle in zip(low, high, counts, middles, strict=True)
    ]


def pool_at(learned: Learned, axes: Sequence[Any], *, chunk: int = 2000) -> Pool:
    """Return the grid over ``axes``, the points along each latent, decoded as by ``pool``.

    ValueError for another number of axes than latents.
    """
    chunk = values.whole(chunk, "chunk", 1)
    if len(axes) != learned.config.latent_dim:
        raise ValueError(f"{len(axes)} axes, {learned.config.latent_dim} latents: give the points along each latent.")
    grid = np.meshgrid(*(np.asarray(values.array(axis, "axes", dtype=jnp.float32)) for axis in axes), indexing="ij")
    z = np.stack(grid, -1).reshape(-1, len(axes))
    parts = [jax.device_get(decode(learned, z[at : at + chunk])) for at in range(0, len(z), chunk)]
    histories, duration = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Pool(z, histories, duration, grid[0].shape, inside_support(z, learned.mean, NEIGHBOURS, COVERAGE))


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


class Ascent(NamedTuple):
    """The best point of an ascent from each start, decoded, with its value; the value at the start and at every step
    (NaN where the objective was not finite). A start without any finite value has −inf."""

    z: Float[Array, "n latent"]
    histories: Float[Array, "n samples *channels"]
    duration: Float[Array, " n"]
    value: Float[Array, " n"]
    start: Float[Array, " n"]
    values: Float[Array, "n steps"]


def ascend(
    objective: Callable[..., Array], learned: Learned, z0: Any, *, steps: int = 200, rate: float = 0.1
) -> Ascent:
    """Climb ``objective`` along its gradient, inside the support, from points z0 [n latent] (or one, [latent]).

    The objective is a JAX function of a decoded history, or of a history and its duration; it is maximised. The first
    steps are ``rate`` times the standard deviation of the encoded means in each latent. A step that leaves the support
    is brought back to its edge, a start outside it to the encoded history that is nearest. All starts are one compiled
    program. The best value of each is kept, and steps to values that are not finite are taken back.

    ValueError for points of another number of latents and where no start leads to a finite value.
    """
    z0 = np.atleast_2d(np.asarray(values.array(z0, "z0", dtype=jnp.float32, finite=True)))
    if z0.shape[1:] != (learned.config.latent_dim,):
        raise ValueError(f"z0 has shape {z0.shape}: expected points of {learned.config.latent_dim} latents.")
    _check_steps(steps, rate)
    means = np.asarray(learned.mean, np.float32)
    support = support_of(learned.mean)
    spread = jnp.asarray(np.maximum(means.std(0), np.finfo(np.float32).tiny))
    outside = ~inside_support(z0, learned.mean, NEIGHBOURS, COVERAGE)
    z0 = np.where(outside[:, None], means[KDTree(means).query(z0)[1]], z0)

    def from_start(start: Array) -> Ascent:
        found = climb(
            lambda scaled: _value(objective, *decode(learned, spread * scaled)),
            start / spread,
            lambda trial, good: to_support(support, spread * trial, spread * good) / spread,
            steps=steps,
            rate=rate,
        )
        z = found.point * spread
        return Ascent(z, *decode(learned, z), found.value, found.start, found.values)

    found = jax.jit(jax.vmap(from_start))(jnp.asarray(z0))
    if not np.isfinite(found.value).any():
        raise ValueError("the objective is not finite at any of the starts: give others, or mend the objective.")
    return found


class Refined(NamedTuple):
    """A refined history with its value; the value of the start within the limits, and that at every step (NaN where
    the objective was not finite)."""

    history: Float[Array, "samples *channels"]
    value: Float[Array, ""]
    start: Float[Array, ""]
    values: Float[Array, " steps"]


def refine(
    objective: Callable[..., Array],
    history: Any,
    *,
    bounds: Any = None,
    slew: Any = None,
    duration: float | None = None,
    steps: int = 300,
    smooth: float = 0.01,
    rate: float = 0.03,
) -> Refined:
    """Climb ``objective`` along its gradient with respect to the samples of ``history``, and return the best found.

    The objective is a JAX function of a history [samples] or [samples channels], in the units of ``history``, and, if
    it has a second argument, of ``duration``, which stays as it is; it is maximised. The history keeps ``bounds``
    (low, high), or one such pair for each channel, and changes from one sample to the next by ``slew`` at most: a
    number, a pair (fall, rise), or one such pair for each channel. A rate of r per unit of time is
    r · duration / (samples − 1). Steps are smoothed by a Gaussian with a standard deviation of ``smooth`` times the
    history (0: not at all); the first are ``rate`` times the distance of the bounds.

    The objective is differentiated through the map to the nearest history within the limits
    (models.parts.limits.within), so limits hold exactly. Compiled once for the same objective and shapes. ValueError
    for limits that make no sense, and where the objective is not finite at the start.
    """
    _check_steps(steps, rate)
    history = np.asarray(values.floats(history, "history"))
    if history.ndim not in (1, 2) or len(history) < 2 or not np.isfinite(history).all():
        raise ValueError(f"history of shape {history.shape}: give finite values [samples] or [samples channels].")
    if smooth < 0:
        raise ValueError(f"smooth={smooth}: give a share of the history of zero or more, for instance 0.01.")
    start = jnp.asarray(history.reshape(len(history), -1), jnp.result_type(float))
    limits, scale = _limits(bounds, slew, np.asarray(start), start.dtype)
    given = () if duration is None else (jnp.asarray(duration, start.dtype),)
    smoother = jnp.asarray(smoothing_matrix(len(history), smooth), start.dtype)
    found = _refine(objective, history.ndim == 1, steps, limits, scale, smoother, start, given, rate)
    if not np.isfinite(found.start):
        raise ValueError("the objective is not finite at the start: give another history, or mend the objective.")
    return found


@partial(jax.jit, static_argnums=(0, 1, 2))
def _refine(
    objective: Callable[..., Array],
    single: bool,
    steps: int,
    limits: Limits,
    scale: Float[Array, " channels"],
    smoother: Float[Array, "samples samples"],
    start: Float[Array, "samples channels"],
    duration: tuple,
    rate: float | Array,
) -> Refined:
    """Climb from ``start``, every trial clipped to the bounds and every history within the limits."""

    def history_of(scaled: Array) -> Array:
        history = within(limits, scale[None] * scaled)
        return history[:, 0] if single else history

    def project(trial: Array, good: Array) -> Array:
        moved = good + smoother @ (trial - good)
        return jnp.clip(moved, (limits.low / scale)[None], (limits.high / scale)[None])

    objective_of = lambda scaled: _value(objective, history_of(scaled), *duration)  # noqa: E731
    first = within(limits, start) / scale[None]
    found = climb(objective_of, first, project, steps=steps, rate=rate)
    return Refined(history_of(found.point), found.value, found.start, found.values)


def _value(objective: Callable[..., Array], history: Array, *duration: Array) -> Array:
    """Return the objective of a history, with its duration where it takes one. ValueError where there is none."""
    parameters = signature(objective).parameters.values()
    required = [each for each in parameters if each.default is each.empty and each.kind is not each.VAR_KEYWORD]
    if not 1 <= len(required) <= 1 + len(duration):
        raise ValueError(
            f"the objective takes {len(required)} arguments: it gets a history and, where given, duration."
        )
    return jnp.asarray(objective(history, *duration[: len(required) - 1]))


def _limits(bounds: Any, slew: Any, start: np.ndarray, dtype: Any) -> tuple[Limits, Array]:
    """Return the limits, and the length in each channel that counts as 1: the distance of the bounds, else the range of
    the history."""
    channels = start.shape[1]
    low, high = bounds_of(bounds, channels)
    fall, rise = (np.full(channels, np.inf),) * 2
    if slew is not None:
        pairs = np.broadcast_to(np.asarray(slew, float), (2,) if np.ndim(slew) < 2 else (channels, 2))
        fall, rise = np.broadcast_to(pairs, (channels, 2)).T
    if not ((fall > 0) & (rise > 0)).all():
        raise ValueError(f"slew={slew}: give a positive number, a pair (fall, rise), or such a pair for each channel.")
    length = np.where(np.isfinite(high - low), high - low, np.ptp(start, axis=0))
    length = np.where(length > 0, length, np.maximum(np.abs(start).max(0), 1.0))
    return Limits(*(jnp.asarray(part, dtype) for part in (low, high, fall, rise))), jnp.asarray(length, dtype)


def _check_steps(steps: int, rate: float) -> None:
    """Raise ValueError for an ascent without steps."""
    if steps < 1 or not rate > 0:
        raise ValueError(f"steps={steps}, rate={rate}: give one step or more and a positive rate.")
