"""Draw what ``models.fit_vae`` has learned: latent manifolds and reconstructions.

Every function takes the record ``models.Fitted``, draws in the user's units and returns a Figure. Bright is large, as
on a microscope's screen; ``cmap`` and ``limits`` change that.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments.lab.plotting import COLOURS, SEQUENTIAL, panels, styled
from experiments.lab.plotting_images import BRIGHT, Limits, image_grid, limits_in, manifolds
from experiments.lab.plotting_spectra import axis_of, colour_scale

TAIL = 0.02  # share of the codes beyond each end of a manifold
FEWEST = 10  # codes of a class, below which its manifold runs over those of all classes


@styled
def manifold(
    fitted: Any,
    codes: Any = None,
    *,
    label: Any = None,
    factor: Any = None,
    latents: tuple[int, int] = (1, 2),
    points: int = 9,
    cmap: str = BRIGHT,
    limits: Limits | None = None,
    unit: str = "",
) -> Figure:
    """Draw what a fit decodes over two of its latents, a panel for each class or for the ``label`` given.

    The axes run between quantiles of the ``codes`` (those of the trained examples by default), in each panel of those
    of its class; the other latents stay at their medians, as do factors that are not given. Cells that hold no code are
    faded. Titles say the class and the factors. A model of one latent is drawn as a row, or as curves coloured by it.
    """
    codes = fitted.support if codes is None else codes
    if factor is None and fitted.factors.names and codes.factors is not None:
        factor = np.nanmedian(codes.factors, 0)
    names = [None] if not fitted.classes else list(fitted.classes) if label is None else [label]
    pair = [number - 1 for number in latents if number <= codes.z.shape[1]]
    of_class = [codes.z[_of_class(codes, name)] for name in names]
    grids = [_grid(z if len(z) >= FEWEST else codes.z, pair, points) for z in of_class]
    decoded = np.stack(
        [fitted.decode(grid, label=name, factor=factor) for (_, grid), name in zip(grids, names, strict=True)]
    )
    axes = [np.stack([steps[k] for steps, _ in grids]) for k in range(2)]
    titles = [_title(name, fitted.factors.names, factor) for name in names]
    if len(pair) == 1 and len(fitted.config.shape) == 1:
        return _curves_of_one_latent(fitted, decoded[:, :, 0].reshape(len(names), points, -1), axes[0], titles, unit)
    known = [_occupied(z[:, pair], steps[: len(pair)]) for z, (steps, _) in zip(of_class, grids, strict=True)]
    known = np.stack(known)
    decoded = decoded.reshape(*decoded.shape[:3], *fitted.config.shape)
    shown = tuple(f"latent $z_{k + 1}$" for k in pair)
    curves = len(fitted.config.shape) == 1
    name = "decoded value" if curves else "decoded intensity"
    return manifolds(
        decoded,
        axes[0],
        axes[1],
        titles,
        names=(shown[0], shown[1] if len(shown) > 1 else ""),
        label=f"{name} ({unit})" if unit else name,
        limits=limits or limits_in(decoded),
        cmap=cmap,
        known=known.reshape(len(names), points, -1),
        x=axis_of(fitted, fitted.config.shape[0]) if curves else None,
    )


def _grid(z: np.ndarray, pair: Sequence[int], points: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Return steps of two latents between quantiles of codes z [n latent], and the codes [points points latent] there.

    Of a model of one latent the second axis is one step, 0.
    """
    ends = np.quantile(z, [TAIL, 1 - TAIL], axis=0)
    axes = [np.linspace(ends[0, k], ends[1, k], points) for k in pair]
    if len(pair) == 1:
        axes.append(np.zeros(1))
    grid = np.tile(np.median(z, 0), (points, len(axes[1]), 1))
    for k, values in zip(pair, np.meshgrid(*axes, indexing="ij"), strict=False):
        grid[..., k] = values
    return axes, grid


def _title(name: Any, factors: Sequence[str], values: Any) -> str:
    """Return what a panel shows: the class, and every factor with its value; "dose (C)" and 3 are "dose = 3 C"."""
    parts = [] if name is None else [str(name)]
    for factor, value in zip(factors, np.ravel([] if values is None else values), strict=False):
        word, _, unit = str(factor).removesuffix(")").partition(" (")
        number = f"{float(value):.4g}".replace("-", "−")
        parts.append(f"{word} = {number} {unit}".rstrip())
    return ", ".join(parts)


