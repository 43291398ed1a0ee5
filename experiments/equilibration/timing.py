"""Observation (c): when during the drive the curl is largest."""

from typing import Any, NamedTuple

import numpy as np
from scipy.ndimage import uniform_filter1d
from scipy.signal import find_peaks

from experiments.equilibration.config import EVENTS, LAG_BINS
from experiments.equilibration.simulations import Drawn, Series
from experiments.lab.run import Outcome
from experiments.lab.summaries import spread

TRANSIENT = 50  # steps from P = 0 in which maxima are not counted
SMOOTHING, PROMINENCE = 9, 0.1  # of maxima: moving average in steps, least prominence in the curve's range
SHIFTS = 20  # random shifts in time of each history's maxima, for the baseline


class Lags(NamedTuple):
    """Steps by which maxima of the curl lag behind the nearest event of a kind, a list entry per history."""

    maxima: list[np.ndarray]
    shifted: list[np.ndarray]  # the same maxima shifted in time at random


def timing(drawn: Drawn, series: dict[str, Series], random: np.random.Generator) -> Outcome:
    """Observation (c): lags of the maxima of curl, during the drive, behind the nearest event of each kind."""
    clean = drawn.clean.astype(float)
    edges = np.arange(LAG_BINS[0], LAG_BINS[1] + 1, LAG_BINS[2])
    counts, numbers = np.zeros((2, len(series), len(EVENTS), len(edges) - 1)), {}
    for variant, (name, part) in enumerate(series.items()):
        drive = part.setup.drive_steps
        curl, along = (uniform_filter1d(v[..., :drive], SMOOTHING, axis=-1) for v in (part.curl, part.along))
        shares: dict[str, list[float]] = {}
        maxima = np.zeros(curl.shape[:2])
        for realisation in range(len(curl)):
            lags, maxima[realisation] = lags_of(clean, curl[realisation], along[realisation], random)
            for number, (event, of_event) in enumerate(lags.items()):
                for key, values in _lag_numbers(of_event).items():
                    shares.setdefault(f"{name}_lag_behind_{event}_{key}", []).append(values)
                for place, values in enumerate(of_event):
                    if values:
                        together = np.concatenate(values)
                        counts[place, variant, number] += np.histogram(together, edges)[0] / len(together) / len(curl)
        numbers[f"{name}_maxima_per_history"] = maxima.mean()
        for key, values in shares.items():
            numbers |= spread(key, values)
    arrays = {
        "event": np.array(list(EVENTS), dtype=object),
        "lag": (edges[1:] + edges[:-1]) / 2,
        "lag_share": counts[0],
        "lag_share_shifted": counts[1],
    }
    return Outcome(arrays, numbers)


def lags_of(
    fields: np.ndarray, curl: np.ndarray, along: np.ndarray, random: np.random.Generator
) -> tuple[dict[str, Lags], np.ndarray]:
    """Return the lags behind each kind of event, and the number of maxima of each history.

    ``fields``, ``curl`` and ``along`` are (history, step) of one realisation.
    """
    lags = {event: Lags([], []) for event in EVENTS}
    counts, drive = np.zeros(len(fields)), fields.shape[1]
    for history, field in enumerate(fields):
        line = curl[history]
        peaks = find_peaks(line, prominence=PROMINENCE * np.ptp(line[TRANSIENT:]))[0]
        peaks = peaks[peaks >= TRANSIENT]
        counts[history] = len(peaks)
        shift = random.integers(drive - TRANSIENT, size=(SHIFTS, 1))
        elsewhere = (TRANSIENT + (peaks - TRANSIENT + shift) % (drive - TRANSIENT)).ravel()
        maxima, minima = find_peaks(field)[0], find_peaks(-field)[0]
        events = {
            "maximum": maxima,
            "minimum": minima,
            "extremum": np.concatenate([maxima, minima]),
            "zero": _crossings(field),
            "weakest": find_peaks(-np.abs(field))[0],
            "reversal": _crossings(along[history]),
        }
        for event, when in events.items():
            if len(when) and len(peaks):
                lags[event].maxima.append(_nearest(peaks, when))
                lags[event].shifted.append(_nearest(elsewhere, when))
    return lags, counts


def _crossings(x: np.ndarray) -> np.ndarray:
    """Steps, a half after the last of the old sign, at which a series changes its sign."""
    return np.flatnonzero(x[:-1] * x[1:] < 0) + 0.5


def _nearest(times: np.ndarray, events: np.ndarray) -> np.ndarray:
    """Signed lag of each time behind the event nearest to it."""
    lags = times[:, None] - events[None]
    return lags[np.arange(len(times)), np.abs(lags).argmin(1)]


def _lag_numbers(lags: Lags) -> dict[str, Any]:
    """Quartiles of the lags, and their spread over that of shifted maxima."""
    if not lags.maxima:
        names = ("median_steps", "q25_steps", "q75_steps", "abs_median_steps", "interquartile_ratio_to_shifted",
                 "within_60_steps_share", "within_60_steps_share_shifted")  # fmt: skip
        return dict.fromkeys(names, float("nan"))
    a, b = np.concatenate(lags.maxima), np.concatenate(lags.shifted)
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
