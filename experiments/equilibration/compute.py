"""Compute and record the simulations under every variant, and the three observations."""

import jax
import numpy as np

from experiments.equilibration.config import LAG_BINS, VARIANTS, Config
from experiments.equilibration.relaxation import CLEAR, SLOPE_STEPS, relaxation
from experiments.equilibration.simulations import Drawn, Series, draw, generator, setups, simulate
from experiments.equilibration.timing import timing
from experiments.lab.keys import keys_of
from experiments.lab.progress import advance
from experiments.lab.run import Array, Run
from experiments.shared.lattices.setups import attributes

KEYS = ("curves", "defects", "subsets", "chance")
OF_HISTORY, OF_LAG = ("variant", "realisation", "history"), ("variant", "event", "lag")
BINS = f"share per bin of {LAG_BINS[2]} steps, mean over realisations"
ARRAYS = {
    "curve": Array(("history", "drive_step"), "1", "field history, in its largest field, with noise"),
    "curve_clean": Array(("history", "drive_step"), "1", "field history before the noise"),
    "defects": Array(("realisation", "component", "row", "column"), "coercive field", "random field"),
    "variant": Array(("variant",), "1", "how it was simulated", coordinate=True),
    "step": Array(("step",), "1", "steps done before, less one", coordinate=True),
    "curl": Array((*OF_HISTORY, "step"), "model unit", "sum of |curl P|"),
    "example_curl": Array(
        ("variant", "example", "every_step"),
        "model unit",
        "sum of |curl P| at every step: first histories, realisation 0",
    ),
    "example_along": Array(
        ("variant", "example", "every_step"),
        "model unit",
        "mean P along the field at every step: first histories, realisation 0",
    ),
    "onset": Array(OF_HISTORY, "model unit", "sum of |curl P| when the field stops"),
    "final": Array(OF_HISTORY, "model unit", "sum of |curl P| at the end of the hold"),
    "rate": Array(
        OF_HISTORY, "1 per model time", f"relaxation rate of the curl; missing where it changes by under {CLEAR:.0%}"
    ),
    "slope": Array(
        OF_HISTORY, "model unit per model time", f"fall of the curl per time in the first {SLOPE_STEPS} held steps"
    ),
    "held_field": Array(("history",), "1", "|field| that is held, in the largest field"),
    "event": Array(("event",), "1", "kind of event", coordinate=True),
    "lag": Array(("lag",), "1", "steps by which a maximum is late", coordinate=True),
    "lag_share": Array(OF_LAG, "1", f"{BINS}: maxima of the curl"),
    "lag_share_shifted": Array(OF_LAG, "1", f"{BINS}: the same, shifted in time at random"),
}


def compute(run: Run, config: Config) -> None:
    """Draw the histories, simulate them under every variant, test the three observations."""
    keys = keys_of(config.seed, KEYS)
    with run.stage("histories"):
        drawn = draw(keys, config)
        variants = np.array(list(VARIANTS), dtype=object)
        arrays = {"curve": drawn.curves, "curve_clean": drawn.clean, "defects": drawn.defects, "variant": variants}
        run.add_all(ARRAYS, arrays)
        run.record(histories=config.histories, realisations=config.realisations, longest_hold_steps=config.hold_steps)
    with run.stage("simulations"):
        series = record_simulations(run, keys["subsets"], drawn, config)
    random = generator(keys["chance"])
    with run.stage("relaxation"):
        run.keep(ARRAYS, relaxation(drawn, series, random, config))
    with run.stage("timing"):
        run.keep(ARRAYS, timing(drawn, series, random))


def record_simulations(run: Run, key: jax.Array, drawn: Drawn, config: Config) -> dict[str, Series]:
    """Simulate every variant; record every tenth step of all histories, and every step of the first few."""
    series = {}
    for name, setup in setups(config).items():
        run.results.attrs |= attributes(setup._replace(name=name))
        with run.progress(len(drawn.defects) * len(drawn.curves), "history") as bar:
            part = series[name] = simulate(name, setup, key, drawn, advance(bar))
        run.record(**{
            f"{name}_residual_rate_at_the_end_p50": np.median(part.residual),
            f"{name}_residual_rate_at_the_end_max": part.residual.max(),
            f"{name}_time_step_model_time": float(setup.params.dt),
            f"{name}_field_scale_model_units": setup.field_scale * setup.coercive_field,
            "drive_steps": setup.drive_steps,
        })  # fmt: skip
    drive = next(iter(series.values())).setup.drive_steps
    shown = [np.arange(drive - 1, -1, -10), np.arange(drive - 1, drive + config.hold_steps, 10)]
    steps = np.unique(np.concatenate(shown))
    arrays = {
        "step": steps,
        "curl": np.stack([part.curl[..., steps] for part in series.values()]),
        "example_curl": np.stack([part.curl[0, :6] for part in series.values()]),
        "example_along": np.stack([part.along[0, :6] for part in series.values()]),
    }
    run.add_all(ARRAYS, arrays)
    return series
