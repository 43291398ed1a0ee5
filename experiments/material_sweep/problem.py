"""Materials, field histories and defects of the sweep, and the objective: Σ|curl P| minus the weighted field cost."""

from itertools import product
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, Int
from scipy.stats import qmc

import ferro_jax as ferro
from experiments.lab.designs import orders
from experiments.lab.keys import keys_of
from experiments.material_sweep.config import PLANES, RANGES, REFERENCE, Config
from experiments.shared.lattices.family import family_curves
from experiments.shared.lattices.setups import preset, random_fields

KEYS = ("defects", "campaigns")
GROWTH, FREQUENCY = (-2.75, 2.75), (2 * np.pi, 8 * np.pi / 3)  # of the published family
AMPLITUDE = (0.02, 1.0)  # of the largest field, spread by its logarithm


class Material(NamedTuple):
    """What makes a material: numbers, or arrays (material,) of NumPy or JAX."""

    coupling: Any  # model units
    depolarization: Any
    disorder: Any  # factor of the defects' local fields
    temperature: Any  # K


class Histories(NamedTuple):
    """The pool that every campaign chooses from."""

    inputs: Float[np.ndarray, "candidate 3"]  # growth, frequency, logarithm of the amplitude
    curves: Float[np.ndarray, "candidate sample"]  # in units of the largest field
    cost: Float[np.ndarray, " candidate"]  # mean square of the curve


class Problem(NamedTuple):
    """All that a campaign is about; it follows from the options alone, so that every worker makes its own."""

    setup: ferro.Setup
    materials: Material  # the reference first, then the planes of material space, the last axis fastest
    histories: Histories
    defects: Float[np.ndarray, "seed 2 row column"]  # model units
    keys: Array  # (seed,)
    initial: Int[np.ndarray, "seed initial_points"]
    config: Config


def problem_of(config: Config) -> Problem:
    """Return the problem of these options."""
    keys = keys_of(config.seed, KEYS)
    setup = preset("physical")._replace(settle=None, hold_steps=config.hold)
    defects = setup.coercive_field * random_fields(keys["defects"], config.seeds, setup.lattice)
    return Problem(
        setup,
        materials_of(config.points),
        histories_of(config, setup.drive_steps),
        defects.astype(np.float32),
        jax.random.split(keys["campaigns"], config.seeds),
        orders(config.seed, config.seeds, config.candidates, config.initial_points).astype(np.int32),
        config,
    )


def materials_of(points: int) -> Material:
    """Return the reference material, and a grid over each plane through it."""
    rows = [REFERENCE]
    for axes in PLANES:
        grids = [np.linspace(*RANGES[axis], points) for axis in axes]
        rows += [REFERENCE | dict(zip(axes, values, strict=True)) for values in product(*grids)]
    return Material(*(np.array([row[axis] for row in rows], np.float32) for axis in REFERENCE))


def histories_of(config: Config, samples: int) -> Histories:
    """Return damped oscillations at Sobol points of growth, frequency and amplitude."""
    unit = qmc.Sobol(3, rng=config.seed).random(config.candidates)
    low, high = np.array([GROWTH, FREQUENCY, np.log(AMPLITUDE)]).T
    inputs = low + unit * (high - low)
    curves = np.exp(inputs[:, 2:]) * family_curves(inputs[:, 0], inputs[:, 1], samples)
    return Histories(inputs, curves.astype(np.float32), np.mean(curves**2, axis=1))


def simulated(
    setup: ferro.Setup, material: Material, local: Float[Array, "2 row column"], curve: Float[Array, " sample"]
) -> Float[Array, ""]:
    """Return Σ|curl P| of a material with these defects after a history and the hold; all but the set-up is traced."""
    params = setup.params._replace(coupling=material.coupling, depolarization=material.depolarization)
    setup = setup._replace(params=ferro.at_temperature(params, material.temperature))
    end = ferro.simulate(None, curve, material.disorder * local, setup, check=False)
    return ferro.target(end.state, setup)


def refuse_unstable(problem: Problem) -> None:
    """ValueError for a material that the time step cannot carry under the strongest field and defects."""
    setup = problem.setup
    applied = setup.field_scale * setup.coercive_field * float(np.abs(problem.histories.curves).max())
    strongest = float(np.linalg.norm(problem.defects, axis=1).max())
    for row in zip(*problem.materials, strict=True):
        material = Material(*map(float, row))
        params = setup.params._replace(coupling=material.coupling, depolarization=material.depolarization)
        params = ferro.at_temperature(params, material.temperature)
        bound = ferro.stability_bound(params, setup.lattice, float(applied + material.disorder * strongest))
        if float(setup.params.dt) > bound:
            raise ValueError(
                f"{material} allows time steps up to {bound:.3g} model units, but the physical preset has "
                f"{float(setup.params.dt):.3g}: narrow RANGES in experiments/material_sweep/config.py"
            )
