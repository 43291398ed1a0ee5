"""Compute and record cycles at the main sweep rate, the states of one lattice, and the other sweep rates."""

from experiments.ferrosim_microstates.config import Config
from experiments.ferrosim_microstates.drive import SCALARS, bench_of, lanes_of
from experiments.ferrosim_microstates.loops import QUANTITIES
from experiments.ferrosim_microstates.simulations import cycles, states, sweep_rates
from experiments.lab.run import Array, Run
from experiments.shared.lattices.setups import attributes

SWEPT = ("rate", "condition", "realisation")
ARRAYS = {
    "condition": Array(("condition",), "1", "what was simulated", coordinate=True),
    "field": Array(("sample",), "coercive field", "applied field, last cycle"),
    "field_history": Array(("history_sample",), "coercive field", "applied field, all cycles"),
    "time_history": Array(("history_sample",), "model time", "time of each observation, all cycles"),
    "local_field": Array(("realisation", "component", "row", "column"), "model unit", "random field of the defects"),
    "polarization": Array(("sample", "component", "row", "column"), "model unit", "P, last cycle"),
    "curl_map": Array(("sample", "row", "column"), "model unit", "curl P, last cycle"),
    "rate": Array(("rate",), "coercive fields per model time", "mean sweep rate", coordinate=True),
    "swept_half_width": Array(SWEPT, "coercive field", "half the difference of the two coercive fields"),
    "swept_area": Array(SWEPT, "model unit", "energy lost per site and cycle"),
}
for name, (units, text) in SCALARS.items():
    ARRAYS[name] = Array(("condition", "realisation", "sample"), units, f"{text}, last cycle")
    ARRAYS[f"{name}_history"] = Array(
        ("realisation", "history_sample"), units, f"{text}, all cycles, with defects and depolarization"
    )
for name in QUANTITIES:
    units = "coercive field" if name.endswith("_ec") else "model unit"
    ARRAYS[f"loop_{name}"] = Array(("condition", "realisation"), units, f"loop: {name.replace('_', ' ')}")


def compute(run: Run, config: Config) -> None:
    """Simulate cycles at the main sweep rate, the states of one lattice, the other sweep rates."""
    bench = bench_of(config)
    lanes = lanes_of(bench, config)
    with run.stage("cycles"):
        main = cycles(bench, lanes, config)
        run.keep(ARRAYS, main)
    with run.stage("states"):
        run.keep(ARRAYS, states(bench, lanes, config))
        run.results.attrs |= attributes(bench.setup) | {
            "x_axis": bench.setup.curl_x_axis,
            "direction_x": bench.direction[0],
            "direction_y": bench.direction[1],
        }
    with run.stage("sweep_rates"):
        run.keep(ARRAYS, sweep_rates(bench, lanes, main.arrays["along"], config))
