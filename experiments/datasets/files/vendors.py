"""Arrays of microscopes' files (dm3, dm4, emd, ibw, mrc, bcf, ser and many more), read by rosettasciio."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from experiments.datasets.files.records import Axis, Stored, of_array
from ferro_jax import hdf5

TABLES = (".xlsx", ".xls", ".ods", ".parquet", ".feather")
HOW_TO_INSTALL = 'rosettasciio, which is not installed: pip install "ferro-jax[microscopes]"'


def arrays_of(path: Path, suffix: str) -> dict[str, Stored]:
    """Return the signals of a microscope's file by their titles. ValueError says what is missing to read it."""
    if suffix.lower() in TABLES:
        raise ValueError(f"{path}: tables that end in {suffix} are not read: save it as CSV, or read it with pandas")
    if find_spec("rsciio") is None:
        raise ValueError(f"{path}: files that end in {suffix or 'nothing'} are read by {HOW_TO_INSTALL}")
    ending = suffix[1:].lower()
    # the extra is optional, so its modules are imported where they are used
    plugins = [plugin for plugin in import_module("rsciio").IO_PLUGINS if ending in plugin["file_extensions"]]
    if not plugins:
        raise ValueError(f"{path}: neither this project nor rosettasciio reads files that end in {suffix}")
    hdf5.check(path)  # emd files are HDF5
    problems = []
    for plugin in plugins:
        try:
            return named(import_module(plugin["api"]).file_reader(str(path)))
        except Exception as error:  # a reader meets a file of another kind with errors of any type
            problems.append(f"{plugin['name']}: {type(error).__name__}: {error}")
    raise ValueError(
        f"{path} cannot be read by rosettasciio ({'; '.join(problems)}): install the module that it names, or "
        "copy the file again where it was cut short"
    )


def named(signals: list[dict[str, Any]]) -> dict[str, Stored]:
    """Return signals of rosettasciio as arrays by their titles; titles that occur twice are numbered.

    A signal is a dictionary with ``data``, ``axes``, each with size, scale, offset and units, or an array ``axis``, and
    in most formats ``metadata``.
    """
    arrays: dict[str, Stored] = {}
    titles: list[str] = []
    for number, signal in enumerate(signals):
        title = str(signal.get("metadata", {}).get("General", {}).get("title", "")) or f"signal {number}"
        titles.append(title)
        name = title if titles.count(title) == 1 else f"{title} {titles.count(title)}"
        values = np.asarray(signal["data"])
        axes = [_axis(axis) for axis in signal["axes"]]
        if values.dtype.names:  # colours as a record of R, G and B
            values = np.stack([values[channel] for channel in values.dtype.names], -1)
            axes.append(Axis("channel", "", np.arange(values.shape[-1], dtype=float)))
        quantity = str(signal.get("metadata", {}).get("Signal", {}).get("quantity", ""))
        fits = len(axes) == values.ndim
        arrays[name] = of_array(values, axes=tuple(axes) if fits else (), quantity=quantity)
    return arrays


def _axis(axis: dict[str, Any]) -> Axis:
    """Return an axis of rosettasciio, given by its values, or by offset and scale."""
    unit, name = axis.get("units"), axis.get("name")
    words = [word if isinstance(word, str) and word != "<undefined>" else "" for word in (name, unit)]
    if "axis" in axis:
        return Axis(words[0], words[1], np.asarray(axis["axis"], float))
    values = axis.get("offset", 0.0) + axis.get("scale", 1.0) * np.arange(axis["size"])
    return Axis(words[0], words[1], np.asarray(values, float))
