"""What the curl does after the field stops, and when during the drive it is largest.

    python -m experiments.equilibration            # about a minute on two cores
    python -m experiments.equilibration --smoke    # a small one

256 damped oscillations drive lattices with four realisations of the defects for 900 steps; their last value is then
held for 2,000. Three variants: the lecture's preset (a random quarter of the sites moves at each step), the same with
all sites moving, and the physical preset. The lecture observes that (a) curl decays after the field stops, (b) the rate
of relaxation follows the curl at that moment, and (c) where the maxima of curl lie relative to the field's extrema and
zeros. Each is tested here against a baseline: (a) as many histories rising as falling, (b) permuted pairs and the
field that is held, (c) the same maxima shifted in time at random.
Expected: (a) holds for the lecture preset alone: the mean falls by 10 %, and 43 % of the histories fall clearly against
13 % that rise; with all sites moving more histories rise than fall (32 % against 13 %, physical 38 % against 26 %). The
two lecture variants end at the same curl, so the excess that decays is made by the random-subset update. (b) The rate
falls with the curl at the onset (Spearman -0.2, -0.8, -0.9), because curl is large and relaxation slow where the held
field is weak; only the lecture preset's initial slope grows with it (0.5). (c) The maxima follow the zeros of the
field, by 46 steps (lecture) and 22 (physical), and sit where the mean polarization reverses.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from experiments import harness

if TYPE_CHECKING:
    import numpy as np

    import ferro_jax as ferro
    from experiments.harness import Run

HOLDS = (0, 50, 100, 200, 500, 1000, 2000)
VARIANTS = {
    "lecture": "lecture preset: a random quarter of the sites moves at each step",
    "synchronous": "lecture preset, but all sites move",
    "physical": "physical preset",
}
EVENTS = {
    "maximum": "maximum of the field",
    "minimum": "minimum of the field",
    "extremum": "extremum of the field",
    "zero": "zero crossing of the field",
    "weakest": "local minimum of |field|, zeros included",
    "reversal": "zero crossing of the mean polarization",
}
CLEAR = 0.02  # a change of the curl by more than this share of its value at the onset counts as clear
SLOPE_STEPS = 20  # the initial slope is taken over these
TRANSIENT = 50  # steps from P = 0 in which maxima are not counted
SMOOTHING, PROMINENCE = 9, 0.1  # of maxima: moving average in steps, least prominence in the curve's range
SHIFTS = 20  # random shifts in time of each history's maxima, for the baseline
PERMUTATIONS = 500
CHUNK = 64  # histories per device and call
LAG_BINS = (-120, 120, 5)  # steps: first edge, last edge, width


@dataclass(frozen=True)
class Config(harness.Settings):
    """Options; the lattices and the drive are the lecture's."""

    histories: int = 256
    """Field histories."""
    realisations: int = 4
    """Draws of the defects; every history meets each."""
    hold_steps: int = 2000
    """Steps at the last field."""
    form: Literal["cos", "sin"] = "cos"
    """Oscillation of the histories: cos as in the authors' code, sin as the lecture prints it."""

    def __post_init__(self) -> None:
        for name, least in (("histories", 8), ("realisations", 1), ("hold_steps", 100)):
            if getattr(self, name) < least:
                raise ValueError(f"--{name.replace('_', '-')} is {getattr(self, name)}; give at least {least}")


SMOKE = Config(smoke=True, histories=16, realisations=2, hold_steps=200)
STAGES = ("histories", "simulations", "relaxation", "timing", "figures")


class Series(NamedTuple):
    """What was observed, (realisation, history, step)."""

    curl: "np.ndarray"
    along: "np.ndarray"


