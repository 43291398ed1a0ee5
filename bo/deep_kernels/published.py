"""The published deep kernel (arXiv 2303.14554), for comparison: it is overconfident where data are few.

A 64-64-2 ReLU network, an RBF on its two features, zero mean, no standardisation, no priors: 1,000 Adam steps on the
marginal likelihood (Wilson et al. 2016; the settings are those of arXiv 2303.14554).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from bo.deep_kernels.blocks import block_kernel
from bo.deep_kernels.embedding import NetworkParams, embedded
from bo.features.base import Block, find
from bo.surrogates.base import FitInfo, Surrogate, require_precision
from bo.surrogates.checks import check
from bo.surrogates.process import process
from bo.surrogates.process_types import GPConfig, GPParams, Mean
from bo.surrogates.wrapping import wrap
from ferro_jax import options

_ZERO = Mean(lambda params, x: jnp.zeros(x.shape[0], x.dtype), {})


@dataclass(frozen=True)
class PublishedDeepKernelConfig:
    """``kernel`` is that on the features; Adam takes ``steps`` steps at ``rate`` in every fit, from the last weights.

    ValueError for fewer than one step and a rate that is not positive.
    """

    kernel: str = "rbf"
    steps: int = 1000
    rate: float = 1e-2
    gp: GPConfig = field(default_factory=lambda: GPConfig(noise_floor=1e-4))

    def __post_init__(self):
        options.check_fields(self)
        if self.steps < 1 or not self.rate > 0:
            raise ValueError(f"steps={self.steps}, rate={self.rate}: expected one step or more at a positive rate")


class PublishedParams(NamedTuple):
    """The network and the process on its features; ``log`` are the logarithms of lengthscale, variance and noise."""

    deep: NetworkParams
    log: Float[Array, "3"]


def published_deep_kernel(
    blocks: Sequence[Block],
    network: Any,
    config: PublishedDeepKernelConfig | None = None,
    *,
    also: Callable[[Array, Any], Array] | None = None,
) -> Surrogate:
    """Return the Surrogate on the block "raw" of a ``bo.features.base`` table.

    ``network`` (init, apply) gets the block's columns in [0, 1]: ``models.features.mlp((dim, 64, 64, 2), "relu")``.
    ``also(key, weights)`` is a scalar that every step adds to the negative log likelihood per datum, with a key of its
    own: a second purpose of the weights, such as a decoder's bound on unlabelled points. Weights that are trained
    already go in as ``network.init``. Errors as from ``bo.deep_kernel``.
    """
    config = config or PublishedDeepKernelConfig()
    dtype = require_precision(config.gp.dtype)
    raw = find(blocks, "raw")
    columns = slice(raw.start, raw.stop)
    probe = jax.ShapeDtypeStruct((2, raw.stop - raw.start), jnp.float32)
    outputs = jax.eval_shape(network.apply, jax.eval_shape(network.init, jax.random.key(0)), probe).shape[-1]
    kernel = block_kernel((Block("net", 0, outputs, np.ones(outputs)),), config.kernel)
    model = process(config.gp, kernel, _ZERO)
    deep = embedded(model, lambda weights, x: network.apply(weights, x[:, columns].astype(jnp.float32)).astype(x.dtype))

    def params_of(log, weights):
        length, variance, noise = jnp.exp(log)
        inner = {"lengthscale": length[None], "variance": variance[None]}
        zero, one = jnp.zeros((), dtype), jnp.ones((), dtype)
        return NetworkParams(GPParams(inner, noise + config.gp.noise_floor, {}, zero, one), weights)

    @model.one_by_one
    def train(key, log, weights, data):
        count = jnp.maximum(jnp.sum(data.mask), 1)
        optimiser = optax.adam(config.rate)

        def loss(trained, key):
            params: Any = params_of(*trained)
            value = -deep.log_likelihood(params, data) / count
            return value if also is None else value + also(key, trained[1]).astype(dtype)

        def step(carry: Any, key: Any) -> Any:
            trained, state = carry
            value, slope = jax.value_and_grad(loss)(trained, key)
            updates, state = optimiser.update(slope, state, trained)
            return (optax.apply_updates(trained, updates), state), value

        start: Any = (log, weights)
        keys = jax.random.split(key, config.steps)
        (trained, _), values = jax.lax.scan(step, (start, optimiser.init(start)), keys)
        steps = jnp.asarray(config.steps, jnp.int32)
        return PublishedParams(params_of(*trained), trained[0]), FitInfo(values[-1], steps, steps)

    def init(key, data):
        check(data)
        key_weights, key_steps = jax.random.split(key)
        start = jnp.asarray([0.0, 0.0, -2.3], dtype)
        return train(key_steps, start, network.init(key_weights), model.cast(data))[0]

    def fit(key, params, data):
        check(data)
        return train(key, params.log, params.deep.weights, model.cast(data))

    return wrap(deep.surrogate(init, fit), init=init, fit=fit, params=lambda params: params.deep)
