"""Callbacks that move a progress bar, from the host or from inside compiled programs."""

from collections.abc import Callable
from typing import Any

from tqdm import tqdm


def advance(bar: tqdm, start: int = 0, each: int = 1) -> Callable[..., None]:
    """Return a callback ``advance(count, ...)`` that sets the bar to ``start + count * each``, and never back.

    Devices report out of order, so a count smaller than an earlier one is left out. Arguments after the first are
    ignored, because the progress callbacks of fits also pass their losses.
    """

    def set_to(count: Any, *_: Any) -> None:
        bar.update(max(0, start + int(count) * each - bar.n))

    return set_to


class Chunks:
    """Progress of work done chunk after chunk, where the members of a chunk also report while they run.

    ``inside(count)`` is for a member that has done ``count`` pieces; ``after(members)`` for the end of a chunk, with
    the number of members that are done then. A member has ``pieces``, and ``together`` of them run side by side.
    """

    def __init__(self, bar: tqdm, together: int, pieces: int):
        self.bar, self.together, self.pieces, self.done = bar, together, pieces, 0

    def inside(self, count: Any) -> None:
        """Set the bar to what is done if all members of this chunk have come as far as this one."""
        advance(self.bar, self.done, self.together)(count)

    def after(self, members: int) -> None:
        """Set the bar to the pieces of all finished members."""
        self.done = members * self.pieces
        advance(self.bar)(self.done)
