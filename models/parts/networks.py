"""Flax NNX modules as pure ``(init, apply)`` pairs: the only file in which NNX objects live."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "tanh": jnp.tanh,
    "relu": nnx.relu,
    "leaky_relu": nnx.leaky_relu,
    "elu": nnx.elu,
    "gelu": nnx.gelu,
    "silu": nnx.silu,
    "softplus": nnx.softplus,
}


class Network(NamedTuple):
    """``init(key) -> params`` (nested dicts of float32 arrays) and ``apply(params, *inputs) -> outputs``."""

    init: Callable[[jax.Array], Any]
    apply: Callable[..., Any]


def pure(build: Callable[[nnx.Rngs], nnx.Module]) -> Network:
    """Turn a module into a pure pair of functions.

    ``build`` makes the module from its random streams. The structure of the module is read off once, without
    allocating anything, and only arrays cross the boundary afterwards. For modules whose whole state is parameters:
    batch statistics or dropout streams would be frozen.
    """
    structure, _ = nnx.split(nnx.eval_shape(lambda: build(nnx.Rngs(0))))

    def init(key: jax.Array) -> Any:
        _, state = nnx.split(build(nnx.Rngs(key)))
        return nnx.to_pure_dict(state)

    def apply(params: Any, *inputs: jax.Array) -> Any:
        return nnx.merge(structure, params)(*inputs)

    return Network(init, apply)


class _MLP(nnx.Module):
    """Fully connected layers."""

    def __init__(self, sizes: Sequence[int], activation: Callable[[jax.Array], jax.Array], rngs: nnx.Rngs):
        self.layers = nnx.List(
            nnx.Linear(i, o, dtype=jnp.float32, param_dtype=jnp.float32, rngs=rngs)
            for i, o in itertools.pairwise(sizes)
        )
        self.activation = activation

    def __call__(self, x: jax.Array) -> jax.Array:
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        return self.layers[-1](x)


def mlp(sizes: Sequence[int], activation: str = "tanh") -> Network:
    """Make fully connected layers ``sizes[0] -> ... -> sizes[-1]`` in float32, with the activation between them.

    ``apply(params, x)`` takes any leading axes. Raises ValueError for an unknown activation or a size below one.
    """
    check_choice("activation", activation, ACTIVATIONS)
    if len(sizes) < 2 or min(sizes) < 1:
        raise ValueError(f"sizes={tuple(sizes)}: give at least an input and an output size, each one or more.")
    return pure(lambda rngs: _MLP(sizes, ACTIVATIONS[activation], rngs))


class _Conv(nnx.Module):
    """Convolutions of stride 2, then fully connected layers that are given ``extra`` numbers as well."""

    def __init__(
        self,
        shape: Sequence[int],
        channels: Sequence[int],
        sizes: Sequence[int],
        extra: int,
        activation: Callable[[jax.Array], jax.Array],
        rngs: nnx.Rngs,
    ):
        *sides, depth = shape
        layers = []
        for out in channels:
            layers.append(
                nnx.Conv(
                    depth,
                    out,
                    (3,) * len(sides),
                    strides=(2,) * len(sides),
                    dtype=jnp.float32,
                    param_dtype=jnp.float32,
                    rngs=rngs,
                )
            )
            sides, depth = [-(-side // 2) for side in sides], out
        self.convolutions = nnx.List(layers)
        self.head = _MLP((math.prod(sides) * depth + extra, *sizes), activation, rngs)
        self.shape, self.activation = tuple(shape), activation

    def __call__(self, x: jax.Array, extra: jax.Array) -> jax.Array:
        leading = x.shape[: x.ndim - 1]
        image = x.reshape(-1, *self.shape)
        for layer in self.convolutions:
            image = self.activation(layer(image))
        return self.head(jnp.concatenate([image.reshape(*leading, -1), extra], -1))


def conv(shape: Sequence[int], channels: Sequence[int], sizes: Sequence[int], extra: int, activation: str) -> Network:
    """Make convolutions of width 3 and stride 2 with ``channels`` outputs each, then fully connected ``sizes``.

    ``apply(params, x, extra)``: x flattened [*batch values] of an image or signal ``shape`` = (*sides, channel), extra
    [*batch extra] numbers that join after the convolutions. ValueError for an unknown activation or an empty layer.
    """
    check_choice("activation", activation, ACTIVATIONS)
    if not channels or not sizes or min(*shape, *channels, *sizes) < 1:
        raise ValueError(f"channels={tuple(channels)}, sizes={tuple(sizes)}: give layers of one or more units.")
    return pure(lambda rngs: _Conv(shape, channels, sizes, extra, ACTIVATIONS[activation], rngs))


class _CoordinateDecoder(nnx.Module):
    """Layers on the sum of a linear map of the coordinates and one of the latents."""

    def __init__(
        self,
        axes: int,
        latents: int,
        sizes: Sequence[int],
        activation: Callable[[jax.Array], jax.Array],
        scale: float,
        rngs: nnx.Rngs,
    ):
        dtypes = {"dtype": jnp.float32, "param_dtype": jnp.float32}
        spread = nnx.initializers.variance_scaling(scale**2, "fan_in", "truncated_normal")
        self.position = nnx.Linear(axes, sizes[0], use_bias=False, kernel_init=spread, rngs=rngs, **dtypes)
        self.latent = nnx.Linear(latents, sizes[0], rngs=rngs, **dtypes)
        self.rest = _MLP(sizes, activation, rngs)
        self.activation = activation

    def __call__(self, latents: jax.Array, inverse: jax.Array, shift: jax.Array, positions: jax.Array) -> jax.Array:
        # turning the first weight (axes × hidden) by the pose is cheaper than turning every coordinate
        weight = inverse.T @ self.position.kernel[...]
        bias = self.latent(latents) - shift @ weight
        first = bias[None] + sum(positions[:, axis, None] * weight[axis][None] for axis in range(len(weight)))
        return self.rest(self.activation(first))


def coordinate_decoder(
    axes: int, latents: int, sizes: Sequence[int], activation: str = "tanh", scale: float = 1.0
) -> Network:
    """Make a function of the spatial coordinate given the latents: Bepler et al., arXiv 1909.11663.

    ``apply(params, latents [l], inverse [axes axes], shift [axes], positions [pixels axes]) -> [pixels sizes[-1]]`` is
    the value at u = inverse · (position − shift): ONE example. ``sizes`` are the hidden layers and the output.
    ``scale`` multiplies the usual initial weights of the coordinates: the larger, the finer the first details.
    ValueError for an unknown activation and for sizes without a hidden layer.
    """
    check_choice("activation", activation, ACTIVATIONS)
    if len(sizes) < 2 or min(sizes) < 1:
        raise ValueError(f"sizes={tuple(sizes)}: a coordinate decoder needs a hidden layer and an output.")
    return pure(lambda rngs: _CoordinateDecoder(axes, latents, sizes, ACTIVATIONS[activation], scale, rngs))


def check_choice(name: str, value: str, valid: Any) -> None:
    """Raise a ValueError that lists the valid names when ``value`` is not one of them."""
    if value not in valid:
        raise ValueError(f"{name}={value!r} is unknown; choose one of {', '.join(sorted(valid))}.")
