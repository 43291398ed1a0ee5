"""Convolutions over images and signals as matrix products: encoders with strides, decoders with dilations.

A kernel of width 3 is applied by putting the 3 (or 9) neighbours of a point side by side and multiplying with one
matrix, because that is a batched product under ``vmap`` over members. A library convolution with a kernel per member
takes more than twice as long on a CPU.
"""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from models.parts.networks import ACTIVATIONS, Network, mlp


def neighbours(
    x: Float[Array, "*side channel"], *, stride: int = 1, dilation: int = 1
) -> Float[Array, "*shorter taps"]:
    """Return the 3 points of a signal, or 3 × 3 of an image, around every ``stride``-th point, ``dilation`` apart.

    They stand side by side along the last axis; beyond the borders are zeros. A side n becomes ⌈n/stride⌉.
    """
    sides = x.shape[:-1]
    padded = jnp.pad(x, [(dilation, dilation)] * len(sides) + [(0, 0)])
    taps = []
    for offsets in itertools.product(range(3), repeat=len(sides)):
        parts = (slice(at * dilation, at * dilation + side, stride) for at, side in zip(offsets, sides, strict=True))
        taps.append(padded[(*parts, slice(None))])
    return jnp.concatenate(taps, -1)


def shrinking(
    shape: Sequence[int], channels: Sequence[int], sizes: Sequence[int], stride: int, activation: str
) -> Network:
    """Make convolutions of width 3 with ``channels`` outputs each and a stride, then fully connected ``sizes``.

    ``apply(params, x [*shape])`` for ONE example, ``shape`` = (*sides, channel) -> [sizes[-1]].
    """
    *sides, depth = shape
    act, taps = ACTIVATIONS[activation], 3 ** len(sides)
    layers = [mlp((taps * before, after)) for before, after in itertools.pairwise((depth, *channels))]
    for _ in channels:
        sides = [-(-side // stride) for side in sides]
    head = mlp((math.prod(sides) * (channels[-1] if channels else depth), *sizes), activation)

    def init(key: jax.Array) -> Any:
        keys = jax.random.split(key, len(layers) + 1)
        return {
            "layers": [layer.init(own_key) for layer, own_key in zip(layers, keys, strict=False)],
            "head": head.init(keys[-1]),
        }

    def apply(params: Any, x: jax.Array) -> jax.Array:
        for layer, weights in zip(layers, params["layers"], strict=True):
            x = act(layer.apply(weights, neighbours(x, stride=stride)))
        return head.apply(params["head"], x.reshape(-1))

    return Network(init, apply)


def spreading(
    latents: int, shape: Sequence[int], channels: int, dilations: Sequence[int], coarser: int, activation: str
) -> Network:
    """Make a network from latents to a signal or image, as in atomai's ImSpec (Ziatdinov et al., arXiv 2105.07485).

    A fully connected layer fills a grid ``coarser`` times as coarse, which is repeated to full size; then come
    convolutions one after another with these dilations. The sum of all their outputs is read out point by point.

    ``apply(params, z [latents]) -> [*shape]``, ONE example, ``shape`` = (*sides, channel).
    """
    *sides, depth = shape
    coarse, act, taps = [-(-side // coarser) for side in sides], ACTIVATIONS[activation], 3 ** len(sides)
    start, end = mlp((latents, math.prod(coarse) * channels)), mlp((channels, depth))
    layers = [mlp((taps * channels, channels)) for _ in dilations]

    def init(key: jax.Array) -> Any:
        to_start, to_end, *keys = jax.random.split(key, len(layers) + 2)
        middle = [layer.init(own_key) for layer, own_key in zip(layers, keys, strict=True)]
        return {"start": start.init(to_start), "layers": middle, "end": end.init(to_end)}

    def apply(params: Any, z: jax.Array) -> jax.Array:
        x = act(start.apply(params["start"], z)).reshape(*coarse, channels)
        for axis, side in enumerate(sides):
            x = jax.lax.slice_in_dim(jnp.repeat(x, coarser, axis), 0, side, axis=axis)
        total = jnp.zeros_like(x) if layers else x
        for layer, weights, dilation in zip(layers, params["layers"], dilations, strict=True):
            x = act(layer.apply(weights, neighbours(x, dilation=dilation)))
            total += x
        return end.apply(params["end"], total)

    return Network(init, apply)
