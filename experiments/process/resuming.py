"""Campaigns of a function that was interrupted: each acquisition's result is kept until all of them are done."""

import hashlib
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from experiments.process import campaign_page, functions, settings, study
from experiments.process.campaign_page import Found
from experiments.process.config import Run
from experiments.process.saying import say, step
from ferro_jax import identity
from ferro_jax.files import arrays_of, whole, write_arrays

FOLDER = "unfinished"  # in that of the campaigns


def mark_of(options: Run, starts: np.ndarray | None) -> str:
    """Return what tells runs apart: settings, candidates, starts, seeds, and the function with all that it uses.

    The source of the function's module counts too, because a function of this project counts by its name.
    """
    function = functions.function_of(options.objective)
    marks = identity.digest(function), identity.attributes(function), identity.reached(function)
    mark = hashlib.sha256(repr((options.objective, options.seeds, starts, marks)).encode())
    files = [options.study / settings.FILE, options.study / study.CANDIDATES]
    source = getattr(sys.modules.get(str(getattr(function, "__module__", ""))), "__file__", None)
    for file in [*files, *([Path(source)] if source else [])]:
        mark.update(file.read_bytes() if file.exists() else b"")
    return mark.hexdigest()


def once(options: Run, mark: str, name: str, campaigns: Callable[[], Any]) -> Found:
    """Return what the campaigns of an acquisition evaluated: as a run that was ended has left it, or computed now."""
    folder = options.study / campaign_page.FOLDER / FOLDER
    owner = hashlib.sha256(f"{mark} {name}".encode()).hexdigest()
    path = folder / f"{owner[:16]}.npz"
    if path.exists():
        say(f"{name}: already done by a run that was ended, taken from {path}")
        advice = "delete it, and it is computed again"
        with whole(path, advice):
            arrays = arrays_of(path, advice, owner=owner)
            return Found(*(arrays[field] for field in Found._fields))
    with step(f"{name}: {options.seeds} campaigns, compiled and run at once"):
        found = Found(*campaigns())
    folder.mkdir(parents=True, exist_ok=True)
    write_arrays(path, found._asdict(), owner=owner)
    return found


def forget(folder: Path) -> None:
    """Remove what was kept, because the page now holds it."""
    shutil.rmtree(folder / campaign_page.FOLDER / FOLDER, ignore_errors=True)
