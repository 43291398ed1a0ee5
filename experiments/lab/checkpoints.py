"""Keep what long functions return in the run's folder, so that a resumed run reads it instead of computing it.

    @once
    def simulate(lattices, curves): ...

Inside a stage of a run, the first call of such a function leaves what it returned in ``checkpoints/<stage>/``, and the
same call in a resumed run reads it. Calls are told by their order: in both runs they are the same, because options,
code, versions and data are (``experiments.lab.resuming``). A function may call others that are kept too, and ask for a
``folder`` to save its own state in; all that is deleted when its result is there. Outside of a run a kept function
does nothing else than without.

What is kept: arrays, numbers, words, and records of them (``experiments.lab.saved``). A kept function must change
nothing but what it returns, because a resumed run does not call it; therefore it is never given the Run.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")


@dataclass
class _Place:
    """Where the calls of a stage, or of a kept function, leave their results, and how many there were."""

    folder: Path
    record: Path | None = None  # of what the run was begun with
    calls: int = 0

    def of_next(self, name: str) -> Path:
        """Return the place of the next call."""
        self.calls += 1
        return self.folder / f"{self.calls:02d}-{name}"


_places: list[_Place | None] = []  # of the stage that is running and of the kept functions in it, outermost first


@contextmanager
def within(folder: Path, record: Path | None = None) -> Iterator[None]:
    """Let calls of kept functions leave their results in a folder, while the block runs.

    With the ``record`` of what the run was begun with, results of another run are refused.
    """
    _places.append(_Place(folder, record))
    try:
        yield
    finally:
        _places.pop()


def once(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Return the function, whose result is kept in the run's folder and read by a resumed run."""

    @wraps(function)
    def call(*arguments: _P.args, **options: _P.kwargs) -> _R:
        if not (current := _current()):
            return function(*arguments, **options)
        from experiments.lab import saved  # here, because it imports JAX, which waits for runtime.start

        place = current.of_next(function.__name__)
        file = place.with_suffix(".npz")
        if not file.is_file():
            with within(place, current.record):
                result = function(*arguments, **options)
            saved.write(file, result, current.record)
            shutil.rmtree(place, ignore_errors=True)
        # also of what was just written, so that a resumed run goes on from the same bits
        return saved.read(file, current.record)

    return call


def folder() -> Path | None:
    """Return a new place for the state of a fit or campaign that can go on by itself; None outside of a run."""
    return current.of_next("state") if (current := _current()) else None


def record() -> Path | None:
    """Return the record that a state in ``folder`` belongs to; None outside of a run."""
    return current.record if (current := _current()) else None


@contextmanager
def nothing_kept() -> Iterator[None]:
    """Let functions compute while the block runs, whatever is kept, because it measures how long that takes."""
    _places.append(None)
    try:
        yield
    finally:
        _places.pop()


def _current() -> _Place | None:
    """Return where the next call leaves its result; None where nothing is kept."""
    return _places[-1] if _places else None
