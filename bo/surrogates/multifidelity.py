"""Two fidelities in one Gaussian process: high = ρ · low + δ (Kennedy & O'Hagan 2000).

The fidelity is the last input column, 0 for the proxy and 1 for the target. Pools, appended rows and campaigns
therefore need no change; the objective reads the column and evaluates that fidelity.
"""

from typing import Any

import jax.numpy as jnp
import numpyro.distributions as dist
from gpjax.kernels.base import AbstractKernel
from jaxtyping import Array, Float, Shaped

from bo.surrogates import kernels
from bo.surrogates.base import Surrogate
from bo.surrogates.gp import gaussian_process
from bo.surrogates.hyperparameters import Hyperparameter
from bo.surrogates.kernels import Kernel
from bo.surrogates.process_types import GPConfig, Mean


class Autoregressive(AbstractKernel):
    """k((x, s), (x', s')) = ρ(s) ρ(s') k_low(x, x') + s s' k_δ(x, x'), where ρ(0) = 1 and ρ(1) = ρ."""

    low: Any = None
    rest: Any = None
    factor: Any = None

    def __init__(self, low: AbstractKernel, rest: AbstractKernel, factor: Array):
        self.low, self.rest, self.factor = low, rest, factor
        super().__init__()

    def __call__(self, x: Any, y: Any) -> Float[Array, ""]:
        factor_x, factor_y = (1 + point[-1] * (self.factor - 1) for point in (x, y))
        low, rest = self.low(x[:-1], y[:-1]), self.rest(x[:-1], y[:-1])
        return factor_x * factor_y * jnp.asarray(low) + x[-1] * y[-1] * jnp.asarray(rest)


def autoregressive(low: Kernel, rest: Kernel, factor: dist.Distribution | None = None) -> Kernel:
    """Return the Kernel with hyperparameters {low, rest, factor}; the prior of ρ is Normal(1, 0.5) unless given."""

    def priors(dim):
        if dim < 2:
            raise ValueError(f"the data have {dim} input; expected at least one and, as the last, the fidelity 0 or 1")
        prior = Hyperparameter(factor if factor is not None else dist.Normal(1.0, 0.5), (1.0, 0.3))
        return {"low": low.priors(dim - 1), "rest": rest.priors(dim - 1), "factor": prior}

    def build(params):
        return Autoregressive(low.build(params["low"]), rest.build(params["rest"]), params["factor"])

    return Kernel(priors, build)


def two_fidelities(config: GPConfig | None = None, *, rest: str | None = None) -> Surrogate:
    """Return the MAP Surrogate of two fidelities: the config's kernel for the proxy, ``rest`` (or the same) for δ.

    The variance of δ has the prior LogNormal(−1.5, 1), because the proxy is expected to explain most of the target. The
    mean is a constant for each fidelity. Both are standardised together, so their units should be the same.
    """
    config = config or GPConfig()

    def part(expression, variance):
        return kernels.kernel(expression, ard=config.ard, lengthscale=config.lengthscale_prior, variance=variance)

    kernel = autoregressive(part(config.kernel, config.variance_prior), part(rest or config.kernel, (-1.5, 1.0)))
    normal = dist.Normal(0.0, 1.0)
    mean = Mean(
        lambda params, x: params["low"] + params["step"] * x[:, -1], {"low": normal, "step": normal}, standardised=True
    )
    return gaussian_process(config, kernel=kernel, mean=mean)


def both(x: Float[Array, "pool dim"]) -> Float[Array, "2*pool dim+1"]:
    """Return the candidates at fidelity 0 and, in the same order after them, at fidelity 1."""
    x = jnp.asarray(x)
    return jnp.concatenate([jnp.pad(x, ((0, 0), (0, 1)), constant_values=value) for value in (0, 1)])


def targets(values: Shaped[Array, "both ..."]) -> Shaped[Array, "half ..."]:
    """Return the fidelity-1 half of values on a pool made by ``both``."""
    return values[values.shape[0] // 2 :]
