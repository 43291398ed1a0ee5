"""One line that says how far a training is and how long it still takes."""

import sys
import time
from typing import TextIO


class Line:
    """A line on ``stream`` that each call of ``show`` writes anew; ``end`` leaves it and goes to the next.

    ``piece`` is what is counted. The time left is measured from the second piece on, because the first one includes the
    compilation.
    """

    def __init__(
        self, what: str, total: int, stream: TextIO | None = None, *, piece: str = "epoch", first: str = "compiling"
    ):
        self.what, self.total, self.stream, self.piece = what, total, stream or sys.stderr, piece
        self.began, self.first, self.width = time.monotonic(), (0, 0.0), 0
        self.write(f"{what}: {first}")

    def show(self, done: int) -> None:
        """Write how many of the ``total`` are done and how long the rest takes, as far as that is known."""
        now = time.monotonic()
        if not self.first[0]:
            self.first = (done, now)
        text = f"{self.what}: {self.piece} {done} of {self.total}"
        if 0 < self.first[0] < done < self.total:
            left = (now - self.first[1]) / (done - self.first[0]) * (self.total - done)
            text += f", about {duration(left)} left"
        self.write(text)

    def end(self, text: str) -> None:
        """Write the last state of the line, with the time that everything took."""
        self.write(f"{self.what}: {text}, {duration(time.monotonic() - self.began)}")
        self.stream.write("\n")

    def write(self, text: str) -> None:
        """Write over what the line shows."""
        self.stream.write("\r" + text.ljust(self.width))
        self.stream.flush()
        self.width = len(text)


def duration(seconds: float) -> str:
    """Return a time in words, with two digits at most."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
