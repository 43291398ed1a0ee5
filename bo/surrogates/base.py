"""What a surrogate is: the record of its functions, their signatures, a prediction, what a fit reports.

The signatures are protocols with positional arguments. Params and posteriors are whatever the surrogate makes of them:
its caller only passes them on.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ferro_jax import values

DTYPES = ("float64", "float32")


class Prediction(NamedTuple):
    """Marginal posterior of the latent function, in the units of y. ``std`` is a standard deviation, not a variance."""

    mean: Float[Array, "query"]
    std: Float[Array, "query"]


def standard_variance(variance: Any, scale: Any) -> Any:
    """Return a variance in units of y² as one of targets divided by ``scale``, whose square may not be a number."""
    return variance * (1 / scale) * (1 / scale)


class FitInfo(NamedTuple):
    """What a fit did: ``objective`` per datum, ``iterations``, and ``evaluations`` of value and gradient.

    A non-finite objective says that the fit failed and kept its start.
    """

    objective: Float[Array, ""]
    iterations: Any
    evaluations: Any


@runtime_checkable
class Init(Protocol):
    """Params from a cold start."""

    def __call__(self, key: Array, data: Any, /) -> Any: ...


@runtime_checkable
class Fit(Protocol):
    """Params from a warm start, and what the fit did."""

    def __call__(self, key: Array, params: Any, data: Any, /) -> tuple[Any, FitInfo]: ...


class Predict(Protocol):
    """Prediction at points x F["query dim"]."""

    def __call__(self, params: Any, data: Any, x: Array, /) -> Prediction: ...


class Predictor(Protocol):
    """The same as a function of x; all that does not depend on x is computed once."""

    def __call__(self, params: Any, data: Any, /) -> Callable[[Array], Prediction]: ...


class Sample(Protocol):
    """One joint draw F["query"] of the latent function at points x F["query dim"]."""

    def __call__(self, key: Array, params: Any, data: Any, x: Array, /) -> Array: ...


class Path(Protocol):
    """One draw of the latent function as a function of x, F["query dim"] -> F["query"]."""

    def __call__(self, key: Array, params: Any, data: Any, /) -> Callable[[Array], Array]: ...


class Noise(Protocol):
    """Variance F[""] of the fitted observation noise, in units of y²."""

    def __call__(self, params: Any, /) -> Array: ...


class Condition(Protocol):
    """Posterior over a pool F["pool dim"]: whatever later calls can reuse of the work that grows with n·pool and n².

    Its field ``retries``, I[""], counts how often the factorisation needed more jitter. A leaf that is one number for
    all members of a vmapped campaign is wrapped in ``bo.data.Shared``.
    """

    def __call__(self, params: Any, data: Any, pool: Array, /) -> Any: ...


class Surface(Protocol):
    """Prediction at every candidate of the pool."""

    def __call__(self, params: Any, posterior: Any, /) -> Prediction: ...


class Covariance(Protocol):
    """Posterior covariance F["pool"] of candidate ``index`` with all candidates, in units of y²."""

    def __call__(self, params: Any, posterior: Any, pool: Array, index: Array, /) -> Array: ...


class Append(Protocol):
    """Posterior after observing ``value`` at candidate ``index``, and the observation's z-score.

    ``count`` is the row of the data that the observation takes, ``noise`` the known variance of this observation in
    units of y². Where ``valid`` is false, only an empty row is added and the z-score is NaN.
    """

    def __call__(
        self,
        params: Any,
        posterior: Any,
        pool: Array,
        count: Array,
        index: Array,
        value: Array,
        noise: Array,
        valid: Array,
        /,
    ) -> tuple[Any, Array]: ...


class Grow(Protocol):
    """The same posterior with room for ``capacity`` observations; ValueError if that is less than now."""

    def __call__(self, posterior: Any, capacity: int, /) -> Any: ...


class Surrogate(NamedTuple):
    """A probabilistic model as pure functions; ``dtype`` is the precision that they compute in.

    ``condition``, ``surface``, ``covariance``, ``append`` and ``grow`` serve campaigns over a fixed pool. ``path`` is
    None where a draw cannot be given as a function.
    """

    init: Init
    fit: Fit
    predict: Predict
    predictor: Predictor
    sample: Sample
    path: Path | None
    noise: Noise
    condition: Condition
    surface: Surface
    covariance: Covariance
    append: Append
    grow: Grow
    dtype: str


def with_noise(prediction: Prediction, noise: Float[Array, ""]) -> Prediction:
    """Prediction of a new observation, whose noise has the variance ``noise`` in units of y².

    ``prediction`` is that of the latent function. ``surrogate.noise(params)`` is the fitted variance; where
    observations have known variances as well, add that of the new one.
    """
    noise = values.coefficient(noise, "noise")
    return Prediction(prediction.mean, jnp.sqrt(prediction.std**2 + noise))


def require_precision(dtype: str) -> jnp.dtype:
    """Return the JAX dtype of that name.

    ValueError if the name is unknown, or float64 while JAX is not set to it and would silently truncate.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype is {dtype!r}; expected one of {DTYPES}")
    if dtype == "float64" and not jax.config.jax_enable_x64:  # pyright: ignore[reportAttributeAccessIssue]
        raise ValueError(
            "the Gaussian process works in float64 but JAX has it switched off: call "
            "jax.config.update('jax_enable_x64', True) first, or wrap the call in `with jax.enable_x64(True)`, "
            "or ask for GPConfig(dtype='float32', noise_floor=1e-4) and accept its accuracy"
        )
    return jnp.dtype(dtype)
