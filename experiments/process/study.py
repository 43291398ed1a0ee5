"""A study's folder: candidates, histories that were asked, locks. NumPy only, so that telling is quick."""

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np

from experiments.process import log
from experiments.process.cells import time_of
from experiments.process.log import Log, Row
from ferro_jax.files import arrays_of, replaced, whole, write_arrays, write_json

CANDIDATES, FAMILY, ASKED, BEGUN = "candidates.npz", "family", "asked", "study.json"
WAIT = 20.0  # seconds for another process to finish its line
LOCK, RUN_LOCK = ".lock", ".run.lock"


class AnsweredError(ValueError):
    """An id has an answer already."""


class Candidates(NamedTuple):
    """What ``learn`` has left for the other commands: the candidates, and the histories of the file.

    Candidates are cells of the latent space inside the support; a cell's number is its row. ``known`` is 0 where a
    value of the file's histories is missing, ``code`` is their place in the latent space. ``low`` and ``high`` are the
    bounds of each channel. ``problems`` say in words what is wrong with the latent space.
    """

    z: np.ndarray  # (cell, latent)
    histories: np.ndarray  # (cell, sample[, channel])
    duration: np.ndarray  # (cell)
    own: np.ndarray  # (history, sample[, channel])
    own_duration: np.ndarray
    known: np.ndarray
    code: np.ndarray  # (history, latent)
    low: np.ndarray
    high: np.ndarray
    names: np.ndarray
    units: np.ndarray
    time_unit: np.ndarray
    problems: np.ndarray


def save(folder: Path, candidates: Candidates) -> None:
    """Write the candidates, whole or not at all, and what tells them from others."""
    write_arrays(folder / CANDIDATES, candidates._asdict(), packed=True)
    write_json(folder / BEGUN, problem_of(candidates))


def problem_of(candidates: Candidates) -> dict[str, object]:
    """Return what a log belongs to: digests of the candidates and of the measured histories, their names and units."""
    return {
        "candidates": _digest(candidates.z, candidates.histories, candidates.duration),
        "histories that were learned": _digest(candidates.own, candidates.own_duration, candidates.known),
        "bounds": _digest(candidates.low, candidates.high),
        "names and units": [*candidates.names.tolist(), *candidates.units.tolist(), str(candidates.time_unit)],
    }


def check(folder: Path, candidates: Candidates) -> None:
    """ValueError that names what of the candidates is not as ``learn`` has left it.

    The numbers of cells in the log would mean other histories. A study of an earlier version has no record of them.
    """
    path, ours = folder / BEGUN, problem_of(candidates)
    if not path.is_file():
        return
    try:
        theirs = json.loads(path.read_text())
        other = [name for name, value in ours.items() if theirs.get(name) != value]
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read ({error}): take it from a copy of the study") from error
    if other:
        raise ValueError(
            f"{folder} was begun with other {', '.join(other)} than {CANDIDATES} holds now: its log is of another "
            "study. Put the old file back, or learn this family in a folder of its own"
        )


def other_program(folder: Path, words: Sequence[str]) -> str:
    """Keep which program answers, with a digest of the files it is made of; returns words on another one before.

    Its answers stay in the log, because answers of several programs and of people may be meant to stand together.
    """
    path = folder / BEGUN
    if not path.is_file():
        return ""
    files = [Path(word) for word in words if Path(word).is_file()]
    now = {
        "command": list(words),
        "files": {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files},
    }
    begun = json.loads(path.read_text())
    before = begun.get("program", now)
    if before == now and "program" in begun:
        return ""
    write_json(path, {**begun, "program": now})
    if before["command"] != now["command"]:
        return f"the program of this study was {' '.join(before['command'])}: the log holds what both say"
    changed = [name for name, digest in now["files"].items() if before["files"].get(name) != digest]
    return f"{', '.join(changed)} has changed since it last ran: the log holds what both say" if changed else ""


def _digest(*arrays: np.ndarray) -> str:
    """Return 16 hexadecimal digits that change with any value of the arrays."""
    total = hashlib.sha256()
    for array in arrays:
        total.update(f"{array.dtype} {array.shape} ".encode())
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()[:16]


def discard(folder: Path, *, new: bool) -> None:
    """Remove a folder that was ``new`` and holds nothing but a lock, because nothing was learned."""
    if new and [path.name for path in folder.iterdir()] == [RUN_LOCK]:
        (folder / RUN_LOCK).unlink()
        folder.rmdir()


def load(folder: Path) -> Candidates:
    """Return the candidates of a study. ValueError where nothing has been learned yet, and for another study's."""
    candidates = Candidates(**arrays(folder, Candidates._fields))
    check(folder, candidates)
    return candidates


def filled(candidates: Candidates) -> np.ndarray:
    """Return the histories of the file with their gaps filled along straight lines; ends keep the nearest value."""
    own = np.array(candidates.own)
    time_of = np.arange(own.shape[1])
    for history, known in zip(
        own.reshape(*own.shape[:2], -1), candidates.known.reshape(*own.shape[:2], -1), strict=True
    ):
        for channel in range(history.shape[1]):
            there = np.flatnonzero(known[:, channel])
            if 0 < there.size < len(time_of):
                history[:, channel] = np.interp(time_of, there, history[there, channel])
    return own


