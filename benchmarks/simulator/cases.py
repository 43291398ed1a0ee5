"""The job of every variant of the rollout: fields, subsets and coefficients as NumPy arrays."""

import dataclasses
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import ferro_jax as ferro

PRESETS = {"lecture": ferro.lecture, "physical": ferro.physical}
MOST_MASKED = 1 << 22  # steps × sites: index tables beyond that take longer to make than the run


class Problem(NamedTuple):
    """``batch`` histories on one lattice from p = 0.

    ``applied`` (steps, 2, batch) and ``local`` (2, n, n) are in model units; ``moves`` (steps, n, n), true where a site
    moves, is None under the synchronous update.
    """

    setup: ferro.Setup
    key: jax.Array
    applied: np.ndarray
    local: np.ndarray
    moves: np.ndarray | None

    @property
    def steps(self) -> int:
        """Number of steps."""
        return self.applied.shape[0]

    @property
    def batch(self) -> int:
        """Number of histories."""
        return self.applied.shape[2]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the lattice."""
        return self.setup.lattice.shape

    @property
    def updates(self) -> int:
        """Number of site-updates: a step counts all sites of the lattice, although a random subset is a quarter."""
        return self.steps * self.batch * self.setup.lattice.sites

    def part(self, steps: int, batch: int) -> "Problem":
        """Return the first steps of the first histories."""
        moves = None if self.moves is None else self.moves[:steps]
        return self._replace(applied=self.applied[:steps, :, :batch].copy(), moves=moves)


class Variant(NamedTuple):
    """One way to write the rollout.

    ``prepare(problem)`` returns the function that is timed. That returns (polarization, visible), each (batch, 2, n, n)
    or, with ``batch_last``, (2, n, n, batch). ``rate`` is a guess of site-updates per second from which the number of
    steps is planned, at least ``fewest`` if there is time for them. More lanes than ``most_batch`` would only repeat
    the same loop.
    """

    name: str
    prepare: Callable[[Problem], Callable[[], tuple[Any, Any]]]
    batch_last: bool
    rate: float
    fewest: int = 10
    most_batch: int = 1 << 30


@lru_cache
def _drive(preset: str, dtype: str, batch: int) -> np.ndarray:
    setup = PRESETS[preset](jnp.dtype(dtype))
    curves = ferro.damped_oscillation(jax.random.key(1), batch, dtype=setup.dtype).curves
    applied = jax.jit(jax.vmap(lambda curve: ferro.applied_field(curve, setup), out_axes=2))(curves)
    return np.asarray(applied)


def longest(size: int, steps: int = 950) -> int:
    """Return the largest number of steps on a lattice of ``size`` × ``size``."""
    return min(steps, MOST_MASKED // size**2)


@lru_cache
def _lattice(preset: str, dtype: str, size: int) -> tuple[ferro.Setup, jax.Array, np.ndarray, np.ndarray | None]:
    setup = PRESETS[preset](jnp.dtype(dtype))
    setup = setup._replace(lattice=dataclasses.replace(setup.lattice, shape=(size, size)))
    key, lattice = jax.random.key(2), setup.lattice
    local = ferro.random_field(jax.random.key(3), lattice, coercive_field=setup.coercive_field).astype(setup.dtype)
    moves = None if lattice.update == "synchronous" else np.asarray(ferro.subset_masks(key, longest(size), lattice))
    return setup, key, np.asarray(local), moves


def make_problem(preset: str, dtype: str, size: int, steps: int, batch: int, curves: int = 0) -> Problem:
    """Return the first ``steps`` steps of a preset's histories on a lattice of ``size`` × ``size``.

    ``curves`` (at least ``batch``) are drawn, so that smaller batches are the first lanes of the same draw.
    """
    setup, key, local, moves = _lattice(preset, dtype, size)
    return Problem(setup, key, _drive(preset, dtype, max(curves, batch)), local, moves).part(steps, batch)


def coefficients(problem: Problem) -> list[float]:
    """Return linear, cubic, mixed, coupling, depolarization, scale and the clip bound (0: none).

    dt · rate = linear p + cubic p³ + mixed p q² + coupling Σ_neighbours + depolarization <p> + scale · field, with q
    the other component.
    """
    p = type(problem.setup.params)(*(float(value) for value in problem.setup.params))
    scale = p.dt * p.mobility
    bonds = 8 * p.coupling  # four bonds a site; a missing neighbour is the site itself (open) or zero (grounded)
    factors = (-2 * p.alpha1 - bonds, -4 * p.alpha2, -2 * p.alpha3, 2 * p.coupling, -p.depolarization, 1.0)
    return [scale * factor for factor in factors] + [problem.setup.lattice.clip or 0.0]
