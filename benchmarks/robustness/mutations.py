"""Files that are not whole: what happens to the bytes of a file between its writing and its reading, by chance.

Each mutation takes (bytes, Random) and returns bytes. ``CUTS`` are those after which a binary format must be refused,
or give the same as before, because part of it is missing.
"""

import io
import json
import random
import re
import struct
import zipfile
from collections.abc import Callable
from typing import Any

Mutation = Callable[[bytes, random.Random], bytes]
NUMBER = re.compile(rb"\d+(\.\d+)?(e[+-]?\d+)?")
NUMBERS = (b"nan", b"inf", b"-1", b"0", b"1e308", b"1e999", b"-1e-320", b"9" * 30, b"4294967297", b"1" * 5000, b"true")
CELLS = (b'"', b"\x00", b"\xff\xfe", b"\n\n", b",,,,", b";", b"\t", b"#", b"x" * 200_000, b"1," * 50_000, b"\xc3\x28")
LEAVES = (None, True, -1, 2**63, 10**400, 1e308, -0.0, "", "x", "x" * 100_000, [], {}, [[]], float("nan"))
DEPTH = 100_000
DTYPES = ("|O", "|V8", "<U1000000", "<c16", ">f8", "<M8[s]", "|b1", "<i1", "<f2", "<f16", "|S0", "<u8", "f", "xyz")
SHAPES = (
    "()",
    "(-1,)",
    "(0, 0)",
    "(1000000000000,)",
    "(9223372036854775807, 2)",
    "(2, 3, 4)",
    "3",
    "(1.5,)",
    "(True,)",
)


def cut(data: bytes, chance: random.Random) -> bytes:
    """Leave the beginning."""
    return data[: chance.randrange(len(data))] if data else data


def cut_short(data: bytes, chance: random.Random) -> bytes:
    """Leave out the last few bytes."""
    return data[: -chance.randint(1, 64)]


def empty(_: bytes, __: random.Random) -> bytes:
    """Leave nothing."""
    return b""


def flip(data: bytes, chance: random.Random) -> bytes:
    """Flip one to eight bits anywhere."""
    found = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        if found:
            found[chance.randrange(len(found))] ^= 1 << chance.randrange(8)
    return bytes(found)


def flip_header(data: bytes, chance: random.Random) -> bytes:
    """Set one to four of the first bytes to any values."""
    found = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        if found:
            found[chance.randrange(min(len(found), 512))] = chance.randrange(256)
    return bytes(found)


def _span(data: bytes, chance: random.Random) -> tuple[int, int]:
    size = chance.choice((1, 8, 64, 512, 4096))
    start = chance.randrange(max(len(data) - size, 0) + 1)
    return start, min(start + size, len(data))


def blank(data: bytes, chance: random.Random) -> bytes:
    """Overwrite a block by zeros or ones, as a disk gives back what was never written."""
    start, stop = _span(data, chance)
    return data[:start] + chance.choice((b"\0", b"\xff")) * (stop - start) + data[stop:]


def swap(data: bytes, chance: random.Random) -> bytes:
    """Swap two blocks."""
    (a, b), (c, d) = sorted((_span(data, chance), _span(data, chance)))
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:] if b <= c else data[c:] + data[:c]


def drop(data: bytes, chance: random.Random) -> bytes:
    """Leave out a block."""
    start, stop = _span(data, chance)
    return data[:start] + data[stop:]


def repeat(data: bytes, chance: random.Random) -> bytes:
    """Write a block several times."""
    start, stop = _span(data, chance)
    return data[:start] + data[start:stop] * chance.choice((2, 3, 100)) + data[stop:]


def noise(data: bytes, chance: random.Random) -> bytes:
    """Insert bytes that mean nothing."""
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.randbytes(chance.choice((1, 16, 1000))) + data[at:]


def huge(data: bytes, chance: random.Random) -> bytes:
    """Write a huge or a negative number of 4 or 8 bytes where there may be a size."""
    form, value = chance.choice((("<I", 2**31 - 1), ("<I", 2**32 - 1), ("<Q", 2**40), ("<Q", 2**64 - 1), (">I", 2**30)))
    at = chance.randrange(max(min(len(data), 4096) - 8, 0) + 1)
    return data[:at] + struct.pack(form, value) + data[at + struct.calcsize(form) :]


