"""Figures and summary of the report on exploration weights, from saved results alone."""

from typing import Any

import numpy as np
import xarray
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter
from scipy.stats import norm

from experiments.figures.latent_bo_campaign import stages
from experiments.plotting import COLOURS, SEQUENTIAL, band, panels
from experiments.report import Metrics, Panel

TITLES = {
    "ferrosim": "FerroSIM map",
    "branin": "Branin",
    "hartmann6": "Hartmann-6",
    "levy": "Levy",
    "ackley": "Ackley",
}
RULES = {
    "logei": ("log EI", COLOURS[0]),
    "pi": ("log PI", COLOURS[2]),
    "scheduled": ("scheduled UCB", COLOURS[2]),
    "randomised": ("randomised UCB", COLOURS[2]),
    "calibrated": ("calibrated κ", COLOURS[4]),
    "quantile": ("κ = z-quantile", COLOURS[2]),
    "portfolio": ("κ portfolio", COLOURS[3]),
    "max_value_entropy": ("max-value entropy", COLOURS[5]),
    "thompson": ("Thompson", COLOURS[2]),
    "random": ("random", "#4a4c50"),
    "sobol": ("Sobol", "#4a4c50"),
}
SHOWN = ("logei", "calibrated", "portfolio", "max_value_entropy", "random")
ENVELOPE = COLOURS[1]
FLOOR = 1e-4  # of the range: where gaps of zero are drawn


def _places(results: xarray.Dataset) -> list[str]:
    return [str(name) for name in results.landscape.to_numpy()]


def _rules(results: xarray.Dataset) -> list[str]:
    return [str(name) for name in results.strategy.to_numpy()[results.sizes["weight"] :]]


def _envelope(metrics: Metrics, place: str) -> str:
    return f"kappa_{metrics[f'{place}_envelope_kappa']:g}"


def _quartiles(metrics: Metrics, place: str, method: str, never: float) -> list[float]:
    """(25 %, median, 75 %) of the evaluations; ``never`` stands for a quantile that was not reached."""
    values = (metrics[f"{place}_{method}_evaluations_{q}"] for q in ("q25", "median", "q75"))
    return [never if value is None or not np.isfinite(value) else value for value in values]


