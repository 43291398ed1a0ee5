"""The order of the training rows: which rows each step of an epoch is given."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from models.data import Batch, Data
from models.training.config import FitConfig


def minibatches(
    key: jax.Array, data: Data, rows: Int[Array, " train"], steps: int, config: FitConfig
) -> Int[Array, "steps batch"]:
    """Return the rows of ``data`` for each step of an epoch: a fresh permutation of the training rows ``rows``.

    With ``labelled_share`` that share of each batch is labelled rows, drawn with replacement and every class alike;
    the permutation fills the rest, unlabelled rows first. ValueError where the data have no labels then.
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