def compute(run: "Run", config: Config) -> None:
    """Draw the histories, simulate them under every variant, test the three observations."""
    import jax
    import numpy as np

    import ferro_jax as ferro

    draw, defects, subsets, chance = jax.random.split(jax.random.key(config.seed), 4)
    with run.stage("histories"):
        data = jax.jit(lambda key: ferro.damped_oscillation(key, config.histories, config.form))(draw)
        field = jax.jit(jax.vmap(lambda key: ferro.random_field(key, ferro.lecture().lattice)))
        fields = np.asarray(field(jax.random.split(defects, config.realisations)), np.float32)
        dims = ("history", "drive_step")
        run.add("curve", dims, data.curves, "1", "field history, in its largest field, with noise")
        run.add("curve_clean", dims, data.clean, "1", "field history before the noise")
        run.add("defects", ("realisation", "component", "row", "column"), fields, "coercive field", "random field")
        run.add("variant", ("variant",), np.array(list(VARIANTS), dtype=object), "1", "how it was simulated", True)
        run.record(histories=config.histories, realisations=config.realisations, longest_hold_steps=config.hold_steps)
    with run.stage("simulations"):
        series = {}
        for name, setup in _setups(config).items():
            run.describe(setup._replace(name=name))
            series[name] = _simulate(run, name, setup, subsets, np.asarray(data.curves), fields)
        _save_series(run, series, config)
    random = np.random.default_rng(np.asarray(jax.random.key_data(chance)))
    with run.stage("relaxation"):
        _relaxation(run, series, random, config)
    with run.stage("timing"):
        _timing(run, series, random)


def _setups(config: Config) -> "dict[str, ferro.Setup]":
    from dataclasses import replace

    import jax.numpy as jnp

    import ferro_jax as ferro

    lecture = ferro.lecture(jnp.float32)._replace(hold_steps=config.hold_steps)
    physical = ferro.physical(jnp.float32)._replace(hold_steps=config.hold_steps, settle=None)
    synchronous = lecture._replace(lattice=replace(lecture.lattice, update="synchronous"))
    return {"lecture": lecture, "synchronous": synchronous, "physical": physical}


def _simulate(
    run: "Run", name: str, setup: "ferro.Setup", key: Any, curves: "np.ndarray", fields: "np.ndarray"
) -> Series:
    """Σ|curl P| and mean P_x at every step, of every history on every realisation."""
    import numpy as np

    import ferro_jax as ferro
    from experiments.parallel import over_devices

    def one(curve: Any, field: Any) -> tuple:
        seen = ferro.simulate(
            key,
            curve,
            setup.coercive_field * field,
            setup,
            observe=lambda state: (ferro.target(state, setup), ferro.mean_polarization(state.seen)[0]),
            check=False,
        )
        return *seen.observations, seen.residual

    realisations, histories = len(fields), len(curves)
    lanes = np.tile(curves, (realisations, 1)), np.repeat(fields, histories, axis=0)
    with run.progress(len(lanes[0]), "history") as bar:
        curl, along, residual = over_devices(one, CHUNK)(*lanes, progress=lambda done: bar.update(done - bar.n))
    if not np.isfinite(curl).all():
        lane, step = np.argwhere(~np.isfinite(curl))[0]
        raise harness.RunError(f"{name}: history {lane % histories} went non-finite in step {step}")
    run.record(
        **{
            f"{name}_residual_rate_at_the_end_p50": np.median(residual),
            f"{name}_residual_rate_at_the_end_max": residual.max(),
            f"{name}_time_step_model_time": float(setup.params.dt),
            f"{name}_field_scale_model_units": setup.field_scale * setup.coercive_field,
            "drive_steps": setup.drive_steps,
        }
    )
    shape = (realisations, histories, -1)
    return Series(curl.reshape(shape), along.reshape(shape))


def _save_series(run: "Run", series: dict[str, Series], config: Config) -> None:
    """Every tenth step of all histories, every step of the first few on realisation 0."""
    import numpy as np

    drive = int(run.metrics["drive_steps"])
    steps = np.unique(
        np.concatenate([np.arange(drive - 1, -1, -10), np.arange(drive - 1, drive + config.hold_steps, 10)])
    )
    run.add("step", ("step",), steps, "1", "steps done before, less one", coordinate=True)
    curl = np.stack([part.curl[..., steps] for part in series.values()])
    run.add("curl", ("variant", "realisation", "history", "step"), curl, "model unit", "sum of |curl P|")
    for name, text in (("curl", "sum of |curl P|"), ("along", "mean P along the field")):
        first = np.stack([getattr(part, name)[0, :6] for part in series.values()])
        run.add(f"example_{name}", ("variant", "example", "every_step"), first, "model unit",
                f"{text} at every step: first histories, realisation 0")  # fmt: skip


