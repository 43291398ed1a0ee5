"""A measured loop, read from a file of one loop, of several, or of a scan of loops."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from experiments.datasets import cleaning
from experiments.datasets.files.reading import read
from experiments.datasets.files.records import Measured
from experiments.datasets.loops import rising
from ferro_jax import values

MOST_STEPS = 1000  # of a sweep
BETWEEN = (0.2, 0.8)  # share of the steps at which the bias of a sweep rises
LEAST_NOISE = 0.02  # of a loop's half extent, because no simulation of a lattice is nearer to a sample


class Loop(NamedTuple):
    """A loop over one sweep of the bias, which starts again at its end. ``truth`` is that of a simulated one."""

    bias: Float[np.ndarray, " step"]
    response: Float[np.ndarray, " step"]
    known: Bool[np.ndarray, " step"]
    noise: float  # standard deviation of a response
    source: str
    bias_unit: str
    unit: str
    truth: dict[str, float] | None = None

    @property
    def half(self) -> float:
        """Return half the extent of the known responses, between their fifth and ninety-fifth percentile."""
        low, high = np.quantile(self.response[self.known], [0.05, 0.95])
        return float(high - low) / 2

    @property
    def middle(self) -> float:
        """Return the median of the known responses."""
        return float(np.median(self.response[self.known]))


def loop_of_file(
    path: Path | str, dataset: str = "", point: tuple[int, ...] = (), noise: float = 0.0, bias_in: str = ""
) -> Loop:
    """Read a loop [step], loops [loop step], or those of a scan [y x step], the bias along the last axis.

    Of several, the loop is the median over all that are not broken at every step, or the one at ``point``: the number
    of a loop, or row and column of a scan. ``noise`` is its standard deviation; 0: estimated from second differences.
    ``bias_in`` names another array of the file, or another file, that holds the bias of each step, where the loops have
    none. ValueError for another shape, a bias that does not rise and fall, a point outside, a broken or flat loop.
    """
    data = read(path, dataset)
    values = np.asarray(data.values, float)
    bias, bias_unit = _bias_of(Path(path), bias_in, values.shape[-1]) if bias_in else _bias_on_axis(data)
    if values.ndim not in (1, 2, 3):
        raise ValueError(
            f"{data.source} has {values.ndim} axes; expected a loop [step], loops [loop, step] or a scan [y, x, step]: "
            "name the right array with --dataset, or reshape it"
        )
    _check_sweep(bias, data.source, bias_in or data.axes[-1].name)
    places = values.shape[:-1]
    scan = values.reshape((1,) * (3 - values.ndim) + values.shape)
    bad = cleaning.bad_samples(scan)
    if point:
        if len(point) != len(places) or any(not 0 <= at < size for at, size in zip(point, places, strict=True)):
            raise ValueError(
                f"--point is {point}, but {data.source} has loops at {places or 'no'} places: give "
                f"{len(places)} numbers from 0 up"
            )
        place = (0,) * (2 - len(places)) + tuple(point)
        response, known = scan[place], ~bad[place]
    else:
        kept = ~cleaning.broken_points(bad)
        if not kept.any():
            raise ValueError(f"{data.source}: every loop has a quarter of bad samples or more; none can be used")
        response = np.median(cleaning.filled(scan[kept], bad[kept]), axis=0)
        known = np.ones(len(bias), bool) if kept.sum() > 1 else ~bad[kept][0]
    source = f"{data.source}" + (f", at {point}" if point else ", median of its loops" if scan.size > len(bias) else "")
    return _checked(bias, response, known, noise, source, bias_unit, data.unit)


def loop_of_arrays(bias: np.ndarray, response: np.ndarray, noise: float = 0.0) -> Loop:
    """Return a loop of two arrays [step]; errors as of ``loop_of_file``.

    Samples of the response that are NaN, or that a masked array hides, are not known.
    """
    bias = np.asarray(values.floats(bias, "bias"), float)
    response, shown = values.masked(response, "response")
    response = np.asarray(response, float)
    if bias.ndim != 1 or response.shape != bias.shape:
        raise ValueError(f"bias has shape {bias.shape}, response {response.shape}: expected two arrays [step]")
    _check_sweep(bias, "the loop", "bias")
    response = response if shown is None else np.where(shown, response, np.nan)
    known = ~cleaning.bad_samples(response[None, None])[0, 0]
    return _checked(bias, response, known, noise, "arrays", "V", "1")


def _bias_on_axis(data: Measured) -> tuple[np.ndarray, str]:
    """Return the values and the unit of the last axis."""
    return np.asarray(data.axes[-1].values, float), data.axes[-1].unit


def _bias_of(path: Path, named: str, steps: int) -> tuple[np.ndarray, str]:
    """Return the bias and its unit from another file, if there is one of this name, or another array of the file."""
    data = read(named) if Path(named).expanduser().is_file() else read(path, named)
    bias = np.asarray(data.values, float).squeeze()
    if bias.shape != (steps,):
        raise ValueError(
            f"{data.source}: the bias has shape {np.shape(data.values)}, the loops of {path.name} have {steps} steps"
        )
    return bias, data.unit


def _check_sweep(bias: np.ndarray, source: str, name: str) -> None:
    """ValueError for a bias that does not rise and fall, that is not finite, or has too many steps."""
    if len(bias) < 4:
        raise ValueError(f"{source}: {len(bias)} steps of {name or 'the last axis'} are no sweep: give 4 or more")
    if not np.isfinite(bias).all() or not BETWEEN[0] < rising(bias).mean() < BETWEEN[1]:
        raise ValueError(
            f"{source}: the last axis, {name or 'without a name'}, is no sweep: expected a bias that rises and falls, "
            f"found {len(bias)} values from {np.min(bias):g} to {np.max(bias):g}. Where an array has no bias (npy, "
            "HDF5 without a dimension scale), name another array of the file, or another file, with --bias; or write "
            "columns as CSV, the bias first"
        )
    if len(bias) > MOST_STEPS:
        raise ValueError(f"{source} has {len(bias)} steps; at most {MOST_STEPS} are simulated: thin the sweep out")


def _checked(
    bias: np.ndarray, response: np.ndarray, known: np.ndarray, noise: float, source: str, bias_unit: str, unit: str
) -> Loop:
    """Return the loop; ValueError for one without extent or noise."""
    if values.number(noise, "noise") < 0:
        raise ValueError(f"noise is {noise}; give the standard deviation of a response, or 0 to have it estimated")
    if known.sum() < 4:
        raise ValueError(f"{source}: {known.sum()} of {len(known)} samples are good: choose another --point")
    loop = Loop(bias, np.where(known, response, 0.0), known, noise, source, bias_unit or "1", unit or "1")
    if not loop.half > 0:
        raise ValueError(f"{source}: the response does not change with the bias, so it tells nothing")
    return loop if noise else loop._replace(noise=max(noise_of(response, known), LEAST_NOISE * loop.half))


def noise_of(response: np.ndarray, known: np.ndarray) -> float:
    """Return the standard deviation of the noise of a closed loop, from the median size of its second differences."""
    bent = np.roll(response, 1) - 2 * response + np.roll(response, -1)
    whole = known & np.roll(known, 1) & np.roll(known, -1)
    return float(1.4826 * np.median(np.abs(bent[whole])) / np.sqrt(6)) if whole.any() else 0.0
