"""A deep kernel whose weights are sampled with the hyperparameters: the reference for what training approximates.

NumPyro's NUTS over all weights of a small network: averaged over their posterior, a deep kernel is calibrated where the
maximum of the marginal likelihood is not (Ober et al. 2021). Affordable for about a hundred weights and observations.
"""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from gpjax.kernels.base import AbstractKernel
from jaxtyping import Array, Float

from bo.deep_kernels.blocks import block_kernel, in_block_units
from bo.features.base import Block, find
from bo.surrogates.base import Surrogate
from bo.surrogates.bayesian import SamplingConfig, fully_bayesian
from bo.surrogates.hyperparameters import Hyperparameter
from bo.surrogates.kernels import Kernel, cross
from bo.surrogates.process_types import GPConfig


class _Deep(AbstractKernel):
    """A kernel of the inputs and of features that are functions of them."""

    inner: Any = None
    extend: Any = None

    def __init__(self, inner: AbstractKernel, extend: Any):
        self.inner, self.extend = inner, extend
        super().__init__()

    def __call__(self, x: Any, y: Any) -> Float[Array, ""]:
        return self.cross_covariance(x[None], y[None])[0, 0]

    def cross_covariance(self, x: Any, y: Any) -> Float[Array, "n m"]:
        return cross(self.inner, self.extend(x), self.extend(y))


def sampled_deep_kernel(
    blocks: Sequence[Block],
    *,
    inputs: Sequence[str] = ("pca",),
    hidden: int = 8,
    outputs: int = 2,
    kernel: str = "matern52",
    config: GPConfig | None = None,
    sampling: SamplingConfig | None = None,
) -> Surrogate:
    """Return the Surrogate whose network inputs → hidden (tanh) → outputs is sampled, beside a kernel for each block.

    ``inputs`` are the blocks that the network gets. Weights have the prior N(0, 1 / fan-in). ``path`` is None.
    ValueError for sizes below one and unknown blocks.
    """
    if hidden < 1 or outputs < 1:
        raise ValueError(f"hidden={hidden}, outputs={outputs}: expected one unit or more")
    input_blocks = [find(blocks, name) for name in inputs]
    width, fan_in = max(block.stop for block in blocks), sum(block.stop - block.start for block in input_blocks)
    extended = block_kernel([*blocks, Block("net", width, width + outputs, np.ones(outputs))], kernel)

    def priors(dim):
        if dim < width:
            raise ValueError(f"the blocks reach to column {width}; the data have {dim}")
        shapes = {"first": (fan_in, hidden), "shift": (hidden,), "last": (hidden, outputs)}
        weights = {name: Hyperparameter(dist.Normal(0.0, 1.0).expand(shape)) for name, shape in shapes.items()}
        return {"blocks": extended.priors(width + outputs), "weights": weights}

    def build(params):
        weights = params["weights"]

        def extend(x):
            # in block units the total variance is 1, which is what division by the fan-in gives
            points = jnp.concatenate(in_block_units(input_blocks, x), axis=1)
            inner = jnp.tanh(points @ weights["first"] + weights["shift"][None])
            return jnp.concatenate([x[:, :width], inner @ weights["last"] / hidden**0.5], axis=1)

        return _Deep(extended.build(params["blocks"]), extend)

    config = config or GPConfig(starts=2, noise_prior=(-2.0, 1.0))
    return fully_bayesian(config, sampling, kernel=Kernel(priors, build))._replace(path=None)
