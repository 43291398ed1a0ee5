"""Simulate the best and middling cells of the campaigns again: other subsets, longer holds, all sites moving."""

from collections.abc import Callable
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
    curves = jnp.asarray(problem.cells.histories[np.concatenate(list(groups.values()))])
    lecture, synchronous = (_simulation(problem, name) for name in ("lecture", "synchronous"))
    variants = {
        "same_subsets": (lecture, keys["subset"]),
        "other_subsets": (lecture, keys["other_subset"]),
        "synchronous": (synchronous, keys["subset"]),
    }
    return {name: Again(*map(np.asarray, simulate(key, curves))) for name, (simulate, key) in variants.items()}


def _simulation(problem: LatentMap, variant: str) -> Callable[[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]:
    """Return the compiled function (key, histories) that simulates the usual hold and then the rest of the longest.

    It returns Σ|curl P| (cell, hold) and the visible field at the end of the usual hold. Keys of the subsets are an
    argument, because each program takes seconds to trace.
    """
    usual = problem.lattices.setups["lecture"].hold_steps
    setup = problem.lattices.setups[variant]._replace(hold_steps=usual)
    local = jnp.asarray(setup.coercive_field * problem.lattices.defects, setup.dtype)

    def observe(state: ferro.State) -> jax.Array:
        return ferro.target(state, setup)

    def simulate(key: jax.Array, curve: jax.Array) -> tuple[jax.Array, jax.Array]:
        end = ferro.simulate(key, curve, local, setup, observe=observe, check=False)
        state = end.state._replace(step=setup.drive_steps + usual)
        field = jnp.broadcast_to(end.applied[-1:], (HOLDS[-1] - usual, 2))
        mode = {"observe": observe, "check": False}
        _, later = ferro.run(key, state, field, local, setup.params, setup.lattice, **mode)
        return jnp.concatenate([end.observations[setup.drive_steps - 1 :], later]), end.state.visible

    return jax.jit(jax.vmap(simulate, in_axes=(None, 0)))
