"""Observation (c) of ``experiments/equilibration/compute.py``: when during the drive the curl is largest."""

from typing import Any

import numpy as np
from scipy.ndimage import uniform_filter1d
from scipy.signal import find_peaks

from experiments.equilibration.simulations import Series
from experiments.lab.run import Run
from experiments.lab.summaries import record_spread

EVENTS = {
    "maximum": "maximum of the field",
    "minimum": "minimum of the field",
    "extremum": "extremum of the field",
    "zero": "zero crossing of the field",
    "weakest": "local minimum of |field|, zeros included",
    "reversal": "zero crossing of the mean polarization",
}
TRANSIENT = 50  # steps from P = 0 in which maxima are not counted
SMOOTHING, PROMINENCE = 9, 0.1  # of maxima: moving average in steps, least prominence in the curve's range
SHIFTS = 20  # random shifts in time of each history's maxima, for the baseline
LAG_BINS = (-120, 120, 5)  # steps: first edge, last edge, width


def timing(run: Run, series: dict[str, Series], random: np.random.Generator) -> None:
    """(c): lags of the maxima of curl, during the drive, behind the nearest event of each kind."""
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
            record_spread(run, key, values)
    run.add("event", ("event",), np.array(list(EVENTS), dtype=object), "1", "kind of event", coordinate=True)
    run.add("lag", ("lag",), (edges[1:] + edges[:-1]) / 2, "1", "steps by which a maximum is late", coordinate=True)
    for place, text in enumerate(("maxima of the curl", "the same, shifted in time at random")):
        run.add(("lag_share", "lag_share_shifted")[place], ("variant", "event", "lag"), counts[place], "1",
                f"share per bin of {LAG_BINS[2]} steps, mean over realisations: {text}")  # fmt: skip


def _crossings(x: np.ndarray) -> np.ndarray:
    """Steps, a half after the last of the old sign, at which a series changes its sign."""
    return np.flatnonzero(x[:-1] * x[1:] < 0) + 0.5


def _nearest(times: np.ndarray, events: np.ndarray) -> np.ndarray:
    """Signed lag of each time behind the event nearest to it."""
    lags = times[:, None] - events[None]
    return lags[np.arange(len(times)), np.abs(lags).argmin(1)]


def _lag_numbers(own: list, shifted: list) -> dict[str, Any]:
    """Quartiles of the lags, and their spread in that of shifted maxima."""
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
