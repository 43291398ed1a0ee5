"""Processes that a soak can disturb: forked after the imports, so that each costs little but its own work.

What a child says (found, kept, the digest of its result) goes, a line at a time, to a file that no fault touches.
"""

import ctypes
import faulthandler
import hashlib
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.lab import run as run_module
from experiments.process import study

TICKS = os.sysconf("SC_CLK_TCK")
BACK = 400 * 86400.0  # seconds by which a clock is set back


HEAVY = ("flax.nnx", "lineax", "matplotlib.pyplot", "numpyro", "optax", "paramax", "scipy.stats",
         "sklearn.decomposition", "tyro")  # fmt: skip


def prepare() -> None:
    """Import what is large and does not start XLA, which no fork survives."""
    for name in HEAVY:
        import_module(name)


class Child(NamedTuple):
    """A process of a job, the file of its events and that of what it prints."""

    pid: int
    events: Path
    output: Path


class Said(NamedTuple):
    """What a child has said: ``found`` (None until it has looked) and ``kept`` items, and its result's digest or ""."""

    found: list[str] | None
    kept: list[str]
    digest: str
    finite: bool


def start(job: str, folder: Path, events: Path, *, weak: bool) -> Child:
    """Start a job in a process of its own; ``weak`` takes away root's right to write where the mode forbids it."""
    output = events.with_suffix(".txt")
    events.unlink(missing_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        _live(job, folder, events, output, weak)
    return Child(pid, events, output)


def _live(job: str, folder: Path, events: Path, output: Path, weak: bool) -> None:
    """Do the job in this process, and end it."""
    code = 1
    try:
        os.setsid()
        os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644), 1)
        os.dup2(1, 2)
        faulthandler.register(signal.SIGUSR2, all_threads=True)
        signal.signal(signal.SIGUSR1, _set_clock_back)
        if weak:
            _drop_capabilities()
        file = os.open(events, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        code = _do(job, folder, file)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def _do(job: str, folder: Path, file: int) -> int:
    from benchmarks.robustness.jobs import JOBS, Events  # here, because gpjax starts XLA, which no fork survives

    def say(kind: str, value: Any) -> None:
        os.write(file, (json.dumps([kind, value]) + "\n").encode())

    def found(items: Iterable[Any]) -> None:
        say("found", [str(item) for item in items])

    try:
        result = JOBS[job](folder, Events(found, lambda item: say("kept", str(item))))
    except SystemExit as error:
        if error.code in (0, None):
            raise
        print(error)
        return 3
    say("end", [digest_of(result), all(map(_finite, result.values()))])
    return 0


def digest_of(result: dict[str, np.ndarray]) -> str:
    """Return a digest of names, types, shapes and bytes."""
    total = hashlib.sha256()
    for name in sorted(result):
        values = np.asarray(result[name])
        total.update(f"{name} {values.dtype} {values.shape}".encode())
        total.update(repr(values.tolist()).encode() if values.dtype.hasobject else values.tobytes())
    return total.hexdigest()[:16]


def _finite(values: np.ndarray) -> bool:
    return values.dtype.kind != "f" or bool(np.isfinite(values).all())


def said(child: Child) -> Said:
    """Return what a child has said so far."""
    found, kept, digest, finite = None, [], "", True
    for line in child.events.read_text().splitlines() if child.events.exists() else ():
        kind, value = json.loads(line)
        if kind == "found":
            found = value
        elif kind == "kept":
            kept.append(value)
        else:
            digest, finite = value
    return Said(found, kept, digest, finite)


def cpu_of(child: Child) -> float | None:
    """Return the CPU seconds of a child, None where it has ended (it is not waited for)."""
    try:
        fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else (int(fields[11]) + int(fields[12])) / TICKS


def ended(child: Child) -> int | None:
    """Return the exit status of a child, negative for a signal, None while it lives."""
    pid, status = os.waitpid(child.pid, os.WNOHANG)
    return None if pid == 0 else os.waitstatus_to_exitcode(status)


def end(child: Child) -> int:
    """Kill a child and what it has started, and return its exit status; its output ends with where it was."""
    os.kill(child.pid, signal.SIGUSR2)
    time.sleep(1)
    os.killpg(child.pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child.pid, 0)[1])


def _drop_capabilities() -> None:
    """Let root obey the modes of files, as every other user does."""
    if os.getuid() == 0:
        header = (ctypes.c_uint32 * 2)(0x20080522, 0)
        ctypes.CDLL(None).capset(header, (ctypes.c_uint32 * 6)())


def _set_clock_back(*_: Any) -> None:
    """Let time and the project's calendars show an earlier date from now on."""
    real, now = time.time, datetime_of(study)

    class Earlier(now):
        """The calendar with a time that has been set back."""

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return cls.fromtimestamp(real() - BACK, tz)

    time.time = lambda: real() - BACK
    for module in (study, run_module):
        module.datetime = Earlier  # pyright: ignore[reportAttributeAccessIssue]


def datetime_of(module: Any) -> Any:
    """Return the class of dates that a module uses."""
    return module.datetime
