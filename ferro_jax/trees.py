"""Pytrees of arrays on disk: one npz a tree, whole or not there, and folders that keep the newest step of a long job.

    write(path, tree)                  one tree
    read(path, like)                   the same tree, of the structure, shapes and types of ``like``
    save(folder, step, tree)           a step; those before it are deleted when it is whole
    newest(folder)                     the number of the newest step, or None
    restore(folder, step, like)        its tree

A kill at any moment leaves the file that was there before. Nothing here starts a thread, because a thread that dies for
want of memory while it starts is waited for without end. Nothing that is read can run code.
"""

import re
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ferro_jax.files import CUT, arrays_of, held, made, owner, whole, write_arrays

_STEP = re.compile(r"step-(\d+)\.npz")


def write(path: Path, tree: Any, record: Path | None = None) -> None:
    """Write a pytree of arrays to an npz, each under its place in the tree, typed keys as their data.

    The folder is made where it is missing; a file of that name is replaced. With the ``record`` of a run, campaign or
    fit, JSON in a folder above, the file belongs to it and ``read`` refuses another one's.
    """
    made(path.parent)
    places = jax.tree.leaves_with_path(tree)
    arrays = {_name(place, leaf): _plain(leaf) for place, leaf in places}
    write_arrays(path, arrays, owner=owner(record, path) if record else "")


def read(path: Path, like: Any, advice: str = CUT, record: Path | None = None) -> Any:
    """Return the tree of an npz; ``like`` has its structure, of arrays or shapes (``jax.eval_shape``).

    ValueError that names the file where it is missing, not whole, belongs to another ``record``, or holds another tree:
    other places, shapes or types.
    """
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    with whole(path, advice):
        places, structure = jax.tree.flatten_with_path(like)
        arrays = arrays_of(path, advice, owner=owner(record, path) if record else "")
        names = [_name(place, model) for place, model in places]
        if wrong := sorted({*names} ^ {*arrays}):
            raise ValueError(f"{path} holds another tree: they differ in {', '.join(wrong[:5])}")
        leaves = [_leaf(name, arrays[name], model) for name, (_, model) in zip(names, places, strict=True)]
        return jax.tree.unflatten(structure, leaves)


def save(folder: Path, step: int, tree: Any, record: Path | None = None) -> None:
    """Save a pytree of arrays as a step of ``folder``, which belongs to ``record``; delete the steps before it."""
    made(folder)
    file = folder / f"step-{step:09d}.npz"
    with held(folder):
        for rest in folder.glob("step-*.part"):  # of a process that was killed
            rest.unlink()
        write(file, tree, record)
        for old in folder.glob("step-*.npz"):
            if old.name < file.name:
                old.unlink()


def newest(folder: Path) -> int | None:
    """Return the number of the newest step of ``folder``, or None."""
    steps = [int(found[1]) for file in folder.glob("step-*.npz") if (found := _STEP.fullmatch(file.name))]
    return max(steps, default=None)


def restore(folder: Path, step: int, like: Any, advice: str = CUT, record: Path | None = None) -> Any:
    """Return the tree saved as ``step``; ``like``, ``record`` and errors are those of ``read``."""
    return read(folder / f"step-{step:09d}.npz", like, advice, record)


def _name(place: Any, leaf: Any) -> str:
    """Return the place of a leaf in its tree, with its type where NumPy's files do not know it (bfloat16, keys)."""
    text, dtype = jax.tree_util.keystr(place), _dtype(leaf)
    return text if isinstance(dtype, np.dtype) and dtype.isbuiltin == 1 else f"{text}:{dtype}"


def _dtype(leaf: Any) -> Any:
    """Return the type of a leaf, as JAX has it for keys."""
    return leaf.dtype if hasattr(leaf, "dtype") else np.asarray(leaf).dtype


def _plain(leaf: Any) -> np.ndarray:
    """Return a leaf as an array of a type that NumPy's files know: keys as their data, others as their bits."""
    array = np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)
    return array if array.dtype.isbuiltin == 1 else array.view(f"u{array.dtype.itemsize}")


def _leaf(name: str, array: np.ndarray, model: Any) -> jax.Array:
    """Return a leaf of the shape and type of ``model`` from its array. ValueError for another shape or type."""
    plain = jax.eval_shape(jax.random.key_data, model) if _is_key(model) else model
    shape, dtype = np.shape(plain), np.dtype(_dtype(plain))
    if dtype.isbuiltin != 1 and array.dtype == np.dtype(f"u{dtype.itemsize}"):
        array = array.view(dtype)
    if array.shape != shape or array.dtype != dtype:
        raise ValueError(f"{name} is {array.dtype} {array.shape}, expected {dtype} {shape}")
    if not _is_key(model):
        return jnp.asarray(array)
    return jax.random.wrap_key_data(jnp.asarray(array), impl=jax.random.key_impl(jnp.empty((), model.dtype)))


def _is_key(leaf: Any) -> bool:
    """Return whether a leaf holds typed PRNG keys."""
    return jnp.issubdtype(_dtype(leaf), jax.dtypes.prng_key)
