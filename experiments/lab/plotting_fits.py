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

    The axes run between quantiles of the ``codes`` (those of the trained examples by default), the other latents stay
    at their medians, as do factors that are not given. Cells that hold no code are faded. A model of one latent is
    drawn as a row, or as curves coloured by it.
    """
    codes = fitted.support if codes is None else codes
    if factor is None and fitted.factors.names:
        factor = np.nanmedian(codes.factors, 0)
    names = [None] if not fitted.classes else list(fitted.classes) if label is None else [label]
    pair = [number - 1 for number in latents if number <= codes.z.shape[1]]
    ends = np.quantile(codes.z, [TAIL, 1 - TAIL], axis=0)
    axes = [np.linspace(ends[0, k], ends[1, k], points) for k in pair]
    if len(pair) == 1:
        axes.append(np.zeros(1))
    z = np.tile(np.median(codes.z, 0), (points, len(axes[1]), 1))
    for k, values in zip(pair, np.meshgrid(*axes, indexing="ij"), strict=False):
        z[..., k] = values
    decoded = np.stack([fitted.decode(z, label=name, factor=factor) for name in names])
    if len(pair) == 1 and len(fitted.config.shape) == 1:
        return _curves_of_one_latent(fitted, decoded[:, :, 0].reshape(len(names), points, -1), axes[0], names, unit)
    known = np.stack([_occupied(codes.z[:, pair], axes[: len(pair)], _of_class(codes, name)) for name in names])
    decoded = decoded.reshape(*decoded.shape[:3], *fitted.config.shape)
    titles = ["" if name is None else str(name) for name in names]
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


def _curves_of_one_latent(
    fitted: Any, curves: np.ndarray, values: np.ndarray, names: Sequence[Any], unit: str
) -> Figure:
    """Draw decoded curves [class point samples], coloured by the latent."""
    figure, axes = panels(1, len(names), 4.6, 3.6, sharey=True)
    x, label = axis_of(fitted, curves.shape[-1])
    scale = colour_scale(values, SEQUENTIAL)
    for ax, lines, name in zip(axes.flat, curves, names, strict=True):
        for line, value in zip(lines, values, strict=True):
            ax.plot(x, line, color=scale.to_rgba(value))
        ax.set(xlabel=label, title="" if name is None else str(name))
    axes.flat[0].set_ylabel(f"decoded ({unit})" if unit else "decoded")
    figure.colorbar(scale, ax=axes.flat[-1], label="latent $z_1$")
    return figure


def _of_class(codes: Any, name: Any) -> np.ndarray:
    """Return which codes belong to a class, all where there are none."""
    if name is None or codes.label is None:
        return np.ones(len(codes.z), bool)
    number = codes.classes.index(str(name)) if str(name) in codes.classes else int(name)
    return codes.label == number


def _occupied(z: np.ndarray, axes: Sequence[np.ndarray], rows: np.ndarray) -> np.ndarray:
    """Return which cells of the grid of ``axes`` hold one of the codes z[rows]; cells reach half a step around."""
    edges = []
    for axis in axes:
        half = (axis[-1] - axis[0]) / max(len(axis) - 1, 1) / 2
        edges.append(np.concatenate([axis - half, [axis[-1] + half]]))
    return np.histogramdd(z[rows], edges)[0] > 0


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
