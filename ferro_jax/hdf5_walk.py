"""Walk through HDF5 files in a process of its own: what ``ferro_jax.hdf5`` starts. Imports nothing of this project.

Each line of the standard input is the path of a file in JSON, and is answered by a line when everything that describes
the file's arrays has been read: links, attributes, references, places of chunks, and texts of variable length. Numbers
are not read, because HDF5 does so in a loop of known length. Errors are left to whoever reads the file. A file that
takes more processor time than is right for its size ends this process by a signal.
"""

import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

import h5py

SECONDS, BYTES_A_SECOND = 1.0, 5_000_000  # processor time of a small file, and what a second more stands for
MEMORY = 1 << 30


def walk(path: str) -> None:
    """Read what describes the arrays of a file."""
    with h5py.File(path) as file:
        seen: set[Any] = set()
        left: list[Any] = [file]
        while left:
            item = left.pop()
            where = h5py.h5o.get_info(item.id)  # pyright: ignore[reportAttributeAccessIssue]
            if (where.fileno, where.addr) not in seen:
                seen.add((where.fileno, where.addr))
                left += _read(item)


def _read(item: Any) -> list[Any]:
    """Read one object, and return those that it leads to."""
    found = []
    for name in _whole(lambda: list(item.attrs)) or ():
        found += _led_to(item.file, _whole(item.attrs.__getitem__, name))
    if isinstance(item, h5py.Group):
        found += [_whole(item.__getitem__, name) for name in _whole(lambda: list(item)) or ()]
    elif isinstance(item, h5py.Dataset):
        if item.dtype.hasobject:
            found += _led_to(item.file, _whole(item.__getitem__, ()))
        elif item.chunks:
            _whole(item.id.get_num_chunks)  # it goes through the tree of all chunks
    return [each for each in found if isinstance(each, h5py.Group | h5py.Dataset)]


def _led_to(file: Any, value: Any) -> list[Any]:
    """Return the objects that references in a value lead to."""
    if isinstance(value, h5py.Reference):
        return [_whole(file.__getitem__, value)] if value else []
    if getattr(value, "dtype", None) is not None and value.dtype.hasobject and not value.dtype.names:
        return [found for each in value.ravel().tolist() for found in _led_to(file, each)]
    return []


def _whole(function: Any, *arguments: Any) -> Any:
    """Return what a function returns, None where it fails."""
    try:
        return function(*arguments)
    except Exception:  # the one who reads the file meets the same, and says it
        return None


def main() -> None:
    """Answer every line of the input."""
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if sys.platform == "linux" else 0
    if pages:
        limit = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin:
        path = json.loads(line)
        try:
            signal.setitimer(signal.ITIMER_PROF, SECONDS + os.path.getsize(path) / BYTES_A_SECOND)
            walk(path)
        except Exception:  # as above
            pass
        signal.setitimer(signal.ITIMER_PROF, 0)
        print("read", flush=True)


if __name__ == "__main__":
    main()
