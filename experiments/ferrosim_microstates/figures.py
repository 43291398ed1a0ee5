"""Figures of the driven lattice's report; every function draws from saved results alone."""

import numpy as np
import xarray
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.lab.plotting import COLOURS, Film, panels, quiver
from experiments.lab.report import Metrics, Panel

FIELD = "field (coercive fields)"
ALONG = "mean P along the field"


def _along(results: xarray.Dataset) -> np.ndarray:
    """Component of P along the field, (sample, row, column)."""
    states = results.polarization.to_numpy()
    return states[:, 0] * results.attrs["direction_x"] + states[:, 1] * results.attrs["direction_y"]


def _frames(results: xarray.Dataset) -> list[tuple[int, str]]:
    """Eight samples from the largest field through both reversals (the last two from the cycle's begin), and titles."""
    field, count = results.field.to_numpy(), results.sizes["sample"]
    chosen = [int(count * phase) - 1 for phase in (0.25, 0.5, 0.5625, 0.625, 0.75, 1.0, 0.0625, 0.125)]
    return [(n, f"E = {round(float(field[n]), 1) + 0.0:.1f} $E_c$") for n in chosen]


def _maps(results: xarray.Dataset, values: np.ndarray, label: str, arrows: bool) -> Figure:
    figure, axes = panels(2, 4, 3.5, 3.5, sharex=True, sharey=True)
    states, x_axis = results.polarization.to_numpy(), results.attrs["x_axis"]
    limit, longest = float(np.abs(values).max()), float(np.hypot(states[:, 0], states[:, 1]).max())
    for ax, (n, title) in zip(axes.flat, _frames(results), strict=True):
        _, drawn = quiver(ax, states[n], values[n], "", x_axis=x_axis, limit=limit, longest=longest)
        drawn.set_visible(arrows)
        ax.set_title(title)
        ax.label_outer()
    figure.colorbar(axes[0, 0].images[0], ax=axes, label=label, shrink=0.7)
    return figure


