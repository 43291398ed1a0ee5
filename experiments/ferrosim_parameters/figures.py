"""Figures of the parameter map's report; every function draws from saved results alone."""

from typing import Any

import numpy as np
import xarray
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.lab.panels import RUN_TIME
from experiments.lab.plotting import COLOURS, panels, quiver
from experiments.lab.report import Metrics, Panel

LABELS = {
    "area": ("Loop area", "energy per site and cycle (model units)"),
    "remnant": ("Remnant polarization", "$P_r$ (model units)"),
    "coercive": ("Coercive field", "half width of the loop ($E_c$)"),
    "curl": ("Σ|curl P| at zero field", "Σ|curl P| (model units)"),
    "walls": ("Domain walls at zero field", "share of bonds"),
}
COUPLING, DEPOLARIZATION = "coupling $K$ (model units)", "depolarization $a_{dep}$"


def _map(axes: Axes, results: xarray.Dataset, values: np.ndarray, label: str, **keywords: Any) -> None:
    mesh = axes.pcolormesh(results.coupling, results.depolarization, values, rasterized=True, **keywords)
    axes.figure.colorbar(mesh, ax=axes, label=label)
    axes.set(xlabel=COUPLING, ylabel=DEPOLARIZATION)


def _mark(axes: Axes, results: xarray.Dataset) -> None:
    """Letters at the chosen points, pulled inwards so that they do not leave the map."""
    ends = float(results.coupling[-1]), float(results.depolarization[-1])
    for name in results.point.to_numpy():
        place = [float(results[f"point_{axis}"].sel(point=name)) for axis in ("coupling", "depolarization")]
        place = [np.clip(value, 0.05 * end, 0.95 * end) for value, end in zip(place, ends, strict=True)]
        box = {"boxstyle": "circle,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.75}
        axes.text(place[0], place[1], str(name), ha="center", va="center", fontsize=10, bbox=box)


def maps(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw median map of every response, with its maximum, its minimum and the chosen points."""
    figure, axes = panels(2, 3, 5.2, 4.0)
    for ax, (name, (title, label)) in zip(axes.flat, LABELS.items(), strict=False):
        _map(ax, results, results[f"{name}_median"].to_numpy(), label)
        for extreme, marker in (("max", "^"), ("min", "v")):
            place = metrics[f"{name}_{extreme}_coupling"], metrics[f"{name}_{extreme}_depolarization"]
            ax.plot(
                *place, marker, color=COLOURS[1], mec="white", ms=11, clip_on=False, label=f"{extreme}imum", zorder=5
            )
        _mark(ax, results)
        ax.set_title(title)
    spare = axes.flat[-1]
    spare.axis("off")
    spare.legend(*axes.flat[0].get_legend_handles_labels(), loc="upper left", title="of the median map")
    spare.text(
        0.03, 0.5, "A to E: points whose loops\nand states are shown below", transform=spare.transAxes, va="center"
    )
    return figure


def spread(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw standard deviation over the random fields, in per cent of the map's mean."""
    figure, axes = panels(2, 3, 5.2, 4.0)
    for ax, (name, (title, _)) in zip(axes.flat, LABELS.items(), strict=False):
        level = float(np.abs(results[f"{name}_median"]).mean())
        values = 100 * results[f"{name}_std"].to_numpy() / level
        _map(
            ax,
            results,
            values,
            "std over fields (% of the map's mean)",
            vmin=0.0,
            vmax=float(np.nanquantile(values, 0.99)),
        )
        ax.set_title(title)
    axes.flat[-1].axis("off")
    return figure


def dependence(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw rank correlations and shares of variance of every response."""
    figure, axes = panels(1, 2, 6.0, 3.6, sharey=True)
    rows = np.arange(len(LABELS))
    for number, (parameter, label) in enumerate((("coupling", "$K$"), ("depolarization", "$a_{dep}$"))):
        values = [metrics[f"{name}_spearman_{parameter}"] for name in LABELS]
        axes[0, 0].barh(rows + 0.4 * number - 0.2, values, 0.38, color=COLOURS[number], label=f"with {label}")
    axes[0, 0].axvline(0, color="k", lw=0.8)
    axes[0, 0].set(xlim=(-1.05, 1.05), xlabel="Spearman rank correlation", title="monotone trend")
    left = np.zeros(len(LABELS))
    parts = (
        ("coupling", "$K$ alone", 0),
        ("depolarization", "$a_{dep}$ alone", 1),
        ("interaction", "both together", 3),
    )
    for part, label, colour in parts:
        values = 100 * np.array([metrics[f"{name}_variance_share_{part}"] for name in LABELS])
        axes[0, 1].barh(rows, values, 0.6, left=left, color=COLOURS[colour], label=label)
        left += values
    axes[0, 1].set(xlim=(0, 100), xlabel="share of the map's variance (%)", title="what explains it")
    axes[0, 0].set_yticks(rows, [title for title, _ in LABELS.values()])
    axes[0, 0].invert_yaxis()
    for ax in axes.flat:
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3, fontsize=11)
    return figure


def _point_title(results: xarray.Dataset, point: str) -> str:
    coupling, depolarization = (float(results[f"point_{n}"].sel(point=point)) for n in ("coupling", "depolarization"))
    return f"{point}: $K$ = {coupling:.3g}, $a_{{dep}}$ = {depolarization:.3g}"


def loops(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw loops of the chosen points: every random field, and the slower cycle."""
    figure, axes = panels(2, 3, 4.6, 3.5, sharex=True, sharey=True)
    for ax, point in zip(axes.flat, results.point.to_numpy(), strict=False):
        for prefix, style, label in (("", "-", "as mapped"), ("slow_", ":", f"{metrics['slower']} times slower")):
            field = results[f"{prefix}loop_field"].to_numpy()
            for number, values in enumerate(results[f"{prefix}loop_polarization"].sel(point=point).to_numpy()):
                ax.plot(field, values, style, color=COLOURS[number % len(COLOURS)], lw=1.3,
                        label=f"field {number + 1}, {label}")  # fmt: skip
        ax.axhline(0, color="k", lw=0.5)
        ax.axvline(0, color="k", lw=0.5)
        ax.set_title(_point_title(results, point))
        ax.tick_params(labelbottom=True)
    spare = axes.flat[-1]
    spare.axis("off")
    spare.legend(*axes.flat[0].get_legend_handles_labels(), loc="center", title="random field, cycle")
    figure.supxlabel("applied field $E_x$ ($E_c$)")
    figure.supylabel("mean polarization $<P_x>$ (model units)")
    return figure


def microstates(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Draw polarization and curl at the end of the last cycle, first random field; the field itself."""
    figure, axes = panels(2, 3, 5.0, 4.2)
    keywords: dict[str, Any] = {"x_axis": results.attrs["x_axis"], "longest": metrics["arrow_model_units"]}
    for ax, point in zip(axes.flat, results.point.to_numpy(), strict=False):
        state = results.state.sel(point=point)[0].to_numpy()
        curl = results.state_curl.sel(point=point)[0].to_numpy()
        quiver(ax, state, curl, "curl P (model units)", **keywords)
        ax.set_title(_point_title(results, point))
    defects = results.local_field[0].to_numpy()
    size = np.hypot(*defects)
    keywords["longest"] = float(size.max()) / 2
    quiver(axes.flat[-1], np.where(size > 0, defects, np.nan), defects[0], "$E_x$ of the defects ($E_c$)", **keywords)
    axes.flat[-1].set_title("random field")
    return figure


PANELS = (
    Panel("maps", "Responses", "Median over {{ realisations }} random fields of each response, from the last of "
          "{{ cycles }} cycles. The presets have K = {{ preset_coupling | number }} and a<sub>dep</sub> = "
          "{{ preset_depolarization | number }}.", maps),
    Panel("dependence", "Dependence on the two parameters", "Rank correlation over the {{ cells }} cells, and the share of "
          "the variance of the map that the mean over the other parameter explains. A small rank correlation "
          "beside a large share is a dependence that turns round.", dependence),
    Panel("spread", "Spread over random fields", "Standard deviation over {{ realisations }} random fields relative to the "
          "mean of the median map (colours end at the 99th percentile). Means over the grid: area "
          "{{ (100 * area_relative_spread) | number }} %, remnant polarization {{ (100 * remnant_relative_spread) | number }} %, "
          "coercive field {{ (100 * coercive_relative_spread) | number }} %, Σ|curl P| {{ (100 * curl_relative_spread) | number }} %, "
          "domain walls {{ (100 * walls_relative_spread) | number }} %.", spread),
    Panel("loops", "Loops at the corners and the centre", "Last cycle under each random field; dotted: with the cycle "
          "{{ slower }} times as slow. Area of the slow loop over that mapped: A {{ slow_over_fast_area_point_A | number }}, "
          "B {{ slow_over_fast_area_point_B | number }}, C {{ slow_over_fast_area_point_C | number }}, "
          "D {{ slow_over_fast_area_point_D | number }}, E {{ slow_over_fast_area_point_E | number }}.", loops),
    Panel("microstates", "Remnant states", "Polarization (arrows; one as long as a site is wide has |P| = "
          "{{ arrow_model_units | number }} model units) and curl (colour, each panel with its own scale) at the end of "
          "the last cycle, where the field is zero; first random field, shown in the last panel (arrows twice as long "
          "as a site is wide for the strongest defect).", microstates),
    RUN_TIME,
)  # fmt: skip
