"""Measure the explorer of a finished run of the main job, in headless Chromium, against the simulations of that run.

    python -m benchmarks.explorer.measure runs/latent_bo/20261129-120000-00001234
    python -m benchmarks.explorer.measure RUN --record docs/results/explorer.json

Prints one JSON object: bytes of the page, largest differences from JAX's histories and targets over cells of the map,
milliseconds of a click, frames a second. Frames and clicks are counted by the clock, so on a machine that others use
they say more about these; the CPU time of the page's thread for a frame does not depend on them. The record is the page
of results that ``experiments.lab.tables`` writes.
"""

import argparse
import json
import os
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from benchmarks.explorer.chromium import Page, browser
from experiments.lab.environment import revision
from experiments.lab.run import read
from experiments.lab.runtime import cpu_model

PRESETS = ("lecture", "synchronous", "physical")
CLICKS = 20
SECONDS = 3.0  # of each count of frames
# counts the pictures of some seconds, each of which does what ``before`` does first
COUNT = """new Promise((done) => {
  let frames = 0;
  const start = performance.now();
  function next(now) {
    if (now - start > %f) return done([frames, now - start]);
    frames += 1;
    %s;
    requestAnimationFrame(next);
  }
  requestAnimationFrame(next);
})"""
DRAG = "choose([0, 1].map((a) => 0.8 * edgesOf(page.axes[a])[1] * Math.sin(frames * (0.07 + 0.02 * a))))"
PLAY = 'if (!state.playing) toggle("time")'
# waits for the picture after a click
CLICK = """new Promise((done) => {
  const start = performance.now();
  choose([%f, %f]);
  requestAnimationFrame(() => done(performance.now() - start));
})"""


class Differences(NamedTuple):
    """Largest differences of the page from JAX over cells: histories in units of the largest field, targets by preset
    in model units."""

    history: float
    targets: dict[str, float]


class Frames(NamedTuple):
    """Pictures a second by the clock, and CPU milliseconds of the page's thread for one of them."""

    rate: float
    cpu: float


def differences(page: Page, results: Any, count: int, seed: int = 0) -> Differences:
    """Compare the page with the run at ``count`` random cells."""
    cells = np.random.default_rng(seed).permutation(results.sizes["cell"])[:count]
    history, targets = 0.0, dict.fromkeys(PRESETS, 0.0)
    for cell in cells:
        z = json.dumps(results.latent.to_numpy()[cell].tolist())
        for number, name in enumerate(PRESETS):
            found = page.run(
                f"(({{history, target}}) => [[...history], target])(evaluate(page, {z}, {{preset: {number}}}))"
            )
            apart = abs(np.array(found[0]) - results.decoded_curve.to_numpy()[cell]).max()
            history = max(history, float(apart))
            known = float(results[f"target_{name}"][cell])
            targets[name] = max(targets[name], abs(found[1] - known))
    return Differences(history, targets)


def clicks(page: Page, places: np.ndarray) -> list[float]:
    """Return the milliseconds from choosing each of some points to its picture."""
    return [page.run(CLICK % tuple(place)) for place in places]


def frames(page: Page, code: str, seconds: float = SECONDS) -> Frames:
    """Count pictures while ``code`` is done before each of them."""
    begin = _cpu_seconds(page)
    count, time = page.run(COUNT % (1000 * seconds, code))
    return Frames(1000 * count / time, 1000 * (_cpu_seconds(page) - begin) / max(count, 1))


def _cpu_seconds(page: Page) -> float:
    """Return the CPU seconds that the page's thread has used."""
    page.send("Performance.enable", timeDomain="threadTicks")
    found = page.send("Performance.getMetrics")["metrics"]
    return next(metric["value"] for metric in found if metric["name"] == "ThreadTime")


