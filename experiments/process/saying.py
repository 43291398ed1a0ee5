"""What a command says while it works, on stderr: a line for each step, and how long it took."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


def say(text: str) -> None:
    """Write a line at once."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Say what is being done, and at the end of the block how many seconds it took."""
    say(f"{text} …")
    begin = time.monotonic()
    yield
    say(f"  {time.monotonic() - begin:.1f} s")
