"""Flax NNX modules as pure ``(init, apply)`` pairs: the only file in which NNX objects live."""

import itertools
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
    """Turn a module into a pure pair. ``build`` makes the module from its random streams; its structure is
    read off once, without allocating anything, and only arrays cross the boundary afterwards.

    For modules whose whole state is parameters: batch statistics or dropout streams would be frozen.
    """
    structure, _ = nnx.split(nnx.eval_shape(lambda: build(nnx.Rngs(0))))

    def init(key: jax.Array) -> Any:
        _, state = nnx.split(build(nnx.Rngs(key)))
        return nnx.to_pure_dict(state)

    def apply(params: Any, *inputs: jax.Array) -> Any:
        return nnx.merge(structure, params)(*inputs)

    return Network(init, apply)


class _MLP(nnx.Module):
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
    """Fully connected layers ``sizes[0] -> ... -> sizes[-1]`` in float32, the activation between them.

    Takes any leading axes. Raises ValueError for an unknown activation or a size below one.
    """
    check_choice("activation", activation, ACTIVATIONS)
    if len(sizes) < 2 or min(sizes) < 1:
        raise ValueError(f"sizes={tuple(sizes)}: give at least an input and an output size, each one or more.")
    return pure(lambda rngs: _MLP(sizes, ACTIVATIONS[activation], rngs))


def check_choice(name: str, value: str, valid: Any) -> None:
    """Raise a ValueError that lists the valid names when ``value`` is not one of them."""
    if value not in valid:
        raise ValueError(f"{name}={value!r} is unknown; choose one of {', '.join(sorted(valid))}.")
