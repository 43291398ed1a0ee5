"""Which arrays a file holds, and choosing one of them by its name."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from experiments.datasets.files import hdf5, pictures, vendors
from experiments.datasets.files.records import Stored, of_array
from ferro_jax import files

FORMATS = ".npy, .npz, .h5, .nc, .tif, .png, .csv, or one of a microscope (.dm3, .dm4, .emd, .ibw, .mrc, .bcf, .ser, …)"
_MOST_LISTED = 20


def existing(path: Path | str) -> Path:
    """Return the path of a file that is there; ValueError else."""
    path = Path(path).expanduser() if path else Path()
    if path.is_dir():
        raise ValueError(f"{path} is a folder: give the path of a file that ends in {FORMATS}")
    if not path.is_file():
        raise ValueError(f"there is no file {path}: give the path of a file that ends in {FORMATS}")
    return path


def arrays_of(stack: ExitStack, path: Path, form: str = "") -> dict[str, Stored]:
    """Return every array of a file by its name, "" where it has none. HDF5 files stay open until ``stack`` closes.

    ``form`` is the ending that says how to read it where its own does not. ValueError in words for a file that cannot
    be read.
    """
    suffix = f".{form.strip('.')}" if form else path.suffix.lower()
    if suffix in (".npy", ".npz"):
        return numpy_arrays(path)
    if suffix in hdf5.SUFFIXES:
        return hdf5.arrays_of(stack, path)
    if suffix in pictures.SUFFIXES:
        return pictures.arrays_of(path)
    return vendors.arrays_of(path, suffix)


def numpy_arrays(path: Path) -> dict[str, Stored]:
    """Return the arrays of an npy file, under "", or of an npz. ValueError where it is broken or pickled."""
    try:
        arrays = files.arrays_of(path)
    except ValueError as error:
        if "pickled" not in str(error):
            raise
        raise ValueError(
            f"{path} holds arrays of Python objects (pickled), which are refused, since reading them may run any code: "
            "save plain numbers with numpy.save(file, numpy.asarray(stack, dtype='float32'))"
        ) from error
    return {name: of_array(values) for name, values in arrays.items()}


def pick(arrays: dict[str, Stored], name: str, what: str, option: str) -> tuple[str, Stored]:
    """Return the array of a name, with its full name; "" takes the single array that is no axis of another one.

    A name is the full one, or where that is not ambiguous its end, as "image" of "scan/image", or the quantity.
    Underscores and spaces are alike. ValueError lists the arrays and names the ``option`` to set.
    """
    wanted = _plain(name)
    tests: tuple[Callable[[str, Stored], bool], ...] = (
        lambda key, _: key.strip("/") == name.strip("/"),
        lambda key, _: _plain(key) == wanted,
        lambda key, _: _plain(key).endswith(f"/{wanted}"),
        lambda _, array: _plain(array.quantity) == wanted,
    )
    if not wanted:
        tests = (lambda _, array: not array.scale,)
    for test in tests:
        found = [key for key, array in arrays.items() if test(key, array)]
        if found and len({arrays[key].identity or key for key in found}) == 1:
            return found[0], arrays[found[0]]
        if found and wanted:
            raise ValueError(
                f"{len(found)} arrays {name!r} for the {what}, {', '.join(found)}: give a full name as {option}"
            )
    main = [key for key, array in arrays.items() if not array.scale]
    listed = ", ".join(map(partial(_described, arrays), main[:_MOST_LISTED])) or "nothing"
    more = f" and {len(main) - _MOST_LISTED} more" if len(main) > _MOST_LISTED else ""
    missing = f"no array {name!r} for the {what}" if wanted else f"which array is the {what} is not clear"
    raise ValueError(f"{missing}; the file holds {listed}{more}: set {option}")


def _plain(name: str) -> str:
    return name.strip("/").replace(" ", "_")


def _described(arrays: dict[str, Stored], name: str) -> str:
    array = arrays[name]
    return f"{name or '(the array)'} {array.shape}{f' ({array.quantity})' if array.quantity else ''}"
