"""How well measurements determine the parameters: Fisher information, and the measurement that should come next.

The information of a measurement with normal noise is JᵀJ, with J the derivatives of its values, in units of the noise,
by the logarithms of the parameters. Its inverse bounds the variances of unbiased estimates (Cramér and Rao). The
measurement that should come next makes the determinant of the sum largest (D-optimal design).
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from experiments.inverse_parameters.config import NAMES
from experiments.inverse_parameters.measuring import Problem, courses, measured
from experiments.lab.checkpoints import once
from experiments.lab.run import Outcome
from experiments.shared.lattices.splines import spline_matrix

DIFFERENCE = 1e-4  # of a logarithm
RIDGE = 1e-9  # added to the information, for what a measurement tells nothing of
SPLINES, DESIGN_STEPS, DESIGN_RATE, DESIGN_STARTS = 12, 60, 0.1, 8


class Sensitivity(NamedTuple):
    """Derivatives of the loop [time component parameter] and of the snapshot [2 row column parameter] by logarithms."""

    loop: Float[Array, "time 2 parameter"]
    snapshot: Float[Array, "2 row column parameter"]


def sensitivity(problem: Problem, field: Float[Array, "time 2"], local: Array | None = None) -> Sensitivity:
    """Return how a measurement changes with the parameters, by forward differentiation."""
    return Sensitivity(
        *jax.jacfwd(lambda logs: measured(problem, logs, field, local, "forward"))(jnp.zeros(len(NAMES)))
    )


def differences(problem: Problem, field: Float[Array, "time 2"]) -> Sensitivity:
    """Return the same by central differences, which can be differentiated in reverse by the field."""
    sides = DIFFERENCE * jnp.eye(len(NAMES))
    ends = jax.vmap(lambda logs: measured(problem, logs, field))(jnp.concatenate([sides, -sides]))
    slopes = [(part[: len(NAMES)] - part[len(NAMES) :]) / (2 * DIFFERENCE) for part in ends]
    return Sensitivity(*(jnp.moveaxis(slope, 0, -1) for slope in slopes))


def information_of(
    problem: Problem, found: Sensitivity, *, components: str = "xy", snapshot: bool = False
) -> Float[Array, "parameter parameter"]:
    """Return JᵀJ of the loop, of both components or of "x" alone, and of the snapshot at the end if wanted."""
    loop = found.loop[:, : 1 if components == "x" else 2].reshape(-1, len(NAMES)) / problem.config.loop_noise
    total = loop.T @ loop
    if snapshot:
        sites = found.snapshot.reshape(-1, len(NAMES)) / problem.config.snapshot_noise
        total = total + sites.T @ sites
    return total


def bounds(information: Float[np.ndarray, "parameter parameter"]) -> Float[np.ndarray, " parameter"]:
    """Return the least relative standard deviations of the parameters."""
    return np.sqrt(np.diag(np.linalg.inv(np.asarray(information) + RIDGE * np.eye(len(NAMES)))))


@once
def information(problem: Problem) -> Outcome:
    """Return the bounds of several measurements, and the combination of parameters that each tells least of."""
    fields = courses(problem)
    program = jax.jit(partial(sensitivity, problem))
    by_course = {name: program(jnp.asarray(field)) for name, field in fields.items()}
    clean = program(jnp.asarray(fields["x"]), jnp.zeros_like(problem.defects))
    of = partial(information_of, problem)
    found = {
        "loop along x, no defects, x seen": of(clean, components="x"),
        "loop along x, x seen": of(by_course["x"], components="x"),
        "loop along x": of(by_course["x"]),
        "loop along x and its snapshot": of(by_course["x"], snapshot=True),
        "loops along x and y": of(by_course["x"]) + of(by_course["y"]),
        "loops along x and the diagonal": of(by_course["x"]) + of(by_course["diagonal"]),
        "rotating field": of(by_course["rotating"]),
        "rotating field and its snapshot": of(by_course["rotating"], snapshot=True),
    }
    values, vectors = np.linalg.eigh(np.stack([np.asarray(matrix) for matrix in found.values()]))
    least = np.stack([bounds(np.asarray(matrix)) for matrix in found.values()])
    words = ("clean_x", "x", "both", "snapshot", "x_and_y", "diagonal", "rotating", "rotating_snapshot")
    numbers = {
        f"bound_{word}_{name}": value
        for word, row in zip(words, least, strict=True)
        for name, value in zip(NAMES, row, strict=True)
    }
    arrays = {
        "parameter": np.array(NAMES, dtype=object),
        "measurement": np.array(list(found), dtype=object),
        "bound": least,
        "eigenvalue": values,
        "weakest": vectors[:, :, 0],
        "loop_sensitivity": np.asarray(by_course["x"].loop)[:, 0].T,
        "loop_field": fields["x"][problem.config.every - 1 :: problem.config.every, 0],
    }
    return Outcome(arrays, {name: float(value) for name, value in numbers.items()})


@once
def design(problem: Problem, seed: int, steps: int) -> Outcome:
    """Find the field whose loop tells most beside a loop along x: of the known courses, and of splines by gradient."""
    fields = courses(problem)
    program = jax.jit(partial(sensitivity, problem))
    before = information_of(problem, program(jnp.asarray(fields["x"])))
    strength = problem.config.amplitude * problem.coercive_field
    matrix = jnp.asarray(spline_matrix(SPLINES, problem.config.time_steps))

    def gain(field: Array) -> Array:
        """Return the logarithm of the determinant of both measurements' information."""
        total = before + information_of(problem, differences(problem, field))
        return jnp.linalg.slogdet(total + RIDGE * jnp.eye(len(NAMES)))[1]

    def field_of(numbers: Array) -> Array:
        return strength * matrix @ jnp.tanh(numbers)

    optimiser = optax.adam(optax.cosine_decay_schedule(DESIGN_RATE, steps))

    def climb(start: Array) -> tuple[Array, Array]:
        def step(carry: tuple, _: None) -> tuple[tuple, Array]:
            point, memory = carry
            value, slope = jax.value_and_grad(lambda numbers: -gain(field_of(numbers)))(point)
            change, memory = optimiser.update(slope, memory)
            return (optax.apply_updates(point, change), memory), -value

        (point, _), values = jax.lax.scan(step, (start, optimiser.init(start)), None, length=steps)
        return point, values

    starts = np.random.default_rng(seed).normal(0, 0.7, (DESIGN_STARTS, SPLINES, 2))
    points, path = jax.device_get(jax.jit(lambda starts: jax.lax.map(climb, starts))(jnp.asarray(starts)))
    best = int(np.nanargmax(path[:, -1]))
    designed = np.asarray(field_of(jnp.asarray(points[best])))
    candidates = {**fields, "designed": designed}
    both = [before + information_of(problem, program(jnp.asarray(field))) for field in candidates.values()]
    logs = [float(np.linalg.slogdet(np.asarray(total))[1]) for total in both]
    alone = float(np.linalg.slogdet(np.asarray(before) + RIDGE * np.eye(len(NAMES)))[1])
    arrays = {
        "next": np.array(list(candidates), dtype=object),
        "next_bound": np.stack([bounds(np.asarray(total)) for total in both]),
        "next_gain": np.array(logs) - alone,
        "designed_field": designed / problem.coercive_field,
        "design_path": path - alone,
    }
    numbers = {f"gain_{name}_nats": value - alone for name, value in zip(candidates, logs, strict=True)}
    return Outcome(arrays, numbers)