def landscapes(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Each pool's values: a map of a planar grid, a histogram of the others; the good candidates are marked."""
    names = _places(results)
    figure, axes = panels(1, len(names), 4.9, 3.9)
    for ax, name in zip(axes.flat, names, strict=True):
        pool, value = results[f"{name}_pool"].to_numpy(), results[f"{name}_value"].to_numpy()
        good = np.argsort(value)[-int(metrics[f"{name}_good_candidates"]) :]
        title = f"{TITLES[name]}: {len(good)} good of {len(value)}"
        if pool.shape[1] == 2:
            first, second = np.unique(pool[:, 0]), np.unique(pool[:, 1])
            order = np.lexsort((pool[:, 0], pool[:, 1]))
            table = value[order].reshape(len(second), len(first))
            mesh = ax.pcolormesh(first, second, table, cmap=SEQUENTIAL, rasterized=True)
            label = "Σ|curl P| (model units)" if name == "ferrosim" else "value"
            figure.colorbar(mesh, ax=ax, label=label, shrink=0.9)
            ax.plot(*pool[good].T, "o", ms=4.5, color=ENVELOPE, mec="white", mew=0.6, clip_on=False)
            axis = "latent $z_{}$" if name == "ferrosim" else "$x_{}$"
            ax.set(xlabel=axis.format(1), ylabel=axis.format(2), title=title, aspect="equal")
        else:
            ax.hist(value, bins=40, color=COLOURS[0])
            ax.axvline(value[good].min(), color=ENVELOPE, ls="--")
            ax.annotate("good", (value[good].min(), 0.6), (5, 0), color=ENVELOPE, textcoords="offset points",
                        xycoords=("data", "axes fraction"))  # fmt: skip
            ax.set(yscale="log", xlabel="value", ylabel="candidates", title=title)
    return figure


def weights(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Evaluations to a good candidate against κ, and beside it what the rules need."""
    names, rules = _places(results), _rules(results)
    figure, axes = panels(len(names), 2, 6.2, 3.5, sharey="row", width_ratios=[1, 1.25])
    kappa, budget = results.kappa.to_numpy(), int(metrics["evaluations"])
    never = 1.18 * budget
    for (left, right), name in zip(axes, names, strict=True):
        low, middle, high = np.transpose([_quartiles(metrics, name, f"kappa_{k:g}", never) for k in kappa])
        left.plot(kappa, middle, "o-", color=COLOURS[0])
        left.fill_between(kappa, low, high, color=COLOURS[0], alpha=0.2, lw=0)
        best = metrics[f"{name}_envelope_evaluations_median"]
        for row, rule in enumerate(rules):
            low, middle, high = _quartiles(metrics, name, rule, never)
            right.errorbar(row, middle, [[middle - low], [high - middle]], fmt="D", ms=6, lw=1.5, capsize=3,
                           color=RULES[rule][1])  # fmt: skip
        for ax in (left, right):
            if best is not None:
                ax.axhspan(best, 1.1 * best, color=ENVELOPE, alpha=0.16, lw=0)
                ax.axhline(best, color=ENVELOPE, lw=1.2, ls="--")
            ax.axhline(budget, color="k", lw=0.8, ls=":")
        if best is not None:
            left.plot(metrics[f"{name}_envelope_kappa"], best, "*", ms=16, color=ENVELOPE, mec="white", zorder=5)
        left.set(xscale="log", yscale="log", ylabel="evaluations", title=TITLES[name])
        left.set_xticks(kappa, [f"{k:g}" for k in kappa])
        left.tick_params(axis="x", which="minor", bottom=False)
        _plain(left, budget, never)
        right.set_xticks(range(len(rules)), [RULES[rule][0] for rule in rules], rotation=35, ha="right")
        right.set_xlim(-0.6, len(rules) - 0.4)
        right.set_title("rules without ground truth; blind orders")
    axes[-1, 0].set_xlabel("κ, weight of the standard deviation")
    return figure


def _plain(ax: Axes, budget: int, never: float) -> None:
    marks = [mark for mark in (5, 10, 20, 50, 100, 200, 500) if mark < 0.8 * budget]
    ax.yaxis.set_major_locator(FixedLocator([*marks, budget, never]))
    ax.yaxis.set_minor_locator(FixedLocator([]))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: "never" if value > budget else f"{value:g}"))
    ax.set_ylim(top=1.1 * never)


def regret(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Gap to the pool's maximum against evaluations for the envelope, the extreme weights and the rules."""
    names = _places(results)
    rules = [rule for rule in SHOWN if rule in _rules(results)]
    kappa = results.kappa.to_numpy()
    figure, axes = panels(1, len(names), 4.9, 4.0, sharey=True)
    for ax, name in zip(axes.flat, names, strict=True):
        part = results.gap.sel(landscape=name)
        evaluation = np.arange(1, part.sizes["evaluation"] + 1)
        for end, style in ((kappa[0], ":"), (kappa[-1], "-.")):
            middle = np.median(part.sel(strategy=f"kappa_{end:g}").to_numpy(), axis=0)
            ax.plot(evaluation, 100 * np.maximum(middle, FLOOR), color="k", lw=1.1, ls=style, label=f"κ = {end:g}")
        for method, label, colour in (
            (_envelope(metrics, name), "best κ in hindsight", ENVELOPE),
            *((rule, *RULES[rule]) for rule in rules),
        ):
            band(ax, evaluation, 100 * np.maximum(part.sel(strategy=method).to_numpy(), FLOOR), label, colour)
        ax.axhline(100 * metrics[f"{name}_good_within_share_of_range"], color="k", lw=0.8, ls="--")
        ax.set(yscale="log", xlabel="evaluations", ylim=(80 * FLOOR, 110))
        ax.set_title(f"{TITLES[name]} (best κ {metrics[f'{name}_envelope_kappa']:g})")
        ax.yaxis.set_major_locator(FixedLocator([0.01, 0.1, 1, 10, 100]))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: "≤ 0.01" if value < 0.02 else f"{value:g}"))
    axes[0, 0].set_ylabel("gap to the maximum (% of range)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def calibration(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """How often observations fell within ±z of the prediction, and the κ that the calibrated rule made of it."""
    names, kappa = _places(results), results.kappa.to_numpy()
    used = "calibrated_kappa" in results
    figure, axes = panels(1 + used, len(names), 4.7, 3.7, sharex="row", sharey="row")
    nominal = np.linspace(0.01, 0.995, 80)
    edge = norm.ppf(0.5 + nominal / 2)
    for ax, name in zip(axes[0], names, strict=True):
        part = results.z_score.sel(landscape=name)
        lines = [(_envelope(metrics, name), "best κ in hindsight", ENVELOPE, "-")]
        lines += [(rule, *RULES[rule], "-") for rule in SHOWN if rule in _rules(results) and rule != "random"]
        lines += [(f"kappa_{kappa[-1]:g}", f"κ = {kappa[-1]:g}", "k", "-.")]
        for method, label, colour, style in lines:
            z = np.abs(part.sel(strategy=method).to_numpy().ravel())
            z = np.sort(z[np.isfinite(z)])
            ax.plot(nominal, np.searchsorted(z, edge) / len(z), color=colour, ls=style, label=label)
        ax.plot([0, 1], [0, 1], color="k", lw=0.8)
        ax.set(xlabel="expected share within ±z", title=TITLES[name], aspect="equal")
    axes[0, 0].set_ylabel("observed share")
    for ax, name in zip(axes[1] if used else (), names, strict=used):
        own = results.calibrated_kappa.sel(landscape=name).to_numpy()
        band(ax, np.arange(1, own.shape[1] + 1), own, "calibrated κ", RULES["calibrated"][1])
        ax.axhline(metrics[f"{name}_envelope_kappa"], color=ENVELOPE, ls="--", lw=1.2)
        ax.set(xlabel="evaluations", yscale="log", ylim=(kappa[0] * 0.8, kappa[-1] * 1.2))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    if used:
        axes[1, 0].set_ylabel("κ in use (dashed: best)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def ratios(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Median evaluations of every rule over those of the best κ, with intervals, on every landscape."""
    names, rules = _places(results), _rules(results)
    figure, axes = panels(1, 1, 11.5, 4.4)
    ax, limit = axes.flat[0], 8.0
    width = 0.8 / len(names)
    for number, name in enumerate(names):
        at = np.arange(len(rules)) + (number - (len(names) - 1) / 2) * width
        middle, low, high, judged = (
            np.array([_or(metrics[f"{name}_{rule}_ratio{part}"], limit) for rule in rules])
            for part in ("", "_low", "_high", "_judged")
        )
        colour = COLOURS[(0, 3, 4, 5, 1)[number % 5]]
        shown = np.minimum(middle, limit)
        ax.bar(at, shown - 0.3, 0.92 * width, bottom=0.3, color=colour, alpha=0.75, label=TITLES[name])
        ends = np.abs([shown - np.minimum(low, shown), np.minimum(np.maximum(high, shown), limit) - shown])
        ax.errorbar(at, shown, ends, fmt="none", ecolor="k", lw=1.1, capsize=2)
        ax.plot(
            at,
            np.minimum(judged, limit),
            "o",
            ms=5,
            color="white",
            mec="k",
            label="against the other half's κ" * (number == 0),
        )
        for x, value in zip(at, middle, strict=True):
            if value >= limit:
                ax.annotate(">", (x, limit), ha="center", va="bottom")
    ax.axhline(1, color="k", lw=1)
    ax.axhline(1.1, color=ENVELOPE, lw=1.2, ls="--")
    ax.set(yscale="log", ylim=(0.5, 1.12 * limit), ylabel="evaluations over the best κ's")
    ax.yaxis.set_major_locator(FixedLocator([0.5, 0.7, 1, 1.5, 2, 3, 5, limit]))
    ax.yaxis.set_minor_locator(FixedLocator([]))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.set_xticks(range(len(rules)), [RULES[rule][0] for rule in rules], rotation=25, ha="right")
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=len(names) + 1)
    return figure


