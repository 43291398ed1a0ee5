"""Records that describe a Gaussian process on masked data: hyperparameters, mean, configuration, what is observed.

``bo.surrogates.process.process`` makes a ``Process`` of a ``GPConfig``. Targets are standardised inside it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpyro.distributions as dist
from jaxtyping import Array, Float

from bo.surrogates import incremental, kernels
from bo.surrogates.base import (
    Append,
    Condition,
    Covariance,
    Fit,
    Init,
    Noise,
    Path,
    Prediction,
    Sample,
    Surface,
    Surrogate,
    standard_variance,
)
from bo.surrogates.hyperparameters import Layout
from ferro_jax import options


class GPParams(NamedTuple):
    """Hyperparameters in natural units; kernel, noise and constant mean are those of (y − location) / scale.

    ``kernel`` has the structure of the Kernel's priors: for an expression, a tuple with a dict for each of its kernels.
    ``noise`` is a variance. ``mean`` is a number or the parameters of a mean function. ``location`` and ``scale`` are
    the mean and standard deviation of the targets.
    """

    kernel: Any
    noise: Float[Array, "..."]
    mean: Any
    location: Float[Array, "..."]
    scale: Float[Array, "..."]


class Mean(NamedTuple):
    """A mean function with NumPyro priors on its parameters, for what is known of the physics.

    ``function(params, x) -> F["n"]`` takes x F["n dim"] in the unit cube and returns values in the units of y or, if
    ``standardised``, of (y − location) / scale. ``params`` holds one value for each prior of ``priors``. The Gaussian
    process models what the mean leaves over.
    """

    function: Callable[[dict[str, Array], Array], Array]
    priors: dict[str, dist.Distribution]
    standardised: bool = False


@dataclass(frozen=True)
class GPConfig:
    """Choices that decide the program; priors are (location, scale) of a log-normal density.

    ``kernel`` is an expression of ``bo.surrogates.kernels``. The default prior of its lengthscales is scaled with the
    dimension; with ``lengthscale_prior="shared"`` the lengthscales of all inputs are alike until the data tell them
    apart, for few observations of inputs that all matter; with ``"saas"`` no input matters until then. Noise and
    variance have priors too, because a likelihood without priors lets an ARD lengthscale run away. ``noise_prior`` is
    on what exceeds ``noise_floor``, a variance of standardised targets.

    ``starts``, ``iterations``, ``line_search_steps`` and the tolerances are those of the optimiser that finds the mode.
    ``refit_starts`` are fresh starts of each refit of ``bo.gaussian_process``, beside the one from the last mode.
    Without one a campaign can stay at the mode of its first observations, in which an input that matters has a long
    lengthscale and what it does is noise; one makes a refit two to three times as dear.
    ``sequential`` fits the members of a vmapped run one after another: no member waits for the iterations of the
    slowest one, which is cheaper on a CPU. On an accelerator turn it off.

    ValueError for counts below 1 (``refit_starts``: below 0), a noise floor or a scale of a prior that is not positive,
    an unknown kernel or prior, and a field that is not of its type.
    """

    kernel: str = "matern52"
    ard: bool = True
    dtype: str = "float64"
    lengthscale_prior: tuple[float, float] | str | None = None
    variance_prior: tuple[float, float] = (0.0, 1.0)
    noise_prior: tuple[float, float] = (-4.0, 1.0)
    noise_floor: float = 1e-6
    starts: int = 4
    refit_starts: int = 0
    iterations: int = 50
    line_search_steps: int = 5
    gradient_tolerance: float = 1e-3
    decrease_tolerance: float = 1e-5
    sequential: bool = True

    def __post_init__(self):
        options.check_fields(self)
        kernels.parse(self.kernel)
        for name in ("lengthscale_prior", "variance_prior", "noise_prior"):
            if isinstance(prior := getattr(self, name), tuple) and not prior[1] > 0:
                raise ValueError(f"{name} is {prior}; expected (location, scale) with a positive scale")
        for name in ("starts", "iterations", "line_search_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.refit_starts < 0:
            raise ValueError(f"refit_starts is {self.refit_starts}; it must be at least 0")
        if not self.noise_floor > 0:
            raise ValueError(f"noise_floor is {self.noise_floor}; it must be positive: it keeps K definite")
        if isinstance(self.lengthscale_prior, str) and not (self.lengthscale_prior in kernels.PRIORS and self.ard):
            raise ValueError(
                f"lengthscale_prior is {self.lengthscale_prior!r} with ard={self.ard}; expected (location, scale), "
                f"None, or one of {kernels.PRIORS} together with ard=True"
            )


class Observed(NamedTuple):
    """What the data show of the latent function, as rows of the Gram matrix; ``kernel`` is a built GPJax kernel.

    gram    (kernel, data) -> F["rows rows"], covariance of the rows without noise
    across  (kernel, data, x) -> F["rows query"], covariance of the rows with the latent function at x
    targets (data, location, scale, mean F["capacity"] or F[""]) -> F["rows"], standardised, less the standardised mean
    noise   (params, data) -> F["rows"], variance of each row in units of standardised targets
    mask    (data) -> B["rows"]
    noises  shape of the fitted noise; its first entry is that of values of y
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
    noise=lambda params, data: params.noise + standard_variance(data.noise, params.scale),
    mask=lambda data: data.mask,
    noises=(),
)