def _record_spread(run: "Run", name: str, values: Any) -> None:
    """Median, least and greatest over realisations."""
    import numpy as np

    values = np.asarray(values, float)
    known = values[np.isfinite(values)]
    for label, function in (("median", np.median), ("min", np.min), ("max", np.max)):
        run.record(**{f"{name}_{label}": function(known) if len(known) else float("nan")})


def _relaxation(run: "Run", series: dict[str, Series], random: "np.random.Generator", config: Config) -> None:
    """(a) and (b): the curl after the field stops."""
    import jax
    import numpy as np

    import ferro_jax as ferro

    drive = int(run.metrics["drive_steps"])
    held_field = np.abs(run.results.curve.to_numpy()[:, -1])
    arrays: dict[str, list] = {name: [] for name in ("onset", "final", "rate", "slope")}
    for name, part in series.items():
        held = part.curl[..., drive - 1 :].astype(float)
        onset, final = held[..., 0], held[..., -1]
        for hold in (hold for hold in HOLDS if hold <= config.hold_steps):
            now = held[..., hold]
            _record_spread(run, f"{name}_hold{hold}_curl_mean_model_units", now.mean(1))
            for quartile in (25, 50, 75):
                _record_spread(run, f"{name}_hold{hold}_curl_q{quartile}_model_units", np.percentile(now, quartile, 1))
            if hold:
                _record_spread(run, f"{name}_hold{hold}_falls_share", (now < onset).mean(1))
                _record_spread(run, f"{name}_hold{hold}_clearly_falls_share", (now < (1 - CLEAR) * onset).mean(1))
                _record_spread(run, f"{name}_hold{hold}_clearly_rises_share", (now > (1 + CLEAR) * onset).mean(1))
        for what, share in (("falls", final < onset), ("clearly_falls", final < (1 - CLEAR) * onset),
                            ("clearly_rises", final > (1 + CLEAR) * onset)):  # fmt: skip
            _record_spread(run, f"{name}_end_{what}_share", share.mean(1))
        change = final.mean(1) - onset.mean(1)
        _record_spread(run, f"{name}_mean_change_model_units", change)
        _record_spread(run, f"{name}_mean_change_share_of_onset", change / onset.mean(1))
        late = final - held[..., 50]
        _record_spread(run, f"{name}_change_after_hold50_model_units", late.mean(1))
        top = held[..., 50] >= np.quantile(held[..., 50], 0.9, axis=1, keepdims=True)
        _record_spread(
            run, f"{name}_change_after_hold50_of_top_tenth_model_units", np.nanmean(np.where(top, late, np.nan), 1)
        )
        dt = run.metrics[f"{name}_time_step_model_time"]
        rate = np.asarray(jax.jit(ferro.relaxation_rate)(np.moveaxis(held, -1, 0), dt))
        slope = (onset - held[..., SLOPE_STEPS]) / (SLOPE_STEPS * dt)
        clear = (np.abs(final - onset) > CLEAR * onset) & (rate > 0)
        rate = np.where(clear, rate, np.nan)
        _correlate(run, name, {"rate": rate, "slope": slope}, onset, final, held_field, random)
        _record_spread(run, f"{name}_rate_median_per_model_time", np.nanmedian(rate, axis=1))
        _record_spread(run, f"{name}_rate_defined_share", clear.mean(1))
        for key, values in (("onset", onset), ("final", final), ("rate", rate), ("slope", slope)):
            arrays[key].append(values)
    means = {
        name: np.mean(values[:2], axis=-1) for name, values in (("onset", arrays["onset"]), ("end", arrays["final"]))
    }
    for name, (lecture, synchronous) in means.items():  # the first two variants
        _record_spread(run, f"lecture_minus_synchronous_{name}_mean_model_units", lecture - synchronous)
    dims = ("variant", "realisation", "history")
    for key, units, text in (
        ("onset", "model unit", "sum of |curl P| when the field stops"),
        ("final", "model unit", "sum of |curl P| at the end of the hold"),
        ("rate", "1 per model time", f"relaxation rate of the curl; missing where it changes by under {CLEAR:.0%}"),
        ("slope", "model unit per model time", f"fall of the curl per time in the first {SLOPE_STEPS} held steps"),
    ):
        run.add(key, dims, np.stack(arrays[key]), units, text)
    run.add("held_field", ("history",), held_field, "1", "|field| that is held, in the largest field")


