"""What a search has cost, in rollouts: a value counts as one, a value with its gradient as its price."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from experiments.lab.scores import best_so_far


class Search(NamedTuple):
    """Evaluations of the seeds of a search in order: values, which of them had a gradient, and the best point."""

    values: Float[np.ndarray, "seed evaluation"]
    gradient: Bool[np.ndarray, " evaluation"]
    points: Float[np.ndarray, "seed evaluation latent"]

    def within(self, budget: float | int, price: float | int) -> "Search":
        """Return the evaluations that the budget pays for."""
        count = int(np.sum(self.worth(price) <= budget))
        return Search(self.values[:, :count], self.gradient[:count], self.points[:, :count])

    def worth(self, price: float | int) -> Float[np.ndarray, " evaluation"]:
        """Return the rollouts that were spent after each evaluation."""
        return np.cumsum(np.where(self.gradient, price, 1.0))

    def arrival_place(self, threshold: float | int) -> Int[np.ndarray, " seed"]:
        """Return the number of the evaluation at which each seed first reached the threshold; −1 where none did."""
        there = best_so_far(self.values) >= threshold
        return np.where(there.any(1), there.argmax(1), -1)

    def arrival(self, threshold: float | int, price: float | int) -> Float[np.ndarray, " seed"]:
        """Return the rollouts spent when each seed first reached the threshold; infinity where it never did."""
        place = self.arrival_place(threshold)
        return np.where(place < 0, np.inf, self.worth(price)[place])

    def growth(self, spent: Float[np.ndarray, " place"], price: float | int) -> Float[np.ndarray, "seed place"]:
        """Return the best value after so many rollouts; NaN before the first evaluation."""
        place = np.searchsorted(self.worth(price), spent, side="right") - 1
        return np.where(place >= 0, best_so_far(self.values)[:, np.maximum(place, 0)], np.nan)

    @property
    def best_value(self) -> Float[np.ndarray, " seed"]:
        """The best value of each seed."""
        return best_so_far(self.values)[:, -1]

    @property
    def best(self) -> Float[np.ndarray, "seed latent"]:
        """The point of each seed's best value."""
        place = np.argmax(self.values == self.best_value[:, None], 1)
        return self.points[np.arange(len(place)), place]


def in_rounds(
    scouts: Float[np.ndarray, "seed round scout"],
    cells: Float[np.ndarray, "seed round scout latent"],
    values: Float[np.ndarray, "seed round start step"],
    points: Float[np.ndarray, "seed round start step latent"],
) -> Search:
    """Return the search that alternates cells and ascents; the ascents of a round go on side by side, step by step."""
    seeds, rounds = values.shape[:2]
    climbs = np.moveaxis(values, 2, 3).reshape(seeds, rounds, -1)
    places = np.moveaxis(points, 2, 3).reshape(seeds, rounds, -1, points.shape[-1])
    alternating = np.concatenate([scouts, climbs], 2).reshape(seeds, -1)
    gradient = np.tile(np.repeat([False, True], [scouts.shape[2], climbs.shape[2]]), rounds)
    return Search(alternating, gradient, np.concatenate([cells, places], 2).reshape(seeds, -1, points.shape[-1]))
