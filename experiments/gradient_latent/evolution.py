"""CMA-ES (the library ``cma``, extra "bench") over the rectangle of the cells, every point brought into the support."""

import importlib.util
import warnings
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from experiments.gradient_latent.accounting import Search
from experiments.lab.checkpoints import once

SPREAD = 0.3  # of the first generation, in units of the rectangle: what the library advises
STILL = 0.05  # model units: a search whose values differ by less begins anew elsewhere
NEAR = 0.005  # of the rectangle: one whose points do
INSTALLED = importlib.util.find_spec("cma") is not None


@once
def by_evolution(
    evaluate: Callable[[np.ndarray], np.ndarray],
    project: Callable[[np.ndarray], np.ndarray],
    cells: Float[np.ndarray, "cell latent"],
    seeds: list[int],
    budget: int,
) -> Search:
    """Return CMA-ES searches of ``budget`` values, with generations of the library's size, restarted where they stop.

    Generations of all seeds are evaluated together: ``evaluate(points)`` gives values of points [n latent] that
    ``project`` has brought into the support.
    """
    low, width = cells.min(0), np.ptp(cells, axis=0)
    numbers = [np.random.default_rng([seed, 1]) for seed in seeds]
    runs = [_begun(rng) for rng in numbers]
    values, points = [], []
    while sum(part.shape[1] for part in values) < budget:
        asked = [np.array(run.ask()) for run in runs]
        inside = project(low + width * np.concatenate(asked))
        told = evaluate(inside).reshape(len(runs), -1)
        for number, (run, unit, found) in enumerate(zip(runs, asked, told, strict=True)):
            run.tell(list(unit), list(-found))
            if run.stop():
                runs[number] = _begun(numbers[number])
        values.append(told)
        points.append(inside.reshape(*told.shape, -1))
    kept = np.concatenate(values, 1)[:, :budget]
    return Search(kept, np.zeros(budget, bool), np.concatenate(points, 1)[:, :budget])


def _begun(rng: np.random.Generator):
    """Return a search from a random point."""
    import cma  # pyright: ignore[reportMissingImports]  (extra "bench")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options = {"bounds": [0, 1], "seed": int(rng.integers(1, 2**31)), "verbose": -9, "tolfun": STILL, "tolx": NEAR}
        return cma.CMAEvolutionStrategy(rng.uniform(0, 1, 2), SPREAD, options)