def _correlate(
    run: "Run",
    name: str,
    measures: "dict[str, np.ndarray]",
    onset: "np.ndarray",
    final: "np.ndarray",
    held_field: "np.ndarray",
    random: "np.random.Generator",
) -> None:
    """Correlation over histories of each measure with the curl at the onset, per realisation; baselines."""
    import numpy as np
    from scipy import stats

    def spearman(x: "np.ndarray", y: "np.ndarray") -> float:
        ranks = stats.rankdata(x), stats.rankdata(y)
        return float(np.corrcoef(*ranks)[0, 1]) if len(x) > 4 else float("nan")

    def partial(x: "np.ndarray", y: "np.ndarray", z: "np.ndarray") -> float:
        """Spearman correlation of x and y among histories of equal z."""
        if len(x) <= 4:
            return float("nan")
        xy, xz, yz = spearman(x, y), spearman(x, z), spearman(y, z)
        return (xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2))

    def chance(x: "np.ndarray", y: "np.ndarray") -> float:
        """What 95 % of the correlations of permuted pairs stay below in size."""
        first, second = (np.asarray(stats.zscore(stats.rankdata(v))) for v in (x, y))
        permuted = random.permuted(np.tile(first, (PERMUTATIONS, 1)), axis=1)
        return float(np.quantile(np.abs(permuted @ second) / len(x), 0.95))

    for measure, values in measures.items():
        rows: dict[str, list[float]] = {key: [] for key in ("spearman", "pearson", "partial", "chance")}
        for row, start in zip(values, onset, strict=True):
            known = np.isfinite(row)
            x, y, z = row[known], start[known], held_field[known]
            rows["spearman"].append(spearman(x, y))
            rows["pearson"].append(float(np.corrcoef(x, y)[0, 1]) if len(x) > 4 else float("nan"))
            rows["partial"].append(partial(x, y, z))
            rows["chance"].append(chance(x, y) if len(x) > 4 else float("nan"))
        prefix = f"{name}_{measure}_with_onset"
        _record_spread(run, f"{prefix}_spearman", rows["spearman"])
        _record_spread(run, f"{prefix}_pearson", rows["pearson"])
        _record_spread(run, f"{prefix}_spearman_at_equal_held_field", rows["partial"])
        _record_spread(run, f"{prefix}_spearman_95_percent_of_permutations_below", rows["chance"])
    pairs = list(zip(onset, final, strict=True))
    _record_spread(run, f"{name}_final_with_onset_spearman", [spearman(a, b) for a, b in pairs])
    _record_spread(run, f"{name}_held_field_with_onset_spearman", [spearman(held_field, a) for a, _ in pairs])
    rates = [(row[np.isfinite(row)], held_field[np.isfinite(row)]) for row in measures["rate"]]
    _record_spread(run, f"{name}_held_field_with_rate_spearman", [spearman(*pair) for pair in rates])


def _crossings(x: "np.ndarray") -> "np.ndarray":
    """Steps, a half after the last of the old sign, at which a series changes its sign."""
    import numpy as np

    return np.flatnonzero(x[:-1] * x[1:] < 0) + 0.5


def _nearest(times: "np.ndarray", events: "np.ndarray") -> "np.ndarray":
    """Signed lag of each time behind the event nearest to it."""
    import numpy as np

    lags = times[:, None] - events[None]
    return lags[np.arange(len(times)), np.abs(lags).argmin(1)]


