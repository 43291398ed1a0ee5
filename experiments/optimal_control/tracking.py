"""The field under which the mean polarization follows a given course, beside the field that follows from the equation
of motion of a uniform lattice."""

import jax
import jax.numpy as jnp
import numpy as np

import ferro_jax as ferro
from experiments.lab.checkpoints import once
from experiments.lab.run import Outcome
from experiments.optimal_control.descent import descend
from experiments.shared.lattices.splines import spline_matrix

STEPS, AMPLITUDE, HALF_PERIODS = 450, 0.2, 3
COEFFICIENTS = (40, STEPS)  # splines, and every step free
SCALE = 10.0  # of the field, in model units, for a coefficient of 1
DESCENT = 60


@once
def tracking(defects: np.ndarray, descent: int = DESCENT) -> Outcome:
    """Follow ``AMPLITUDE`` · sin with and without defects [2 row column] (coercive fields); errors and fields."""
    setup = ferro.physical(jnp.float64)
    lattice, params = setup.lattice, setup.params
    time = np.arange(1, STEPS + 1) / STEPS
    wanted = AMPLITUDE * np.sin(HALF_PERIODS * np.pi * time)
    analytic = uniform_field(wanted, params)
    start = ferro.initial_state(lattice, jnp.float64)

    def course(along: jax.Array, local: jax.Array) -> jax.Array:
        field = jnp.stack([along, jnp.zeros_like(along)], 1)
        _, seen = ferro.run(
            None, start, field, local, params, lattice, check=False,
            observe=lambda state: ferro.mean_polarization(state.visible)[0],
        )  # fmt: skip
        return seen

    numbers = {}
    fields, courses = [analytic], [np.asarray(jax.jit(course)(jnp.asarray(analytic), jnp.zeros((2, *lattice.shape))))]
    numbers["tracking_analytic_rms"] = float(np.sqrt(np.mean((courses[0] - wanted) ** 2)))
    for name, local in (("clean", np.zeros_like(defects)), ("defects", setup.coercive_field * defects)):
        for count in COEFFICIENTS:
            matrix = jnp.asarray(np.eye(STEPS) if count == STEPS else spline_matrix(count, STEPS))
            local_field = jnp.asarray(local, jnp.float64)

            def loss(x: jax.Array, matrix: jax.Array = matrix, local_field: jax.Array = local_field) -> jax.Array:
                return 1e3 * jnp.mean((course(SCALE * matrix @ x, local_field) - wanted) ** 2)

            point = jax.jit(lambda x, loss=loss: descend(loss, x, descent)[0])(jnp.zeros(count))
            fields.append(np.asarray(SCALE * matrix @ point))
            courses.append(np.asarray(jax.jit(course)(jnp.asarray(fields[-1]), local_field)))
            key = f"tracking_{name}_{'free' if count == STEPS else count}"
            numbers[f"{key}_rms"] = float(np.sqrt(np.mean((courses[-1] - wanted) ** 2)))
    names = ["uniform lattice, closed form", *(f"{a}, {b}" for a in ("clean", "defects") for b in ("splines", "free"))]
    arrays = {
        "tracked": np.array(names, dtype=object),
        "tracking_time": time,
        "tracking_wanted": wanted,
        "tracking_field": np.stack(fields),
        "tracking_course": np.stack(courses),
    }
    return Outcome(arrays, numbers)


def uniform_field(wanted: np.ndarray, params: ferro.Params) -> np.ndarray:
    """Return the field (model units) under which a uniform lattice takes these values of px, one Euler step after the
    other from 0."""
    before = np.concatenate([[0.0], wanted[:-1]])
    rate = np.diff(np.concatenate([[0.0], wanted])) / (float(params.dt) * float(params.mobility))
    force = 2 * float(params.alpha1) * before + 4 * float(params.alpha2) * before**3
    return rate + force + float(params.depolarization) * before
