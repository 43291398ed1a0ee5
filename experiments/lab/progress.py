"""Callbacks that move a progress bar."""

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
