"""What a reader of a report needs to have its numbers again: the command, the revision, a digest of the arrays."""

import hashlib
import shlex
from dataclasses import fields
from typing import Any

import numpy as np
import xarray

from experiments.lab.experiment import Description
from experiments.lab.options import OF_THE_MACHINE


def command_of(experiment: Description, config: dict[str, Any]) -> str:
    """Return the command line that has these options: those that differ from the defaults, and none of the machine."""
    default = experiment.smoke if config.get("smoke") else experiment.config()
    words = ["python", "-m", experiment.package, *(["--smoke"] if config.get("smoke") else [])]
    for field in fields(default):
        value, usual = config.get(field.name), getattr(default, field.name)
        if field.name in (*OF_THE_MACHINE, "smoke") or _plain(value) == _plain(usual):
            continue
        option = field.name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        elif isinstance(value, list | tuple):
            words += [f"--{option}", *map(str, value)]
        else:
            words += [f"--{option}", str(value)]
    return shlex.join(words)


def _plain(value: Any) -> Any:
    """Return an option as JSON keeps it."""
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value if value is None else (
        value if isinstance(value, bool | int | float) else str(value)
    )  # fmt: skip


def digest_of(results: xarray.Dataset) -> str:
    """Return 16 hexadecimal digits that change with any name, shape or value of the arrays."""
    total = hashlib.sha256()
    for name in sorted(map(str, results.variables)):
        values = np.ascontiguousarray(results[name].values)
        total.update(f"{name} {values.dtype} {values.shape} ".encode())
        total.update(values.tobytes() if values.dtype.kind != "O" else repr(values.tolist()).encode())
    return total.hexdigest()[:16]
