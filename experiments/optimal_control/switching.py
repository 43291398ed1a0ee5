"""The field that reverses a uniform lattice at the least cost, beside the answer that is known for a long time.

The cost is ∫E² dt for unit mobility. A path that climbs against the force and then falls costs four times the barriers
that it climbs (Freidlin and Wentzell): 4 |F(well)| through p = 0, where the field keeps to one axis, and 8 (F(diagonal)
− F(well)) by two rotations through the saddles between wells.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

import ferro_jax as ferro
from experiments.lab.checkpoints import once
from experiments.lab.run import Outcome
from experiments.optimal_control.descent import descend
from experiments.shared.lattices.splines import spline_matrix

DT, TIME = 0.01, 10.0
COEFFICIENTS = 40
WEIGHTS = (3.0, 30.0, 300.0)  # of the distance to the other well, one descent after the other
NEAR = 0.02  # of the other well: a start that ends farther away has not switched
COMPONENTS = {"one": (1.0, 0.0), "both": (1.0, 1.0)}  # of the field


def known_costs() -> dict[str, float]:
    """Return the least costs for a long time: through p = 0 and by two rotations."""
    a1, a2, a3 = ferro.LANDAU_SETS["tetragonal"]
    well, saddle = -(a1**2) / (4 * a2), -(a1**2) / (4 * (a2 / 2 + a3 / 4))
    return {"one": -4 * well, "both": 8 * (saddle - well)}


@once
def switching(seed: int, starts: int, steps: int) -> Outcome:
    """Search the cheapest field of one component and of both; return the best that switch, and their costs."""
    lattice = ferro.Lattice((4, 4), "periodic")
    params = ferro.landau_params("tetragonal", jnp.float64, depolarization=0.0, dt=DT)
    a1, a2, _ = ferro.LANDAU_SETS["tetragonal"]
    well = math.sqrt(-a1 / (2 * a2))
    full, zero = jnp.full(lattice.shape, -well), jnp.zeros(lattice.shape)
    start = ferro.initial_state(lattice, jnp.float64, jnp.stack([full, zero]))
    matrix = jnp.asarray(spline_matrix(COEFFICIENTS, round(TIME / DT)))
    numbers, arrays = {f"switching_{name}_known": cost for name, cost in known_costs().items()}, {}
    rng = np.random.default_rng(seed)

    def end(coefficients: jax.Array, axes: tuple[float, float]) -> tuple[jax.Array, jax.Array]:
        field = matrix @ coefficients * jnp.asarray([axes])
        final, _ = ferro.run(None, start, field, jnp.zeros((2, *lattice.shape)), params, lattice, check=False)
        return field, ferro.mean_polarization(final.visible) - jnp.array([well, 0.0])

    for name, axes in COMPONENTS.items():

        def loss(weight: jax.Array, coefficients: jax.Array, axes: tuple[float, float] = axes) -> jax.Array:
            field, miss = end(coefficients, axes)
            return DT * jnp.sum(field**2) + weight * jnp.sum(miss**2)

        def one(weight: jax.Array, point: jax.Array, loss: Callable[..., jax.Array] = loss) -> jax.Array:
            return descend(lambda x: loss(weight, x), point, steps)[0]

        program = jax.jit(jax.vmap(one, (None, 0)))
        smooth = spline_matrix(5, COEFFICIENTS) @ rng.normal(0, 0.6, (starts, 5, 2))
        points = jnp.asarray(smooth)
        for weight in WEIGHTS:
            points = program(weight, points)
        fields, misses = jax.device_get(jax.jit(jax.vmap(lambda x, axes=axes: end(x, axes)))(points))
        cost, miss = DT * np.square(fields).sum((1, 2)), np.linalg.norm(misses, axis=1)
        switched = miss < NEAR
        best = int(np.argmin(np.where(switched, cost, np.inf)))
        arrays[f"switching_{name}_field"] = fields[best]
        numbers |= {
            f"switching_{name}_cost": float(cost[best]) if switched.any() else math.nan,
            f"switching_{name}_distance": float(miss[best]),
            f"switching_{name}_switched_share": float(switched.mean()),
        }
    return Outcome({"switching_time": DT * np.arange(1, len(matrix) + 1)} | arrays, numbers)
