"""Ascents from the best cells that an order has evaluated so far, and from cells that nobody has evaluated."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from experiments.gradient_latent.accounting import Search, in_rounds
from experiments.gradient_latent.config import Config

APART = 0.5  # standard deviations of the means: starts of one search are no nearer to each other, where that can be


def best_apart(
    order: Int[np.ndarray, " seen"],
    values: Float[np.ndarray, " cell"],
    places: Float[np.ndarray, "cell latent"],
    taken: list[int],
    count: int,
) -> list[int]:
    """Return the ``count`` best cells of an order, apart from each other and from those taken; else the best left."""
    ranked = order[np.argsort(-values[order], kind="stable")]
    found: list[int] = []
    for cell in ranked:
        others = places[[*taken, *found]]
        if len(found) < count and (np.linalg.norm(others - places[cell], axis=1) >= APART).all():
            found.append(int(cell))
    rest = [int(cell) for cell in ranked if cell not in found and cell not in taken]
    return (found + rest)[:count]


def starts_in_rounds(
    order: Int[np.ndarray, "seed evaluation"],
    values: Float[np.ndarray, " cell"],
    places: Float[np.ndarray, "cell latent"],
    config: Config,
) -> Int[np.ndarray, "seed round start"]:
    """Return the cells that ascents begin at: after each batch of scouts the best of all that have been evaluated."""
    rows = []
    for cells in order:
        taken: list[int] = []
        for number in range(config.rounds):
            seen = cells[: (number + 1) * config.scouts]
            taken += best_apart(seen, values, places, taken, config.starts)
        rows.append(np.array(taken).reshape(config.rounds, config.starts))
    return np.stack(rows)


def handed_over(
    ascend: Callable[[np.ndarray], Any],
    order: Int[np.ndarray, "seed evaluation"],
    cells: Float[np.ndarray, "cell latent"],
    values: Float[np.ndarray, " cell"],
    spread: Float[np.ndarray, " latent"],
    config: Config,
) -> Search:
    """Return the search that evaluates cells in an order and, after every batch, ascends from the best so far.

    ``ascend(points)`` gives the ascents from points [n latent]. The order is not changed by what the ascents find.
    """
    starts = starts_in_rounds(order, values, cells / spread, config)
    found = ascend(cells[starts].reshape(-1, cells.shape[1]))
    scouts = order[:, : config.rounds * config.scouts].reshape(len(order), config.rounds, config.scouts)
    shape = (*starts.shape, config.steps)
    search = in_rounds(
        values[scouts], cells[scouts], found.values.reshape(shape), found.path.reshape(*shape, cells.shape[1])
    )
    return search.within(config.budget, config.price)


def from_nowhere(
    ascend: Callable[[np.ndarray], Any],
    order: Int[np.ndarray, "seed evaluation"],
    cells: Float[np.ndarray, "cell latent"],
    config: Config,
) -> Search:
    """Return the search that ascends from random cells, the first of an order, without evaluating any before."""
    side_by_side = 2 * config.starts
    rounds = int(-(-config.budget // (side_by_side * config.steps * config.price)))
    starts = order[:, : rounds * side_by_side].reshape(len(order), rounds, side_by_side)
    found = ascend(cells[starts].reshape(-1, cells.shape[1]))
    shape = (*starts.shape, config.steps)
    none = np.zeros((len(order), rounds, 0))
    search = in_rounds(
        none, none[..., None].repeat(cells.shape[1], -1), found.values.reshape(shape),
        found.path.reshape(*shape, cells.shape[1]),
    )  # fmt: skip
    return search.within(config.budget, config.price)
