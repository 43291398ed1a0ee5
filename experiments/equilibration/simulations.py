"""Draw histories and random fields, and simulate them under every variant."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import ferro_jax as ferro
from experiments.equilibration.config import VARIANTS, Config
from experiments.lab.parallel import over_devices
from experiments.lab.run import RunError
from experiments.shared.lattices.setups import synchronous

CHUNK = 64  # histories per device and call


class Drawn(NamedTuple):
    """Field histories with and without their noise (history, step), and random fields of the defects."""

    curves: np.ndarray
    clean: np.ndarray
    defects: np.ndarray  # (realisation, component, row, column), coercive fields


class Series(NamedTuple):
    """What was observed under a variant, at every step."""

    curl: np.ndarray  # (realisation, history, step) Σ|curl P|, model units
    along: np.ndarray  # (realisation, history, step) mean of P along the field, model units
    residual: np.ndarray  # (realisation · history,) rate of the polarization at the end
    setup: ferro.Setup


def generator(key: jax.Array) -> np.random.Generator:
    """Return NumPy's generator seeded by a key."""
    return np.random.default_rng(np.asarray(jax.random.key_data(key)))


def draw(keys: dict[str, jax.Array], config: Config) -> Drawn:
    """Draw field histories and random fields."""
    data = jax.jit(lambda key: ferro.damped_oscillation(key, config.histories, config.form))(keys["curves"])
    field = jax.jit(jax.vmap(lambda key: ferro.random_field(key, ferro.lecture().lattice)))
    defects = np.asarray(field(jax.random.split(keys["defects"], config.realisations)), np.float32)
    return Drawn(np.asarray(data.curves), np.asarray(data.clean), defects)


def setups(config: Config) -> dict[str, ferro.Setup]:
    """Return the set-up of each variant."""
    lecture = ferro.lecture(jnp.float32)._replace(hold_steps=config.hold_steps)
    physical = ferro.physical(jnp.float32)._replace(hold_steps=config.hold_steps, settle=None)
    return dict(zip(VARIANTS, (lecture, synchronous(lecture), physical), strict=True))


def simulate(name: str, setup: ferro.Setup, key: Any, drawn: Drawn, progress: Callable[[int], Any]) -> Series:
    """Simulate every history on every realisation. RunError names the first that is not finite."""

    def respond(curve: jax.Array, field: jax.Array) -> tuple:
        simulated = ferro.simulate(
            key,
            curve,
            setup.coercive_field * field,
            setup,
            observe=lambda state: (ferro.target(state, setup), ferro.mean_polarization(state.visible)[0]),
            check=False,
        )
        return *simulated.observations, simulated.residual

    realisations, histories = len(drawn.defects), len(drawn.curves)
    lanes = np.tile(drawn.curves, (realisations, 1)), np.repeat(drawn.defects, histories, axis=0)
    curl, along, residual = over_devices(respond, CHUNK)(*lanes, progress=progress)
    if not np.isfinite(curl).all():
        lane, step = np.argwhere(~np.isfinite(curl))[0]
        raise RunError(f"{name}: history {lane % histories} went non-finite in step {step}")
    shape = (realisations, histories, -1)
    return Series(curl.reshape(shape), along.reshape(shape), residual, setup)
