"""Figures and summary of the equilibration report; every function draws from saved results alone."""

import numpy as np
import xarray
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from experiments.lab.plotting import COLOURS, SEQUENTIAL, band, panels
from experiments.lab.report import Metrics, Panel

NAMES = {"lecture": "lecture preset", "synchronous": "lecture, but synchronous", "physical": "physical preset"}
CURL = "Σ|curl P| (model units)"


def examples(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Three histories, from few zeros of the field to many: field, and curl under each variant."""
    figure, axes = panels(3, 3, 4.9, 2.7, sharex=True, sharey="col")
    drive = int(metrics["drive_steps"])
    shown = min(drive + 200, results.sizes["every_step"])
    curl, clean = results.example_curl.to_numpy()[..., :shown], results.curve_clean.to_numpy()
    zeros = [np.flatnonzero(field[:-1] * field[1:] < 0) for field in clean[: curl.shape[1]]]
    order = np.argsort([len(when) for when in zeros], kind="stable")
    for row, history in enumerate(order[[0, len(order) // 2, -1]]):
        held = np.full(shown - drive, results.curve.to_numpy()[history, -1])
        for column, title in enumerate(NAMES.values()):
            ax = axes[row, column]
            ax.plot(curl[column, history], color=COLOURS[0])
            ax.axvspan(drive, shown, color=COLOURS[2], alpha=0.25, lw=0)
            for when in zeros[history]:
                ax.axvline(when, color=COLOURS[1], lw=0.8, ls=":")
            other = ax.twinx()
            other.plot(np.concatenate([clean[history], held]), color=COLOURS[1], lw=1.0, alpha=0.7)
            other.set(ylim=(-1.1, 3.5), yticks=[-1, 0, 1] if column == 2 else [])
            if column == 2:
                other.set_ylabel("field / largest", color=COLOURS[1], loc="bottom")
            if row == 0:
                ax.set_title(title)
    figure.supxlabel("step (grey: field held)")
    figure.supylabel(CURL)
    return figure


def decay(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Against steps of hold, all histories and realisations: curl, its change, shares that fall and rise."""
    figure, axes = panels(3, 3, 4.7, 2.9, sharex=True, sharey="row")
    drive = int(metrics["drive_steps"])
    held = results.step.to_numpy() >= drive - 1
    hold = results.step.to_numpy()[held] - (drive - 1)
    for column, (name, title) in enumerate(NAMES.items()):
        curl = results.curl.sel(variant=name).to_numpy()[..., held].reshape(-1, held.sum())
        change = 100 * (curl / curl[:, :1] - 1)
        for row, values in ((0, curl), (1, change)):
            band(axes[row, column], hold, values, "median, quartiles", COLOURS[0])
            axes[row, column].plot(hold, values.mean(0), color=COLOURS[1], ls="--", label="mean")
        for share, label, colour in (
            (change < -2, "falls by over 2 %", COLOURS[4]),
            (change > 2, "rises by over 2 %", COLOURS[3]),
        ):
            axes[2, column].plot(hold, 100 * share.mean(0), color=colour, label=label)
        axes[0, column].set_title(title)
        axes[1, column].axhline(0, color="k", lw=0.8, ls=":")
        axes[2, column].set_xscale("symlog", linthresh=10)
        axes[2, column].set_xlabel("steps after the field stops")
    for row, label in enumerate((CURL, "change (%)", "histories (%)")):
        axes[row, 0].set_ylabel(label)
    axes[0, 0].legend(loc="lower left")
    axes[2, 2].legend(loc="lower right")
    figure.align_ylabels()
    return figure


def onset_and_rate(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Relaxation rate and initial slope of each history against its curl at the onset, coloured by the held field."""
    figure, axes = panels(2, 3, 4.9, 3.6)
    field = results.held_field.to_numpy()
    for column, (name, title) in enumerate(NAMES.items()):
        part = results.sel(variant=name)
        for realisation in range(results.sizes["realisation"]):
            for row, key in ((0, "rate"), (1, "slope")):
                x, y = part.onset.to_numpy()[realisation], part[key].to_numpy()[realisation]
                axes[row, column].scatter(x, y, c=field, s=7, cmap=SEQUENTIAL, vmin=0, vmax=1)
        axes[0, column].set(title=title, yscale="log")
        axes[1, column].set_yscale("symlog", linthresh=1)
        axes[1, column].axhline(0, color="k", lw=0.8, ls=":")
        axes[1, column].set_xlabel(f"{CURL} at the onset")
    axes[0, 0].set_ylabel("relaxation rate\n(1 / model time)")
    axes[1, 0].set_ylabel("initial slope −dC/dt\n(model units / model time)")
    colours = ScalarMappable(Normalize(0, 1), SEQUENTIAL)
    figure.colorbar(colours, ax=axes, label="|field| that is held / largest", shrink=0.7)
    return figure


def lags(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Histograms of the lag of curl maxima behind four kinds of event; grey: maxima shifted at random."""
    shown = (("extremum", "field extremum"), ("zero", "field zero"), ("weakest", "minimum of |field|"),
             ("reversal", "zero of mean P"))  # fmt: skip
    figure, axes = panels(3, 4, 3.9, 2.6, sharex=True, sharey="row")
    lag = results.lag.to_numpy()
    for row, (name, title) in enumerate(NAMES.items()):
        for column, (event, label) in enumerate(shown):
            ax, width = axes[row, column], lag[1] - lag[0]
            own, shifted = (results[key].sel(variant=name, event=event).to_numpy()
                            for key in ("lag_share", "lag_share_shifted"))  # fmt: skip
            ax.bar(lag, own, width, color=COLOURS[0], label="maxima of the curl")
            ax.step(lag, shifted, where="mid", color=COLOURS[1], lw=1.4, label="shifted at random")
            ax.axvline(0, color="k", lw=0.8, ls=":")
            if row == 0:
                ax.set_title(f"nearest {label}")
            if column == 0:
                ax.set_ylabel(f"{title}\nshare of maxima", fontsize=11)
            if row == 2:
                ax.set_xlabel("lag of the maximum (steps)")
    axes[1, 0].legend(loc="upper right", fontsize=10)
    return figure


SUMMARY = """
{% set names = [("lecture", "lecture preset"), ("synchronous", "lecture preset, synchronous"), ("physical", "physical preset")] %}
<p>{{ histories }} damped oscillations on {{ realisations }} realisations of the defects: {{ drive_steps }} driven steps, then the last
value of the field for {{ longest_hold_steps }}. Lecture preset: grounded edges, a random quarter of the sites moves at each
step; second variant: the same with all sites moving; physical preset: free edges, all sites moving, without the settling rule. Numbers:
median [least, greatest] over realisations. "Clearly" is by more than 2 % of the curl at the onset, that is when the field stops.</p>
<p><b>(a) Does curl decay after the field stops?</b></p><ul>
{% for key, label in names %}<li>{{ label | capitalize }}:
{% if all[key ~ "_end_clearly_falls_share_min"] > all[key ~ "_end_clearly_rises_share_max"] and
all[key ~ "_mean_change_share_of_onset_max"] < 0 %}<b>yes, more often than not.</b>
{% elif all[key ~ "_end_clearly_rises_share_min"] > all[key ~ "_end_clearly_falls_share_max"] %}<b>no: it rises in more histories
than it falls in.</b>{% else %}<b>no clear direction.</b>{% endif %}
It clearly falls in {{ (100 * all[key ~ "_end_clearly_falls_share_median"]) | number }} % of the histories and clearly rises in
{{ (100 * all[key ~ "_end_clearly_rises_share_median"]) | number }} %; the mean changes by
{{ (100 * all[key ~ "_mean_change_share_of_onset_median"]) | number }} %
[{{ (100 * all[key ~ "_mean_change_share_of_onset_min"]) | number }}, {{ (100 * all[key ~ "_mean_change_share_of_onset_max"]) | number }}].
After the lecture's 50 held steps it still changes by {{ all[key ~ "_change_after_hold50_model_units_median"] | number }} model units on
average, and by {{ all[key ~ "_change_after_hold50_of_top_tenth_model_units_median"] | number }} in the tenth of the histories with most curl
then.</li>{% endfor %}</ul>
<p>Of the two lecture variants the one with the random subset has {{ lecture_minus_synchronous_onset_mean_model_units_median | number }}
[{{ lecture_minus_synchronous_onset_mean_model_units_min | number }}, {{ lecture_minus_synchronous_onset_mean_model_units_max | number }}] model
units more curl when the field stops and {{ lecture_minus_synchronous_end_mean_model_units_median | number }}
[{{ lecture_minus_synchronous_end_mean_model_units_min | number }}, {{ lecture_minus_synchronous_end_mean_model_units_max | number }}] more at the
end of the hold{% if lecture_minus_synchronous_end_mean_model_units_max | abs < 0.1 * lecture_minus_synchronous_onset_mean_model_units_min %}: what
decays on average is the share of the curl that the update rule makes{% endif %}.</p>
<p><b>(b) Does the relaxation rate follow the curl at the onset?</b> Rank correlation over histories, beside the 95 % bound of permuted pairs,
and among histories of equal held |field|.</p><ul>
{% for key, label in names %}<li>{{ label | capitalize }}:
{% for measure, text in [("rate", "relaxation rate"), ("slope", "initial slope")] %}
{% set stem = key ~ "_" ~ measure ~ "_with_onset_spearman" %}{% set bound = all[stem ~ "_95_percent_of_permutations_below_max"] %}
{{ text }} {% if bound is none or all[stem ~ "_min"] is none %}<b>undefined</b>
{% elif all[stem ~ "_min"] > bound %}<b>follows it</b>{% elif all[stem ~ "_max"] < -bound %}<b>runs against it</b>
{% else %}<b>is not consistently ordered by it</b>{% endif %} ({{ all[stem ~ "_median"] | number }}
[{{ all[stem ~ "_min"] | number }}, {{ all[stem ~ "_max"] | number }}], chance {{ bound | number }}, at equal field
{{ all[stem ~ "_at_equal_held_field_median"] | number }}){{ ";" if loop.first else "." }}{% endfor %}
With the held |field| the curl at the onset is correlated at {{ all[key ~ "_held_field_with_onset_spearman_median"] | number }} and the rate at
{{ all[key ~ "_held_field_with_rate_spearman_median"] | number }}.</li>{% endfor %}</ul>
<p><b>(c) Where are the maxima of curl?</b> Lag in steps behind the nearest event during the drive; spread (interquartile range) over that
of the same maxima shifted in time at random. One period of the field is 225 to 300 steps.</p><ul>
{% for key, label in names %}{% set zero = all[key ~ "_lag_behind_zero_interquartile_ratio_to_shifted_median"] %}
{% set extremum = all[key ~ "_lag_behind_extremum_interquartile_ratio_to_shifted_median"] %}
{% set reversal = all[key ~ "_lag_behind_reversal_interquartile_ratio_to_shifted_median"] %}<li>{{ label | capitalize }}:
{% if zero is none or extremum is none or reversal is none %}<b>too few events.</b>
{% elif zero < extremum and zero < 0.5 %}<b>they follow the zeros of the field,</b>
{% elif extremum < 0.5 %}<b>they follow the extrema of the field,</b>{% else %}<b>tied to neither zeros nor extrema:</b>{% endif %}
{{ all[key ~ "_lag_behind_zero_median_steps_median"] | number }} steps behind a zero (spread {{ zero | number }} of chance),
{{ all[key ~ "_lag_behind_extremum_median_steps_median"] | number }} behind an extremum ({{ extremum | number }}),
{{ all[key ~ "_lag_behind_reversal_median_steps_median"] | number }} behind the reversal of the mean polarization ({{ reversal | number }}).
{% if reversal is not none and zero is not none and reversal < 0.6 * zero %}The reversal of P is what they are tied to most closely.{% endif %}
Within 60 steps of a zero lie {{ (100 * all[key ~ "_lag_behind_zero_within_60_steps_share_median"]) | number }} % (by chance
{{ (100 * all[key ~ "_lag_behind_zero_within_60_steps_share_shifted_median"]) | number }} %), of a minimum of |field|, zeros included,
{{ (100 * all[key ~ "_lag_behind_weakest_within_60_steps_share_median"]) | number }} %
({{ (100 * all[key ~ "_lag_behind_weakest_within_60_steps_share_shifted_median"]) | number }} %).</li>{% endfor %}</ul>
<table>
<caption>Σ|curl P| (model units) after steps of hold: mean and quartiles over histories (medians over realisations), and the share of
histories in which it has fallen, [least, greatest]</caption>
<tr><th></th>{% for _, label in names %}<th>{{ label }}</th><th>fallen</th>{% endfor %}</tr>
{% for hold in (0, 50, 100, 200, 500, 1000, 2000) if hold <= longest_hold_steps %}<tr><td>{{ hold }}</td>{% for key, _ in names %}
{% set stem = key ~ "_hold" ~ hold %}<td>{{ "%.2f" | format(all[stem ~ "_curl_mean_model_units_median"]) }}
[{{ "%.2f" | format(all[stem ~ "_curl_q25_model_units_median"]) }}, {{ "%.2f" | format(all[stem ~ "_curl_q50_model_units_median"]) }},
{{ "%.2f" | format(all[stem ~ "_curl_q75_model_units_median"]) }}]</td><td>{% if hold %}{{ "%.0f" | format(100 * all[stem ~ "_falls_share_median"]) }} %
[{{ "%.0f" | format(100 * all[stem ~ "_falls_share_min"]) }}, {{ "%.0f" | format(100 * all[stem ~ "_falls_share_max"]) }}]{% endif %}</td>
{% endfor %}</tr>{% endfor %}
</table>
<table>
<caption>Correlation over histories with the curl at the onset, median [least, greatest] over realisations</caption>
<tr><th></th>{% for _, label in names %}<th>{{ label }}</th>{% endfor %}</tr>
{% for name, label in [("rate_with_onset_spearman", "relaxation rate, rank"), ("rate_with_onset_pearson", "relaxation rate, linear"),
  ("slope_with_onset_spearman", "initial slope, rank"), ("slope_with_onset_pearson", "initial slope, linear"),
  ("final_with_onset_spearman", "curl at the end, rank"), ("rate_defined_share", "share of histories with a rate (clear change)")] %}
<tr><td>{{ label }}</td>{% for key, _ in names %}<td>{{ all[key ~ "_" ~ name ~ "_median"] | number }}
[{{ all[key ~ "_" ~ name ~ "_min"] | number }}, {{ all[key ~ "_" ~ name ~ "_max"] | number }}]</td>{% endfor %}</tr>{% endfor %}
</table>
"""

PANELS = (
    Panel("examples", "Three histories", "Σ|curl P| (blue) under a field (red) with few, some and many zeros (dotted); realisation 0. Grey: the "
          "first held steps.", examples),
    Panel("decay", "Curl after the field stops", "All histories on all realisations: curl, its change since the field stopped, and how many "
          "histories have risen or fallen by more than 2 %.", decay),
    Panel("onset_and_rate", "Relaxation against the curl at the onset", "One dot per history and realisation. Rate: inverse of the integral "
          "relaxation time, where the curl changes clearly. Slope: mean fall over the first 20 held steps (symmetric logarithmic axis).", onset_and_rate),
    Panel("lags", "When curl is largest", "Lags of the local maxima of Σ|curl P| during the drive behind the nearest event (those beyond the axis are not shown); minima of |field| "
          "include its zeros; "
          "red: the same maxima shifted in time at random. Maxima: {{ lecture_maxima_per_history | number }}, "
          "{{ synchronous_maxima_per_history | number }} and {{ physical_maxima_per_history | number }} per history.", lags),
)  # fmt: skip
