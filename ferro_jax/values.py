"""Values that come from outside: arrays, masks, keys, bounds, numbers and paths, checked and converted once.

Every public function that takes such values passes them through here, so each package may import this module. What is
traced (below ``jax.jit``, ``vmap``, ``grad``) is judged by its type alone: a float passes as it is, and nothing is
added to the program. Everything else is NumPy.

floats    numbers, exact: integers become floats; masked arrays, text, objects and complex numbers are refused
array     the same as a JAX array, refused where JAX's precision cannot tell the values apart
masked    values and the mask of a masked array
mask      booleans, or 0 and 1, as booleans
integers  labels and numbers of rows
key       one PRNG key, or an array of them, of the new or the old style
bounds    rows (low, high)
number    one real number
coefficient    a number of a formula, which may be traced
whole     one whole number
path      a file or folder
"""

import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from ferro_jax.pandas_tables import numbers_of
from ferro_jax.rounding import check_rounding, check_whole

_NOT_REAL = {
    "c": "complex numbers, expected real numbers: give the modulus numpy.abs(x) or the phase numpy.angle(x)",
    "O": "Python objects, expected real numbers: give numpy.asarray(x, float)",
    "U": "text, expected real numbers",
    "S": "text, expected real numbers",
    "M": "dates, expected real numbers: give the hours since the first one, for instance",
    "m": "durations, expected real numbers: give them in a unit, x / numpy.timedelta64(1, 's')",
    "V": "records, expected real numbers: give one field of them, x['name']",
}


def is_known(*values: Any) -> bool:
    """Return whether all values can be read now: none of them, or of their leaves, is traced."""
    return not any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(values))


def floats(value: Any, name: str, *, finite: bool = False) -> Any:
    """Return real numbers as floats of the machine's byte order, in NumPy, or in JAX where they are JAX's.

    Integers and booleans become double precision (JAX's own default where they are JAX's), half precision becomes
    single. ValueError for complex numbers, text, dates, objects and lists of unequal lengths, for a masked array that
    hides something, and with ``finite`` for NaN and infinity, where values are known.
    """
    if isinstance(value, jax.Array) or _holds_jax(value):
        array = value if isinstance(value, jax.Array) else _stacked(value, name)
        _check_kind(array.dtype, name)
        if not jnp.issubdtype(array.dtype, jnp.floating):
            array = array.astype(jnp.result_type(float))
        elif array.dtype.itemsize < 4:
            array = array.astype(jnp.float32)
    else:
        array = _native(_host(value, name), name)
    if finite and is_known(array):
        check_finite(array, name)
    return array


def array(value: Any, name: str, *, dtype: Any = None, finite: bool = False, by_column: bool = False) -> jax.Array:
    """Return real numbers as a JAX array of floats, in ``dtype`` if that is given; errors as of ``floats``.

    ValueError also where single precision would move values by more than a thousandth of their spread, as it does
    beside a large offset: ten seconds after 1.7e9 would be one moment. ``by_column`` judges each column [n column] by
    its own spread.
    """
    given = floats(value, name, finite=finite)
    wanted = jax.dtypes.canonicalize_dtype(given.dtype if dtype is None else dtype)
    return jnp.asarray(rounded(given, name, wanted, by_column=by_column))


def rounded(value: Any, name: str, dtype: Any, *, by_column: bool = False) -> Any:
    """Return real numbers as ``floats`` does, in ``dtype``; errors as of ``array``."""
    given, wanted = floats(value, name), jnp.dtype(dtype)
    if given.dtype == wanted:
        return given
    if is_known(given) and wanted.itemsize < given.dtype.itemsize:
        for column in np.asarray(given).T if by_column and given.ndim == 2 else [np.asarray(given)]:
            check_rounding(column, name, wanted)
    return given.astype(wanted)


