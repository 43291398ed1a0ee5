"""One way from a file to measured data."""

from contextlib import ExitStack
from pathlib import Path

from experiments.datasets.files.checking import measured
from experiments.datasets.files.records import Axis, Measured, plain_axes
from experiments.datasets.files.stored import arrays_of, existing, pick
from ferro_jax.files import named

_TEXT = (".csv", ".txt", ".tsv", ".dat", ".asc")


def read(path: Path | str, dataset: str = "", *, x: str = "auto") -> Measured:
    """Read one array of a file, with its axes, units, and a mask where values are missing.

    npy, npz; HDF5 (NSID of sidpy and pycroscopy, netCDF 4, any other), netCDF; tif with pages and pixel size, png;
    dm3, dm4, emd, ibw, mrc, bcf, ser and many more through rosettasciio (extra ``microscopes``). Text (csv, txt, tsv,
    dat, asc) is read as curves [curve point] with a common x axis; ``x`` says where that is (``files.text.read_text``).

    ``dataset`` names the array: its full name in the file, the end of that where it is not ambiguous, or its quantity.
    It may be empty where the file holds a single array beside axes. Values keep the order of axes of the file.
    ValueError says what to change: no such file or array, a copy that was cut short, pickled, complex, infinite or no
    values, and what to install.
    """
    path = existing(path)
    if path.suffix.lower() in _TEXT:
        from experiments.datasets.files.text import read_text  # shares its tables with models.histories, which need JAX

        return read_text(path, x)
    with named(path), ExitStack() as stack:
        name, stored = pick(arrays_of(stack, path), dataset, "data", "dataset")
        values = stored.load()
    axes = stored.axes if tuple(len(axis.values) for axis in stored.axes) == values.shape else plain_axes(values.shape)
    shape = " × ".join(map(str, values.shape))
    source = ", ".join(part for part in (f"{path.name}: {name}".rstrip(": "), shape) if part)
    return measured(values, axes, source, (*stored.notes, *_order(axes)), stored.quantity, stored.unit)


def _order(axes: tuple[Axis, ...]) -> tuple[str, ...]:
    """Return a note where a file has x before y, as sidpy saves images."""
    names = [axis.name.lower() for axis in axes]
    if "x" in names and "y" in names and names.index("x") < names.index("y"):
        return (
            "the file has x before y: rows of the array are columns of the picture; swap the axes to see it upright",
        )
    return ()
