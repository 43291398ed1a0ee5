"""Starts other people's libraries in a process of their own and reads their reports.

A benchmark measures our side in its own process and calls a peer's side (such as ``campaigns.botorch_side``) as a
child, so that torch and JAX share neither a process nor a thread pool. The child runs on one thread, so that its CPU
seconds are work and not threads that wait. Its last line of output is one JSON object; its messages go to stderr.
Nothing here imports torch or JAX.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}


def add_option(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--peers`` to a parser."""
    parser.add_argument(
        "--peers",
        metavar="PYTHON",
        help="interpreter that has the bench extra; by default this one, if it has it, else the peers are left out",
    )


def interpreter(given: str | None, modules: tuple[str, ...]) -> str | None:
    """Return the interpreter that runs the peers: ``given``, or by default this one; None if this one lacks a module.

    ValueError where ``given`` does not run or lacks a module.
    """
    python = given or sys.executable
    program = f"import importlib.util as i, json; print(json.dumps([m for m in {modules!r} if not i.find_spec(m)]))"
    try:
        process = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True, timeout=300)
    except (OSError, subprocess.SubprocessError) as error:
        raise ValueError(f"--peers {python} is no Python interpreter that runs: {error}") from error
    missing = json.loads(process.stdout)
    if missing and given:
        raise ValueError(f"--peers {given} lacks {', '.join(missing)}: install the bench extra there, or name another")
    return None if missing else python


def call(python: str, module: str, *arguments: object) -> dict[str, Any]:
    """Return the report of ``python -m benchmarks.MODULE ARGUMENTS``; RuntimeError with the exit code if it fails."""
    command = [python, "-m", f"benchmarks.{module}", *map(str, arguments)]
    process = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=os.environ | ONE_THREAD)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with exit code {process.returncode}; its message stands above")
    return json.loads(process.stdout.splitlines()[-1])


def versions(*packages: str) -> dict[str, str]:
    """Return the versions of Python and of packages, for the report of a child process."""
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in packages}
