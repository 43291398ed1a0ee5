"""A program's two pipes, read while it runs and kept to a few megabytes; its end is that of its own process."""

import os
import select
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress

MOST = 4_000_000  # bytes of each pipe that are kept, the last ones
CHUNK = 65536
POLL = 0.2  # seconds between two looks at the process
AFTER_END = 2.0  # seconds for what is still in the pipes of a program that has ended


class Pipes:
    """The standard output and error of a program, as far as they were read."""

    def __init__(self, child: subprocess.Popen) -> None:
        assert child.stdout is not None and child.stderr is not None
        self.child = child
        self.files = (child.stdout, child.stderr)
        self.kept = {file.fileno(): bytearray() for file in self.files}
        self.cut: set[int] = set()
        self.open = list(self.kept)

    def read(self, seconds: float) -> bool:
        """Read what comes within some seconds; returns whether anything did, also the end of a pipe."""
        if not self.open:
            return False
        ready = select.select(self.open, [], [], seconds)[0]
        for pipe in ready:
            data, kept = os.read(pipe, CHUNK), self.kept[pipe]
            kept += data
            if not data:
                self.open.remove(pipe)
            if len(kept) > 2 * MOST:
                del kept[:-MOST]
                self.cut.add(pipe)
        return bool(ready)

    def follow(self, seconds: float, stopped: Callable[[], bool]) -> bool:
        """Read until the program itself has ended; False where it has not within some seconds or was to stop.

        Others may hold its pipes longer, such as a process that it has left behind.
        """
        deadline = time.monotonic() + seconds
        while self.child.poll() is None:
            left = deadline - time.monotonic()
            if left <= 0 or stopped():
                return False
            if self.open:
                self.read(min(left, POLL))
            else:
                with suppress(subprocess.TimeoutExpired):
                    self.child.wait(min(left, POLL))
        return True

    def finish(self) -> tuple[str, str]:
        """Return what was written to both pipes once the program has ended, and close them."""
        end = time.monotonic() + AFTER_END
        with suppress(subprocess.TimeoutExpired):
            self.child.wait(AFTER_END)
        while time.monotonic() < end and self.read(0.0):
            pass
        texts = [self.text(file.fileno()) for file in self.files]
        for file in self.files:
            file.close()
        return texts[0], texts[1]

    def text(self, pipe: int) -> str:
        """Return what is kept of a pipe, from the begin of a line."""
        data = bytes(self.kept[pipe])
        if pipe in self.cut:
            data = data[data.find(b"\n") + 1 :]
        return data.decode(errors="replace")
