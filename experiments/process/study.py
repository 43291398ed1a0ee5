"""A study's folder: candidates, histories that were asked, locks. NumPy only, so that telling is quick."""

import fcntl
import os
import time
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from experiments.process import log
from experiments.process.log import Log, Row

CANDIDATES, FAMILY, ASKED = "candidates.npz", "family", "asked"
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
    """Write the candidates, whole or not at all."""
    part = folder / f"{CANDIDATES}.part.npz"
    np.savez_compressed(part, **candidates._asdict())
    os.replace(part, folder / CANDIDATES)


def discard(folder: Path, *, new: bool) -> None:
    """Remove a folder that was ``new`` and holds nothing but a lock, because nothing was learned."""
    if new and [path.name for path in folder.iterdir()] == [RUN_LOCK]:
        (folder / RUN_LOCK).unlink()
        folder.rmdir()


def load(folder: Path) -> Candidates:
    """Return the candidates of a study. ValueError where nothing has been learned yet."""
    return Candidates(**arrays(folder, Candidates._fields))


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
    try:
        with open(path, "rb") as handle, np.load(handle, allow_pickle=False) as file:
            return {name: file[name] for name in names}
    except (OSError, KeyError, TypeError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} cannot be read ({error}): learn the family again, in a new folder") from error


def now() -> str:
    """Return the time as text, which sorts as times follow each other."""
    return datetime.now().isoformat(timespec="milliseconds")


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
    part = path.with_name(path.name + ".part")
    with open(part, "w") as file:
        np.savetxt(
            file, np.column_stack([time_of, history]), "%.9g", ",", header=",".join(["time", *names]), comments=""
        )
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
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
        row = row._replace(cell=asked.cell, z=asked.z, asked=asked.asked, told=now(), context=context)
        log.append(folder, book, [row])
    return row