def latents(folder: Path) -> int:
    """Return the number of latents of a study, without reading its histories."""
    return int(arrays(folder, ("z",))["z"].shape[1])


def arrays(folder: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Return arrays of the file of candidates. ValueError where nothing has been learned yet."""
    path = folder / CANDIDATES
    if not path.is_file():
        raise ValueError(
            f"{folder} is no study yet: python -m experiments.process learn {folder} histories.csv makes one"
        )
    advice = "learn the family again, in a new folder"
    with whole(path, advice):
        held = arrays_of(path, advice)
        return {name: held[name] for name in names}


def now() -> str:
    """Return the time as text, which sorts as times follow each other."""
    return datetime.now().isoformat(timespec="milliseconds")


def after(book: Log) -> str:
    """Return the time as text, or a millisecond after the last answer of a log where the clock has been set back.

    Answers count in the order of their times, so that one told in the hour that summer time repeats, or after a wrong
    clock was corrected, would else come before those it follows, and a replacement would not count.
    """
    times = [time for row in book.rows if (time := time_of(row.told))]
    last = max(times, default=datetime.min)
    return max(datetime.fromisoformat(now()), last + timedelta(milliseconds=1)).isoformat(timespec="milliseconds")


@contextmanager
def locked(folder: Path, what: str, file: str = LOCK, wait: float = WAIT) -> Iterator[None]:
    """Hold a lock of the study; ValueError says who holds it when it is not free within ``wait`` seconds.

    The operating system frees it when its holder ends, however that happens.
    """
    path, end = folder / file, time.monotonic() + wait
    try:
        handle = open(path, "a+")  # noqa: SIM115  (closed below)
    except OSError as error:
        raise ValueError(f"{folder} cannot be written to ({error})") from error
    with handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= end:
                    handle.seek(0)
                    holder = handle.read().strip() or "another process"
                    raise ValueError(
                        f"the study {folder} is being written by {holder}: wait for it, or end it"
                    ) from None
                time.sleep(0.02)
        handle.seek(0)
        handle.truncate()
        handle.write(f"process {os.getpid()} ({what}, since {now()[:19]})")
        handle.flush()
        yield


def write_asked(folder: Path, number: int, candidates: Candidates, cell: int) -> Path:
    """Write the history of a cell as ``asked/NUMBER.csv`` (time, value), and return its path."""
    history = candidates.histories[cell]
    history = history.reshape(len(history), -1)
    time_of = np.linspace(0, float(candidates.duration[cell]), len(history))
    return write_history(folder / ASKED / f"{number}.csv", time_of, history, columns(candidates))


def columns(candidates: Candidates) -> list[str]:
    """Return the columns of a history's file beside time: value, or the names of several channels."""
    names = [str(name) or f"value{axis}" for axis, name in enumerate(candidates.names, 1)]
    return names if len(names) > 1 else ["value"]


def write_history(path: Path, time_of: np.ndarray, history: np.ndarray, names: list[str]) -> Path:
    """Write one history, whole or not at all: a column of times and one for each channel."""
    try:
        path.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise ValueError(f"{path.parent} should be a folder ({error.strerror}): move away what has its name") from error
    with replaced(path) as part, part.open("w") as file:
        np.savetxt(
            file, np.column_stack([time_of, history]), "%.9g", ",", header=",".join(["time", *names]), comments=""
        )
        file.flush()
        os.fsync(file.fileno())
    return path


def next_id(folder: Path, rows: list[Row]) -> int:
    """Return the number after the largest of the log and of the histories asked, because rows may be deleted."""
    files = [int(path.stem) for path in (folder / ASKED).glob("*.csv") if path.stem.isdecimal()]
    return max([0, *files, *(row.id for row in rows if row.id is not None)]) + 1


def tell(folder: Path, row: Row, *, replace: bool = False) -> Row:
    """Append the answer to a row that was asked, and return it with the cell that was asked.

    ValueError for an id that was never asked; AnsweredError, without ``replace``, for one that has an answer.
    """
    axes = latents(folder)
    with locked(folder, "tell"):
        book: Log = log.read(folder, axes)
        rows = [other for other in book.rows if other.id == row.id]
        if not rows:
            waiting = [str(other.id) for other in book.answers if other.status == "asked"]
            raise ValueError(f"id {row.id} was never asked; waiting for an answer: {', '.join(waiting) or 'none'}")
        answered = [other for other in rows if other.status in ("ok", "failed")]
        if answered and not replace:
            before = answered[-1]
            raise AnsweredError(
                f"id {row.id} has been told already: {before.status} {log.cell_of(before, 'outcomes')} "
                f"({before.told}); nothing was changed (--replace tells it anew)"
            )
        asked = next((other for other in rows if other.status == "asked"), rows[0])
        context = row.context or asked.context
        row = row._replace(cell=asked.cell, z=asked.z, asked=asked.asked, told=after(book), context=context)
        log.append(folder, book, [row])
    return row
