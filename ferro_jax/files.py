"""Files: written whole or not at all; those that are cut short, changed or hostile are refused by name. No JAX.

    made(folder)                 a folder to write to
    with replaced(path) as part: write to ``part``, which takes the place of ``path`` when the block has ended
    write_json(path, value), write_arrays(path, arrays)

    with whole(path):            whatever goes wrong while a file or folder is read
    with named(path):            a ValueError about what a file holds
    with held(folder):           one process at a time writes here
    arrays_of(path)              the arrays of an npz by their names, that of an npy under ""
    owner(record, path)          what ties a file to the record of the run, campaign or fit that writes it

Nothing that is read can run code. A header that announces more numbers than the file can hold is refused before memory
is asked for, because the system may end the process that asks. Every package may import this module.
"""

import hashlib
import json
import math
import os
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

UNREADABLE = (Exception,)  # libraries that meet a broken file raise errors of any type, MemoryError too
CUT = "was it cut short? Take it from a copy."
ONLY_WARNED = ("versions", "processor")  # of a record: another one is a warning
_OWNER = "__owner__"  # name of an array
_DEFLATED = 1032  # bytes that one compressed byte can stand for, at most
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


@contextmanager
def whole(path: Path, advice: str = CUT) -> Iterator[None]:
    """Turn what goes wrong while a saved file or folder is read in the block into a ValueError that names it."""
    try:
        yield
    except UNREADABLE as error:
        if isinstance(error, ValueError) and str(path) in str(error):
            raise
        raise ValueError(f"{path} cannot be read ({error or type(error).__name__}); {advice}") from error


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Let a ValueError of the block begin with the file that its values come from, where it does not name it."""
    try:
        yield
    except ValueError as error:
        if path.name in str(error):
            raise
        raise ValueError(f"{path}: {error}") from error


def made(folder: Path) -> Path:
    """Return the whole path of a folder, which is made where it is missing.

    ValueError where a file has its name, or nothing can be written there.
    """
    folder = folder.resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"{folder} cannot be made a folder ({error.strerror}): give another one") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ValueError(f"nothing can be written to {folder}: give another folder, or allow it")
    return folder


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Yield the name of a new file beside ``path``, which takes its place when the block has ended.

    Where the block fails the new file is deleted, because a full disk needs its room, and ``path`` stays as it was.
    The name is that of this process: two that write the same file do not write into each other's.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        yield part
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON."""
    with replaced(path) as part:
        part.write_text(json.dumps(value, indent=2))


def owner(record: Path, path: Path) -> str:
    """Return what ties a file to a record, JSON in a folder above it: the digest of the record, and the file's place.

    "" where there is no record. Entries that may change with a warning, such as versions, do not count.
    """
    if not record.is_file():
        return ""
    with whole(record):
        held = json.loads(record.read_text())
        counted = {name: value for name, value in held.items() if name not in ONLY_WARNED}
        digest = hashlib.sha256(json.dumps(counted, sort_keys=True).encode()).hexdigest()[:16]
    return f"{digest} {path.relative_to(record.parent).as_posix()}"


def write_arrays(path: Path, arrays: Mapping[str, Any], *, packed: bool = False, owner: str = "") -> None:
    """Write arrays by their names to an npz; ``packed`` ones take more time and less room.

    With ``owner`` the file keeps what it belongs to, which ``arrays_of`` compares.
    """
    named = {**arrays, _OWNER: np.frombuffer(owner.encode(), np.uint8)} if owner else arrays
    with replaced(path) as part, part.open("wb") as file:
        (np.savez_compressed if packed else np.savez)(file, **named)  # pyright: ignore[reportArgumentType]


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a folder while old files in it are deleted, because one of two processes could delete the other's."""
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def arrays_of(path: Path, advice: str = CUT, *, owner: str = "") -> dict[str, np.ndarray]:
    """Return the arrays of an npz by their names, or that of an npy as "". ValueError names any other file.

    With ``owner`` also one that another run, campaign or fit has written, or this one at another place; files of
    earlier versions do not keep that and are read.
    """
    with whole(path, advice), path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            file.seek(0)
            return {"": _array(file, path.stat().st_size)}
        with zipfile.ZipFile(file) as members:
            found = {
                member.filename.removesuffix(".npy"): _member(members, member)
                for member in members.infolist()
                if member.filename.endswith(".npy")
            }
        theirs = found.pop(_OWNER, None)
        if owner and theirs is not None and theirs.tobytes() != owner.encode():
            raise ValueError(
                f"{path} was written by another run, campaign or fit, or for another place of this one (it has "
                f"{theirs.tobytes().decode(errors='replace')!r}, expected {owner!r}): put the right file back, or "
                "delete this one, and what it holds is computed again"
            )
        return found


def _member(members: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    """Return the array of one member of an npz; its checksum is looked at when its last byte is read."""
    stored = member.compress_type == zipfile.ZIP_STORED
    room = member.compress_size if stored else _DEFLATED * member.compress_size
    with members.open(member) as file:
        array = _array(file, min(room, member.file_size))
        if file.read(1):
            raise ValueError(f"{member.filename} holds more than its header announces")
        return array


def _array(file: Any, room: int) -> np.ndarray:
    """Return an array of NumPy's format from a file of so many bytes. ValueError for objects, and for a larger one."""
    version = np.lib.format.read_magic(file)
    header = _HEADERS.get(version, _HEADERS[2, 0])  # version 3.0 differs from 2.0 in names of fields alone
    shape, _, dtype = header(file)
    if dtype.hasobject:
        raise ValueError("it holds Python objects (pickled)")
    if math.prod(shape) * dtype.itemsize > room or any(size < 0 for size in shape):
        raise ValueError(f"its header announces {shape} numbers of type {dtype}, more than the file holds")
    file.seek(0)
    array = np.lib.format.read_array(file, allow_pickle=False)
    if dtype.kind == "U" and array.nbytes and np.ravel(array).view(f"{dtype.byteorder}u4").max() > sys.maxunicode:
        raise ValueError("it holds texts with characters that do not exist")
    return array
