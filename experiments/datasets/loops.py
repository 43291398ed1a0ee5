"""Scans of switching loops, as band-excitation piezoresponse spectroscopy records them: simulated, or from a file.

A loop is the response at each step of a triangular bias sweep from 0 to +V, to −V and back to 0. It follows

    response = offset + slope · V + amplitude / 2 · tanh((V − V±) / width)

with the coercive bias V₊ where the bias rises and V₋ where it falls (the hysteresis function of Jesse, Baddorf and
Kalinin, Appl. Phys. Lett. 88, 062908, 2006, with a tanh for its error function).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter

from experiments.datasets.files.reading import read
from ferro_jax.values import floats

PARAMETERS = {"offset": "response", "slope": "response/V", "amplitude": "response", "coercive_up": "V",
              "coercive_down": "V", "width": "V"}  # fmt: skip


class Loops(NamedTuple):
    """Loops at every point of a scan.

    ``response`` [ny nx step], ``bias`` [step] in ``bias_unit``, ``pixel`` the distance of points in ``pixel_unit``.
    ``truth`` are maps [ny nx] of the parameters of simulated loops, and ``glitched`` [ny nx step] their bad samples;
    None for measured ones.
    """

    response: np.ndarray
    bias: np.ndarray
    pixel: float
    pixel_unit: str
    unit: str
    bias_unit: str
    source: str
    truth: dict[str, np.ndarray] | None = None
    glitched: np.ndarray | None = None


@dataclass(frozen=True)
class Simulated:
    """Options of a simulated scan: ``size`` points a side, ``steps`` of a sweep to ±``bias`` V.

    ``noise`` is the standard deviation as a share of the median amplitude. ``bursts`` is the number of bursts of bad
    samples per point, each up to a tenth of the sweep long; ``broken`` is the share of points with bad samples nearly
    everywhere. Bad samples are 3 to 3,000 amplitudes away, as fits of a resonance are that have failed.
    """

    size: int = 50
    steps: int = 64
    bias: float = 8.5
    noise: float = 0.05
    bursts: float = 0.5
    broken: float = 0.02

    def __post_init__(self) -> None:
        if self.size < 8 or self.steps < 16 or self.steps % 4:
            raise ValueError(f"size is {self.size}, steps {self.steps}: give 8 or more, and a multiple of 4 from 16")
        if not self.bias > 0 or min(self.noise, self.bursts) < 0 or not 0 <= self.broken < 0.5:
            raise ValueError("bias must be positive, noise and bursts at least 0, broken from 0 to below 0.5")


def sweep(steps: int, bias: float) -> np.ndarray:
    """Return a triangular sweep [steps]: 0, +bias, 0, −bias, and up to one step below 0.

    ValueError unless the steps are a multiple of 4.
    """
    if steps < 4 or steps % 4:
        raise ValueError(f"a sweep of {steps} steps: give a multiple of 4")
    quarter = np.linspace(0, bias, steps // 4 + 1)[:-1]
    return np.concatenate([quarter, bias - quarter, -quarter, quarter - bias])


def rising(bias: np.ndarray) -> np.ndarray:
    """Return whether the bias rises at each step of a sweep that starts again at its end, bool [step].

    At the turning points the branch is the one that leads to them.
    """
    bias = floats(bias, "bias")
    return bias > np.roll(bias, 1)


def response_of(parameters: dict[str, Any], bias: np.ndarray) -> np.ndarray:
    """Return the responses [... step] of loops with parameters [...]."""
    bias = floats(bias, "bias")
    p = {name: floats(given, name)[..., None] for name, given in parameters.items()}
    centre = np.where(rising(bias), p["coercive_up"], p["coercive_down"])
    return p["offset"] + p["slope"] * bias + p["amplitude"] / 2 * np.tanh((bias - centre) / p["width"])


def area(loops: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Return the areas [n] that closed loops [n step] enclose, response × bias; positive where it is above on the way
    down, as in a ferroelectric whose response follows the polarization. ValueError unless the bias is [step], and for
    NaN."""
    loops, bias = np.asarray(floats(loops, "loops", finite=True)), np.asarray(floats(bias, "bias", finite=True))
    if loops.ndim < 1 or bias.shape != loops.shape[-1:] or bias.size < 3:
        raise ValueError(
            f"loops have shape {loops.shape}, the bias {bias.shape}: expected loops [n step] with 3 steps or "
            "more, and a bias [step] that all of them share"
        )
    following = np.roll(loops, -1, axis=-1)
    return np.sum((loops + following) / 2 * (bias - np.roll(bias, -1))[None], axis=-1)


