"""Angles as targets: two surrogates, of the cosine and of the sine, whose means are a point near the circle."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bo.data import Data
from bo.surrogates.base import Surrogate
from bo.surrogates.checks import check


class Angle(NamedTuple):
    """Predicted ``angle`` in (−period/2, period/2] and ``std``, the circular standard deviation, in radians."""

    angle: Float[Array, "query"]
    std: Float[Array, "query"]


class Circular(NamedTuple):
    """A model of angles as two pure functions.

    fit     (key, data) -> params, of data whose y are angles in radians
    predict (params, data, x) -> Angle
    """

    fit: Callable[[Array, Any], Any]
    predict: Callable[[Any, Any, Array], Angle]


def circular(surrogate: Surrogate, period: float = 2 * np.pi) -> Circular:
    """Return a model of angles: ``surrogate`` fitted to cos(2πθ/period) and to sin(2πθ/period).

    ``period`` in radians is the smallest turn that changes nothing, for objects with a symmetry less than 2π. The two
    predicted means are a point near the circle: its direction is the angle, and its length R, at most 1, gives the
    circular standard deviation √(−2 ln R) (Mardia & Jupp 2000). ValueError unless period > 0, and as from
    ``bo.surrogates.checks.check`` for data that nothing can be learned from.
    """
    if not period > 0:
        raise ValueError(f"period is {period}; expected the smallest turn that changes nothing, in radians")
    rate = 2 * np.pi / period

    def cosine_and_sine(data: Data) -> Data:
        """Data with a leading axis of two: the targets are the cosine and the sine."""
        parts = jnp.stack([jnp.cos(rate * data.y), jnp.sin(rate * data.y)])
        return jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), data)._replace(
            y=jnp.where(data.mask[None], parts, 0), noise=jnp.stack([data.noise, data.noise]) * rate**2
        )

    def fit(key, data):
        check(data)
        return jax.vmap(surrogate.init)(jax.random.split(key, 2), cosine_and_sine(data))

    def predict(params, data, x):
        prediction = jax.vmap(surrogate.predict, (0, 0, None))(params, cosine_and_sine(data), x)
        cosine, sine = prediction.mean
        tiny = jnp.finfo(cosine.dtype).eps
        length = jnp.clip(jnp.sqrt(cosine**2 + sine**2), tiny, 1 - tiny)
        return Angle(jnp.arctan2(sine, cosine) / rate, jnp.sqrt(-2 * jnp.log(length)) / rate)

    return Circular(fit, predict)
