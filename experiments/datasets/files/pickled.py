"""Dictionaries of arrays in npy files, as ``numpy.save`` pickles them, read without running code of theirs.

Pickled data name the functions that make them when they are read. This reader knows those that make NumPy's arrays and
numbers and refuses every other one, so that a file can hold numbers, text and dictionaries of them, and do nothing.
"""

import pickle
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from experiments.datasets.files.records import Stored, of_array

MAKERS = {
    *((f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}


class _Reader(pickle.Unpickler):
    """Unpickler of numbers, text and arrays."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        """Return one of the functions that make arrays; ValueError for any other."""
        if (module_name, global_name) not in MAKERS:
            raise ValueError(f"it asks for {module_name}.{global_name}, which could run any code")
        return getattr(import_module(module_name.replace("numpy.core", "numpy._core")), global_name)


def arrays_of(path: Path) -> dict[str, Stored]:
    """Return the arrays of a pickled dictionary. ValueError for anything else, and for what could run code."""
    try:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = header(file)
            if not dtype.hasobject:
                raise ValueError(f"it holds one array of shape {shape}; expected a dictionary of arrays, or an npz")
            whole = _Reader(file, encoding="latin1").load()
        found = whole.item() if isinstance(whole, np.ndarray) and whole.shape == () else whole
        if not isinstance(found, dict):
            raise ValueError(f"it holds a {type(found).__name__}; expected a dictionary of arrays, or an npz")
        return {_text(name): of_array(values) for name, values in found.items()}
    except Exception as error:  # a broken pickle ends in errors of any type
        raise ValueError(
            f"{path} cannot be read ({error}); save it as npz where you trust it: "
            "numpy.savez(file, **numpy.load(old, allow_pickle=True)[()])"
        ) from error


def _text(name: Any) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name)
