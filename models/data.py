"""The data of a fit: an array or a Batch of any shape, checked, cut into rows, ordered into minibatches."""

from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int

from models.training.config import FitConfig
from models.types import Model


class Pair(NamedTuple):
    """Images and spectra of the same examples, rows along the first axis of every leaf (or ONE example without it).

    Either may be None: not measured for anybody. ``seen`` is 1 (or true) where of (image, spectrum) an example
    has one; what was not measured is ignored, and may be NaN. ``label`` holds classes from 0.
    """

    image: Float[Array | np.ndarray, "*image"] | None
    spectrum: Float[Array | np.ndarray, "*spectrum"] | None
    label: Int[Array | np.ndarray, "*batch"] | None = None
    seen: Bool[Array | np.ndarray, "*batch 2"] | Float[Array | np.ndarray, "*batch 2"] | None = None


class Batch(NamedTuple):
    """Examples and what is known of them; every leaf has the examples along its first axis, so that
    ``jax.tree.map(lambda leaf: leaf[rows], batch)`` picks rows.

    ``mask`` is 1 where a value was measured and 0 where it is missing (the value there is ignored, and may be NaN).
    ``label`` holds classes from 0, −1 where unknown; ``factor`` holds continuous factors, NaN where unknown.
    """

    x: Float[Array | np.ndarray, "batch *shape"]
    mask: Float[Array | np.ndarray, "batch *shape"] | None = None
    label: Int[Array | np.ndarray, " batch"] | None = None
    factor: Float[Array | np.ndarray, "batch factor"] | None = None


Data = Batch | Pair | Float[Array | np.ndarray, "_ ..."]
_D = TypeVar("_D")


def as_data(data: Data) -> Any:
    """The same data as arrays of single precision, labels as 32-bit integers."""
    if isinstance(data, Batch | Pair):
        label = None if data.label is None else jnp.asarray(data.label, jnp.int32)
        rest = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), data._replace(label=None))
        return rest._replace(label=label)
    return jnp.asarray(data, jnp.float32)


def count(data: Data) -> int:
    """Number of examples. ValueError where the parts of a Batch disagree."""
    rows = {leaf.shape[0] for leaf in jax.tree.leaves(data)}
    if len(rows) != 1:
        raise ValueError(f"the parts of the batch have {sorted(rows)} rows: x, mask, label and factor need the same.")
    return rows.pop()


def take(data: _D, rows: Int[Array | np.ndarray, "*index"]) -> _D:
    """The examples of the given rows, in an array or in every part of a Batch."""
    return jax.tree.map(lambda leaf: leaf[rows], data)


def check(model: Model, data: Any) -> None:
    """``model.check(data)`` where the values are known; those of an argument under ``jax.jit`` are not."""
    if not isinstance(data, Batch | Pair | jax.Array | np.ndarray):
        raise ValueError(
            f"data is a {type(data).__name__}: give an array [n *shape], a Batch or a Pair (datasets.to_batch makes a "
            "Batch of Images)."
        )
    if not any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(data)):
        model.check(data)


def minibatches(
    key: jax.Array, data: Data, rows: Int[Array, " train"], steps: int, config: FitConfig
) -> Int[Array, "steps batch"]:
    """Which rows of ``data`` each step of an epoch sees: a fresh permutation of the training rows ``rows``.

    With ``labelled_share`` that many of each batch are labelled rows, drawn with replacement and every class alike;
    the permutation fills the rest, unlabelled rows first.
    """
    batch, labelled = config.batch_size, config.labelled_rows
    if not labelled:
        return rows[jax.random.permutation(key, len(rows))[: steps * batch]].reshape(steps, batch)
    if not isinstance(data, Batch) or data.label is None:
        raise ValueError(f"labelled_share={config.labelled_share} needs labels: give Batch(x, label=...), −1: unknown.")
    to_labelled, to_order = jax.random.split(key)
    label = jnp.asarray(data.label)[rows]
    ranked = jnp.sort(label)
    size = jnp.searchsorted(ranked, label, side="right") - jnp.searchsorted(ranked, label, side="left")
    weight = jnp.where(label >= 0, 1.0 / size, 0.0).astype(jnp.float32)
    drawn = jax.random.choice(to_labelled, len(rows), (steps, labelled), p=weight / weight.sum())
    late = jax.random.uniform(to_order, label.shape, jnp.float32) + (label >= 0)
    rest = jnp.argsort(late)[: steps * (batch - labelled)].reshape(steps, batch - labelled)
    return rows[jnp.concatenate([drawn, rest], axis=1)]