def log_area(areas: np.ndarray) -> np.ndarray:
    """Return log10 of areas [n], because they differ by orders of magnitude over a scan.

    Areas below a hundredth of the median count as that. ValueError where half of the areas or more are not positive.
    """
    areas = floats(areas, "areas", finite=True)
    if not np.median(areas) > 0:
        raise ValueError(
            "half of the areas or more are not positive: turn the sign of the response, or clean the loops"
        )
    return np.log10(np.maximum(areas, 0.01 * np.median(areas)))


def simulate(seed: int, config: Simulated = Simulated()) -> Loops:
    """Return a simulated scan with its truth: domains, and parameters that vary smoothly over the scan."""
    random, shape = np.random.default_rng(seed), (config.size, config.size)

    def field(width: float) -> np.ndarray:
        values = gaussian_filter(random.standard_normal(shape), width, mode="wrap")
        return (values - values.mean()) / values.std()

    domain = np.sign(field(5.0))
    amplitude = np.exp(0.6 * field(3.0))
    truth = {
        "offset": amplitude * (0.2 * domain + 0.1 * field(3.0)),
        "slope": 0.01 * field(4.0),
        "amplitude": amplitude,
        "coercive_up": config.bias * (0.45 + 0.08 * field(4.0) - 0.06 * domain),
        "coercive_down": -config.bias * (0.38 + 0.07 * field(4.0) + 0.06 * domain),
        "width": config.bias * 0.08 * np.exp(0.3 * field(3.0)),
    }
    bias = sweep(config.steps, config.bias)
    response = response_of(truth, bias)
    response = response + config.noise * np.median(amplitude) * random.standard_normal(response.shape)
    glitched = _bad_samples(random, response.shape, config)
    size = 10 ** random.uniform(0.5, 3.5, response.shape) * amplitude[..., None]
    response = response + np.where(glitched, random.choice([-1, 1], response.shape) * size, 0)
    source = f"simulated loops, {config.size} × {config.size} points, {config.steps} steps to ±{config.bias:g} V"
    return Loops(response, bias, 1.0, "point", "1", "V", source, truth, glitched)


def _bad_samples(random: np.random.Generator, shape: tuple[int, ...], config: Simulated) -> np.ndarray:
    """Return which samples [ny nx step] are bad."""
    points, steps = shape[0] * shape[1], shape[2]
    bad = np.zeros((points, steps), bool)
    for point in np.repeat(np.arange(points), random.poisson(config.bursts, points)):
        start, length = random.integers(steps), random.integers(1, max(2, steps // 10))
        bad[point, np.arange(start, start + length) % steps] = True
    broken = random.random(points) < config.broken
    bad[broken] = random.random((int(broken.sum()), steps)) < 0.6
    return bad.reshape(shape)


def of_file(path: Path | str, dataset: str = "") -> Loops:
    """Read loops [y x bias] (or [x y bias]) of a file that ``datasets.read`` can read; the bias is its last axis.

    ValueError for another number of axes, for a scan of fewer than 8 points a side, and for a sweep that does not go
    up and down.
    """
    data = read(path, dataset)
    if data.values.ndim != 3:
        raise ValueError(
            f"{data.source} has {data.values.ndim} axes; loops of a scan have three: y, x and the steps of the bias. "
            "Name the right array with --dataset, or reshape it"
        )
    values, axes = np.asarray(data.values, float), data.axes
    if axes[0].name.lower() == "x" and axes[1].name.lower() == "y":
        values, axes = np.swapaxes(values, 0, 1), (axes[1], axes[0], axes[2])
    bias = np.asarray(axes[2].values, float)
    up = rising(bias)
    if min(values.shape[:2]) < 8 or len(bias) < 16 or not 0.2 < up.mean() < 0.8:
        raise ValueError(
            f"{data.source}: expected 8 points a side or more, and 16 or more steps of a bias that rises and falls; "
            f"the last axis, {axes[2].name or 'without a name'}, runs from {bias.min():g} to {bias.max():g}"
        )
    pixel = float(np.mean(np.abs(np.diff(axes[1].values))))
    return Loops(values, bias, pixel, axes[1].unit or "point", data.unit or "1", axes[2].unit or "1", data.source)
