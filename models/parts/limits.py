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
    x = jnp.clip(x, limits.low[None], limits.high[None])
    below = _lower(_lower(x, limits.rise, False), limits.fall, True)
    above = -_lower(_lower(-x, limits.fall, False), limits.rise, True)
    return jnp.clip((below + above) / 2, limits.low[None], limits.high[None])


def _lower(
    x: Float[Array, "samples channels"], slope: Float[Array, " channels"], backwards: bool
) -> Float[Array, "samples channels"]:
    """Return the largest history below x that rises by at most ``slope`` per sample (falls, where backwards)."""

    def join(left: tuple, right: tuple) -> tuple:
        """Join two stretches: their lengths, and the lowest value that each allows at its end."""
        return left[0] + right[0], jnp.minimum(right[1], left[1] + right[0] * slope[None])

    lengths = jnp.ones((len(x), 1), x.dtype)
    return jax.lax.associative_scan(join, (lengths, x), reverse=backwards)[1]
