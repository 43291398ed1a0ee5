"""The data of a model: a Batch, a Pair or a bare array of examples; checked, converted, counted and cut into rows."""

from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from ferro_jax import values
from models.types import Model


class Batch(NamedTuple):
    """Examples with masks, labels and factors, as far as they are known.

    Every leaf has the examples along its first axis: ``jax.tree.map(lambda leaf: leaf[rows], batch)`` picks rows.

    ``mask`` is 1 where a value was measured and 0 where it is missing (the value there is ignored, and may be NaN).
    ``label`` holds classes from 0, −1 where unknown; ``factor`` holds continuous factors, NaN where unknown. ``guess``
    holds guesses of unknown classes, −1 for none, which a VAE learns without taking them for known: its bound, its
    prior of the classes and ``labelled_share`` do not count them as labels.
    """

    x: Float[Array | np.ndarray, "batch *shape"]
    mask: Float[Array | np.ndarray, "batch *shape"] | None = None
    label: Int[Array | np.ndarray, " batch"] | None = None
    factor: Float[Array | np.ndarray, "batch factor"] | None = None
    guess: Int[Array | np.ndarray, " batch"] | None = None


class Pair(NamedTuple):
    """Images and spectra of the same examples, rows along the first axis of every leaf (or ONE example without it).

    Either may be None: not measured for any example. ``observed`` is 1 (or true) where an example's (image, spectrum)
    was measured; other values are ignored, and may be NaN. ``label`` holds classes from 0.
    """

    image: Float[Array | np.ndarray, "*image"] | None
    spectrum: Float[Array | np.ndarray, "*spectrum"] | None
    label: Int[Array | np.ndarray, "*batch"] | None = None
    observed: Bool[Array | np.ndarray, "*batch 2"] | Float[Array | np.ndarray, "*batch 2"] | None = None


Data = Batch | Pair | Float[Array | np.ndarray, "_ ..."]
"""What a model is trained on; a bare array holds the examples [n *shape]."""

_D = TypeVar("_D")


def check(model: Model, data: Any) -> Any:
    """Return the data as ``admitted`` does; ValueError for what the model cannot be trained on.

    Values of an argument under ``jax.jit`` are not known, so only its type is checked.
    """
    data = admitted(data)
    if values.is_known(data):
        model.check(data)
    return data


def admitted(data: Any) -> Any:
    """Return the same data in single precision, labels as 32-bit integers, in NumPy where they are given in NumPy.

    What a masked array hides of the examples is missing in the mask, hidden labels and factors are unknown. ValueError
    for another type, for values that are no real numbers, and for those that single precision cannot tell apart.
    """
    if isinstance(data, Pair):
        parts = {name: getattr(data, name) for name in ("image", "spectrum")}
        parts = {name: None if part is None else _single(part, name) for name, part in parts.items()}
        observed = None if data.observed is None else _weights(data.observed, "observed")
        return Pair(parts["image"], parts["spectrum"], _labels(data.label), observed)
    if isinstance(data, Batch):
        x, mask = measured(data.x, data.mask)
        known = {"label": _labels(data.label), "guess": _labels(data.guess), "factor": _factors(data.factor)}
        return data._replace(x=x, mask=mask, **known)
    if not (isinstance(data, jax.Array | np.ndarray | list) or hasattr(data, "__array__")):
        raise ValueError(
            f"data is a {type(data).__name__}: give an array [n *shape], a Batch or a Pair (datasets.to_batch makes a "
            "Batch of Images)."
        )
    x, mask = measured(data, None)
    return x if mask is None else Batch(x, mask)


def measured(x: Any, mask: Any, *, finite: bool = False) -> tuple[Any, Any]:
    """Return values in single precision, and a mask of 1 and 0 (None: all there) that also has what x itself hides.

    With ``finite`` ValueError for NaN and infinity where the mask is 1.
    """
    x, shown = values.masked(x, "x")
    x, mask = _single(x, "x"), None if mask is None else _weights(mask, "mask")
    if shown is not None:
        mask = shown.astype(np.float32) if mask is None else mask * shown
    if finite and values.is_known(x, mask):
        known = np.asarray(x)
        values.check_finite(
            known if mask is None or np.shape(mask) != known.shape else known[np.asarray(mask) > 0], "x"
        )
    return x, mask


def as_data(data: Data) -> Any:
    """Return the same data as ``admitted`` does, in JAX."""
    return jax.tree.map(jnp.asarray, admitted(data))


def _single(value: Any, name: str) -> Any:
    """Return values in single precision, in NumPy or JAX as given."""
    return values.rounded(value, name, jnp.float32)


def _weights(mask: Any, name: str) -> Any:
    """Return a mask as 1 and 0 in single precision."""
    return values.mask(mask, name).astype(np.float32)


def _labels(label: Any) -> Any:
    """Return labels as 32-bit integers, −1 where they are hidden."""
    if label is None:
        return None
    if np.ma.isMaskedArray(label):
        label = np.where(np.ma.getmaskarray(label), -1, np.ma.getdata(label))
    return values.integers(label, "labels")


def _factors(factor: Any) -> Any:
    """Return factors in single precision, NaN where they are hidden."""
    if factor is None:
        return None
    if np.ma.isMaskedArray(factor):
        factor = np.where(np.ma.getmaskarray(factor), np.nan, values.floats(np.ma.getdata(factor), "factors"))
    return values.rounded(factor, "factors", jnp.float32, by_column=True)


def count(data: Data) -> int:
    """Return the number of examples. ValueError where the parts of a Batch or Pair disagree."""
    rows = {leaf.shape[0] for leaf in jax.tree.leaves(data)}
    if len(rows) != 1:
        raise ValueError(f"the parts of the batch have {sorted(rows)} rows: x, mask, label and factor need the same.")
    return rows.pop()


def take(data: _D, rows: Int[Array | np.ndarray, "*index"]) -> _D:
    """Return the examples of the given rows, of an array or of every part of a Batch or Pair."""
    return jax.tree.map(lambda leaf: leaf[rows], data)
