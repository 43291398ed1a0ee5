"""Examples in the form that the bound needs: values as [pixels channel], missing ones at 0, labels −1 where unknown."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from models.data import Batch, admitted
from models.vaes.checks import check_one
from models.vaes.config import VAEConfig


class Example(NamedTuple):
    """One example as the bound needs it: values and mask [pixels channel], its factors (NaN where unknown)."""

    x: Float[Array, "pixels channel"]
    mask: Float[Array, "pixels channel"] | None
    factor: Float[Array, " factor"] | None


def as_batch(data: Batch | Array) -> Batch:
    """Return the data as a Batch; a bare array becomes one without mask, labels and factors."""
    data = admitted(data)
    return data if isinstance(data, Batch) else Batch(data)


def prepare(config: VAEConfig, batch: Batch) -> tuple[Example, jax.Array]:
    """Return the examples [batch pixels channel] of a batch and their labels [batch], −1 where unknown.

    ValueError for examples of another shape, and where a conditional model is given no labels or no factors.
    """
    rows, shape = batch.x.shape[0], (batch.x.shape[0], -1, config.depth)
    check_one("loss", "shape", batch.x[0], config.shape)
    x = jnp.asarray(batch.x, jnp.float32)
    mask = None if batch.mask is None else jnp.asarray(batch.mask, jnp.float32)
    if mask is not None:
        x, mask = jnp.where(mask > 0, x, 0.0).reshape(shape), mask.reshape(shape)
    label = batch.label
    if config.class_mode == "conditional" and label is None:
        raise ValueError("this model is conditional on the class: give its label.")
    label = jnp.full(rows, -1) if label is None or not config.classes else jnp.asarray(label)
    factor = None
    if config.factors:
        if config.factor_mode == "conditional" and batch.factor is None:
            raise ValueError("this model is conditional on factors: give them.")
        factor = jnp.full((rows, config.factors), jnp.nan) if batch.factor is None else batch.factor
        factor = jnp.asarray(factor, jnp.float32)
    return Example(x.reshape(shape), mask, factor), label
