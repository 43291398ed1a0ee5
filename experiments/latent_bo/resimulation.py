"""Simulate the best and middling cells of the campaigns again: other subsets, longer holds, all sites moving."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import ferro_jax as ferro
from experiments.lab.checkpoints import once
from experiments.lab.keys import Keys
from experiments.shared.lattices.latent_map import LatentMap

HOLDS = (50, 100, 200, 1000)  # steps after the field stops
MEMBERS = 16  # cells of each group, at most


class Again(NamedTuple):
    """Simulations of the cells under one variant."""

    curl: np.ndarray  # (cell, hold) Σ|curl P| after each step of the longest hold, from 0 on
    polarization: np.ndarray  # (cell, component, row, column) at the end of the usual hold


def groups_of(chosen: np.ndarray, values: np.ndarray) -> dict[str, np.ndarray]:
    """Return the "best" cells and as many from the "middle" of all that the campaigns evaluated, best first."""
    cells, first = np.unique(chosen.ravel(), return_index=True)
    order = np.argsort(values.ravel()[first])[::-1]
    count = min(MEMBERS, len(cells) // 2)
    middle = len(order) // 2 - count // 2
    return {"best": cells[order[:count]], "middle": cells[order[middle : middle + count]]}


@once
def simulate_again(keys: Keys, problem: LatentMap, groups: dict[str, np.ndarray]) -> dict[str, Again]:
    """Simulate the cells of all groups, one after another, as they were evaluated and under two other variants."""
    setups = problem.lattices.setups
    curves = jnp.asarray(problem.cells.histories[np.concatenate(list(groups.values()))])
    variants = {
        "same_subsets": (setups["lecture"], keys["subset"]),
        "other_subsets": (setups["lecture"], keys["other_subset"]),
        "synchronous": (setups["synchronous"], keys["subset"]),
    }
    return {name: _simulate(setup, key, problem, curves) for name, (setup, key) in variants.items()}


def _simulate(setup: ferro.Setup, key: jax.Array, problem: LatentMap, curves: jax.Array) -> Again:
    """Simulate the histories (cell, time) with the longest hold, observed at each step, and with the usual one."""
    longer, local = (
        setup._replace(hold_steps=HOLDS[-1]),
        jnp.asarray(setup.coercive_field * problem.lattices.defects, setup.dtype),
    )
    usual = setup._replace(hold_steps=problem.lattices.setups["lecture"].hold_steps)

    def simulate(key: jax.Array, curve: jax.Array) -> tuple[jax.Array, jax.Array]:
        observe = lambda state: ferro.target(state, longer)  # noqa: E731
        held = ferro.simulate(key, curve, local, longer, observe=observe, check=False)
        end = ferro.simulate(key, curve, local, usual, check=False)
        return held.observations[longer.drive_steps - 1 :], end.state.visible

    curl, polarization = jax.jit(jax.vmap(simulate, in_axes=(None, 0)))(key, curves)
    return Again(np.asarray(curl), np.asarray(polarization))
