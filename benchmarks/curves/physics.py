"""Problems without a closed form: poling a lattice (FerroSIM, both presets), and annealing a film.

The lattice is the one of ``experiments.latent_bo``, 20 × 20 sites with the same defects and subsets: 10,000 histories
cost 3 CPU-seconds, so nothing is gained by a smaller one. Its optimum is the best of all decoded cells and generated
histories, which are simulated one and all; a method that leaves that family may do better.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import ferro_jax as ferro
from benchmarks.curves.problem import SAMPLES, Problem
from experiments.shared.lattices import latent_map, setups
from experiments.shared.processes import annealing

SECONDS = 600.0  # of annealing
ROOM_TO_SETTLE = 32  # settling histories that are simulated at once: a chunk takes as long as its slowest
FILM_SUBSTEPS = 4  # of Runge and Kutta between two samples
FILM_OPTIMUM = 0.763784  # found again by tests/test_curves.py


def oscillations(key, count: int) -> Float[Array, "n samples"]:
    """Return the field histories of ``experiments.latent_bo`` with ``SAMPLES`` samples, as shares of the full field."""
    long = SAMPLES * 4 // 3
    return jnp.clip(ferro.damped_oscillation(key, count, samples=long, keep=SAMPLES).curves, -1.0, 1.0)


def lattice(preset: str) -> Problem:
    """Return the problem of the field history after which Σ|curl P| is largest, under a preset of the lattice.

    The field of each of the 900 driven steps lies on the line between two samples. Settling, which the physical preset
    has, takes a number of steps that depends on the history; therefore it has no gradient in reverse.
    """
    keys = setups.keys(0)
    lattices = latent_map.lattices(keys)
    setup = lattices.setups[preset]
    target = latent_map.target_of(setup, keys["subset"], lattices.defects)
    places = np.linspace(0, 1, setup.drive_steps)

    def value(history: Float[Array, " samples"]) -> Float[Array, ""]:
        curve = jnp.interp(jnp.asarray(places), jnp.linspace(0, 1, SAMPLES), history)
        return target(curve.astype(setup.dtype))[0].astype(history.dtype)

    settles = setup.settle is not None
    return Problem(
        name=f"lattice_{preset}",
        text=f"Σ|curl P| after poling, {preset} preset",
        samples=SAMPLES,
        duration=float(setup.drive_steps),
        low=-1.0,
        high=1.0,
        value=value,
        optimum=float("nan"),
        known="by exhaustion of the decoded cells and the generated histories",
        gradient=not settles,
        draw=oscillations,
        chunk=ROOM_TO_SETTLE if settles else 250,
    )


def film(history: Float[Array, " samples"]) -> Float[Array, ""]:
    """Return the quality of a perovskite film that is annealed for ten minutes with a temperature history in °C."""
    return annealing.simulate(history, SECONDS, substeps=FILM_SUBSTEPS).value


def annealing_problem() -> Problem:
    """Return the problem of annealing a film, with the families of histories that the experiment draws."""
    control = annealing.CONTROL
    return Problem(
        name="annealing",
        text="quality of an annealed film, ten minutes",
        samples=SAMPLES,
        duration=SECONDS,
        low=control.low,
        high=control.high,
        value=film,
        optimum=FILM_OPTIMUM,
        known="best of 16 ascents along the gradient",
        gradient=True,
        draw=lambda key, count: annealing.draw(key, count).values,
    )
