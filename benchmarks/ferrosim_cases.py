"""The job that every variant of the rollout gets: fields, subsets and coefficients as plain NumPy arrays."""

import dataclasses
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ferro_jax import Setup, applied_field, damped_oscillation, lecture, physical, random_field, subset_masks

PRESETS = {"lecture": lecture, "physical": physical}
MOST_MASKED = 1 << 22  # steps × sites: index tables beyond that take longer to make than the run


class Problem(NamedTuple):
    """``batch`` histories on one lattice from p = 0. ``applied`` (steps, 2, batch) and ``local`` (2, n, n) in model
    units; ``moves`` (steps, n, n), the sites that move, is None under the synchronous update."""

    setup: Setup
    key: jax.Array
    applied: np.ndarray
    local: np.ndarray
    moves: np.ndarray | None

    @property
    def steps(self) -> int:
        return self.applied.shape[0]

    @property
    def batch(self) -> int:
        return self.applied.shape[2]

    @property
    def shape(self) -> tuple[int, int]:
        return self.setup.lattice.shape

    @property
    def updates(self) -> int:
        """Site-updates: a step counts all sites of the lattice, although a random subset is a quarter of them."""
        return self.steps * self.batch * self.setup.lattice.sites

    def part(self, steps: int, batch: int) -> "Problem":
        moves = None if self.moves is None else self.moves[:steps]
        return self._replace(applied=self.applied[:steps, :, :batch].copy(), moves=moves)


class Variant(NamedTuple):
    """``prepare(problem)`` gives the function that is timed; it returns (polarization, seen), each (batch, 2, n, n) or,
    with ``batch_last``, (2, n, n, batch). ``rate`` is a guess of site-updates per second, to plan the number of steps,
    at least ``fewest`` if they can be had; ``most_batch`` where more lanes would only repeat the same loop."""

    name: str
    prepare: Callable[[Problem], Callable[[], tuple[Any, Any]]]
    batch_last: bool
    rate: float
    fewest: int = 10
    most_batch: int = 1 << 30


@lru_cache
def _drive(preset: str, dtype: str, batch: int) -> np.ndarray:
    setup = PRESETS[preset](jnp.dtype(dtype))
    curves = damped_oscillation(jax.random.key(1), batch, dtype=setup.dtype).curves
    applied = jax.jit(jax.vmap(lambda curve: applied_field(curve, setup), out_axes=2))(curves)
    return np.asarray(applied)


def longest(size: int, steps: int = 950) -> int:
    return min(steps, MOST_MASKED // size**2)


@lru_cache
def _lattice(preset: str, dtype: str, size: int) -> tuple[Setup, jax.Array, np.ndarray, np.ndarray | None]:
    setup = PRESETS[preset](jnp.dtype(dtype))
    setup = setup._replace(lattice=dataclasses.replace(setup.lattice, shape=(size, size)))
    key, lattice = jax.random.key(2), setup.lattice
    local = random_field(jax.random.key(3), lattice, coercive_field=setup.coercive_field).astype(setup.dtype)
    moves = None if lattice.update == "synchronous" else np.asarray(subset_masks(key, longest(size), lattice))
    return setup, key, np.asarray(local), moves


def make_problem(preset: str, dtype: str, size: int, steps: int, batch: int, curves: int = 0) -> Problem:
    """The first ``steps`` steps of a preset's histories on a lattice of ``size`` × ``size``; ``curves`` (at least
    ``batch``) is how many are drawn, so that smaller batches are the first lanes of the same draw."""
    setup, key, local, moves = _lattice(preset, dtype, size)
    return Problem(setup, key, _drive(preset, dtype, max(curves, batch)), local, moves).part(steps, batch)


def coefficients(problem: Problem) -> list[float]:
    """linear, cubic, mixed, coupling, depolarization, scale of dt · rate = linear p + cubic p³ + mixed p q² + coupling
    Σ_neighbours + depolarization <p> + scale · field with q the other component; and the clip bound (0: none)."""
    p = type(problem.setup.params)(*(float(value) for value in problem.setup.params))
    scale = p.dt * p.mobility
    bonds = 8 * p.coupling  # four bonds a site; a missing neighbour is the site itself (open) or zero (grounded)
    factors = (-2 * p.alpha1 - bonds, -4 * p.alpha2, -2 * p.alpha3, 2 * p.coupling, -p.depolarization, 1.0)
    return [scale * factor for factor in factors] + [problem.setup.lattice.clip or 0.0]
