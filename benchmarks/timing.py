"""CPU and wall seconds of a call."""

import time
from collections.abc import Callable
from typing import Any

import jax


def timed(function: Callable[..., Any], *arguments: Any) -> tuple[Any, float, float]:
    """Return the result of ``function(*arguments)``, computed to its end, with its CPU and wall seconds.

    CPU seconds are those of the whole process with all its threads.
    """
    cpu, wall = time.process_time(), time.perf_counter()
    result = jax.block_until_ready(function(*arguments))
    return result, time.process_time() - cpu, time.perf_counter() - wall
