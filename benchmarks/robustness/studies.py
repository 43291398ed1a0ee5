"""A small study of a process, without any learning."""

from pathlib import Path

import numpy as np

from experiments.process import settings, study
from experiments.process.study import Candidates


def make_study(folder: Path) -> None:
    """Write a study of 36 candidates, ramps of 5 samples, unless it is there."""
    if (folder / settings.FILE).is_file():
        return
    folder.mkdir(exist_ok=True)
    axis = np.linspace(-1, 1, 6)
    z = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    histories, none = z[:, :1] + z[:, 1:] * np.linspace(0, 1, 5), np.array([""])
    own = histories[::2]
    candidates = Candidates(
        z, histories, np.full(len(z), 10.0), own, np.full(len(own), 10.0), np.ones_like(own, bool), z[::2],
        np.array([-2.0]), np.array([2.0]), none, none, np.array("min"), np.array([], dtype=str),
    )  # fmt: skip
    study.save(folder, candidates)
    part = folder / "study.part"
    part.write_text('objective = "cap"\nbudget = 8\ninitial_points = 3\n')
    part.replace(folder / settings.FILE)