def microstates(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw arrows of P over its component along the field, eight times of the last cycle."""
    return _maps(results, _along(results), "P along the field (model units)", arrows=True)


def curl_maps(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw curl of P at the same times."""
    return _maps(results, results.curl_map.to_numpy(), "curl P (model units)", arrows=False)


def loops(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw P, |P| and curl against the field, with defects (every realisation) and without."""
    figure, axes = panels(1, 3, 4.8, 4.0)
    field = results.field.to_numpy()
    rows = (("along", f"{ALONG} (model units)"), ("magnitude", "mean |P| (model units)"),
            ("curl", "Σ|curl P| (model units)"))  # fmt: skip
    for ax, (name, label) in zip(axes.flat, rows, strict=True):
        values = results[name].to_numpy()
        ax.plot(field, values[0, 1:].T, color=COLOURS[2], lw=0.7, alpha=0.8)
        ax.plot([], [], color=COLOURS[2], lw=0.7, label="other realisations of them")
        ax.plot(field, values[0, 0], color=COLOURS[0], lw=2, label="with defects")
        ax.plot(field, values[1, 0], color=COLOURS[1], lw=1.6, ls="--", label="without")
        ax.set(xlabel=FIELD, ylabel=label)
    axes[0, 0].legend(loc="upper left")
    return figure


def _mark_homogeneous(ax: Axes, metrics: Metrics, suffix: str, colour: str) -> None:
    for sign in (-1, 1):
        ax.axvline(sign * metrics[f"homogeneous{suffix}_coercive_field_ec"], color=colour, lw=0.9, ls=":")


def depolarization(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw P–E loops with and without depolarization, with and without defects; dotted: homogeneous coercive fields."""
    figure, axes = panels(1, 2, 5.4, 4.0, sharey=True)
    field, along = results.field.to_numpy(), results.along.to_numpy()
    for ax, first, title in zip(axes.flat, (0, 1), ("with defects", "without defects"), strict=True):
        for condition, suffix, label, colour in (
            (first, "", "with depolarization", COLOURS[0]),
            (first + 2, "_no_depolarization", "without", COLOURS[3]),
        ):
            ax.plot(field, along[condition, 0], color=colour, label=label)
            _mark_homogeneous(ax, metrics, suffix, colour)
        ax.set(xlabel=FIELD, title=title)
    axes[0, 0].set_ylabel(f"{ALONG} (model units)")
    axes[0, 0].legend(loc="upper left")
    return figure


def time_series(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw field, polarization, curl, walls and vortices against time, all cycles of realisation 0."""
    figure, axes = panels(5, 1, 9.0, 1.85, sharex=True)
    time = results.time_history.to_numpy()
    axes[0, 0].plot(time, results.field_history, color=COLOURS[0])
    axes[0, 0].set_ylabel("field\n($E_c$)")
    for ax, names, label in (
        (axes[1, 0], (("along", "mean P along E"), ("across", "mean P across E"), ("magnitude", "mean |P|")),
         "P\n(model units)"),
        (axes[2, 0], (("curl", ""),), "Σ|curl P|\n(model units)"),
        (axes[3, 0], (("walls", ""),), "walls\n(per bond)"),
        (axes[4, 0], (("vortices", "vortices"), ("antivortices", "antivortices")), "plaquettes"),
    ):  # fmt: skip
        for (name, text), colour in zip(names, COLOURS, strict=False):
            ax.plot(time, results[f"{name}_history"][0], color=colour, label=text or None, lw=1.2)
        if names[0][1]:
            ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.05))
        ax.set_ylabel(label)
    axes[4, 0].set_xlabel("time (model units)")
    figure.align_ylabels()
    return figure


def sweep_rate(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw half-width and area of the loop against the sweep rate to the power 2/3."""
    figure, axes = panels(1, 2, 5.6, 4.0)
    rate = results.rate.to_numpy()
    for ax, name, label in (
        (axes[0, 0], "swept_half_width", "half-width of the loop (coercive fields)"),
        (axes[0, 1], "swept_area", "area (model units per site and cycle)"),
    ):
        for number, (text, colour, marker) in enumerate(
            (("defects", COLOURS[0], "o"), ("no defects", COLOURS[1], "s"),
             ("defects, no depolarization", COLOURS[4], "^"), ("neither", COLOURS[3], "v"))
        ):  # fmt: skip
            values = results[name].to_numpy()[:, number]
            known = ~np.isnan(values).all(1)  # at a fast rate P may never come back to zero within a cycle
            x = rate[known] ** (2 / 3)
            low, middle, high = np.nanquantile(values[known], [0, 0.5, 1], axis=1)
            ax.fill_between(x, low, high, color=colour, alpha=0.15, lw=0)
            ax.plot(x, middle, marker=marker, color=colour, label=text)
        ax.axvline(metrics["mean_sweep_rate_ec_per_model_time"] ** (2 / 3), color="k", lw=0.8, ls=":")
        ax.set(xlabel="(sweep rate)$^{2/3}$, rate in $E_c$ per model time", ylabel=label)
        ax.set_xlim(left=0)
        ax.set_ylim(bottom=0)
    for suffix, colour in (("", COLOURS[1]), ("_no_depolarization", COLOURS[3])):
        for name, marker, fill in (("coercive_field", "*", colour), ("rotation_field", "*", "white")):
            value = metrics[f"homogeneous{suffix}_{name}_ec"]
            if value is not None:
                axes[0, 0].plot(0, value, marker, color=colour, mfc=fill, ms=13, clip_on=False, zorder=5)
    axes[0, 1].legend(loc="center left", bbox_to_anchor=(0.0, 0.45), fontsize=11)
    return figure


def animation(results: xarray.Dataset, metrics: Metrics) -> Film:
    """Draw the last cycle: P over its component along the field, and the loop as it is traced."""
    figure, axes = panels(1, 2, 4.4, 4.0)
    states, along = results.polarization.to_numpy(), _along(results)
    field, mean = results.field.to_numpy(), results.along.to_numpy()[0, 0]
    longest = float(np.hypot(states[:, 0], states[:, 1]).max())
    image, arrows = quiver(axes[0, 0], states[0], along[0], "P along the field (model units)",
                           x_axis=results.attrs["x_axis"], limit=float(np.abs(along).max()), longest=longest)  # fmt: skip
    ax = axes[0, 1]
    ax.plot(field, mean, color=COLOURS[2], lw=0.8)
    (line,) = ax.plot([], [], color=COLOURS[0])
    (dot,) = ax.plot([], [], "o", color=COLOURS[1])
    ax.set(xlabel=FIELD, ylabel=f"{ALONG} (model units)")
    order = (0, 2, 1) if results.attrs["x_axis"] == "column" else (0, 1, 2)

    def show(n: int) -> None:
        first, second = states[n].transpose(order)
        arrows.set_UVC(first, second)
        image.set_data(along[n] if order == (0, 2, 1) else along[n].T)
        line.set_data(field[: n + 1], mean[: n + 1])
        dot.set_data(field[n : n + 1], mean[n : n + 1])

    count = len(states)
    return Film(figure, show, range(0, count, -(-count // 50)))


PANELS = (
    Panel("microstates", "Microstates along the last cycle", "Realisation 0 with defects: P (arrows, one scale for all) over its "
          "component along the field, from the largest field through both reversals. P at single sites that stand out is that of "
          "defects, whose field is about 30 coercive fields.", microstates),
    Panel("curl_maps", "Curl at the same times", "One colour scale for all. Σ|curl P| is {{ defects_curl_at_peak_model_units_median | number }} model units at the largest "
          "field ({{ no_defects_curl_at_peak_model_units_median | number }} without defects) and at most "
          "{{ defects_curl_maximum_model_units_median | number }} ({{ no_defects_curl_maximum_model_units_median | number }}); medians over "
          "realisations.", curl_maps),
    Panel("loops", "Macroscopic loops of the last cycle", "Component of the mean polarization along the field, mean |P| and Σ|curl P| "
          "against the field: realisation 0 (blue), the {{ realisations - 1 }} others (grey), and without defects (dashed). Mean |P| falls to "
          "{{ defects_magnitude_minimum_model_units_median | number }} with defects and to "
          "{{ no_defects_magnitude_minimum_model_units_median | number }} model units without (well at "
          "{{ homogeneous_well_model_units | number }}).", loops),
    Panel("depolarization", "Depolarization", "Loops of realisation 0 with the depolarizing field and without. Dotted: fields at which the "
          "opposing well of the homogeneous lattice disappears, {{ homogeneous_coercive_field_ec | number }} and "
          "{{ homogeneous_no_depolarization_coercive_field_ec | number }} coercive fields.", depolarization),
    Panel("time_series", "Observables against time", "All {{ cycles }} cycles of realisation 0 from P = 0. A wall is a bond whose ends "
          "lie in different domains, a vortex a plaquette around which P turns once.", time_series),
    Panel("sweep_rate", "Sweep rate", "Half-width and area of the loop at four sweep rates: median, band from least to greatest "
          "realisation; dotted: the rate of all other figures. Full stars: field at which the opposing well of the homogeneous lattice "
          "disappears; open stars: at which P can turn out of it (where that comes first).", sweep_rate),
    Panel("animation", "The last cycle as a film", "P over its component along the field, and the loop as it is traced; realisation 0 "
          "with defects.", animation),
)  # fmt: skip
