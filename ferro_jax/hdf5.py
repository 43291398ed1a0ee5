"""Refuse HDF5 files that would never be read to their end, or that end the process. No JAX.

Damaged files exist on which the HDF5 library loops for ever, or runs into memory that is not there, inside one call
that nothing in this process can interrupt. So another process, ``hdf5_walk``, reads first what describes the arrays,
within a limit of processor time. It is started with the first file (a third of a second) and serves all later ones (a
millisecond). Where there is no such process (Windows, an interpreter inside another program) files are read without.
"""

import atexit
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from threading import Lock

from ferro_jax.files import CUT

WALK = Path(__file__).with_name("hdf5_walk.py")
ENDINGS = {
    signal_.value: words
    for name, words in (
        ("SIGPROF", "reading it would not end"),
        ("SIGSEGV", "reading it ends the process"),
        ("SIGBUS", "reading it ends the process"),
        ("SIGABRT", "reading it ends the process"),
        ("SIGFPE", "reading it ends the process"),
    )
    if (signal_ := getattr(signal, name, None))
}

_lock = Lock()
_walkers: dict[int, subprocess.Popen[str]] = {}  # by the process that started it, as a fork must start its own


def check(path: Path) -> None:
    """ValueError names an HDF5 file whose reading would not end, or end this process."""
    with _lock:
        walker = _walker()
        if walker is None:
            return
        try:
            if _walked(walker, path):
                return
        except BaseException:  # an interruption: the answer is still to come, and is nobody's
            _end(walker)
            raise
        code = walker.wait()
        _end(walker)
    if words := ENDINGS.get(-code):
        raise ValueError(f"{path} is damaged: {words}; {CUT}")


def _walked(walker: subprocess.Popen[str], path: Path) -> bool:
    """Let a walker go through a file; return whether it came to the end."""
    assert walker.stdin is not None and walker.stdout is not None
    try:
        walker.stdin.write(json.dumps(str(path.absolute())) + "\n")
        walker.stdin.flush()
        return bool(walker.stdout.readline())
    except OSError:  # it has been ended by somebody else
        return False


def _walker() -> subprocess.Popen[str] | None:
    """Return the process that walks for this one, started where there is none; None where it cannot be."""
    pid = os.getpid()
    if pid not in _walkers and hasattr(signal, "setitimer") and not getattr(sys, "frozen", False):
        try:
            _walkers[pid] = subprocess.Popen(
                [sys.executable, "-P", "-W", "ignore", str(WALK)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        except (OSError, TypeError):  # there is no Python to start
            return None
    return _walkers.get(pid)


def _end(walker: subprocess.Popen[str]) -> None:
    """End a walker of this process, by its pid, because a fork may hold the pipe that would tell it to end."""
    if _walkers.get(os.getpid()) is walker:
        del _walkers[os.getpid()]
        walker.kill()
        walker.wait()
        for pipe in (walker.stdin, walker.stdout):
            with suppress(OSError):  # what was still to be written to a process that has ended
                pipe.close()  # pyright: ignore[reportOptionalMemberAccess]


@atexit.register
def _end_all() -> None:
    """End the walker of this process."""
    for walker in list(_walkers.values()):
        _end(walker)