class Process(NamedTuple):
    """A Gaussian process as functions of its hyperparameters, shared by all ways to choose them.

    layout         (dim) -> Layout of (kernel, noise above the floor, mean) in the optimiser's vector theta
    params         (theta, dim, location, scale) -> GPParams
    theta          (params, dim) -> theta, the inverse of ``params``
    log_posterior  (theta, data, location, scale, volume) -> log p(y | θ) + log p(θ), the second the density of the
                   natural values or, with ``volume``, of theta itself
    log_likelihood (params, data) -> log p(standardised y | x, params), the same number as on the unpadded data
    gram           (params, data) -> F["rows rows"], covariance of the observations; the identity for absent data
    residual       (params, data) -> F["rows"], standardised targets less the mean; 0 for absent data
    prepare        (params, data) -> what prediction needs of the data, whatever x
    predict_at     (params, data, prepared, x) -> Prediction
    cast           (data) -> data in the process's precision
    one_by_one     decorator: the members of a vmapped call run one after another (``GPConfig.sequential``)

    The remaining functions have the signatures of ``Surrogate``.
    """

    layout: Callable[[int], Layout]
    params: Callable[..., GPParams]
    theta: Callable[[GPParams, int], Array]
    log_posterior: Callable[..., Array]
    log_likelihood: Callable[[GPParams, Any], Array]
    gram: Callable[[GPParams, Any], Array]
    residual: Callable[[GPParams, Any], Array]
    prepare: Callable[[GPParams, Any], Any]
    predict_at: Callable[..., Prediction]
    sample: Sample
    path: Path
    noise: Noise
    condition: Condition
    surface: Surface
    covariance: Covariance
    append: Append
    cast: Callable[[Any], Any]
    one_by_one: Callable[..., Any]
    config: GPConfig

    def surrogate(self, init: Init, fit: Fit) -> Surrogate:
        """Return the Surrogate whose hyperparameters ``init`` and ``fit`` choose."""

        def predictor(params, data):
            data = self.cast(data)
            prepared = self.prepare(params, data)
            return lambda x: self.predict_at(params, data, prepared, x)

        return Surrogate(
            init=init,
            fit=fit,
            predict=lambda params, data, x: predictor(params, data)(x),
            predictor=predictor,
            sample=self.sample,
            path=self.path,
            noise=self.noise,
            condition=self.condition,
            surface=self.surface,
            covariance=self.covariance,
            append=self.append,
            grow=incremental.grow,
            dtype=self.config.dtype,
        )
