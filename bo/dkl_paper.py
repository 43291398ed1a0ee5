"""The deep-kernel form of the literature, for comparison: it is confident and wrong where data are few.

A 64-64-2 ReLU network, an RBF on its two features, zero mean, no standardisation, no priors: 1,000 Adam steps on the
marginal likelihood (Wilson et al. 2016; the settings are those of arXiv 2303.14554).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from bo.dkl import behind, check
from bo.dkl_embed import Deep, embedded
from bo.dkl_kernel import block_kernel
from bo.features import Block, find
from bo.process import GPConfig, GPParams, Mean, process
from bo.types import FitInfo, Surrogate, require_precision

_ZERO = Mean(lambda params, x: jnp.zeros(x.shape[0], x.dtype), {})


@dataclass(frozen=True)
class PaperConfig:
    """``kernel`` on the features; Adam with ``rate`` for ``steps`` steps, at every fit anew from the last weights."""

    kernel: str = "rbf"
    steps: int = 1000
    rate: float = 1e-2
    gp: GPConfig = field(default_factory=lambda: GPConfig(noise_floor=1e-4))

    def __post_init__(self):
        if self.steps < 1 or not self.rate > 0:
            raise ValueError(f"steps={self.steps}, rate={self.rate}: expected one step or more at a positive rate")


class Trained(NamedTuple):
    """The network and the process on its features; ``log`` are the logarithms of lengthscale, variance and noise."""

    deep: Deep
    log: Float[Array, "3"]


def paper(blocks: Sequence[Block], network: Any, config: PaperConfig | None = None) -> Surrogate:
    """The Surrogate on the block "raw" of a ``bo.features`` table, with ``network`` (init, apply) on its columns in
    [0, 1]: ``models.features.mlp((dim, 64, 64, 2), "relu")``. Errors as for ``bo.dkl.frozen``."""
    config = config or PaperConfig()
    dtype = require_precision(config.gp.dtype)
    raw = find(blocks, "raw")
    columns = slice(raw.start, raw.stop)
    probe = jax.ShapeDtypeStruct((2, raw.stop - raw.start), jnp.float32)
    outputs = jax.eval_shape(network.apply, jax.eval_shape(network.init, jax.random.key(0)), probe).shape[-1]
    kernel = block_kernel((Block("net", 0, outputs, np.ones(outputs)),), config.kernel)
    model = process(config.gp, kernel, _ZERO)
    deep = embedded(model, lambda weights, x: network.apply(weights, x[:, columns].astype(jnp.float32)).astype(x.dtype))

    def built(log, weights):
        length, variance, noise = jnp.exp(log)
        inner = {"lengthscale": length[None], "variance": variance[None]}
        zero, one = jnp.zeros((), dtype), jnp.ones((), dtype)
        return Deep(GPParams(inner, noise + config.gp.noise_floor, {}, zero, one), weights)

    @model.one_by_one
    def train(log, weights, data):
        count = jnp.maximum(jnp.sum(data.mask), 1)
        optimiser = optax.adam(config.rate)

        def loss(moving):
            params: Any = built(*moving)
            return -deep.log_likelihood(params, data) / count

        def step(carry: Any, _: Any) -> Any:
            moving, state = carry
            value, slope = jax.value_and_grad(loss)(moving)
            updates, state = optimiser.update(slope, state, moving)
            return (optax.apply_updates(moving, updates), state), value

        start: Any = (log, weights)
        (moving, _), values = jax.lax.scan(step, (start, optimiser.init(start)), length=config.steps)
        steps = jnp.asarray(config.steps, jnp.int32)
        return Trained(built(*moving), moving[0]), FitInfo(values[-1], steps, steps)

    def init(key, data):
        check(data)
        return train(jnp.asarray([0.0, 0.0, -2.3], dtype), network.init(key), model.cast(data))[0]

    def fit(key, params, data):
        del key
        check(data)
        return train(params.log, params.deep.weights, model.cast(data))

    return behind(deep.surrogate(init, fit), lambda params: params.deep)
