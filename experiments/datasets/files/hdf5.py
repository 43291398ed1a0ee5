"""Arrays of HDF5 files (NSID, netCDF 4 or plain) and of classic netCDF files, with their axes and fill values."""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5o  # pyright: ignore[reportAttributeAccessIssue]
from scipy.io import netcdf_file

from experiments.datasets.files.records import Axis, Stored, word, words
from ferro_jax import hdf5
from ferro_jax.files import UNREADABLE

MOST = 20_000  # names of arrays in a file
LARGE, MOST_PACKED = 1 << 28, 1032  # bytes of an array above which it must be stored, and packed by no more than this
NETCDF_FILL = 9.969209968386869e36  # what netCDF writes where nothing was written
SUFFIXES = (".h5", ".hdf5", ".hdf", ".he5", ".nc", ".nsid", ".mat", ".nxs")


def arrays_of(stack: ExitStack, path: Path) -> dict[str, Stored]:
    """Return every array of a file by its full name, open until ``stack`` closes.

    Dimension scales (NSID, netCDF) become the axes of the arrays that refer to them. ValueError for another format.
    """
    with path.open("rb") as start:
        classic = start.read(3) == b"CDF"
    if classic:
        return _classic(path)
    hdf5.check(path)
    try:
        file = stack.enter_context(h5py.File(path))
    except UNREADABLE as error:
        hint = " MATLAB files are HDF5 from version 7.3 on: save(..., '-v7.3')." if path.suffix == ".mat" else ""
        raise ValueError(f"{path} is no HDF5 file ({error}); was its copy cut short?{hint}") from error
    try:
        datasets = datasets_of(file)
        return {name: _stored(file, item, path) for name, item in datasets.items()}
    except UNREADABLE as error:
        raise ValueError(f"{path} cannot be read ({error}); was its copy cut short?") from error


def datasets_of(file: h5py.File) -> dict[str, h5py.Dataset]:
    """Return every array of a file by each of its names, through hard, soft and external links; broken ones have none.

    ValueError for more than MOST names.
    """
    found: dict[str, h5py.Dataset] = {}

    def walk(group: h5py.Group, prefix: str, above: frozenset[Any]) -> None:
        for name in map(str, group):
            try:
                item = group[name]
            except (KeyError, OSError):  # a link to what is not there
                continue
            if isinstance(item, h5py.Dataset):
                found[prefix + name] = item
            elif isinstance(item, h5py.Group) and identity_of(item) not in above:
                walk(item, f"{prefix}{name}/", above | {identity_of(item)})
            if len(found) > MOST:
                raise ValueError(f"it has more than {MOST} names of arrays")

    walk(file, "", frozenset({identity_of(file)}))
    return found


def identity_of(item: Any) -> tuple[int, int]:
    """Return what tells objects of HDF5 files apart, whatever their names."""
    info = h5o.get_info(item.id)
    return int(info.fileno), int(info.addr)


def _stored(file: h5py.File, item: h5py.Dataset, path: Path) -> Stored:
    attributes: dict[str, Any] = dict(item.attrs)
    if "_NCProperties" in file.attrs:
        attributes.setdefault("_FillValue", NETCDF_FILL)
    return Stored(
        item.shape or (),
        item.dtype,
        partial(_load, item, attributes, path),
        _axes(file, item),
        word(attributes.get("quantity")) or word(attributes.get("long_name")),
        word(attributes.get("units")),
        word(attributes.get("CLASS")) == "DIMENSION_SCALE",
        counted(
            [scale.name.rpartition("/")[2] for scale in _scales(file, item) if scale and scale.dtype.kind in "OSU"]
        ),
        identity=identity_of(item),
    )


def _load(item: h5py.Dataset, attributes: dict[str, Any], path: Path) -> np.ndarray:
    """Read an array; numbers are unpacked as the attributes of the netCDF conventions say."""
    try:
        if item.nbytes > LARGE and item.nbytes > MOST_PACKED * item.id.get_storage_size():
            raise ValueError(f"its {item.nbytes / 1e9:.0f} GB are more than the file holds")
        values = np.asarray(item[()])
    except UNREADABLE as error:
        raise ValueError(f"{path}: the array {item.name} cannot be read ({error}); was its copy cut short?") from error
    try:
        return unpacked(values, attributes)
    except UNREADABLE as error:
        raise ValueError(f"{path}: the attributes of the array {item.name} cannot be used ({error})") from error


