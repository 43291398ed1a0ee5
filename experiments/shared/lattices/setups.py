"""Set-ups of the lattice by name, the keys of the jobs on them, random fields of the defects."""

from dataclasses import asdict, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import ferro_jax as ferro
from experiments.lab.keys import Keys, keys_of

KEYS = ("data", "held_out", "fit", "field", "subset", "campaign", "other_subset")


def keys(seed: int) -> Keys:
    """Return the keys, by name, of what ``latent_bo`` and the experiments on its histories draw."""
    return keys_of(seed, KEYS)


def preset(name: str, landau: str = "tetragonal") -> ferro.Setup:
    """Return the set-up ``physical`` or ``lecture`` in single precision."""
    return {"physical": ferro.physical, "lecture": ferro.lecture}[name](jnp.float32, landau)


def unsettled(name: str, more_hold: int = 0) -> ferro.Setup:
    """Return the set-up of a preset without settling, so that it has a gradient, held for some more steps."""
    setup = preset(name)
    return setup._replace(settle=None, hold_steps=setup.hold_steps + more_hold)


def synchronous(setup: ferro.Setup) -> ferro.Setup:
    """Return the set-up with all sites moving in each step."""
    return setup._replace(lattice=replace(setup.lattice, update="synchronous"))


def random_fields(key: jax.Array, count: int, lattice: ferro.Lattice) -> np.ndarray:
    """Draw random fields of the defects in coercive fields, (realisation, component, row, column), float32."""
    return np.asarray([ferro.random_field(each, lattice) for each in jax.random.split(key, count)], np.float32)


def attributes(setup: ferro.Setup) -> dict[str, Any]:
    """Return the set-up's parameters, lattice and conventions as attributes of ``results.nc``.

    Each name begins with the preset's, and none is left out, so that the file can be simulated again without this code.
    """
    parts = {**setup.params._asdict(), **asdict(setup.lattice), **setup._asdict()}
    if setup.settle is not None:
        parts |= {f"settle_{name}": value for name, value in setup.settle._asdict().items()}
    plain = {}
    for name, value in parts.items():
        if name in ("name", "params", "lattice", "settle"):
            continue
        if value is None:
            value = "none"
        elif isinstance(value, bool):
            value = int(value)
        elif isinstance(value, tuple):
            value = list(value)
        elif not isinstance(value, (str, int)):
            value = float(value)
        plain[f"{setup.name}_{name}"] = value
    return plain
