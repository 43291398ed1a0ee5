"""The tree of PRNG keys of a campaign: every split that a campaign makes, in one place.

    key of the run
    ├── initial                      split_run
    │   ├── design                   split_initial   where the initial points lie
    │   ├── objective                                one key for each initial point (``one_each``)
    │   └── fit                                      the first fit of the surrogate
    └── steps
        └── step                     key_of_step     folded in: the number of evaluations made before the step
            ├── advance              split_step
            │   ├── ask              split_advance   the acquisition; of a batch one key for each point (``one_each``)
            │   │   └── in a box     split_ask_in_box: raw, local, acquisition, path
            │   └── objective                        its noise; of a batch one key for each point (``one_each``)
            └── fit                                  the fit that follows the evaluation, if one is due

``run``, ``batch.run``, ``run_resumable`` and ``session`` walk this tree, so that with the same key they make the same
campaign. Each key is used once: where a step makes no fit, its key for one is not used.
"""

from typing import NamedTuple

import jax
from jaxtyping import Array, Int

from ferro_jax import values


class RunKeys(NamedTuple):
    """Keys of a whole campaign: of the initial design, and of all steps together."""

    initial: Array
    steps: Array


class InitialKeys(NamedTuple):
    """Keys of the initial design: of its points, of the objective at all of them, of the first fit."""

    design: Array
    objective: Array
    fit: Array


class StepKeys(NamedTuple):
    """Keys of one step: of the evaluation (or the batch of them), and of the fit that may follow."""

    advance: Array
    fit: Array


class AdvanceKeys(NamedTuple):
    """Keys of one evaluation: of the choice of the point, and of the objective there."""

    ask: Array
    objective: Array


class BoxKeys(NamedTuple):
    """Keys of the choice of a point in a box: of the points that fill it, of those around the best observations, of
    the acquisition, and of the draw of the latent function."""

    raw: Array
    local: Array
    acquisition: Array
    path: Array


def split_run(key: Array) -> RunKeys:
    """Split the key of a run."""
    return RunKeys(*jax.random.split(values.key(key)))


def split_initial(key: Array) -> InitialKeys:
    """Split the key of the initial design."""
    return InitialKeys(*jax.random.split(values.key(key), 3))


def key_of_step(steps: Array, count: Int[Array, ""]) -> Array:
    """Return the key of the step before which ``count`` evaluations had been made, from the key of all steps."""
    return jax.random.fold_in(steps, count)


def split_step(key: Array) -> StepKeys:
    """Split the key of one step."""
    return StepKeys(*jax.random.split(values.key(key)))


def split_advance(key: Array) -> AdvanceKeys:
    """Split the key of one evaluation, or of one batch of them."""
    return AdvanceKeys(*jax.random.split(values.key(key)))


def split_ask_in_box(key: Array) -> BoxKeys:
    """Split the key of the choice of a point in a box."""
    return BoxKeys(*jax.random.split(key, 4))


def one_each(key: Array, number: int) -> Array:
    """Return ``number`` keys, one for each initial point or each point of a batch."""
    return jax.random.split(key, number)