def unpacked(values: np.ndarray, attributes: dict[str, Any]) -> np.ndarray:
    """Return numbers with scale_factor and add_offset applied, NaN at _FillValue, missing_value and out of valid_range.

    The attributes are those of the CF conventions; without them the array is returned as it is. ValueError for a
    factor of 0, and for numbers that are not finite.
    """
    if values.dtype.kind not in "fiu":
        return values
    if values.dtype.kind == "i" and word(attributes.get("_Unsigned")).lower() == "true":
        values = values.view(values.dtype.str.replace("i", "u"))
    missing = np.zeros(values.shape, bool)
    for name in ("_FillValue", "missing_value"):
        for mark in np.ravel(attributes.get(name, ())):
            mark = values.dtype.type(mark) if values.dtype.kind == "f" else mark  # rounded as the values are
            missing |= values == mark
    low, high = np.ravel(attributes.get("valid_range", (None, None)))
    low, high = attributes.get("valid_min", low), attributes.get("valid_max", high)
    if low is not None:
        missing |= values < np.ravel(low)[0]
    if high is not None:
        missing |= values > np.ravel(high)[0]
    factor = float(np.ravel(attributes.get("scale_factor", 1.0))[0])
    offset = float(np.ravel(attributes.get("add_offset", 0.0))[0])
    if factor == 0 or not np.isfinite([factor, offset]).all():
        raise ValueError(f"scale_factor is {factor:g} and add_offset {offset:g}: correct them in the file")
    if factor == 1 and offset == 0 and not missing.any():
        return values
    result = values.astype(np.float64) * factor + offset
    result[missing] = np.nan
    return result


def counted(names: Sequence[str]) -> tuple[str, ...]:
    """Return a note of the coordinates that are text, in whose place an axis has the numbers 0, 1, 2 …"""
    return tuple(f"the coordinate {name} holds text: its axis counts 0, 1, 2 … in its place" for name in names)


def _scales(file: h5py.File, item: h5py.Dataset) -> list[Any]:
    """Return the scale of each dimension of an array, an h5py.Dataset, or None where it has none."""
    linked = item.attrs.get("DIMENSION_LIST")
    found: list[Any] = [None] * len(item.shape or ())
    for number, references in enumerate([] if linked is None else list(linked)[: len(found)]):
        scale = file[references[0]] if len(references) else None
        found[number] = scale if isinstance(scale, h5py.Dataset) else None
    return found


def _axes(file: h5py.File, item: h5py.Dataset) -> tuple[Axis, ...]:
    """Return the axes of an array: labels of its dimensions, values and units of their scales; () without any."""
    labels = words(item.attrs.get("DIMENSION_LABELS"))
    axes = []
    for number, (size, scale) in enumerate(zip(item.shape or (), _scales(file, item), strict=True)):
        name, unit, values = labels[number] if number < len(labels) else "", "", np.arange(size, dtype=float)
        if scale is not None:
            name = name or word(scale.attrs.get("name")) or str(scale.name).rpartition("/")[2]
            named_only = word(scale.attrs.get("NAME")).startswith("This is a netCDF dimension but not")
            if scale.shape == (size,) and scale.dtype.kind in "fiu" and not named_only:
                unit = word(scale.attrs.get("units"))
                values = np.asarray(unpacked(scale[()], dict(scale.attrs)), float)
        axes.append(Axis(name, unit, values))
    return tuple(axes) if any(axis.name for axis in axes) else ()


def _classic(path: Path) -> dict[str, Stored]:
    """Return the arrays of a netCDF file of the classic formats, read at once."""
    try:
        with netcdf_file(str(path), mmap=False) as file:
            found = {
                name: (np.array(item.data), item.dimensions, item._attributes) for name, item in file.variables.items()
            }
    except UNREADABLE as error:
        raise ValueError(f"{path} is no whole netCDF file ({error}); was its copy cut short?") from error

    def axis(name: str, size: int) -> Axis:
        values, dimensions, attributes = found.get(name, (np.arange(size), (name,), {}))
        if dimensions != (name,) or values.dtype.kind not in "fiu":  # text is stored as letters, (size, length)
            values, attributes = np.arange(size), {}
        return Axis(name, word(attributes.get("units")), np.asarray(unpacked(values, attributes), float))

    arrays = {}
    for name, (values, dimensions, attributes) in found.items():
        axes = tuple(axis(dimension, size) for dimension, size in zip(dimensions, values.shape, strict=True))
        arrays[name] = Stored(
            values.shape,
            values.dtype,
            partial(unpacked, values, {"_FillValue": NETCDF_FILL} | attributes),
            axes,
            word(attributes.get("long_name")),
            word(attributes.get("units")),
            dimensions == (name,) or (values.dtype.kind == "S" and dimensions[:1] == (name,)),
            counted([each for each in dimensions if each in found and found[each][0].dtype.kind == "S"]),
        )
    return arrays
