"""What a lattice cannot show of a loop, which counts as noise."""

from functools import partial
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float

from experiments.inverse_parameters.own_model import LoopProblem, response


class Noise(NamedTuple):
    """Standard deviation of a residual, the root mean square of those at the best fit, what of it the measured noise
    does not explain (response's unit), and the steps over which residuals are correlated."""

    used: float
    misfit: float
    unexplained: float
    steps: float


def noise_of(problem: LoopProblem, point: Float[Array, " parameter"]) -> Noise:
    """Return the noise of residuals at the best fit.

    Mean squares beyond those of the measured noise are a fault of the model. Such residuals keep their sign from step
    to step, so many of them say no more than one, and their squares count as often as residuals are correlated.
    """
    loop = problem.loop
    missed = (np.asarray(jax.jit(partial(response, problem))(point)) - loop.response)[loop.known]
    squares = float(np.mean(missed**2))
    excess, steps = max(0.0, squares - loop.noise**2), correlated_steps(missed)
    return Noise((loop.noise**2 + excess * steps) ** 0.5, squares**0.5, excess**0.5, steps)


def correlated_steps(missed: Float[np.ndarray, " step"]) -> float:
    """Return 1 + 2 Σ of the autocorrelation of the residuals of a closed loop, up to its first zero; white ones: 1."""
    together = np.array([np.mean(missed * np.roll(missed, lag)) for lag in range(1, len(missed) // 2)])
    below = np.flatnonzero(together <= 0)
    end = below[0] if len(below) else len(together)
    return float(1 + 2 * np.sum(together[:end]) / max(float(np.mean(missed**2)), np.finfo(float).tiny))
