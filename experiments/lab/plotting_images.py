"""Draw images: rows of them, sheets, manifolds.

Every function takes arrays and returns a Figure; experiments save it. Images are ``[ny nx]``, ``[ny nx channels]``
(three channels are red, green, blue; of others the mean is shown) or 1-D signals ``[n]``.
"""

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from experiments.lab.plotting import COLOURS, DIVERGING, colour_bar, panels, styled

DENSITY, BRIGHT = "cmc.grayC_r", "cmc.grayC"  # dark is large, as ink; bright is large, as in a microscope
Limits = tuple[float | int, float | int]


def limits_of(images: np.ndarray) -> Limits:
    """Return the limits of a grey scale: 0 and 1 for intensities, else the smallest and largest finite values.

    Values are taken for intensities where all lie from 0 to 1, and where an unbounded decoder seems to have overshot
    that range: up to 1.5, and down to minus half of the largest.
    """
    values = images[np.isfinite(images)]
    low, high = float(values.min()), float(values.max())
    if (low >= 0 and high <= 1) or (0.5 < high <= 1.5 and low >= -0.5 * high):
        return 0.0, 1.0
    return low, high if high > low else low + 1


def limits_in(values: np.ndarray, tail: float = 0.002) -> Limits:
    """Return the quantiles of the values that a colour scale runs between, so that single pixels do not set it."""
    low, high = np.nanquantile(values, [tail, 1 - tail]).tolist()
    return low, high if high > low else low + 1


def limits_within(values: np.ndarray) -> tuple[Limits, str]:
    """Return limits of a colour scale that a group apart does not take up, and on which side ("min") values lie beyond.

    They are Tukey's fences, one and a half interquartile ranges beyond the quartiles, where values lie farther out.
    """
    lower, upper = np.nanquantile(values, [0.25, 0.75])
    reach = 1.5 * (upper - lower)
    low, high = (float(value) for value in limits_in(values, 0.0))
    if reach <= 0:
        return (low, high), "neither"
    inside = max(low, float(lower - reach)), min(high, float(upper + reach))
    beyond = (inside[0] > low, inside[1] < high)
    return inside, {(True, True): "both", (True, False): "min", (False, True): "max"}.get(beyond, "neither")


def tiled(images: np.ndarray, gap: int = 1) -> np.ndarray:
    """Join a grid of images [rows columns ny nx (channels)] to one picture [ny nx (3)], NaN in the gaps."""
    if images.ndim == 5 and images.shape[-1] != 3:
        images = images.mean(-1)
    rows, columns, height, width, *rest = images.shape
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, *rest), np.nan)
    for i in range(rows):
        for j in range(columns):
            top, left = i * (height + gap), j * (width + gap)
            sheet[top : top + height, left : left + width] = images[i, j]
    return sheet


def show_grid(
    axes: Axes, images: np.ndarray, limits: Limits | None = None, cmap: str = "", x: np.ndarray | None = None
) -> Any:
    """Draw a grid [rows columns *shape] of images or signals on one pair of axes, first row on top, without ticks.

    Without ``cmap`` dark is large, and images of both signs have their own map, white at zero. ``x`` [samples] is the
    abscissa of signals. Returns the mappable of a colour bar, None for signals and colour images.
    """
    images = np.asarray(images, float)
    low, high = limits or limits_of(images)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    if images.ndim == 3:
        rows, columns, samples = images.shape
        x = np.arange(samples) if x is None else np.asarray(x, float)
        along = 0.06 + 0.88 * (x - x.min()) / (np.ptp(x) or 1.0)
        for i in range(rows):
            for j in range(columns):
                scaled = (images[i, j] - low) / (high - low)
                axes.plot(j + along, -i - 0.92 + 0.84 * scaled, color=COLOURS[0], lw=1)
        axes.set(xlim=(0, columns), ylim=(-rows, 0))
        return None
    sheet = tiled(images)
    if sheet.ndim == 3:
        filled = np.where(np.isfinite(sheet), np.clip((sheet - low) / (high - low), 0, 1), 1.0)
        axes.imshow(filled, interpolation="nearest")
        return None
    axes.set_facecolor("0.9")  # the gaps
    if low < 0 < high and not cmap:  # of both signs, as differences are: white is zero
        high = max(-low, high)
        return axes.imshow(sheet, cmap=DIVERGING, vmin=-high, vmax=high, interpolation="nearest")
    return axes.imshow(sheet, cmap=cmap or DENSITY, vmin=low, vmax=high, interpolation="nearest")


def drawable(values: Any, name: str) -> np.ndarray:
    """Return numbers as floats, NaN where they are hidden; ValueError for complex numbers, and where none is finite."""
    given = np.ma.asarray(values)
    if np.iscomplexobj(given):
        raise ValueError(f"{name} holds complex numbers: draw the modulus, numpy.abs(x), or the phase, numpy.angle(x)")
    if given.dtype.kind in "US":
        raise ValueError(f"{name} holds text: give numbers")
    drawn = np.ma.filled(given.astype(float), np.nan)
    if not np.isfinite(drawn).any():
        raise ValueError(f"{name} of shape {drawn.shape} holds no finite number: there is nothing to draw")
    return drawn


