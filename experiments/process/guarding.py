"""A guard beside a run: what the run has started does not outlive it, not even when it is killed (kill -9).

The guard is a small process that reads the process groups which are running from a pipe. The pipe closes when the run
ends, however that happens, and the guard then ends the groups that are left.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple

WATCH = """
import os, signal, sys
if os.fork():
    os._exit(0)  # Ray ends the children of a worker that it ends, so the guard is none
running = set()
for line in sys.stdin:
    (running.add if line[0] == "+" else running.discard)(int(line[1:]))
for group in running:
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        pass
"""
# A program is told to the guard by itself, before it starts, because the run may be killed before it could tell.
# Its standard input is the guard's pipe until then.
TELL = 'echo "+$$" >&0; exec "$@" </dev/null'
CANNOT_START = (126, 127)  # exit statuses of a shell that cannot start a program


class Guard(NamedTuple):
    """The writing end of the guard's pipe."""

    pipe: int

    def words(self, words: Sequence[str]) -> list[str]:
        """Return the words that start a program which tells itself to the guard; its stdin must be ``pipe``."""
        return ["/bin/sh", "-c", TELL, "sh", *words]

    def ended(self, group: int) -> None:
        """Tell the guard that a process group has ended."""
        with suppress(BrokenPipeError):
            os.write(self.pipe, f"-{group}\n".encode())


@contextmanager
def guarded() -> Iterator[Guard]:
    """Keep a guard while the block runs."""
    watcher = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", WATCH],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # an interruption from the terminal is not meant for it
    )
    assert watcher.stdin is not None
    watcher.wait()  # for the process that has started the guard
    with watcher.stdin as pipe:
        yield Guard(pipe.fileno())


def end_group(leader: int) -> None:
    """End the processes of a group that was started here, if any are left."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
