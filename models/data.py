"""The data of a model: a Batch, a Pair or a bare array of examples; checked, converted, counted and cut into rows."""

from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int

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


def check(model: Model, data: Any) -> None:
    """Raise a ValueError for data that the model cannot be trained on, where the values are known.

    Values of an argument under ``jax.jit`` are not known, so only its type is checked.
    """
    if not isinstance(data, Batch | Pair | jax.Array | np.ndarray):
        raise ValueError(
            f"data is a {type(data).__name__}: give an array [n *shape], a Batch or a Pair (datasets.to_batch makes a "
            "Batch of Images)."
        )
    if not any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(data)):
        model.check(data)


def as_data(data: Data) -> Any:
    """Return the same data as float32 arrays, labels as 32-bit integers."""
    if isinstance(data, Batch | Pair):
        names = ("label", "guess") if isinstance(data, Batch) else ("label",)
        whole = {name: getattr(data, name) for name in names}
        rest = data._replace(**dict.fromkeys(names))
        rest = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), rest)
        return rest._replace(**jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.int32), whole))
    return jnp.asarray(data, jnp.float32)


def count(data: Data) -> int:
    """Return the number of examples. ValueError where the parts of a Batch or Pair disagree."""
    rows = {leaf.shape[0] for leaf in jax.tree.leaves(data)}
    if len(rows) != 1:
        raise ValueError(f"the parts of the batch have {sorted(rows)} rows: x, mask, label and factor need the same.")
    return rows.pop()


def take(data: _D, rows: Int[Array | np.ndarray, "*index"]) -> _D:
    """Return the examples of the given rows, of an array or of every part of a Batch or Pair."""
    return jax.tree.map(lambda leaf: leaf[rows], data)
