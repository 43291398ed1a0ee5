"""What a lattice would show as a measured loop, and which of its parameters such a loop tells.

A loop is compared with the mean polarization of a lattice whose field follows the bias. Neither the field that a volt
makes nor the response of a unit of polarization is known, nor the field at which the loop is centred, nor a response
that does not come from switching; so each is a parameter beside those of the lattice. The defects of the sample are not
known either: the lattice has a draw of them, whose strength is a parameter.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

import ferro_jax as ferro
from experiments.inverse_parameters.config import NAMES, OF_LOOP, PARAMETERS, Config
from experiments.inverse_parameters.measuring import Problem, params_of, problem_of, with_slopes
from experiments.inverse_parameters.own_loops import Loop

SWEEP_STEPS, LEAST_STEPS = 640, 2  # time steps of a sweep, and of a step of the bias
TOLD = 0.5  # of the standard deviation before the loop, below which a parameter counts as told
SAID = 0.3  # least share of a direction for which a parameter is named


class LoopProblem(NamedTuple):
    """A loop, and the lattice that it is compared with, one draw of its defects."""

    loop: Loop
    lattice: Problem
    prior: Float[np.ndarray, " parameter"]  # standard deviations
    fitted: Bool[np.ndarray, " parameter"]
    sign: float  # of the response to polarization
    start_scale: float  # largest field over the coercive field, if the loop's coercive bias were that of the lattice
    precision: str = "float64"  # of the simulation

    @property
    def names(self) -> list[str]:
        """Return the fitted parameters."""
        return [name for name, fitted in zip(PARAMETERS, self.fitted, strict=True) if fitted]

    def under(self, defects: Float[Array, "2 row column"]) -> "LoopProblem":
        """Return the problem with another draw of the defects."""
        return self._replace(lattice=self.lattice._replace(defects=defects))


class Told(NamedTuple):
    """What a loop tells, by its Fisher information and the prior at one point."""

    left: Float[np.ndarray, " parameter"]  # standard deviation with the loop over that without; NaN where not fitted
    eigenvalue: Float[np.ndarray, " direction"]  # information in units of the prior's, least first
    direction: Float[np.ndarray, "direction parameter"]

    @property
    def names(self) -> list[str]:
        """Return the parameters that the loop tells."""
        return [name for name, left in zip(PARAMETERS, self.left, strict=True) if left < TOLD]

    @property
    def untold(self) -> list[str]:
        """Return the fitted parameters that it does not."""
        return [name for name, left in zip(PARAMETERS, self.left, strict=True) if left >= TOLD]

    def directions(self) -> list[str]:
        """Return the combinations that the loop tells less of than the prior, in words, the least known first."""
        rows = self.direction[self.eigenvalue < 1]
        return [
            " ".join(
                f"{part:+.1f} {name}" for name, part in zip(PARAMETERS, row, strict=True) if abs(part) >= SAID
            )
            for row in rows * np.sign(rows[np.arange(len(rows)), np.abs(rows).argmax(1)])[:, None]
        ]  # fmt: skip


def loop_problem(key: Array, loop: Loop, config: Config) -> LoopProblem:
    """Return the problem of a loop, with one draw of the defects."""
    names = config.parameters or PARAMETERS
    prior = np.array([config.own_prior] * len(NAMES) + list(OF_LOOP.values()))
    fitted = np.array([name in names for name in PARAMETERS])
    reach = float(np.abs(loop.bias).max())
    width, sign = _width_and_sign(loop)
    return LoopProblem(loop, problem_of(key, config), prior, fitted, sign, min(max(reach / width, 1.2), 6.0))


def _width_and_sign(loop: Loop) -> tuple[float, float]:
    """Return half the width of a loop, in bias, and 1 where its response is higher while the bias falls, else −1."""
    bias, up = loop.bias[loop.known], np.asarray(loop.bias > np.roll(loop.bias, 1))[loop.known]
    response = loop.response[loop.known]
    near = np.abs(bias) < np.abs(loop.bias).max() / 4
    branches = [response[near & branch] for branch in (~up, up)]
    gap = np.mean(branches[0]) - np.mean(branches[1]) if min(map(len, branches)) else loop.half
    area = abs(np.sum((response + np.roll(response, -1)) / 2 * (np.roll(bias, -1) - bias)))
    return max(area / (4 * loop.half), 0.1 * float(np.abs(loop.bias).max())), 1.0 if gap >= 0 else -1.0


def in_units_of(values: dict[str, float], before: Loop, after: Loop) -> dict[str, float]:
    """Return the parameters of a response, given in units of one loop, in units of another."""
    ratio = before.half / after.half
    return values | {
        "response_scale": values["response_scale"] + float(np.log(ratio)),
        "offset": values["offset"] * ratio + (before.middle - after.middle) / after.half,
        "slope": values["slope"] * ratio,
    }


def whole_point(problem: LoopProblem, point: Array) -> Array:
    """Return all parameters from the fitted ones, in units of their priors; the others stay at the reference."""
    places = np.flatnonzero(problem.fitted)
    return jnp.zeros(len(PARAMETERS)).at[places].set(point) * problem.prior


def response(problem: LoopProblem, point: Array) -> Float[Array, " step"]:
    """Return the response at each step of the second sweep, for fitted parameters in units of their priors."""
    loop, lattice = problem.loop, problem.lattice
    theta = whole_point(problem, point)
    of = dict(zip(PARAMETERS, theta, strict=True))
    steps = max(LEAST_STEPS, round(SWEEP_STEPS / len(loop.bias)))
    sweep = jnp.asarray(loop.bias / np.abs(loop.bias).max())
    strength = lattice.coercive_field * problem.start_scale * jnp.exp(of["bias_scale"])
    along = jnp.tile(jnp.repeat(strength * (sweep - of["imprint"]), steps), 2)
    driven = jnp.stack([along, jnp.zeros_like(along)], 1), jnp.exp(of["disorder"]) * lattice.defects
    driven = *driven, params_of(lattice, theta[: len(NAMES)])
    applied, defects, params = jax.tree.map(lambda leaf: jnp.asarray(leaf, problem.precision), driven)
    _, mean = ferro.run(
        None,
        ferro.initial_state(lattice.lattice, problem.precision),
        applied,
        defects,
        params,
        lattice.lattice,
        observe=lambda state: ferro.mean_polarization(state.visible)[0],
        gradient="forward",
        check=False,
    )
    mean = mean.astype(jnp.float64)
    switched = mean[len(along) // 2 :][steps - 1 :: steps] / ferro.wells(lattice.reference).magnitude
    parts = of["offset"] + of["slope"] * sweep + problem.sign * jnp.exp(of["response_scale"]) * switched
    return loop.middle + loop.half * parts


def weights_of(loop: Loop, noise: float) -> Float[np.ndarray, " step"]:
    """Return the factors that bring residuals of this noise to a standard deviation of 1; bad samples have none."""
    return loop.known / noise


def residuals(problem: LoopProblem, weights: Float[Array, " step"], point: Array) -> Float[Array, " value"]:
    """Return the residuals of the responses and of the prior, all of standard deviation 1 (bad samples: 0)."""
    return jnp.concatenate([weights * (response(problem, point) - problem.loop.response), point])


def told(problem: LoopProblem, point: Array, noise: float) -> Told:
    """Return what the loop tells at a point."""
    slopes = np.asarray(jax.jit(lambda at: with_slopes(partial(response, problem), at)[1])(point))
    scaled = weights_of(problem.loop, noise)[:, None] * slopes
    information = scaled.T @ scaled
    values, vectors = np.linalg.eigh(information)
    places = np.flatnonzero(problem.fitted)
    left = np.full(len(PARAMETERS), np.nan)
    left[places] = np.sqrt(np.diag(np.linalg.inv(information + np.eye(len(places)))))
    direction = np.zeros((len(places), len(PARAMETERS)))
    direction[:, places] = vectors.T
    return Told(left, np.maximum(values, 0), direction)


def refuse_too_few(problem: LoopProblem) -> None:
    """ValueError for a loop with fewer good samples than parameters; it names what such a loop does not tell."""
    loop, count = problem.loop, int(problem.fitted.sum())
    if (good := int(loop.known.sum())) >= count:
        return
    found = told(problem, jnp.zeros(count), loop.noise)
    raise ValueError(
        f"{loop.source}: a loop of {good} good samples cannot determine {count} parameters. It tells "
        f"{', '.join(found.names) or 'none of them'}; not identifiable are "
        f"{', '.join(found.untold) or 'combinations of them'}. "
        "Measure more steps of the bias, or fit fewer with --parameters"
    )
