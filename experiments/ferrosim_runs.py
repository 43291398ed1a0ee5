"""What the experiments on driven lattices share: set-ups by name, random fields, spreads over them."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import ferro_jax as ferro
from experiments.harness import Run


def preset(name: str, landau: str = "tetragonal") -> ferro.Setup:
    """The set-up ``physical`` or ``lecture`` in single precision."""
    return {"physical": ferro.physical, "lecture": ferro.lecture}[name](jnp.float32, landau)


def synchronous(setup: ferro.Setup) -> ferro.Setup:
    """The set-up, but all sites move in each step."""
    return setup._replace(lattice=replace(setup.lattice, update="synchronous"))


def random_fields(key: jax.Array, count: int, lattice: ferro.Lattice) -> np.ndarray:
    """Random fields of the defects in coercive fields, (realisation, component, row, column), float32."""
    return np.asarray([ferro.random_field(one, lattice) for one in jax.random.split(key, count)], np.float32)


def record_spread(run: Run, name: str, values: Any) -> None:
    """Median, smallest and largest over realisations as ``name_median``, ``name_min`` and ``name_max``; values that
    are not finite, such as those of a loop that never crosses zero, are left out."""
    values = np.asarray(values)
    known = values[np.isfinite(values)]
    for label, function in (("median", np.median), ("min", np.min), ("max", np.max)):
        run.record(**{f"{name}_{label}": function(known) if len(known) else float("nan")})
