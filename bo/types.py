"""The records every campaign is made of. NamedTuples, because whatever is vmapped must not check itself."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float

type_of_floats = ("float64", "float32")


class Data(NamedTuple):
    """Observations in arrays of fixed capacity; ``mask`` is true where a row holds one.

    ``noise`` is the known variance of each observation in units of y², added to the noise that is fitted.
    ``observations`` makes one from what a user has.
    """

    x: Float[Array, "capacity dim"]
    y: Float[Array, "capacity"]
    mask: Bool[Array, "capacity"]
    noise: Float[Array, "capacity"]


class Observation(NamedTuple):
    """What an objective may return instead of a number: the value and the known variance of its noise."""

    value: Float[Array, ""]
    variance: Float[Array, ""]


class Prediction(NamedTuple):
    """Marginal posterior of the latent function, in the units of the observations. ``std``, not variance."""

    mean: Float[Array, "query"]
    std: Float[Array, "query"]


class View(NamedTuple):
    """What an acquisition may ask of the model beyond marginals, at the query points ``x`` (in the unit cube).

    sample      (key) -> F["query"]       one joint draw of the latent function, in the units of the observations
    covariance  (index) -> F["query"]     posterior covariance of query point ``index`` with all of them
    reference   marginals that stand for the whole domain: of the pool, or of points that fill the box

    Closures: what is not called costs nothing. In a box, whose query points come in many calls, ``sample`` is of the
    one function that was drawn for this ask, whatever the key.
    """

    x: Float[Array, "query dim"]
    sample: Callable[[Array], Array]
    covariance: Callable[[Array], Array]
    reference: Prediction


class FitInfo(NamedTuple):
    """What a fit did: ``objective`` per datum, ``evaluations`` of value and gradient.

    A non-finite objective says that the fit failed and kept its start.
    """

    objective: Float[Array, ""]
    iterations: Any
    evaluations: Any


class Surrogate(NamedTuple):
    """A probabilistic model as pure functions. ``condition`` and what follows it serve campaigns over a fixed pool.

    init       (key, data) -> params                        cold start
    fit        (key, params, data) -> (params, FitInfo)     warm start
    predict    (params, data, x) -> Prediction
    predictor  (params, data) -> (x) -> Prediction          the same, with all that does not depend on x done once
    sample     (key, params, data, x) -> F["query"]         one joint draw of the latent function
    condition  (params, data, pool) -> posterior            everything that n·m and n² work can reuse
    surface    (params, posterior) -> Prediction            on the whole pool
    covariance (params, posterior, pool, index) -> F["pool"]  posterior covariance of one candidate with all
    append     (params, posterior, pool, count, index, value, noise, valid) -> (posterior, z_score)
    grow       (posterior, capacity) -> posterior           room for more observations
    path       (key, params, data) -> (x) -> F["query"]     a draw of the latent function as a function, or None
    """

    init: Callable[..., Any]
    fit: Callable[..., Any]
    predict: Callable[..., Prediction]
    predictor: Callable[..., Callable[[Array], Prediction]]
    sample: Callable[..., Array]
    condition: Callable[..., Any]
    surface: Callable[..., Prediction]
    covariance: Callable[..., Array]
    append: Callable[..., Any]
    grow: Callable[..., Any]
    dtype: str = "float64"
    path: Callable[..., Callable[[Array], Array]] | None = None


def require_precision(dtype: str) -> jnp.dtype:
    """The JAX dtype of that name; ValueError if it is unknown, or float64 while JAX would silently truncate."""
    if dtype not in type_of_floats:
        raise ValueError(f"dtype is {dtype!r}; expected one of {type_of_floats}")
    if dtype == "float64" and not jax.config.jax_enable_x64:  # pyright: ignore[reportAttributeAccessIssue]
        raise ValueError(
            "the Gaussian process works in float64 but JAX has it switched off: call "
            "jax.config.update('jax_enable_x64', True) first, or wrap the call in `with jax.enable_x64(True)`, "
            "or ask for GPConfig(dtype='float32', noise_floor=1e-4) and accept its accuracy"
        )
    return jnp.dtype(dtype)


def observations(
    x: Float[Array, "n dim"],
    y: Float[Array, "n"],
    mask: Bool[Array, "n"] | None = None,
    noise: Float[Array, "n"] | None = None,
) -> Data:
    """Data of known points; all observed and without known noise (a variance each) unless said otherwise.

    ValueError for shapes that do not go together and for a negative variance, where it is known.
    """
    x, y = jnp.asarray(x), jnp.asarray(y)
    shapes = {"y": y.shape} | {n: jnp.shape(v) for n, v in (("mask", mask), ("noise", noise)) if v is not None}
    if x.ndim != 2 or any(shape != x.shape[:1] for shape in shapes.values()):
        raise ValueError(f"x has shape {x.shape}, {shapes}: expected x (n, dim) and one number per row of it")
    if noise is not None and not isinstance(noise, Tracer) and not np.all(np.asarray(noise) >= 0):
        raise ValueError("known noise is a variance: give numbers that are not negative")
    mask = jnp.ones(y.shape, bool) if mask is None else mask
    return Data(x, y, mask, jnp.zeros_like(y) if noise is None else jnp.asarray(noise, y.dtype))


def append(
    data: Data, row: int, x: Float[Array, "dim"], y: Float[Array, ""], noise: Float[Array, ""] | float = 0.0
) -> Data:
    """Data with one more observation in ``row``; ValueError when the (concrete) row is beyond the capacity."""
    capacity = data.x.shape[0]
    if isinstance(row, int) and not 0 <= row < capacity:
        raise ValueError(f"row {row} is outside the capacity {capacity}: grow(data, capacity) first")
    return write(data, jnp.asarray(row), x, y, jnp.asarray(noise), jnp.asarray(True))


def write(data: Data, row: Array, x: Array, y: Array, noise: Array, valid: Array) -> Data:
    """Row ``row`` set to (x, y, noise), or left out of the mask (with a harmless 0) when not valid."""

    def put(leaf, value):
        return jax.lax.dynamic_update_index_in_dim(leaf, jnp.asarray(value, leaf.dtype), row, 0)

    y, noise = jnp.where(valid, y, 0), jnp.where(valid, noise, 0)
    return Data(put(data.x, x), put(data.y, y), put(data.mask, valid), put(data.noise, noise))


def grow(data: Data, capacity: int) -> Data:
    """The same observations in a larger array; ValueError if the capacity would shrink."""
    extra = capacity - data.x.shape[0]
    if extra < 0:
        raise ValueError(f"capacity {capacity} is smaller than the present {data.x.shape[0]}: it can only grow")
    return Data(*(jnp.pad(leaf, [(0, extra)] + [(0, 0)] * (leaf.ndim - 1)) for leaf in data))