def _or(value: Any, otherwise: float) -> float:
    return otherwise if value is None or not np.isfinite(value) else float(value)


SUMMARY = """
<p>Evaluations until one of the best {{ (100 * config.top_share) | number }} % of the candidates is found, the
{{ config.initial_points }} random ones that open a campaign included; {{ campaigns }} seeds, {{ evaluations }} evaluations
each. The best κ is the one with the smallest median, known only in hindsight; because it is picked on the seeds it is
judged by, the last column judges rules against the κ that the other half of the seeds would have picked.</p>
{% macro spent(prefix) %}{{ all[prefix ~ "_evaluations_median"] | number("> " ~ evaluations) }}
({{ all[prefix ~ "_evaluations_q25"] | number("> " ~ evaluations) }} to
{{ all[prefix ~ "_evaluations_q75"] | number("> " ~ evaluations) }}{% if all[prefix ~ "_never_share"] %};
{{ (100 * all[prefix ~ "_never_share"]) | number }} % never{% endif %}){% endmacro %}
<div class="wide"><table>
<tr><th>median evaluations (quartiles)</th>{% for name in config.landscapes %}<th>{{ name }}</th><th>over the best κ's
(95 %)</th>{% endfor %}<th>worst ratio</th><th>of restricted means</th><th>other half</th></tr>
<tr><td>best κ in hindsight</td>{% for name in config.landscapes %}
<td class="n">{{ spent(name ~ "_kappa_" ~ "%g" | format(all[name ~ "_envelope_kappa"])) }}</td>
<td class="n">κ = {{ all[name ~ "_envelope_kappa"] | number }}</td>{% endfor %}<td class="n">1</td><td></td><td></td></tr>
{% for rule in config.rules + ["random", "sobol"] %}<tr><td>{{ rule | replace("_", " ") }}</td>
{% for name in config.landscapes %}<td class="n">{{ spent(name ~ "_" ~ rule) }}</td>
<td class="n">{{ all[name ~ "_" ~ rule ~ "_ratio"] | number("∞") }}
({{ all[name ~ "_" ~ rule ~ "_ratio_low"] | number("∞") }} to
{{ all[name ~ "_" ~ rule ~ "_ratio_high"] | number("∞") }})</td>{% endfor %}
<td class="n">{{ all[rule ~ "_worst_ratio"] | number("∞") }}</td>
<td class="n">{{ all[rule ~ "_worst_ratio_mean"] | number("∞") }}</td>
<td class="n">{{ all[rule ~ "_worst_ratio_judged"] | number("∞") }}</td></tr>{% endfor %}
</table></div>
<p>Within 10 % of the best κ on all landscapes: {{ rules_within_goal }} of {{ config.rules | length }} rules. For
comparison, the best single κ for all of them, again in hindsight, is {{ single_kappa_best | number }}, with a worst ratio
of {{ single_kappa_worst_ratio | number("∞") }}. Rules are compared on the same seeds; the best of several is flattered too.</p>
"""

PANELS = (
    Panel("landscapes", "Landscapes", "Values of the candidates; dots (or what lies right of the dashed line) are good.",
          landscapes),
    Panel("weights", "Evaluations against κ", "Medians over {{ campaigns }} seeds with quartiles; a star marks the best κ in "
          "hindsight, the band 10 % above it, the dotted line the budget; 'never' is a quantile that was not "
          "reached.", weights),
    Panel("ratios", "Rules against the best κ", "Ratios of medians with 95 % intervals over resampled seeds, the best κ chosen "
          "anew in each; circles: against the κ that the other half of the seeds chose. Dashed: the goal, 1.1.", ratios),
    Panel("regret", "Gap to the maximum", "Medians with quartiles. Dashed: where a candidate is good.", regret),
    Panel("calibration", "Calibration", "Above: share of one-step-ahead observations within ±z of the prediction, over what "
          "a calibrated surrogate would have; below the diagonal it is overconfident. Below: the κ that the calibrated "
          "rule used.", calibration),
    Panel("stages", "Run time", "Wall and processor time of each stage, compilation included.", stages),
)  # fmt: skip
