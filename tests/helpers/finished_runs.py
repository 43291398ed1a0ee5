"""Smoke runs of experiments, started as a user starts them and read back from their folders."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import xarray

from helpers.compilation import user_environment

ROOT = Path(__file__).resolve().parents[2]


class FinishedRun(NamedTuple):
    """What a finished run has saved: its folder, the arrays of results.nc and the numbers of metrics.json."""

    folder: Path
    results: xarray.Dataset
    metrics: dict[str, Any]


def read(folder: Path) -> FinishedRun:
    """Read the arrays and numbers that the finished run in ``folder`` has saved."""
    with xarray.open_dataset(folder / "results.nc", engine="h5netcdf") as results:
        return FinishedRun(folder, results.load(), json.loads((folder / "metrics.json").read_text()))


def smoke(name: str, runs: Path, *options: str, timeout: float = 900) -> FinishedRun:
    """Run ``python -m experiments.<name> --smoke`` in a process of its own, in a folder below ``runs``, and read it."""
    command = [sys.executable, "-m", f"experiments.{name}", "--smoke", "--runs", str(runs), *options]
    process = subprocess.run(command, cwd=ROOT, env=user_environment(), capture_output=True, text=True, timeout=timeout)
    assert process.returncode == 0, process.stdout + process.stderr
    assert "report.html" in process.stdout.splitlines()[-1]
    (folder,) = (runs / name).iterdir()
    return read(folder)
