"""Figures and summary of the multi-fidelity report; every function draws from saved results alone."""

import xarray
from matplotlib.figure import Figure

from experiments.lab.panels import stages
from experiments.lab.plotting import COLOURS, band, panels
from experiments.lab.report import Metrics, Panel
from experiments.multifidelity_ferrosim.config import METHODS


def maps(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """Proxy and target over the drives with one colour scale, and cell against cell."""
    figure, axes = panels(1, 3, 4.9, 4.0)
    low, high = results.low_map.to_numpy(), results.high_map.to_numpy()
    ends = {"vmin": min(low.min(), high.min()), "vmax": max(low.max(), high.max())}
    for ax, values, title in ((axes[0, 0], low, "Proxy, 8 × 8"), (axes[0, 1], high, "Target, 20 × 20")):
        mesh = ax.pcolormesh(results.growth, results.frequency, values, rasterized=True, **ends)
        figure.colorbar(mesh, ax=ax, label="Σ|curl P| per site (model units)")
        ax.set(title=title, xlabel="growth α of the drive", ylabel="frequency ω of the drive")
    ax = axes[0, 2]
    ax.plot(low.ravel(), high.ravel(), ".", ms=4, color=COLOURS[0], alpha=0.6)
    ax.axline((high.mean(), high.mean()), slope=1, color=COLOURS[2], lw=1, label="equal")
    ax.set(title="Cell by cell", xlabel="proxy (model units)", ylabel="target (model units)")
    ax.legend(loc="upper left")
    return figure


def progress(results: xarray.Dataset, metrics: Metrics) -> Figure:
    """RMSE of the surface and distance to the best value, against cost."""
    figure, axes = panels(1, 2, 6.2, 4.2)
    for ax, name, label in (
        (axes[0, 0], "rmse", "RMSE of the target's surface (model units)"),
        (axes[0, 1], "regret", "largest value − best found (model units)"),
    ):
        for colour, (method, text) in zip(COLOURS, METHODS.items(), strict=False):
            band(ax, results.cost.to_numpy(), results[f"{method}_{name}"].to_numpy(), text, colour)
        ax.set(xlabel="cost (simulations of the target)", ylabel=label)
    axes[0, 0].set_ylim(bottom=0)
    axes[0, 0].legend(loc="lower left")
    return figure


SUMMARY = """
<p>The proxy costs {{ cost_of_proxy | number }} of a target simulation; over the {{ cells }} cells it correlates with the
target by {{ correlation_of_maps | number }} (standard deviation of the target {{ std_of_target_map | number }}, of the
difference {{ std_of_difference_of_maps | number }}). {{ seeds }} campaigns of each method, cost {{ budget | number }}.</p>
<table><caption>Medians over the seeds; RMSE over the target's grid, regret = largest value − best found (model units)</caption>
<tr><th></th><th>RMSE at cost {{ half_cost | number }}</th><th>RMSE at the end</th><th>regret at the end</th><th>cost spent</th><th>evaluations</th>
<th>of the target</th><th>cost to reach the final RMSE of “target alone”</th></tr>
{% for key, label in (("two_fidelities", "with the proxy"), ("target_alone", "target alone"), ("random", "random target points")) %}
<tr><td>{{ label }}</td><td class="n">{{ all[key ~ "_rmse_at_half_median"] | number }}</td>
<td class="n">{{ all[key ~ "_rmse_at_end_median"] | number }}</td><td class="n">{{ all[key ~ "_regret_at_end_median"] | number }}</td>
<td class="n">{{ all[key ~ "_cost_spent_median"] | number }}</td><td class="n">{{ all[key ~ "_evaluations_median"] | number }}</td>
<td class="n">{{ "%.0f" | format(100 * all[key ~ "_share_of_target_evaluations"]) }} %</td>
<td class="n">{{ all[key ~ "_cost_to_final_rmse_of_target_alone"] | number("not reached") }}</td></tr>{% endfor %}
</table>
<p>At equal cost the proxy changes the RMSE by a factor of {{ rmse_ratio_at_half | number }} at cost {{ half_cost | number }} and
{{ rmse_ratio_at_end | number }} at the end (below 1 is better); it is lower for
{{ "%.0f" | format(100 * share_of_seeds_with_lower_rmse) }} % of the seeds at the end.</p>
"""

PANELS = (
    Panel("maps", "Proxy and target", "The response on both lattices, one random field, of which the proxy has the corner; "
          "correlation {{ correlation_of_maps | number }}.", maps),
    Panel("progress", "Learning the target at equal cost", "Median and quartiles over {{ seeds }} seeds; both kinds of "
          "campaign choose by the mean plus {{ config.kappa }} standard deviations of the target.", progress),
    Panel("stages", "Run time", "Wall and processor time of each stage, compilation included.", stages),
)  # fmt: skip
