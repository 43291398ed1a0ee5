"""The random field of every site from snapshots of the lattice under a rotating field."""

import jax
import jax.numpy as jnp
import numpy as np

import ferro_jax as ferro
from experiments.inverse_parameters.measuring import FRACTION, MEAN, Problem, courses, with_slopes
from experiments.lab.checkpoints import once
from experiments.lab.run import Outcome

ITERATIONS = 12
DAMPING, CHANGE = 1.0, 5.0
WITHIN = 1.96  # standard deviations


@once
def random_field(problem: Problem, seed: int, frames: int) -> Outcome:
    """Infer the field from ``frames`` snapshots, by least squares with a normal prior; compare it with the truth."""
    config, lattice = problem.config, problem.lattice
    width = float(np.sqrt(FRACTION / 2) * MEAN) * problem.coercive_field
    drive = jnp.asarray(courses(problem)["rotating"]).reshape(frames, -1, 2)
    sites = (2, *lattice.shape)

    def snapshots(local: jax.Array) -> jax.Array:
        def piece(field: jax.Array, applied: jax.Array) -> tuple[jax.Array, jax.Array]:
            start = ferro.initial_state(lattice, jnp.float64, field)
            end = ferro.run(
                None, start, applied, local, problem.reference, lattice, gradient="forward", check=False
            )[0].visible  # fmt: skip
            return end, end

        return jax.lax.scan(piece, jnp.zeros(sites), drive)[1]

    rng = np.random.default_rng([seed, frames])
    exact = snapshots(problem.defects)
    data = (exact + config.frame_noise * rng.normal(size=exact.shape)) / config.frame_noise

    def residuals(values: jax.Array) -> jax.Array:
        found = snapshots(width * values.reshape(sites)) / config.frame_noise
        return jnp.concatenate([(found - data).ravel(), values])

    identity = jnp.eye(int(np.prod(sites)))

    def step(carry: tuple, _: None) -> tuple[tuple, jax.Array]:
        values, damping = carry
        rest, slopes = with_slopes(residuals, values)
        trial = values - jnp.linalg.solve(slopes.T @ slopes + damping * identity, slopes.T @ rest)
        better = jnp.sum(residuals(trial) ** 2) < jnp.sum(rest**2)
        damping = jnp.where(better, damping / CHANGE, damping * CHANGE)
        return (jnp.where(better, trial, values), damping), jnp.sum(rest**2)

    @jax.jit
    def infer(values: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        (values, _), squares = jax.lax.scan(step, (values, jnp.asarray(DAMPING)), None, length=ITERATIONS)
        slopes = with_slopes(residuals, values)[1]
        return values, jnp.sqrt(jnp.diag(jnp.linalg.inv(slopes.T @ slopes))), squares

    found, std, squares = (np.asarray(part) for part in infer(jnp.zeros(len(identity))))
    unit = problem.coercive_field
    truth = np.asarray(problem.defects).ravel() / unit
    found, std = width / unit * found, width / unit * std
    numbers = {
        f"field_{frames}_frames_correlation": np.corrcoef(found, truth)[0, 1],
        f"field_{frames}_frames_rms_error_coercive_fields": np.sqrt(np.mean((found - truth) ** 2)),
        f"field_{frames}_frames_coverage": np.mean(np.abs(found - truth) < WITHIN * std),
        f"field_{frames}_frames_half_squares_share": squares[-1] / np.size(data),
        "field_rms_coercive_fields": np.sqrt(np.mean(truth**2)),
    }
    arrays = {"found": found.reshape(sites), "std": std.reshape(sites)}
    return Outcome(arrays, {name: float(value) for name, value in numbers.items()})
