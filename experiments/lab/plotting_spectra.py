"""Draw spectra and curves over their axis: bands, components with their maps, errors of predictions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from experiments.lab.plotting import COLOURS, SEQUENTIAL, colour_bar, panels, styled
from experiments.lab.plotting_images import Limits, drawable, show_grid

LINES = 60  # curves drawn one by one, at most; more are shown by their quantiles


def axis_of(x: Any, samples: int) -> tuple[np.ndarray, str]:
    """Return the abscissa [samples] and its label with the unit.

    ``x`` is None, values, a record with values, name and unit, or a fit with such an ``axis``.
    """
    x = x.axis if hasattr(x, "config") else x
    if x is None:
        return np.arange(samples), "sample"
    name, unit = (str(getattr(x, what, "") or "") for what in ("name", "unit"))
    values = np.asarray(getattr(x, "values", x), float)
    if values.shape != (samples,):
        raise ValueError(f"x of shape {values.shape} for curves of {samples} samples: give one number per sample.")
    if not np.isfinite(values).all():
        raise ValueError(f"x holds {int((~np.isfinite(values)).sum())} values that are not finite: give all of them.")
    return values, f"{name or 'x'} ({unit})" if unit else name or "x"


def colour_scale(values: np.ndarray, cmap: str) -> ScalarMappable:
    """Return a colour scale over the range of the values."""
    return ScalarMappable(Normalize(float(np.nanmin(values)), float(np.nanmax(values))), cmap)


@styled
def spectra(
    curves: Any,
    *,
    x: Any = None,
    by: Any = None,
    name: str = "",
    unit: str = "",
    labels: Sequence[str] = (),
    limits: Limits | None = None,
    cmap: str = SEQUENTIAL,
) -> Figure:
    """Draw spectra or curves [n samples] over their axis ``x`` (values, or a record with values, name and unit).

    Up to ``LINES`` are drawn one by one, more as median with quartiles and the central 90 %. ``by`` [n] colours them by
    a number called ``name``, of all curves then at most ``LINES``, from all over its range. ``labels`` name few curves.
    ``unit`` is that of the values, ``limits`` those of the ordinate. ValueError for complex numbers, for curves without
    a finite number, and for another number of labels.
    """
    curves = np.atleast_2d(drawable(getattr(curves, "values", curves), "curves"))
    where, label = axis_of(x, curves.shape[-1])
    curves = curves.reshape(-1, curves.shape[-1])
    if len(labels) and by is None and len(labels) != len(curves) <= LINES:
        raise ValueError(f"{len(labels)} labels for {len(curves)} curves: give one each")
    figure, axes = panels(1, 1, 6.4, 4.0)
    ax = axes[0, 0]
    if by is not None:
        by = np.asarray(by, float)
        order = np.argsort(by)
        scale = colour_scale(by, cmap)
        for row in order[np.unique(np.linspace(0, len(by) - 1, LINES).astype(int))]:
            ax.plot(where, curves[row], color=scale.to_rgba(by[row]), lw=1)
        figure.colorbar(scale, ax=ax, label=name or "value")
    elif len(curves) <= LINES:
        for row, curve in enumerate(curves):
            colour = COLOURS[row % len(COLOURS)] if labels else COLOURS[0]
            ax.plot(where, curve, color=colour, lw=1.4 if labels else 0.9, alpha=1 if labels else 0.6,
                    label=labels[row] if labels else None)  # fmt: skip
    else:
        levels = np.nanquantile(curves, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0)
        ax.fill_between(where, levels[0], levels[4], color=COLOURS[0], alpha=0.15, lw=0, label="90 % of the curves")
        ax.fill_between(where, levels[1], levels[3], color=COLOURS[0], alpha=0.3, lw=0, label="half of the curves")
        ax.plot(where, levels[2], color=COLOURS[0], label="median")
    if labels or (by is None and len(curves) > LINES):
        ax.legend(fontsize=10)
    ax.set(xlabel=label, ylabel=f"intensity ({unit})" if unit else "intensity")
    if limits:
        ax.set_ylim(limits)
    return figure


@styled
def components(
    component: Any,
    loading: Any = None,
    *,
    x: Any = None,
    shape: tuple[int, int] | None = None,
    share: Any = None,
    unit: str = "",
    cmap: str = SEQUENTIAL,
    extent: tuple[float, float, float, float] | None = None,
    names: tuple[str, str] = ("column", "row"),
) -> Figure:
    """Draw the spectrum of each component above the map of its loading.

    ``component`` [k samples] with ``loading`` [n k] or [ny nx k], or a record that has both; ``shape`` (ny, nx) makes a
    map of loadings [n k]. ``share`` [k] of the whole intensity goes into the titles, ``unit`` is that of the loadings,
    ``extent`` and ``names`` are those of the map's axes.
    """
    if hasattr(component, "component"):
        loading, share = component.loading, component.share if share is None else share
        component = component.component
    component, loading = np.asarray(component, float), np.asarray(loading, float)
    count = len(component)
    maps = loading.reshape(*(shape or loading.shape[:-1]), count)
    if maps.ndim != 3:
        raise ValueError(f"loadings of shape {loading.shape}: give shape=(rows, columns) of the map.")
    where, label = axis_of(x, component.shape[1])
    across = min(count, 4)
    lines = -(-count // across)
    figure, axes = panels(2 * lines, across, 3.6, 2.6, height_ratios=[0.6, 1] * lines)
    for number in range(2 * lines * across):
        axes.flat[number].set_visible(False)
    for number in range(count):
        top, below = axes[2 * (number // across), number % across], axes[2 * (number // across) + 1, number % across]
        title = f"component {number + 1}" + ("" if share is None else f": {100 * float(share[number]):.0f} %")
        top.set_visible(True)
        top.plot(where, component[number], color=COLOURS[0])
        top.set(title=title, ylim=(0, 1.05 * component[number].max()), xlabel=label)
        if not number % across:
            top.set_ylabel("component\n(largest 1)")
        _map(below, maps[..., number], cmap, extent, names, unit)
    return figure


def _map(axes: Axes, values: np.ndarray, cmap: str, extent: Any, names: tuple[str, str], unit: str) -> None:
    """Draw a map of numbers of zero or more, with its colour bar."""
    axes.set_visible(True)
    top = float(np.nanquantile(values, 0.998)) or 1.0
    shown = axes.imshow(values, extent=extent, cmap=cmap, vmin=0, vmax=top, interpolation="nearest")
    colour_bar(shown, axes, label=f"loading ({unit})" if unit else "loading")
    axes.set(xlabel=names[0], ylabel=names[1])


@styled
def errors(
    data: Any,
    estimate: Any,
    *,
    x: Any = None,
    shape: tuple[int, int] | None = None,
    unit: str = "",
    cmap: str = "cmc.grayC",
) -> Figure:
    """Draw how far estimates [n …] (reconstructions, predictions) are from the data [n …].

    Numbers [n] are drawn against each other, with the distribution of their differences. Of curves and images the root
    mean square error of each example is drawn, as a distribution and, with ``shape`` (ny, nx), as a map, beside the
    example of the median and of the largest error.
    """
    data = np.ma.filled(np.ma.asarray(getattr(data, "x", data)).astype(float), np.nan)
    estimate = np.asarray(estimate, float)
    if data.shape != estimate.shape:
        raise ValueError(f"data of shape {data.shape}, estimates of shape {estimate.shape}: give one for each.")
    in_unit = f" ({unit})" if unit else ""
    if data.ndim == 1:
        return _errors_of_numbers(data, estimate, in_unit)
    difference = (estimate - data).reshape(len(data), -1)
    size = np.sqrt(np.nanmean(difference**2, 1))
    figure, axes = panels(1, 4 if shape else 3, 4.2, 3.4)
    axes[0, 0].hist(size, bins=min(50, max(10, len(size) // 20)), color=COLOURS[0])
    axes[0, 0].set(xlabel=f"root mean square error{in_unit}", ylabel="examples", title=f"median {np.median(size):.3g}")
    order = np.argsort(size)
    for ax, row, title in ((axes[0, 1], order[len(order) // 2], "median"), (axes[0, 2], order[-1], "largest error")):
        ax.set_title(f"{title}: number {row}")
        _pair(figure, ax, data[row], estimate[row], x, in_unit, cmap)
    if shape:
        _map(axes[0, 3], size.reshape(shape), SEQUENTIAL, None, ("column", "row"), f"error{in_unit}")
    return figure


def _pair(figure: Figure, axes: Axes, data: np.ndarray, estimate: np.ndarray, x: Any, unit: str, cmap: str) -> None:
    """Draw one example and its estimate: curves over each other, images side by side."""
    if data.ndim == 1 or (data.shape[-1] == 1 and data.ndim == 2):
        where, label = axis_of(x, data.size)
        axes.plot(where, data.ravel(), ".", ms=3, color=COLOURS[2], label="data")
        axes.plot(where, estimate.ravel(), color=COLOURS[1], label="estimate")
        axes.set(xlabel=label, ylabel=f"intensity{unit}")
        axes.legend(fontsize=9)
        return
    low, high = np.nanquantile(data, [0.005, 0.995]).tolist()
    shown = show_grid(axes, np.stack([data, estimate])[None], (low, high if high > low else low + 1), cmap)
    axes.set_xlabel("data, estimate")
    if shown is not None:
        colour_bar(shown, axes, label=f"intensity{unit}")


def _errors_of_numbers(data: np.ndarray, estimate: np.ndarray, unit: str) -> Figure:
    """Draw numbers against each other, and the distribution of their differences."""
    known = np.isfinite(data) & np.isfinite(estimate)
    data, estimate = data[known], estimate[known]
    figure, axes = panels(1, 2, 4.6, 3.8)
    ends = [min(data.min(), estimate.min()), max(data.max(), estimate.max())]
    axes[0, 0].plot(ends, ends, color=COLOURS[2], lw=1)
    axes[0, 0].plot(data, estimate, ".", ms=4, color=COLOURS[0], rasterized=True)
    axes[0, 0].set(xlabel=f"true{unit}", ylabel=f"estimated{unit}")
    difference = estimate - data
    axes[0, 1].hist(difference, bins=min(50, max(10, len(data) // 20)), color=COLOURS[0])
    rms = float(np.sqrt(np.mean(difference**2)))
    axes[0, 1].set(xlabel=f"error{unit}", ylabel="examples", title=f"root mean square {rms:.3g}")
    return figure
