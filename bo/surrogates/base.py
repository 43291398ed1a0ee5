"""TODO docstring of bo.surrogates.base"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

type_of_floats = ("float64", "float32")


class Prediction(NamedTuple):
    """Marginal posterior of the latent function, in the units of the observations. ``std``, not variance."""

    mean: Float[Array, "query"]
    std: Float[Array, "query"]


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
