"""Go on with a run that was stopped: what it was begun with, and whether that is the same today. No JAX.

``checkpoints/begun.json`` of a run's folder holds its options, versions, devices, and digests of the code and of the
files that its options name. A run ends as if it had never been stopped only where all of them are the same, so what
differs is named and refused. The folder ``checkpoints`` is deleted when a run has ended.
"""

import hashlib
import json
import platform
import shutil
import typing
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

from experiments.lab.environment import PACKAGES
from experiments.lab.options import OF_THE_MACHINE, Settings
from experiments.lab.runtime import cpu_model
from ferro_jax.files import whole, write_json

try:
    import fcntl
except ImportError:  # Windows, where nobody notices that two processes compute one run
    fcntl = None

FOLDER = "checkpoints"
BEGUN, LOCK = "begun.json", "lock"
CODE = ("ferro_jax", "models", "bo", "experiments")

_S = TypeVar("_S", bound=Settings)


def begun_with(name: str, config: Settings, devices: int) -> dict[str, Any]:
    """Return what must be the same for a run of experiment ``name`` to go on, as JSON has it."""
    options = {key: value for key, value in asdict(config).items() if key not in OF_THE_MACHINE}
    versions = {"python": platform.python_version()} | {each: metadata.version(each) for each in PACKAGES}
    found = {
        "experiment": name,
        "options": options,
        "versions": versions,
        "devices": devices,
        "code": _digest_of_code(),
        "files": {key: digest for key, value in options.items() if (digest := _digest_of_file(value))},
        "processor": cpu_model().split(" fpu ")[0],
    }
    return json.loads(json.dumps(found, default=str))


def begin(folder: Path, ours: dict[str, Any]) -> None:
    """Leave what a new run is begun with in its folder."""
    checkpoints = folder / FOLDER
    checkpoints.mkdir()
    write_json(checkpoints / BEGUN, ours)


def read(folder: Path) -> dict[str, Any]:
    """Return what a run was begun with. ValueError in words for a folder that holds nothing to resume."""
    path = folder / FOLDER / BEGUN
    if not path.is_file():
        if not (folder / "config.json").is_file():
            raise ValueError(f"{folder} is no run: give the folder of one, such as runs/latent_bo/<date-time>")
        raise ValueError(
            f"{folder} has no {FOLDER}, so there is nothing to resume: a run that has ended keeps none (--replot "
            "draws it again), nor does one of several processes"
        )
    with whole(path, "begin the run again, without --resume"):
        found = json.loads(path.read_text())
        if not isinstance(found["options"], dict) or not isinstance(found["versions"], dict):
            raise TypeError("options and versions are no objects")
    return found


def options_of(kind: type[_S], folder: Path) -> _S:
    """Return the options that a run was begun with. ValueError where they are not those of ``kind``."""
    options, hints = read(folder)["options"], typing.get_type_hints(kind)
    names = {field.name for field in fields(kind)} - set(OF_THE_MACHINE)
    if unknown := sorted(names ^ set(options)):
        raise ValueError(f"{folder} is the run of another experiment or version: it differs in {', '.join(unknown)}")
    with whole(folder / FOLDER / BEGUN, "begin the run again, without --resume"):
        return kind(**{name: _as(hints[name], value) for name, value in options.items()}, resume=folder)


def check(folder: Path, ours: dict[str, Any]) -> None:
    """ValueError that names all that differs between what a run was begun with and ``ours``.

    Another processor is a warning: most results are the same there, but their last digits need not be.
    """
    theirs = read(folder)
    lines = []
    for name in ("experiment", "devices"):
        if theirs.get(name) != ours[name]:
            lines.append(f"{name}: {ours[name]}, begun with {theirs.get(name)}")
    for name in {**ours["options"], **theirs["options"]}:
        now, then = ours["options"].get(name), theirs["options"].get(name)
        if now != then:
            lines.append(f"--{name.replace('_', '-')}: {now}, begun with {then}")
    for name in {**ours["versions"], **theirs["versions"]}:
        now, then = ours["versions"].get(name), theirs["versions"].get(name)
        if now != then:
            lines.append(f"version of {name}: {now}, begun with {then}")
    if theirs.get("code") != ours["code"]:
        lines.append(f"code of {', '.join(CODE)}: digest {ours['code']}, begun with {theirs.get('code')}")
    if theirs.get("files") != ours["files"]:
        lines.append(f"content of the files that options name: {ours['files']}, begun with {theirs.get('files')}")
    if lines:
        raise ValueError(
            f"{folder} cannot go on, because this would be another run:\n  " + "\n  ".join(lines) + "\n"
            "Give what it was begun with (options are taken from the folder), or begin anew, without --resume"
        )
    if theirs.get("processor") != ours["processor"]:
        words = f"{folder} was begun on {theirs.get('processor')}: it goes on, but its last digits may differ"
        warnings.warn(words, UserWarning, stacklevel=2)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run's folder while it is computed; ValueError where another process computes it."""
    with (folder / FOLDER / LOCK).open("a") as handle:
        if fcntl is not None:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ValueError(f"{folder} is being computed by another process: wait for it, or end it") from None
        yield


def end(folder: Path) -> None:
    """Delete the checkpoints of a run that has ended."""
    shutil.rmtree(folder / FOLDER, ignore_errors=True)


def _as(hint: Any, value: Any) -> Any:
    """Return an option's value as the dataclass has it: paths for their texts, tuples for lists."""
    if isinstance(value, list):
        return tuple(_as(None, each) for each in value)
    return Path(value) if isinstance(value, str) and Path in (hint, *typing.get_args(hint)) else value


def _digest_of_code() -> str:
    """Return 16 hexadecimal digits that change with any source file of the project."""
    root, total = Path(__file__).parents[2], hashlib.sha256()
    for package in CODE:
        for path in sorted((root / package).rglob("*.py")):
            total.update(f"{path.relative_to(root)} ".encode())
            total.update(path.read_bytes())
    return total.hexdigest()[:16]


def _digest_of_file(value: Any) -> str:
    """Return 16 hexadecimal digits of the file that an option names, or of that run's arrays; "" if it names none."""
    if not isinstance(value, str | Path) or not str(value):
        return ""
    path = Path(value).expanduser()
    path = path / "results.nc" if path.is_dir() else path
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except (OSError, ValueError):
        return ""
