"""CMA-ES over the rectangle of the cells, every point brought into the support."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from experiments.gradient_latent.accounting import Search
from experiments.lab.checkpoints import once
from experiments.shared.lattices.evolution import evolve, started

SPREAD = 0.3  # of the first generation, in units of the rectangle: what the library advises
OPTIONS: dict[str, Any] = {
    "bounds": [0, 1],
    "tolfun": 0.05,  # model units: a search whose values differ by less begins anew elsewhere
    "tolx": 0.005,  # of the rectangle: one whose points do
}


@once
def by_evolution(
    evaluate: Callable[[np.ndarray], np.ndarray],
    project: Callable[[np.ndarray], np.ndarray],
    cells: Float[np.ndarray, "cell latent"],
    seeds: list[int],
    budget: int,
) -> Search:
    """Return CMA-ES searches of ``budget`` values, restarted where they stop.

    ``evaluate(points)`` gives values of points [n latent] that ``project`` has brought into the support.
    """
    low, width = cells.min(0), np.ptp(cells, axis=0)

    def judged(unit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        inside = project(low + width * unit)
        return evaluate(inside), inside

    def begin(generator: np.random.Generator) -> Any:
        return started(generator.uniform(0, 1, 2), SPREAD, generator, **OPTIONS)

    values, points = evolve(begin, judged, seeds, budget)
    return Search(values, np.zeros(budget, bool), points)