@styled
def image_grid(
    stack: np.ndarray,
    columns: int = 10,
    *,
    rows: Sequence[str] = (),
    label: str = "intensity",
    limits: Limits | None = None,
    cmap: str = "",
) -> Figure:
    """Draw images [n *shape] in reading order, ``columns`` to a line, with one colour bar, called ``label``.

    Where ``rows`` names lines ("data", "reconstruction"), ``stack`` is [lines columns *shape] and drawn as it is.
    ValueError for complex numbers, and where there is no image or none has a finite number.
    """
    stack = drawable(stack, "stack")
    if not rows:
        columns = min(columns, len(stack))
        missing = -len(stack) % columns
        padded = np.concatenate([stack, np.full((missing, *stack.shape[1:]), np.nan)])
        stack = padded.reshape(-1, columns, *stack.shape[1:])
    elif len(rows) != len(stack):
        raise ValueError(f"{len(rows)} names for {len(stack)} rows of images: give one each.")
    figure, axes = panels(1, 1, max(3.6, 0.8 * stack.shape[1] + 1.2), max(1.6, 0.85 * stack.shape[0] + 0.2))
    image = show_grid(axes[0, 0], stack, limits, cmap)
    if rows:
        centres = (np.arange(len(rows)) + 0.5) / len(rows)
        extent = axes[0, 0].get_ylim()
        axes[0, 0].set_yticks(extent[1] + centres * (extent[0] - extent[1]), rows)
        axes[0, 0].tick_params(axis="y", length=0)
    if image is not None:
        colour_bar(image, axes[0, 0], label=label)
    return figure


@styled
def manifolds(
    images: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    titles: Sequence[str] = ("",),
    *,
    names: tuple[str, str] = ("latent $z_1$", "latent $z_2$"),
    label: str = "decoded intensity",
    columns: int = 4,
    limits: Limits | None = None,
    cmap: str = "",
    known: np.ndarray | None = None,
    x: tuple[np.ndarray, str] | None = None,
) -> Figure:
    """Draw manifolds [panel points₁ points₂ *shape], decoded by ``models.evaluation.traversal.manifold``, one a class.

    The first latent runs to the right, the second up; ticks stand at the decoded values, ``first`` and ``second``, of
    all panels [points] or of each [panel points]. Cells that are not ``known``
    [panel points₁ points₂], because no data lie there, are faded. ``x`` is the abscissa of signals and its label. A
    line below says what fading means and between which values the signals run.
    """
    images = np.asarray(images, float)
    if len(images) != len(titles):
        raise ValueError(f"{len(titles)} titles for {len(images)} manifolds: give one each.")
    across = min(columns, len(images))
    down = -(-len(images) // across)
    figure, axes = panels(down, across, 4.4, 4.2)
    limits, image = limits or limits_of(images), None
    first, second = (np.broadcast_to(values, (len(images), np.shape(values)[-1])) for values in (first, second))
    for number, (ax, grid, title) in enumerate(zip(axes.flat, images, titles, strict=False)):
        shown = show_grid(ax, np.swapaxes(grid, 0, 1)[::-1], limits, cmap, None if x is None else x[0])
        image = image if shown is None else shown
        if known is not None:
            fade(ax, known[number].T[::-1])
        ticks_of_tiles(ax, first[number], second[number])
        ax.set(xlabel=names[0], ylabel=names[1], title=title)
    for ax in axes.flat[len(images) :]:
        ax.set_visible(False)
    if image is not None:
        figure.colorbar(image, ax=axes, label=label, shrink=0.7)
    caption = []
    if images.ndim == 4:
        caption.append(f"each cell: {label} from {limits[0]:.3g} to {limits[1]:.3g}")
        if x is not None:
            caption.append(f"{x[1]} from {np.min(x[0]):.3g} to {np.max(x[0]):.3g}")
    if known is not None and not np.all(known):
        caption.append("faded: no data there")
    if caption:
        words = wrap("; ".join(caption).replace("-", "−"), 48 * across)
        figure.supxlabel("\n".join(words), fontsize=10, color="0.35")
    return figure


def fade(axes: Axes, known: np.ndarray) -> None:
    """Draw a veil over the tiles [rows columns] of a grid that are not ``known``."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    width, height = (right - left) / known.shape[1], (bottom - top) / known.shape[0]
    for i, j in np.argwhere(~known):
        corner = (left + j * width, top + i * height)
        axes.add_patch(Rectangle(corner, width, height, facecolor="white", alpha=0.75, lw=0, zorder=3))


def ticks_of_tiles(axes: Axes, first: np.ndarray, second: np.ndarray, most: int = 5) -> None:
    """Set ticks in the middle of tiles, at the values that were decoded there, with as many decimals as they need."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    for values, low, high, put in ((first, left, right, axes.set_xticks), (second, bottom, top, axes.set_yticks)):
        picks = np.arange(0, len(values), -(-len(values) // most))
        places = low + (picks + 0.5) / len(values) * (high - low)
        step = np.min(np.abs(np.diff(values[picks]))) if len(picks) > 1 else 0.0
        decimals = int(np.clip(np.ceil(-np.log10(step / 2)), 0, 6)) if step > 0 else 2
        put(places, [f"{round(float(values[pick]), decimals) + 0.0:.{decimals}f}".replace("-", "−") for pick in picks])
