"""TODO docstring of bo.surrogates.circular"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bo.data import Data
from bo.surrogates.base import Surrogate
from bo.surrogates.checks import check


class Angle(NamedTuple):
    """``angle`` in (−period/2, period/2] and ``std``, the circular standard deviation, in radians."""

    angle: Float[Array, "query"]
    std: Float[Array, "query"]


class Circular(NamedTuple):
    """fit     (key, data) -> params, of data whose y are angles in radians
    predict (params, data, x) -> Angle
    """

    fit: Any
    predict: Any


def circular(surrogate: Surrogate, period: float = 2 * np.pi) -> Circular:
    """Two surrogates of one kind, of cos(2πθ/period) and sin(2πθ/period): angles have no end, and no symmetry of the
    object that ``period`` states can be wrong.

    The two predicted means are a point near the circle: its direction is the angle, and its length R, at most 1, gives
    the circular standard deviation √(−2 ln R) (Mardia & Jupp 2000). ValueError unless period > 0.
    """
    if not period > 0:
        raise ValueError(f"period is {period}; expected the smallest turn that changes nothing, in radians")
    rate = 2 * np.pi / period

    def pair(data: Data) -> Data:
        parts = jnp.stack([jnp.cos(rate * data.y), jnp.sin(rate * data.y)])
        return jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), data)._replace(
            y=jnp.where(data.mask[None], parts, 0), noise=jnp.stack([data.noise, data.noise]) * rate**2
        )

    def fit(key, data):
        check(data)
        return jax.vmap(surrogate.init)(jax.random.split(key, 2), pair(data))

    def predict(params, data, x):
        found = jax.vmap(surrogate.predict, (0, 0, None))(params, pair(data), x)
        cosine, sine = found.mean
        tiny = jnp.finfo(cosine.dtype).eps
        length = jnp.clip(jnp.sqrt(cosine**2 + sine**2), tiny, 1 - tiny)
        return Angle(jnp.arctan2(sine, cosine) / rate, jnp.sqrt(-2 * jnp.log(length)) / rate)

    return Circular(fit, predict)
