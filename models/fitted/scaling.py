"""Measured values to the model's units and back; isolated outliers are missing, other data out of range are refused."""

import warnings
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from models.parts.observation import Observed, observation_of
from models.stacks import Stack, floats

TAIL = 0.001  # share of the values outside the range that scales them, at each end
MARGIN = 1.0  # times that range by which values may leave it before they count as outliers
HEAVY = 0.1  # TAIL for a likelihood with heavy tails, of the values at one place of the examples
HEAVY_MARGIN = 2.0  # MARGIN for it
ISOLATED = {1: 2, 2: 4}  # values in a group of outliers, at most, by the number of spatial axes
SHARE = 0.01  # of the values that may be outliers; more are not outliers but other data
CONTRAST = 4.0  # times the contrast of the least and the most contrasted trained example that other data may have
SAMPLED = 2_000_000  # values that limits are estimated from
ROWS = 4096  # examples that are looked at together


class Scaling(NamedTuple):
    """How values are scaled, scaled = (value − offset) / spread for each channel, and what was trained.

    ``least`` and ``most`` enclose the values that are no outliers. ``contrast`` are the smallest and the largest
    standard deviation of a trained example, scaled. ``shape`` is that of an example as the user gives it. With
    ``unit_interval`` scaled values are kept within 0 and 1. With ``heavy`` tails every value outside is missing, and
    without only an isolated one.
    """

    shape: tuple[int, ...]
    offset: Float[np.ndarray, " channel"]
    spread: Float[np.ndarray, " channel"]
    least: Float[np.ndarray, " channel"]
    most: Float[np.ndarray, " channel"]
    contrast: Float[np.ndarray, " 2"]
    unit_interval: bool = False
    heavy: bool = False


class Scaled(NamedTuple):
    """Scaled examples [n *shape], missing ones at 0, their mask (None: nothing is missing), outliers of each."""

    x: Float[np.ndarray, "n *shape"]
    mask: Float[np.ndarray, "n *shape"] | None
    outliers: np.ndarray