def measure(folder: Path, count: int) -> dict[str, Any]:
    """Return the numbers of a run's explorer."""
    results, _, _ = read(folder)
    file = folder / "explorer.html"
    places = np.random.default_rng(1).permutation(results.latent.to_numpy())[:CLICKS]
    with browser() as page:
        page.open(file, 1280, 800)
        found = differences(page, results, count)
        times = clicks(page, places)
        dragging, playing = frames(page, DRAG), frames(page, PLAY)
        return {
            "run": folder.name,
            "cells": results.sizes["cell"],
            "points": count,
            "bytes": file.stat().st_size,
            "history_largest_difference": found.history,
            "target_largest_difference": found.targets,
            "click_ms_median": median(times),
            "click_ms_largest": max(times),
            "drag_frames_per_second": dragging.rate,
            "drag_frame_cpu_ms": dragging.cpu,
            "play_frames_per_second": playing.rate,
            "play_frame_cpu_ms": playing.cpu,
            "requests": len(page.requests()) - 1,
            "complaints": len(page.complaints()),
            "load_average": os.getloadavg()[0],
            "processor": cpu_model().split(" fpu ")[0],
        }


def page_of_results(found: dict[str, Any], goal: float = 1e-4) -> dict[str, Any]:
    """Return the record of docs/results from the numbers of a run."""
    targets = found["target_largest_difference"]
    agreement = [("decoded history, largest field = 1", found["history_largest_difference"])]
    agreement += [(f"Σ|curl P| at the end, {name} preset", targets[name]) for name in PRESETS]
    speed = [
        ("size of the page, bytes", found["bytes"], {"at_most": 3_000_000}),
        ("a click, ms to the picture: median", round(found["click_ms_median"], 1), {"at_most": 100}),
        ("a click, ms to the picture: largest", round(found["click_ms_largest"], 1), {"at_most": 100}),
        ("frames a second while dragging", round(found["drag_frames_per_second"], 1), {"at_least": 30}),
        ("CPU time of one of them, ms", round(found["drag_frame_cpu_ms"], 1), {"at_most": 33}),
        ("frames a second while playing", round(found["play_frames_per_second"], 1), {"at_least": 30}),
        ("CPU time of one of them, ms", round(found["play_frame_cpu_ms"], 1), {"at_most": 33}),
        ("requests that leave the page", found["requests"], {"at_most": 0}),
        ("lines on its console", found["complaints"], {"at_most": 0}),
    ]
    command = "python -m benchmarks.explorer.measure RUN --record docs/results/explorer.json"
    common = {
        "command": command,
        "commit": revision()[:7],
        "columns": {"what": "what", "value": "value", "goal": "goal"},
    }
    return {
        "title": "The explorer: agreement with JAX, size and speed",
        "about": [
            "The page that every run of `experiments.latent_bo` leaves, in headless Chromium without a GPU "
            f"({found['processor']}, load average {found['load_average']:.1f} on {os.cpu_count()} cores). "
            f"The run had {found['cells']:,} cells."
        ],
        "sections": [
            {
                "heading": f"Largest difference from JAX over {found['points']} latent points",
                **common,
                "rows": [
                    {"what": what, "value": f"{value:.1e}", "goal": _goal(value, {"at_most": goal})}
                    for what, value in agreement
                ],
            },
            {
                "heading": "Size and speed",
                **common,
                "rows": [{"what": what, "value": value, "goal": _goal(value, aim)} for what, value, aim in speed],
            },
        ],
    }


def _goal(value: float, aim: dict[str, float]) -> dict[str, Any]:
    """Return a goal that says whether it was reached."""
    reached = value <= aim.get("at_most", np.inf) and value >= aim.get("at_least", -np.inf)
    return {**aim, "reached": bool(reached)}


def main() -> None:
    """Measure a run's explorer, print the numbers and, if asked for, write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a finished run of latent_bo")
    parser.add_argument("--points", type=int, default=32, help="latent points to compare")
    parser.add_argument("--record", type=Path, help="write the record of docs/results to this file")
    options = parser.parse_args()
    found = measure(options.run, options.points)
    print(json.dumps(found, indent=2))
    if options.record:
        options.record.write_text(json.dumps(page_of_results(found), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
