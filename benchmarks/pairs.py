"""Compare what two states of this repository cost: reference campaign, map of 10,000 histories, one epoch of the VAE.

    git worktree add ../before f1c005a
    python -m benchmarks.pairs ../before . --rounds 7 --out pairs.json       (--smoke: small ones, in a minute)

Each state runs in a process of its own, ``pairs_side``, which compiles the three programs once. Then the two take
turns, one program at a time, in an order that changes from round to round, so that what else the machine does meets
both. The table has the medians of CPU seconds, and the median and the range of the ratios of the pairs, the second
state over the first. The first round only warms up.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

SIDE = Path(__file__).with_name("pairs_side.py")


def start(folder: Path, smoke: bool) -> subprocess.Popen[str]:
    """Start the programs of a state of the repository."""
    folder = folder.resolve()
    return subprocess.Popen(
        [sys.executable, "-P", str(SIDE), *(["smoke"] if smoke else [])],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def told(side: subprocess.Popen[str], word: str = "") -> Any:
    """Ask a process for something and return its answer."""
    assert side.stdin is not None and side.stdout is not None
    if word:
        print(word, file=side.stdin, flush=True)
    if not (line := side.stdout.readline()):
        raise SystemExit("a process has ended early: its error is above")
    return json.loads(line)


def main() -> None:
    """Measure the rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("now", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--out", type=Path, help="JSON of all CPU seconds")
    given = parser.parse_args()
    sides = [start(folder, given.smoke) for folder in (given.before, given.now)]
    names, _ = [told(side) for side in sides]  # each is compiled before the other begins to measure
    seconds: dict[str, list[list[float]]] = {name: [] for name in names}
    for number in range(given.rounds + 1):
        for name in names:
            pair = [0.0, 0.0]
            for which in (0, 1) if number % 2 else (1, 0):
                pair[which] = told(sides[which], name)
            if number:
                seconds[name].append(pair)
                print(name, *(f"{value:.3f}" for value in pair), flush=True)
    for side in sides:
        side.communicate()
    print(f"{'':12}{'before, CPU-s':>15}{'now, CPU-s':>15}{'ratio':>10}{'of':>20}")
    for name, pairs in seconds.items():
        ratios = sorted(now / before for before, now in pairs)
        before, now = (median(column) for column in np.transpose(pairs))
        print(f"{name:12}{before:15.3f}{now:15.3f}{median(ratios):10.3f}{f'{ratios[0]:.3f} to {ratios[-1]:.3f}':>20}")
    if given.out:
        given.out.write_text(json.dumps(seconds, indent=1))


if __name__ == "__main__":
    main()
