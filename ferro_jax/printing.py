"""Records of arrays as a few lines: ``__repr__ = described`` in their class."""

from collections.abc import Mapping
from typing import Any

import numpy as np

SHORT = 6  # numbers that are shown one by one
WIDTH = 100


def described(self: Any) -> str:
    """Return a NamedTuple as a line for each field, with shape and type in place of arrays that are not short."""
    lines = [f"  {name}: {_word(getattr(self, name))}" for name in self._fields]
    return "\n".join([type(self).__name__, *lines])


def _word(value: Any) -> str:
    """Return a value in at most a line."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        short = value.size <= SHORT and value.dtype.kind in "biufU"
        text = str(np.asarray(value).tolist()) if short else f"{value.dtype} {list(value.shape)}"
    elif isinstance(value, Mapping):
        text = "{" + ", ".join(f"{name}: {_word(each)}" for name, each in value.items()) + "}"
    elif hasattr(value, "_fields"):
        text = f"{type(value).__name__}({', '.join(f'{name}={_word(getattr(value, name))}' for name in value._fields)})"
    elif isinstance(value, tuple | list):
        text = f"({', '.join(map(_word, value))})"
    else:
        text = repr(value)
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"