def masked(value: Any, name: str, *, finite: bool = False) -> tuple[Any, np.ndarray | None]:
    """Return values as ``floats`` does, 0 where a masked array hides them, and where they are there; None: everywhere.

    ``finite`` asks for finite numbers where they are not hidden.
    """
    if not np.ma.isMaskedArray(value):
        return floats(value, name, finite=finite), None
    hidden = np.ma.getmaskarray(value)
    data = floats(np.ma.getdata(value), name)
    data = np.where(hidden, data.dtype.type(0), data)
    if finite:
        check_finite(data, name)
    return data, ~hidden if hidden.any() else None


def mask(value: Any, name: str, shape: tuple[int, ...] | None = None) -> Any:
    """Return booleans, from booleans or from 0 and 1. ValueError for other values, and for another shape than given."""
    given = value if isinstance(value, jax.Array) else _host(value, name)
    if given.dtype != bool:
        _check_kind(given.dtype, name)
        if is_known(given) and not np.isin(np.asarray(given), (0, 1)).all():
            raise ValueError(f"{name} holds values other than 0 and 1: give booleans, true where a value counts")
        given = given != 0
    if shape is not None and given.shape != tuple(shape):
        raise ValueError(f"{name} has shape {given.shape}; expected {tuple(shape)}")
    return given


def integers(value: Any, name: str, *, least: int | None = None) -> Any:
    """Return whole numbers as 32-bit integers. ValueError for others, for NaN, and below ``least``, where known."""
    given = value if isinstance(value, jax.Array) else _host(value, name)
    _check_kind(given.dtype, name)
    if is_known(given):
        known = np.asarray(given)
        if known.dtype.kind == "f" and not (np.isfinite(known) & (known == np.round(known))).all():
            raise ValueError(f"{name} are {known.dtype} and not whole: give integers")
        if least is not None and known.size and known.min() < least:
            raise ValueError(f"{name} go down to {known.min()}: give integers from {least}")
        if known.size and float(np.abs(known).max()) > np.iinfo(np.int32).max:
            raise ValueError(f"{name} go up to {np.abs(known).max():g}: give integers of 32 bits")
    return given.astype(np.int32)


def key(value: Any, name: str = "key", *, single: bool = False) -> jax.Array:
    """Return one typed PRNG key or an array of them; keys of ``jax.random.PRNGKey`` become typed.

    ValueError for anything else, a seed for instance, and with ``single`` for more than one.
    """
    typed = isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key)
    if not typed:
        shape, dtype = getattr(value, "shape", ()), getattr(value, "dtype", None)
        if dtype != np.uint32 or not shape:
            raise ValueError(f"{name} is {_short(value)}; give a PRNG key, such as jax.random.key(0)")
        try:
            value = jax.random.wrap_key_data(jnp.asarray(value))
        except TypeError as error:
            raise ValueError(f"{name} has shape {shape}, no PRNG key; give jax.random.key(0)") from error
    if single and value.ndim:
        raise ValueError(f"{name} has shape {value.shape}; give one key, such as jax.random.key(0)")
    return value


def bounds(value: Any, name: str = "bounds") -> Any:
    """Return rows (low, high), [dim 2], in double precision. ValueError for another shape, and unless low < high."""
    edges = floats(value, name)
    if edges.ndim != 2 or edges.shape[1] != 2 or edges.shape[0] == 0:
        raise ValueError(f"{name} have shape {edges.shape}; expected (dim, 2): a row (low, high) for each input")
    if not is_known(edges):
        return edges
    edges = np.asarray(edges, float)
    with np.errstate(over="ignore", invalid="ignore"):
        width = edges[:, 1] - edges[:, 0]
    bad = np.flatnonzero(~(np.isfinite(edges).all(axis=1) & (width > 0) & np.isfinite(width)))
    if bad.size:
        raise ValueError(
            f"{name} of input {bad[0]} are {edges[bad[0]]}; expected finite low < high, and their distance"
        )
    return edges


def number(value: Any, name: str) -> float:
    """Return one finite real number as a float; ValueError for anything else."""
    try:
        given = np.asarray(value)
        good = given.shape == () and given.dtype.kind in "iuf" and bool(np.isfinite(given))
    except (TypeError, ValueError):
        good = False
    if not good:
        raise ValueError(f"{name} is {_short(value)}; expected one finite number")
    return float(value)


