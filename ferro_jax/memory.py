"""Whether the results of a program can fit into the memory of the machine, asked while the program is traced."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import jax

GIB = 2**30


def room() -> int | None:
    """Return the bytes of memory of the default device, or for a CPU of the machine or its container; None where they
    are not known."""
    if jax.default_backend() != "cpu":
        return (jax.devices()[0].memory_stats() or {}).get("bytes_limit")
    limits = []
    with suppress(AttributeError, ValueError, OSError):
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with suppress(ValueError, OSError):  # "max" without a limit
        limits.append(int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return min(limits, default=None)


def bytes_of(tree: Any) -> int:
    """Return the bytes of all arrays of a tree, traced ones too."""
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree) if hasattr(leaf, "dtype"))


def refuse(size: int, what: str, instead: str) -> None:
    """Raise ValueError if ``size`` bytes are more than all memory: what needs them, how much, and what to do instead.

    A program that asks for less may still be too large, because other arrays are held beside these.
    """
    limit = room()
    if limit is not None and size > limit:
        raise ValueError(f"{what} needs {size / GIB:.3g} GiB, and there are {limit / GIB:.3g} GiB: {instead}")
