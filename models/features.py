"""Networks and trained encoders as feature extractors for deep kernels."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ferro_jax import values
from models.parts.networks import Network, check_choice, mlp, pure
from models.parts.networks import conv as conv_network
from models.types import Model, Params

__all__ = ["conv", "encoder_means", "mlp", "pure", "skip"]

_ITERATIONS = 4  # of the power iteration


def skip(
    inputs: int, outputs: int = 4, hidden: Sequence[int] = (64, 64), activation: str = "tanh", norm: float = 2.0
) -> Network:
    """Make the network x ↦ x W + mlp(x), in which no matrix exceeds ``norm`` in the spectral norm (Liu et al. 2020).

    A distance between inputs then grows by at most that factor in a layer, which keeps points that are far apart
    distinct. The norm is estimated by power iteration. ``W`` starts with orthonormal columns, so the untrained network
    is a linear projection with some curvature. ValueError for an unknown activation, sizes below one, and more outputs
    than inputs.
    """
    if outputs > inputs or not norm > 0:
        raise ValueError(f"inputs={inputs}, outputs={outputs}, norm={norm}: expected no more outputs than inputs")
    deep = mlp((inputs, *hidden, outputs), activation)

    def init(key: Array) -> Any:
        key_deep, key_skip = jax.random.split(key)
        straight = jax.nn.initializers.orthogonal()(key_skip, (inputs, outputs), jnp.float32)
        return {"deep": deep.init(key_deep), "skip": straight}

    def apply(params: Any, x: Array) -> Array:
        params = jax.tree.map(lambda leaf: bounded(leaf, norm) if leaf.ndim == 2 else leaf, params)
        return x @ params["skip"] + deep.apply(params["deep"], x)

    return Network(init, apply)


def bounded(matrix: Float[Array, "i o"], norm: float) -> Float[Array, "i o"]:
    """Return the matrix, scaled down to the spectral norm ``norm`` where it exceeds that.

    Miyato et al. 2018, but the power iteration starts anew in every call.
    """
    matrix = values.array(matrix, "matrix")
    fixed = jax.lax.stop_gradient(matrix)
    vector = jnp.sum(fixed**2, axis=0)  # a start that is not orthogonal to the longest direction
    for _ in range(_ITERATIONS):
        vector = fixed.T @ (fixed @ vector)
        vector = vector / jnp.maximum(jnp.linalg.norm(vector), jnp.finfo(matrix.dtype).tiny ** 0.5)
    length = jnp.linalg.norm(matrix @ vector)
    return matrix / jnp.maximum(1.0, length / norm)


def conv(
    shape: tuple[int, int, int],
    outputs: int = 2,
    channels: Sequence[int] = (8, 16),
    hidden: Sequence[int] = (32,),
    activation: str = "silu",
) -> Network:
    """Make a network of flattened images of ``shape`` (ny, nx, channel): strided convolutions, then ``hidden`` layers.

    ``apply(params, x [n pixels]) -> [n outputs]``. ValueError for an unknown activation or an empty layer.
    """
    check_choice("activation", activation, ("silu", "relu", "tanh", "gelu"))
    network = conv_network(shape, channels, (*hidden, outputs), 0, activation)
    return Network(network.init, lambda params, x: network.apply(params, x, jnp.zeros((x.shape[0], 0), jnp.float32)))


def encoder_means(
    model: Model, params: Params, shape: Sequence[int]
) -> Callable[[Float[Array, "n dim"]], Float[Array, "n latent"]]:
    """Return a function from points to the posterior means of a trained model's content and pose.

    Each point is an example of ``shape``, flattened. An angle becomes its cosine and sine, because those have no jump.
    """

    def features_of(x: Array) -> Array:
        code = model.encode(params, x.reshape(tuple(shape)))
        parts = [code.mean]
        if code.pose.angle is not None:
            parts += [jnp.cos(code.pose.angle)[None], jnp.sin(code.pose.angle)[None]]
        parts += [
            jnp.atleast_1d(part) for part in (code.pose.shift, code.pose.scale, code.pose.shear) if part is not None
        ]
        return jnp.concatenate(parts)

    return lambda x: jax.vmap(features_of)(x.astype(jnp.float32))