def coefficient(value: Any, name: str) -> Any:
    """Return a number of a formula: a Python float, which takes the precision of what it meets, or what may be traced
    or swept, an array of floats. ValueError for what is not finite or no number, where known."""
    if isinstance(value, jax.Array) or np.ndim(value):
        return floats(value, name, finite=True)
    return number(value, name)


def whole(value: Any, name: str, least: int | None = None) -> int:
    """Return one whole number as an int, of Python's, NumPy's or JAX's; ValueError for others and below ``least``."""
    given = number(value, name)
    if given != round(given) or (least is not None and given < least):
        raise ValueError(
            f"{name} is {_short(value)}; expected a whole number{f' of at least {least}' * (least is not None)}"
        )
    return int(value)


def path(value: Any, name: str = "path") -> Path:
    """Return a path, with ``~`` as the home folder. ValueError for what names no file or folder."""
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise ValueError(f"{name} is {_short(value)}: give the name of a file or folder")
    return Path(value).expanduser()


def check_finite(value: Any, name: str) -> None:
    """Raise ValueError where known values are NaN or infinite."""
    known = np.asarray(value)
    bad = ~np.isfinite(known)
    if bad.any():
        first = tuple(int(at) for at in np.argwhere(bad)[0])
        where = f", the first at index {first[0] if len(first) == 1 else first}" if first else ""
        raise ValueError(
            f"{name} is not finite: {int(bad.sum())} of {known.size} values are NaN or infinite{where}; leave "
            "them out, or mask them where a mask can be given"
        )


def _native(given: np.ndarray, name: str) -> np.ndarray:
    """Return numbers as single or double precision in the machine's byte order."""
    if given.dtype.kind in "iu" and given.dtype.itemsize > 4:
        check_whole(given, name)
    single = given.dtype.kind == "f" and given.dtype.itemsize <= 4
    return given.astype(np.float32 if single else np.float64, copy=False)


def _host(value: Any, name: str) -> np.ndarray:
    """Return an array of NumPy; ValueError for what is none, and for one that hides values."""
    if np.ma.isMaskedArray(value) and np.ma.is_masked(value):
        raise ValueError(
            f"{name} is a masked array that hides {int(np.ma.getmaskarray(value).sum())} values: leave them out, or "
            "fill them, x.filled(number)"
        )
    if hasattr(value, "toarray"):
        raise ValueError(f"{name} is a sparse {type(value).__name__}: give an array, x.toarray()")
    value = numbers_of(value, name)
    try:
        given = np.asarray(value)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ValueError(f"{name} is no array of numbers ({str(error).splitlines()[0]})") from error
    _check_kind(given.dtype, name)
    return given


def _check_kind(dtype: Any, name: str) -> None:
    """Raise ValueError for a type that holds no real numbers."""
    kind = np.dtype(dtype).kind if not jnp.issubdtype(dtype, jax.dtypes.extended) else "key"
    if kind == "V" and jnp.issubdtype(dtype, jnp.floating):
        return  # bfloat16
    if kind not in "fiub":
        raise ValueError(f"{name} holds {_NOT_REAL.get(kind, f'values of type {dtype}, expected real numbers')}")


def _stacked(value: Any, name: str) -> jax.Array:
    """Return a list with arrays of JAX as one array; ValueError for what else is in it, and for unequal shapes."""
    try:
        return jnp.asarray(value)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name} is no array of numbers ({str(error).splitlines()[0]})") from error


def _holds_jax(value: Any) -> bool:
    """Return whether a list or tuple has arrays of JAX in it."""
    return isinstance(value, list | tuple) and any(isinstance(each, jax.Array) or _holds_jax(each) for each in value)


def _short(value: Any) -> str:
    """Return a value as it can stand in a sentence."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}… ({type(value).__name__})"