def _curves_of_one_latent(
    fitted: Any, curves: np.ndarray, values: np.ndarray, titles: Sequence[str], unit: str
) -> Figure:
    """Draw decoded curves [class point samples], coloured by the latent ``values`` [class point]."""
    figure, axes = panels(1, len(titles), 4.6, 3.6, sharey=True)
    x, label = axis_of(fitted, curves.shape[-1])
    scale = colour_scale(values, SEQUENTIAL)
    for ax, lines, steps, title in zip(axes.flat, curves, values, titles, strict=True):
        for line, value in zip(lines, steps, strict=True):
            ax.plot(x, line, color=scale.to_rgba(value))
        ax.set(xlabel=label, title=title)
    axes.flat[0].set_ylabel(f"decoded ({unit})" if unit else "decoded")
    figure.colorbar(scale, ax=axes.flat[-1], label="latent $z_1$")
    return figure


def _of_class(codes: Any, name: Any) -> np.ndarray:
    """Return which codes belong to a class, all where there are none."""
    if name is None or codes.label is None:
        return np.ones(len(codes.z), bool)
    number = codes.classes.index(str(name)) if str(name) in codes.classes else int(name)
    return codes.label == number


def _occupied(z: np.ndarray, axes: Sequence[np.ndarray]) -> np.ndarray:
    """Return which cells of the grid of ``axes`` hold one of the codes z; cells reach half a step around."""
    edges = []
    for axis in axes:
        half = (axis[-1] - axis[0]) / max(len(axis) - 1, 1) / 2
        edges.append(np.concatenate([axis - half, [axis[-1] + half]]))
    return np.histogramdd(z, edges)[0] > 0


@styled
def reconstructions(
    fitted: Any,
    stack: Any,
    *,
    labels: Any = None,
    factors: Any = None,
    count: int = 10,
    cmap: str = BRIGHT,
    limits: Limits | None = None,
    unit: str = "",
) -> Figure:
    """Draw ``count`` examples from all over a stack, and below them what the fit makes of them."""
    values = stack if hasattr(stack, "dtype") else getattr(stack, "x", getattr(stack, "values", stack))
    values = np.ma.filled(np.ma.asarray(values).astype(float), np.nan)
    rows = np.unique(np.linspace(0, len(values) - 1, count).astype(int))

    def some(given: Any) -> Any:
        if isinstance(given, Mapping):
            return {name: np.asarray(column)[rows] for name, column in given.items()}
        return None if given is None else np.asarray(given)[rows]

    decoded = fitted.reconstruct(values[rows], labels=some(labels), factors=some(factors))
    if len(fitted.config.shape) == 1:
        return _curves_beside(fitted, values[rows], decoded, unit)
    pair = np.stack([values[rows], decoded]).reshape(2, len(rows), *fitted.config.shape)
    name = f"intensity ({unit})" if unit else "intensity"
    return image_grid(pair, rows=["data", "reconstruction"], label=name, limits=limits or limits_in(pair), cmap=cmap)


def limits_of_lines(lines: np.ndarray, room: float = 0.4) -> tuple[float, float]:
    """Return the smallest and the largest value of lines, with ``room``, a share of their range, on both sides."""
    low, high = float(np.nanmin(lines)), float(np.nanmax(lines))
    reach = room * (high - low) or 1.0
    return low - reach, high + reach


def _curves_beside(fitted: Any, data: np.ndarray, decoded: np.ndarray, unit: str) -> Figure:
    """Draw curves as dots and their reconstructions as lines, a panel each; dots far from all lines are cut off."""
    across = min(5, len(data))
    figure, axes = panels(-(-len(data) // across), across, 2.9, 2.4, sharex=True, sharey=True)
    x, label = axis_of(fitted, fitted.config.shape[0])
    for ax, curve, line in zip(axes.flat, data, decoded, strict=False):
        ax.plot(x, curve.ravel(), ".", ms=3, color=COLOURS[2], label="data")
        ax.plot(x, line.ravel(), color=COLOURS[1], label="reconstruction")
    for ax in axes.flat[len(data) :]:
        ax.set_visible(False)
    low, high = limits_of_lines(decoded)  # bad samples of one curve would flatten all of them
    axes.flat[0].set_ylim(low, high)
    figure.supxlabel(label)
    figure.supylabel(f"value ({unit})" if unit else "value")
    figure.legend(*axes.flat[0].get_legend_handles_labels(), loc="outside upper right", ncols=2, fontsize=10)
    return figure
