"""Thermal noise of a batch of lattices, drawn step by step."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ferro_jax.engine.kernel import Noise
from ferro_jax.engine.terms import Inputs
from ferro_jax.types import Lattice


class NoiseStart(NamedTuple):
    """What selects the draws of a run: its key and the number of its first step, each with the batch axis last."""

    key: Array
    step: Array


def thermal_noise(start: NoiseStart, inputs: Inputs, lattice: Lattice) -> Noise:
    """Return a function from steps done to (2, sites, b) normal numbers of variance 2 · mobility · thermal_energy · dt.

    Step t of a run draws from ``fold_in(key, t)``, so chunks equal one long run, and the draws of a lane do not depend
    on its batch.
    """
    p = inputs.params
    std = jnp.sqrt(2 * p.mobility * p.thermal_energy * p.dt)

    def draw_lane(key: Array, step: Array, done: Array) -> Array:
        return jax.random.normal(jax.random.fold_in(key, step + done), (2, lattice.sites), std.dtype)

    axes = [None if leaf.shape[-1] == 1 else -1 for leaf in start]
    key, step = (leaf[..., 0] if axis is None else leaf for leaf, axis in zip(start, axes, strict=True))

    def draw(done: Array) -> Array:
        if axes == [None, None]:
            normal = draw_lane(key, step, done)[..., None]
        else:
            normal = jax.vmap(draw_lane, in_axes=(*axes, None), out_axes=-1)(key, step, done)
        return normal * std[None, None]

    return draw