def numbers(data: bytes, chance: random.Random) -> bytes:
    """Write another number in place of one to three, as text has them."""
    for _ in range(chance.randint(1, 3)):
        places = list(NUMBER.finditer(data[:100_000]))
        if places:
            place = chance.choice(places)
            data = data[: place.start()] + chance.choice(NUMBERS) + data[place.end() :]
    return data


def cells(data: bytes, chance: random.Random) -> bytes:
    """Insert what a text file should not have."""
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.choice(CELLS) + data[at:]


def lines(data: bytes, chance: random.Random) -> bytes:
    """Shuffle, repeat or leave out lines."""
    parts = data.splitlines(keepends=True)
    how = chance.randrange(3)
    if how == 0:
        chance.shuffle(parts)
    elif how == 1 and parts:
        parts *= chance.choice((2, 50))
    elif parts:
        del parts[chance.randrange(len(parts))]
    return b"".join(parts)


def in_json(data: bytes, chance: random.Random) -> bytes:
    """Change, remove or nest one value of a JSON text; other data as it is."""
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):  # it may have been nested before
        return numbers(data, chance)
    if chance.random() < 0.1:
        return chance.choice(
            (b"[" * DEPTH, b'{"a":' * DEPTH, b"[" * DEPTH + b"]" * DEPTH, b"[]", b"null", b'"x"', b"7")
        )
    places = list(_places(tree))
    if not places:
        return b"{}"
    above, key = chance.choice(places)
    if chance.random() < 0.3 and isinstance(above, dict):
        del above[key]
    else:
        above[key] = chance.choice(LEAVES)
    return json.dumps(tree).encode()


def _places(tree: Any) -> Any:
    """Yield (container, key) of every value of a tree."""
    for key in list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ():
        yield tree, key
        yield from _places(tree[key])


def npy_header(data: bytes, chance: random.Random) -> bytes:
    """Change type, shape or order in the header of an npy file, whose length stays right."""
    if data[:6] != b"\x93NUMPY" or len(data) < 12:
        return flip_header(data, chance)
    size = struct.unpack("<H", data[8:10])[0]
    header = data[10 : 10 + size].decode("latin1")
    header = chance.choice(
        (
            re.sub(r"'descr': '[^']*'", f"'descr': '{chance.choice(DTYPES)}'", header),
            re.sub(r"'shape': \([^)]*\)", f"'shape': {chance.choice(SHAPES)}", header),
            header.replace("False", "True"),
            "(" * 3000,
            "{'descr': " + "-" * 20000 + "1}",
        )
    )
    header = header.rstrip() + "\n"
    return data[:8] + struct.pack("<H", len(header)) + header.encode() + data[10 + size :]


def in_zip(data: bytes, chance: random.Random) -> bytes:
    """Change one member of a zip, whose checksums stay right; other data as it is."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            members = {name: file.read(name) for name in file.namelist()}
    except Exception:  # it may have been changed before
        return flip(data, chance)
    name = chance.choice(list(members))
    if chance.random() < 0.15:
        del members[name]
    elif members[name][:1] in (b"{", b"["):
        members[name] = in_json(members[name], chance)
    else:
        members[name] = chance.choice((npy_header, npy_header, cut, flip, blank, empty))(members[name], chance)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as file:
        for member, content in members.items():
            file.writestr(member, content)
    return target.getvalue()


CUTS: tuple[Mutation, ...] = (cut, cut_short, empty)
ANY: tuple[Mutation, ...] = (*CUTS, flip, flip_header, blank, swap, drop, repeat, noise, huge)
TEXT: tuple[Mutation, ...] = (numbers, numbers, cells, cells, lines, cut, flip, noise, empty)
OF_SUFFIX: dict[str, tuple[Mutation, ...]] = {
    ".npy": (*ANY, npy_header, npy_header),
    ".npz": (*ANY, in_zip, in_zip, in_zip, in_zip),
    ".json": (*TEXT, in_json, in_json, in_json, in_json),
    ".csv": TEXT,
    ".txt": TEXT,
    ".toml": TEXT,
    ".jsonl": TEXT,
}


def mutated(data: bytes, suffix: str, chance: random.Random) -> tuple[str, bytes]:
    """Return the names of one or two mutations that suit a file's ending, and the bytes after them."""
    chosen = [chance.choice(OF_SUFFIX.get(suffix, ANY)) for _ in range(1 if chance.random() < 0.8 else 2)]
    for each in chosen:
        data = each(data, chance)
    return "+".join(each.__name__ for each in chosen), data
