"""TODO docstring of bo.surrogates.observing"""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from bo.surrogates.base import Prediction


def with_noise(params: Any, prediction: Prediction) -> Prediction:
    """What a new observation will be, from the prediction of the latent function and params of a surrogate of
    ``bo.deep_kernels.deep_kernel``, ``dkl_joint``, ``dkl_paper``, ``gp``, or of mixtures. The noise is the fitted one: where observations
    have known variances as well, add that of the new one."""
    return Prediction(prediction.mean, jnp.sqrt(prediction.std**2 + fitted_noise(params)))


def fitted_noise(params: Any) -> Float[Array, ""]:
    """Variance of the noise that such a surrogate has found, in units of y²; the members' mean, of mixtures."""
    inner = next((getattr(params, name) for name in ("gp", "deep", "members") if hasattr(params, name)), params)
    return jnp.mean(inner.noise * inner.scale**2)
