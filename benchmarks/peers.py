"""Other people's libraries in a process of their own: which interpreter has them, how one is called, what comes back.

A benchmark measures us in its own process and calls a peer's side (``bo_peers``, ``vae_peers``) as a child: torch and
JAX then share neither a process nor a thread pool. The child runs on one thread, so that its CPU seconds are its work
and not threads waiting; its last line of output is one JSON object, what it says on the way goes to stderr.
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
    parser.add_argument(
        "--peers",
        metavar="PYTHON",
        help="interpreter that has the bench extra; by default this one, if it has it, else the peers are left out",
    )


def interpreter(given: str | None, modules: tuple[str, ...]) -> str | None:
    """The interpreter that runs the peers: ``given``, or by default this one; None if this one lacks a module.

    Raises ValueError where ``given`` does not run or lacks a module.
    """
    python = given or sys.executable
    look = f"import importlib.util as i, json; print(json.dumps([m for m in {modules!r} if not i.find_spec(m)]))"
    try:
        found = subprocess.run([python, "-c", look], capture_output=True, text=True, check=True, timeout=300)
    except (OSError, subprocess.SubprocessError) as error:
        raise ValueError(f"--peers {python} is no Python interpreter that runs: {error}") from error
    missing = json.loads(found.stdout)
    if missing and given:
        raise ValueError(f"--peers {given} lacks {', '.join(missing)}: install the bench extra there, or name another")
    return None if missing else python


def call(python: str, module: str, *arguments: object) -> dict[str, Any]:
    """What ``python -m benchmarks.MODULE ARGUMENTS`` reports. Raises RuntimeError, with its exit code, if it fails."""
    command = [python, "-m", f"benchmarks.{module}", *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=os.environ | ONE_THREAD)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with exit code {done.returncode}; its own words stand above")
    return json.loads(done.stdout.splitlines()[-1])


def versions(*packages: str) -> dict[str, str]:
    """The child's own Python and packages, for its report."""
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in packages}