def sample(stack: Stack) -> Float[np.ndarray, "n *shape"]:
    """Return examples from all over the stack, of ``SAMPLED`` values together at most, as float64."""
    count, size = len(stack.values), int(np.prod(stack.values.shape[1:]))
    some = max(1, min(count, ROWS, SAMPLED // size))
    return floats(stack, np.unique(np.linspace(0, count - 1, some).astype(int)))


def scaling_of(values: Float[np.ndarray, "n *shape"], likelihood: str = "auto") -> tuple[Scaling, Observed]:
    """Return the scaling of examples, and the likelihood ("auto": chosen by the data) with its width.

    Values are taken from their mean in units of their range between two quantiles, so that a hot pixel sets neither.
    For likelihoods of the unit interval 0 and 1 are the smallest and the largest value, and counts of a Poisson
    likelihood stay as they are. With a likelihood of heavy tails ("student_t") bad samples, in bursts too, set nothing:
    limits are those of the middle values at each place of an example, and what lies far outside of them is missing.
    ValueError for examples without any contrast or value.
    """
    shape, flat = values.shape[1:], _by_channel(values)
    if not np.isfinite(flat).any(0).all():
        where = f"channel {int(np.argmin(np.isfinite(flat).any(0)))} of " * (flat.shape[1] > 1)
        raise ValueError(f"{where}the stack has no measured value: is the mask 1 where a value was measured?")
    heavy = likelihood == "student_t"
    low, high = _ends_of_the_middle(values) if heavy else np.nanquantile(flat, [TAIL, 1 - TAIL], axis=0)
    ends, degenerate = (np.nanmin(flat, 0), np.nanmax(flat, 0)), ~(high > low)
    low, high = np.where(degenerate, ends[0], low), np.where(degenerate, ends[1], high)
    if not (high > low).all():
        at = int(np.argmin(high > low))
        where = f" of channel {at}" * (len(low) > 1)
        raise ValueError(f"all values{where} are {low[at]:g}: there is nothing to learn in this stack.")
    margin = (HEAVY_MARGIN if heavy else MARGIN) * (high - low)
    least, most = low - margin, high + margin
    outliers = (values < least) | (values > most)
    if not heavy:
        outliers = isolated(outliers, _spatial(shape))
        outliers &= outliers.mean() <= SHARE
    kept = np.where(outliers, np.nan, values)
    ends = np.nanmin(_by_channel(kept), 0), np.nanmax(_by_channel(kept), 0)
    observed = observation_of((kept - low) / (high - low))
    if likelihood != "auto":
        observed = observed._replace(likelihood=likelihood)
    unit_interval = observed.likelihood in ("bernoulli", "continuous_bernoulli")
    offset, spread = np.nanmean(_by_channel(kept - low), 0) + low, high - low
    if unit_interval:
        offset, spread = ends[0], ends[1] - ends[0]
    elif observed.likelihood == "poisson":
        offset, spread = np.zeros_like(low), np.ones_like(low)
    least, most = np.minimum(least, ends[0]), np.maximum(most, ends[1])
    scaling = Scaling(shape, offset, spread, least, most, np.zeros(2), unit_interval, heavy)
    contrasts = _contrasts(kept, scaling)
    return scaling._replace(contrast=np.array([contrasts.min(), contrasts.max()])), observed


def with_range_of(stack: Stack, scaling: Scaling) -> Scaling:
    """Return the scaling whose range holds every value of the stack that is no isolated outlier."""
    least, most = scaling.least, scaling.most
    for start in range(0, len(stack.values), ROWS):
        values = floats(stack, slice(start, start + ROWS))
        out = (values < scaling.least) | (values > scaling.most)
        rows = np.flatnonzero(out.reshape(len(out), -1).any(1))
        if rows.size:
            kept = _by_channel(np.where(_missing(out[rows], scaling), np.nan, values[rows]))
            least, most = np.fmin(least, np.nanmin(kept, 0)), np.fmax(most, np.nanmax(kept, 0))
    return scaling._replace(least=least, most=most)


def check_range(stack: Stack, scaling: Scaling) -> None:
    """Raise a ValueError for a stack of another shape than the trained one, or of values that were not trained."""
    if stack.values.shape[1:] != scaling.shape:
        raise ValueError(
            f"a stack of shape {stack.values.shape}: expected [n {' '.join(map(str, scaling.shape))}], as in the fit"
            + ("; one example needs a leading axis, stack[None]." if stack.values.shape == scaling.shape else ".")
        )
    far, beyond, count = [], 0, len(stack.values)
    for start in range(0, count, ROWS):
        values = floats(stack, slice(start, start + ROWS))
        out = (values < scaling.least) | (values > scaling.most)
        rows = np.flatnonzero(out.reshape(len(out), -1).any(1))
        if not rows.size:
            continue
        alone = _missing(out[rows], scaling)
        far += (start + rows[(out[rows] & ~alone).reshape(len(rows), -1).any(1)]).tolist()
        beyond += int(alone.sum())
    if far or (beyond > max(SHARE * stack.values.size, 1) and not scaling.heavy):
        raise ValueError(_range_message(stack, scaling, far))
    some = np.unique(np.linspace(0, count - 1, min(1000, count)).astype(int))
    values = floats(stack, some)
    kept = np.where((values < scaling.least) | (values > scaling.most), np.nan, values)  # a hot pixel is no contrast
    contrast = float(np.median(_contrasts(kept, scaling)))
    smallest, largest = scaling.contrast
    if not smallest / CONTRAST <= contrast <= largest * CONTRAST:
        raise ValueError(
            f"the examples vary by {contrast:.2g} of the trained range around their mean, the trained ones by "
            f"{smallest:.2g} to {largest:.2g}. " + _range_message(stack, scaling, [])
        )


def _range_message(stack: Stack, scaling: Scaling, far: list[int]) -> str:
    low, high = np.nanmin(_by_channel(stack.values), 0), np.nanmax(_by_channel(stack.values), 0)
    where = (
        f"{len(far)} of {len(stack.values)} examples, the first is number {far[0]}, leave" if far else "the data leave"
    )
    return (
        f"{where} the range that was trained: values run from {low[0]:.4g} to {high[0]:.4g}, trained were "
        f"{scaling.least[0]:.4g} to {scaling.most[0]:.4g}. Give the same units and normalisation as in the fit, "
        "leave such examples out, or fit again with them."
    )


def scaled(values: Float[np.ndarray, "n *shape"], scaling: Scaling) -> Scaled:
    """Return values [n *shape], NaN where missing, in the model's units; isolated outliers are missing.

    The difference from ``offset`` is taken in float64. ValueError for an example without any measured value.
    """
    values = values.copy()
    out = (values < scaling.least) | (values > scaling.most)
    rows = np.flatnonzero(out.reshape(len(out), -1).any(1))
    outliers = np.zeros(len(values), int)
    if rows.size:
        alone = _missing(out[rows], scaling)
        outliers[rows] = alone.reshape(len(rows), -1).sum(1)
        values[rows] = np.where(alone, np.nan, values[rows])
    known = np.isfinite(values)
    empty = np.flatnonzero(~known.reshape(len(known), -1).any(1))
    if empty.size:
        raise ValueError(
            f"{empty.size} examples have no measured value, the first is number {empty[0]}: leave them out."
        )
    x = np.where(known, (values - scaling.offset) / scaling.spread, 0.0)
    if scaling.unit_interval:
        x = np.clip(x, 0, 1)
    return Scaled(x.astype(np.float32), None if known.all() else known.astype(np.float32), outliers)


def in_counts(x: Float[np.ndarray, "n ..."], scaling: Scaling) -> Float[np.ndarray, "n ..."]:
    """Return scaled examples in the user's units and shape [n *shape], float64."""
    return scaling.offset + scaling.spread * np.asarray(x, np.float64).reshape(len(x), *scaling.shape)


def warn_of_outliers(outliers: np.ndarray) -> None:
    """Warn of values that were taken as missing because they stand alone outside the trained range."""
    if outliers.any():
        warnings.warn(
            f"{int(outliers.sum())} values in {int((outliers > 0).sum())} of {len(outliers)} examples lie far "
            "outside the range of the others (hot pixels, cosmic rays, bad samples): they count as missing.",
            UserWarning,
            stacklevel=4,
        )


def _missing(out: Bool[np.ndarray, "n *shape"], scaling: Scaling) -> Bool[np.ndarray, "n *shape"]:
    """Return which of the values outside the range count as missing: all with heavy tails, else isolated ones."""
    return out if scaling.heavy else isolated(out, _spatial(scaling.shape))


def _ends_of_the_middle(values: Float[np.ndarray, "n *shape"]) -> Float[np.ndarray, "2 channel"]:
    """Return the smallest and the largest of the central values at every place of the examples.

    Quantiles are taken place by place, because a peak where every example has one is no bad sample.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a place that is missing everywhere
        low, high = np.nanquantile(values, [HEAVY, 1 - HEAVY], axis=0)
    return np.stack([np.nanmin(_by_channel(low[None]), 0), np.nanmax(_by_channel(high[None]), 0)])


def bursts_in_words(values: Float[np.ndarray, "n *shape"]) -> str:
    """Return in words what share of the values of curves lies far outside of the middle ones; "" where hardly any does.

    They are bad samples, or rare features: the data do not tell, so the user has to.
    """
    low, high = _ends_of_the_middle(values)
    far = (values < low - HEAVY_MARGIN * (high - low)) | (values > high + HEAVY_MARGIN * (high - low))
    if _spatial(values.shape[1:]) > 1 or not (high > low).all() or far.mean() < TAIL:
        return ""
    curves = far.reshape(len(far), -1).any(1)
    return (
        f"{100 * far.mean():.2g} % of the values, in {curves.sum()} of {len(far)} curves, lie "
        "far outside of the middle 80 % and set the scale of the model. If they are bad samples, give "
        'likelihood="student_t", which leaves them out, or mask=.'
    )


def isolated(out: Bool[np.ndarray, "n *shape"], axes: int) -> Bool[np.ndarray, "n *shape"]:
    """Return those of the marked values whose group of neighbours is small: hot pixels and glitches, not features.

    Groups hang together along the ``axes`` spatial axes, over corners too, in each example and channel of its own.
    """
    if not out.any():
        return out.copy()
    structure = np.zeros((3,) * out.ndim, bool)
    structure[(1, *[slice(None)] * axes, *[1] * (out.ndim - 1 - axes))] = True
    groups = np.empty(out.shape, np.int32)
    ndimage.label(out, structure, output=groups)
    sizes = np.bincount(groups.ravel())
    sizes[0] = 0
    return out & (sizes <= ISOLATED[axes])[groups]


def _spatial(shape: tuple[int, ...]) -> int:
    """Return the number of spatial axes of an example: 1 for curves, 2 for images."""
    return 1 if len(shape) == 1 or (len(shape) == 2 and shape[-1] == 1) else 2


def channels(shape: tuple[int, ...]) -> int:
    """Return the number of channels of an example of this shape."""
    return shape[2] if len(shape) == 3 else 1


def _by_channel(values: np.ndarray) -> np.ndarray:
    """Return values [n *shape] as a table [values channel]."""
    return values.reshape(-1, channels(values.shape[1:]))


def _contrasts(values: np.ndarray, scaling: Scaling) -> np.ndarray:
    """Return the standard deviation of the measured values of each example, scaled."""
    x = (values - scaling.offset) / scaling.spread
    x = x.reshape(len(x), -1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # an example without any measured value
        spread = np.nanstd(x, 1)
    return spread[np.isfinite(spread)] if np.isfinite(spread).any() else np.zeros(1)
