"""Histories brought within bounds and slew limits, exactly."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


class Limits(NamedTuple):
    """What a history must keep in each channel: values from ``low`` to ``high``, and a change from one sample to the
    next from −``fall`` to ``rise``; ±inf where there is no limit."""

    low: Float[Array, " channels"]
    high: Float[Array, " channels"]
    fall: Float[Array, " channels"]
    rise: Float[Array, " channels"]


def within(limits: Limits, x: Float[Array, "samples channels"]) -> Float[Array, "samples channels"]:
    """Return a history that keeps the limits, as near to ``x`` as can be in the largest change of a sample.

    It is the mean of the largest history below x and of the smallest one above x that keep the slew limits (McShane's
    extensions, Bull. Amer. Math. Soc. 40, 837, 1934). A history within the limits is returned as it is.
    """
    x, channels = jnp.clip(x, limits.low[None], limits.high[None]), x.shape[1]
    both = _lower(jnp.concatenate([x, -x], 1), jnp.concatenate([limits.rise, limits.fall]), False)
    both = _lower(both, jnp.concatenate([limits.fall, limits.rise]), True)
    below, above = both[:, :channels], -both[:, channels:]
    return jnp.clip((below + above) / 2, limits.low[None], limits.high[None])


def _lower(
    x: Float[Array, "samples channels"], slope: Float[Array, " channels"], backwards: bool
) -> Float[Array, "samples channels"]:
    """Return the largest history below x that rises by at most ``slope`` per sample (falls, where backwards).

    Each round compares samples twice as far apart as the one before. The rounds are a loop, because XLA takes seconds
    to compile them one after another.
    """
    samples = len(x)
    none = jnp.full_like(x, jnp.inf)

    def compare(x: Array, apart: Array) -> tuple[Array, None]:
        padded = jnp.concatenate([x, none] if backwards else [none, x])
        other = jax.lax.dynamic_slice_in_dim(padded, apart if backwards else samples - apart, samples)
        return jnp.minimum(x, other + apart.astype(x.dtype) * slope[None]), None

    rounds = (samples - 1).bit_length()
    return jax.lax.scan(compare, x, 2 ** jnp.arange(rounds))[0]
