"""A tiny study for tests: candidates on a grid without any learning, and a program that answers."""

import sys
from pathlib import Path

import numpy as np

from experiments.process import settings, study
from experiments.process.study import Candidates

SETTINGS = 'objective = "cap"\nbudget = 8\ninitial_points = 3\n'
ANSWER = """
import sys
time, value = zip(*(map(float, line.split(",")) for line in open(sys.argv[1]).read().split()[1:]))
print("cap=%.6f" % (sum(value) / len(value)))
"""


def make_study(folder: Path, text: str = SETTINGS) -> Candidates:
    """Write a study of 36 candidates: ramps of 5 samples from z1 to z1 + z2, which take 10 minutes."""
    folder.mkdir(parents=True, exist_ok=True)
    axis = np.linspace(-1, 1, 6)
    z = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    histories = z[:, :1] + z[:, 1:] * np.linspace(0, 1, 5)
    candidates = Candidates(
        z=z,
        histories=histories,
        duration=np.full(len(z), 10.0),
        own=histories[::2],
        own_duration=np.full(len(z[::2]), 10.0),
        known=np.ones_like(histories[::2], bool),
        code=z[::2],
        low=np.array([-2.0]),
        high=np.array([2.0]),
        names=np.array([""]),
        units=np.array(["A"]),
        time_unit=np.array("min"),
        problems=np.array([], dtype=str),
    )
    study.save(folder, candidates)
    (folder / settings.FILE).write_text(text)
    return candidates


def program(folder: Path, code: str = ANSWER) -> str:
    """Write a program, and return the command that runs it."""
    path = folder / "program.py"
    path.write_text(code)
    return f"{sys.executable} {path} {{history}}"