def _timing(run: "Run", series: dict[str, Series], random: "np.random.Generator") -> None:
    """(c): lags of the maxima of curl, during the drive, behind the nearest event of each kind."""
    import numpy as np
    from scipy.ndimage import uniform_filter1d
    from scipy.signal import find_peaks

    drive, clean = int(run.metrics["drive_steps"]), run.results.curve_clean.to_numpy().astype(float)
    edges = np.arange(LAG_BINS[0], LAG_BINS[1] + 1, LAG_BINS[2])
    counts = np.zeros((2, len(series), len(EVENTS), len(edges) - 1))
    for variant, (name, part) in enumerate(series.items()):
        curl, along = (uniform_filter1d(values[..., :drive], SMOOTHING, axis=-1) for values in part)
        shares: dict[str, list[float]] = {}
        found = np.zeros(curl.shape[:2])
        for realisation in range(len(curl)):
            lags: dict[str, tuple[list, list]] = {event: ([], []) for event in EVENTS}
            for history, field in enumerate(clean):
                line = curl[realisation, history]
                peaks = find_peaks(line, prominence=PROMINENCE * np.ptp(line[TRANSIENT:]))[0]
                peaks = peaks[peaks >= TRANSIENT]
                found[realisation, history] = len(peaks)
                shift = random.integers(drive - TRANSIENT, size=(SHIFTS, 1))
                elsewhere = (TRANSIENT + (peaks - TRANSIENT + shift) % (drive - TRANSIENT)).ravel()
                maxima, minima = find_peaks(field)[0], find_peaks(-field)[0]
                events = {
                    "maximum": maxima,
                    "minimum": minima,
                    "extremum": np.concatenate([maxima, minima]),
                    "zero": _crossings(field),
                    "weakest": find_peaks(-np.abs(field))[0],
                    "reversal": _crossings(along[realisation, history]),
                }
                for event, when in events.items():
                    if len(when) and len(peaks):
                        lags[event][0].append(_nearest(peaks, when))
                        lags[event][1].append(_nearest(elsewhere, when))
            for event, (own, shifted) in lags.items():
                for key, values in _lag_numbers(own, shifted).items():
                    shares.setdefault(f"{name}_lag_behind_{event}_{key}", []).append(values)
                for place, values in enumerate((own, shifted)):
                    if values:
                        number, together = list(EVENTS).index(event), np.concatenate(values)
                        counts[place, variant, number] += np.histogram(together, edges)[0] / len(together) / len(curl)
        run.record(**{f"{name}_maxima_per_history": found.mean()})
        for key, values in shares.items():
            _record_spread(run, key, values)
    run.add("event", ("event",), np.array(list(EVENTS), dtype=object), "1", "kind of event", coordinate=True)
    run.add("lag", ("lag",), (edges[1:] + edges[:-1]) / 2, "1", "steps by which a maximum is late", coordinate=True)
    for place, text in enumerate(("maxima of the curl", "the same, shifted in time at random")):
        run.add(("lag_share", "lag_share_shifted")[place], ("variant", "event", "lag"), counts[place], "1",
                f"share per bin of {LAG_BINS[2]} steps, mean over realisations: {text}")  # fmt: skip


def _lag_numbers(own: list, shifted: list) -> dict[str, Any]:
    """Quartiles of the lags, and their spread in that of shifted maxima."""
    import numpy as np

    if not own:
        names = ("median_steps", "q25_steps", "q75_steps", "abs_median_steps", "interquartile_ratio_to_shifted",
                 "within_60_steps_share", "within_60_steps_share_shifted")  # fmt: skip
        return dict.fromkeys(names, float("nan"))
    a, b = np.concatenate(own), np.concatenate(shifted)
    low, middle, high = np.quantile(a, [0.25, 0.5, 0.75])
    wide = np.subtract(*np.quantile(b, [0.75, 0.25]))
    return {
        "median_steps": middle,
        "q25_steps": low,
        "q75_steps": high,
        "abs_median_steps": np.median(np.abs(a)),
        "interquartile_ratio_to_shifted": (high - low) / wide,
        "within_60_steps_share": np.mean(np.abs(a) <= 60),
        "within_60_steps_share_shifted": np.mean(np.abs(b) <= 60),
    }


EXPERIMENT = harness.Experiment(
    "equilibration", __doc__ or "", Config, SMOKE, STAGES, compute, "experiments.figures.equilibration"
)

if __name__ == "__main__":
    harness.main(EXPERIMENT)
