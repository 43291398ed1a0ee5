"""Smoke runs of experiments, started as a user starts them and read back from their folders."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import xarray

from helpers.compilation import user_environment

ROOT = Path(__file__).resolve().parents[2]
# As conftest.py has it for tests: types and shapes are checked, arrays of other ranks refused, warnings are errors.
CHECKED = """
import runpy, sys, warnings
warnings.simplefilter("error")
warnings.filterwarnings("ignore", category=DeprecationWarning, module="flax")
from experiments.lab import runtime
runtime.start(small=True)  # before the hook, which imports JAX
from jaxtyping import install_import_hook
install_import_hook(["ferro_jax", "models", "bo", "experiments"], "beartype.beartype").__enter__()
module = sys.argv.pop(1)
exec(sys.argv.pop(1))
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


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
    return _read_after([sys.executable, "-m", f"experiments.{name}"], name, runs, options, user_environment(), timeout)


def checked(name: str, runs: Path, *options: str, before: str = "", timeout: float = 900) -> FinishedRun:
    """Do what ``smoke`` does with types, shapes, ranks and warnings checked as in the suite's own processes.

    ``before`` is Python that is executed before the experiment is imported; it may import test files.
    """
    command = [sys.executable, "-c", CHECKED, f"experiments.{name}", before]
    paths = f"{ROOT}:{ROOT / 'tests'}"
    environment = user_environment(PYTHONPATH=paths, JAX_NUMPY_RANK_PROMOTION="raise", MPLBACKEND="Agg")
    return _read_after(command, name, runs, options, environment, timeout)


def _read_after(
    command: list[str], name: str, runs: Path, options: Sequence[str], environment: dict[str, str], timeout: float
) -> FinishedRun:
    """Run a command that makes one smoke run of an experiment below ``runs``, and read the run."""
    command = [*command, "--smoke", "--runs", str(runs), *options]
    process = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=timeout)
    assert process.returncode == 0, process.stdout + process.stderr
    assert "report.html" in process.stdout.splitlines()[-1]
    (folder,) = (runs / name).iterdir()
    return read(folder)
