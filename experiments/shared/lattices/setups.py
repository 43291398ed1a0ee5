"""What the experiments on driven lattices share: set-ups by name, random fields, spreads over them."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np

import ferro_jax as ferro


def preset(name: str, landau: str = "tetragonal") -> ferro.Setup:
    """The set-up ``physical`` or ``lecture`` in single precision."""
    return {"physical": ferro.physical, "lecture": ferro.lecture}[name](jnp.float32, landau)


def synchronous(setup: ferro.Setup) -> ferro.Setup:
    """The set-up, but all sites move in each step."""
    return setup._replace(lattice=replace(setup.lattice, update="synchronous"))


def random_fields(key: jax.Array, count: int, lattice: ferro.Lattice) -> np.ndarray:
    """Random fields of the defects in coercive fields, (realisation, component, row, column), float32."""
    return np.asarray([ferro.random_field(one, lattice) for one in jax.random.split(key, count)], np.float32)
