"""What describes a Gaussian process on masked data: its hyperparameters, mean, configuration, observations, functions.

``bo.surrogates.process.process`` makes a ``Process`` of a ``GPConfig``; targets are standardised inside it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpyro.distributions as dist
from jaxtyping import Array, Float

from bo.surrogates import incremental, kernels
from bo.surrogates.base import Prediction, Surrogate
from bo.surrogates.hyperparameters import Layout


class GPParams(NamedTuple):
    """Hyperparameters in natural units. Kernel, noise and constant mean refer to (y − location) / scale."""

    kernel: Any  # as the Kernel's priors: for an expression, a tuple with a dict for each of its kernels
    noise: Float[Array, "..."]  # variance of the observation noise
    mean: Any  # a number, or the parameters of a mean function
    location: Float[Array, "..."]  # of the targets
    scale: Float[Array, "..."]  # their standard deviation


class Mean(NamedTuple):
    """A mean function with NumPyro priors on its parameters: what is known of the physics.

    ``function(params, x) -> F["n"]`` for x in the unit cube, F["n dim"], in the units of y or, if ``standardised``,
    of (y − location) / scale; ``params`` holds one value for each prior of ``priors``. The Gaussian process models
    what the mean leaves over.
    """

    function: Callable[[dict[str, Array], Array], Array]
    priors: dict[str, dist.Distribution]
    standardised: bool = False


@dataclass(frozen=True)
class GPConfig:
    """Choices that decide the program. Priors are (location, scale) of a log-normal density.

    ``kernel`` is an expression of ``bo.surrogates.kernels``, whose default prior of the lengthscales is scaled with the
    dimension; noise and variance have one too, since a likelihood without priors lets an ARD lengthscale run away.
    The noise's is on what exceeds ``noise_floor``. ``sequential`` fits the members of a vmapped run one after
    another: no member waits for the slowest one's iterations, which on a CPU is cheaper; on an accelerator turn it off.
    """

    kernel: str = "matern52"
    ard: bool = True
    dtype: str = "float64"
    lengthscale_prior: tuple[float, float] | str | None = None
    variance_prior: tuple[float, float] = (0.0, 1.0)
    noise_prior: tuple[float, float] = (-4.0, 1.0)
    noise_floor: float = 1e-6
    starts: int = 4
    iterations: int = 50
    line_search_steps: int = 5
    gradient_tolerance: float = 1e-3
    decrease_tolerance: float = 1e-5
    sequential: bool = True

    def __post_init__(self):
        kernels.parse(self.kernel)
        for name in ("starts", "iterations", "line_search_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if not self.noise_floor > 0:
            raise ValueError(f"noise_floor is {self.noise_floor}; it must be positive: it keeps K definite")
        if isinstance(self.lengthscale_prior, str) and (self.lengthscale_prior != "saas" or not self.ard):
            raise ValueError(
                f"lengthscale_prior is {self.lengthscale_prior!r} with ard={self.ard}; expected (location, scale), "
                "None, or 'saas' together with ard=True"
            )


class Observed(NamedTuple):
    """What of the latent function the data show, as rows of the Gram matrix. ``kernel`` is a built one.

    gram    (kernel, data) -> F["rows rows"], their covariance without noise
    across  (kernel, data, x) -> F["rows query"], their covariance with the latent function at x
    targets (data, location, scale, mean F["capacity"] or F[""]) -> F["rows"], standardised, less the standardised mean
    noise   (params, data) -> F["rows"]         mask (data) -> B["rows"]
    noises  shape of the fitted noise
    """

    gram: Callable[..., Array]
    across: Callable[..., Array]
    targets: Callable[..., Array]
    noise: Callable[..., Array]
    mask: Callable[..., Array]
    noises: tuple[int, ...]


VALUES = Observed(
    gram=lambda kernel, data: kernels.cross(kernel, data.x, data.x),
    across=lambda kernel, data, x: kernels.cross(kernel, data.x, x),
    targets=lambda data, location, scale, mean: (data.y - location) / scale - mean,
    noise=lambda params, data: params.noise + data.noise / params.scale**2,
    mask=lambda data: data.mask,
    noises=(),
)


class Process(NamedTuple):
    """Functions that all ways to choose hyperparameters share; those of ``Surrogate`` have its signatures.

    layout         (dim) -> Layout of (kernel, noise above the floor, mean) in the optimiser's vector
    params         (theta, dim, location, scale) -> GPParams          theta (params, dim) -> its inverse
    log_posterior  (theta, data, location, scale, volume) -> log p(y | θ) + log p(θ), the second that of the natural
                   values or, with ``volume``, of theta itself
    log_likelihood (params, data) -> log p(standardised y | x, params), the same number as on the unpadded data
    gram, residual (params, data) -> what the likelihood is made of; absent data are the identity's rows, and 0
    prepare        (params, data) -> what does not depend on x;  at (params, data, prepared, x) -> Prediction
    """

    layout: Callable[[int], Layout]
    params: Callable[..., GPParams]
    theta: Callable[[GPParams, int], Array]
    log_posterior: Callable[..., Array]
    log_likelihood: Callable[[GPParams, Any], Array]
    gram: Callable[[GPParams, Any], Array]
    residual: Callable[[GPParams, Any], Array]
    prepare: Callable[[GPParams, Any], Any]
    at: Callable[..., Prediction]
    sample: Callable[..., Array]
    path: Callable[..., Callable[[Array], Array]]
    condition: Callable[..., Any]
    surface: Callable[..., Prediction]
    covariance: Callable[..., Array]
    append: Callable[..., Any]
    cast: Callable[[Any], Any]
    one_by_one: Callable[..., Any]
    config: GPConfig

    def surrogate(self, init: Callable[..., Any], fit: Callable[..., Any]) -> Surrogate:
        """The Surrogate whose hyperparameters these two choose."""

        def predictor(params, data):
            data = self.cast(data)
            prepared = self.prepare(params, data)
            return lambda x: self.at(params, data, prepared, x)

        return Surrogate(
            init=init,
            fit=fit,
            predict=lambda params, data, x: predictor(params, data)(x),
            predictor=predictor,
            sample=self.sample,
            condition=self.condition,
            surface=self.surface,
            covariance=self.covariance,
            append=self.append,
            grow=incremental.grow,
            dtype=self.config.dtype,
            path=self.path,
        )
