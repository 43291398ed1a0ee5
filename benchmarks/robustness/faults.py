"""Faults that befall a running job, each of which the machine can take back afterwards.

kill, term, interrupt   signals 9, 15 and 2
disk full               the file system of the folder has no byte left (a small tmpfs; else files cannot grow)
read-only               nothing in the folder can be made, changed or removed
clock                   the clock is set back by 400 days while the job runs
memory                  the address space may grow by at most 64 MB more
twice                   the same job is started a second time in the same folder
"""

import os
import random
import resource
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.robustness.children import Child

FILL = "filler"
ROOM = 64  # MB of the small file system


class Place(NamedTuple):
    """The folder of a job, on a file system of its own or (``small`` false) on that of the machine."""

    folder: Path
    small: bool


@contextmanager
def place(above: Path) -> Iterator[Place]:
    """Make a small file system for jobs where that is allowed, else a folder; take it away at the end."""
    folder = above / "disk"
    folder.mkdir(parents=True, exist_ok=True)
    words = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}m", "soak", str(folder)]
    small = subprocess.run(words, capture_output=True, check=False).returncode == 0
    try:
        yield Place(folder, small)
    finally:
        if small:
            subprocess.run(["umount", "-l", str(folder)], check=True)


def kill(child: Child, _: Place, __: random.Random) -> None:
    """End the job at once."""
    os.killpg(child.pid, signal.SIGKILL)


def term(child: Child, _: Place, __: random.Random) -> None:
    """Ask the job to end, as a scheduler does."""
    os.kill(child.pid, signal.SIGTERM)


def interrupt(child: Child, _: Place, __: random.Random) -> None:
    """Press Ctrl-C."""
    os.kill(child.pid, signal.SIGINT)


def disk_full(child: Child, where: Place, chance: random.Random) -> None:
    """Take all room, or all but a few kilobytes."""
    if not where.small:
        limit = chance.choice((0, 100, 4096))
        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        return
    left = chance.choice((0, 0, 1, 4, 16)) * 4096
    with (where.folder / FILL).open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 16))
        except OSError:
            file.truncate(max(file.tell() - left, 0))


def read_only(_: Child, where: Place, __: random.Random) -> None:
    """Forbid to write in every folder."""
    _set_modes(where.folder, 0o555)


def clock(child: Child, _: Place, __: random.Random) -> None:
    """Set the clock back."""
    os.kill(child.pid, signal.SIGUSR1)


def memory(child: Child, _: Place, chance: random.Random) -> None:
    """Let the address space grow by a few megabytes at most."""
    pages = int(Path(f"/proc/{child.pid}/statm").read_text().split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE") + chance.choice((0, 1 << 20, 16 << 20, 64 << 20))
    resource.prlimit(child.pid, resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))


def nothing(_: Child, __: Place, ___: random.Random) -> None:
    """Do nothing here: the soak starts the job a second time."""


def mend(where: Place) -> None:
    """Take back what a fault has done to the folder."""
    (where.folder / FILL).unlink(missing_ok=True)
    _set_modes(where.folder, 0o755)


def _set_modes(folder: Path, mode: int) -> None:
    os.chmod(folder, mode)
    for above, names, _ in os.walk(folder):
        for name in names:
            try:
                os.chmod(os.path.join(above, name), mode)
            except FileNotFoundError:  # the job has just removed it
                continue


FAULTS: dict[str, Callable[[Child, Place, random.Random], None]] = {
    "kill": kill,
    "term": term,
    "interrupt": interrupt,
    "disk full": disk_full,
    "read-only": read_only,
    "clock": clock,
    "memory": memory,
    "twice": nothing,
}
