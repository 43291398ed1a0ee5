"""CMA-ES (the library ``cma``, extra "bench"): several searches side by side, each begun anew where it stops."""

import importlib.util
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

INSTALLED = importlib.util.find_spec("cma") is not None


def evolve(
    begin: Callable[[np.random.Generator], Any],
    evaluate: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    seeds: Sequence[int],
    budget: int,
) -> tuple[Float[np.ndarray, "seed budget"], Float[np.ndarray, "seed budget dim"]]:
    """Return values and points [seed budget] of one search for each seed, with generations of the library's size.

    Values are maximised. ``begin(generator)`` starts a search (``started``). Generations of all searches are evaluated
    together, one search after the other: ``evaluate(points [n dim])`` returns values [n] and the points that they
    belong to, which may differ from those asked.
    """
    numbers = [np.random.default_rng([seed, 1]) for seed in seeds]
    searches = [begin(generator) for generator in numbers]
    values, points = [], []
    while sum(part.shape[1] for part in values) < budget:
        asked = [np.array(search.ask()) for search in searches]
        told, places = evaluate(np.concatenate(asked))
        told = told.reshape(len(searches), -1)
        for number, (search, own, found) in enumerate(zip(searches, asked, told, strict=True)):
            search.tell(list(own), list(-found))
            if search.stop():
                searches[number] = begin(numbers[number])
        values.append(told)
        points.append(places.reshape(*told.shape, -1))
    return np.concatenate(values, 1)[:, :budget], np.concatenate(points, 1)[:, :budget]


def started(centre: np.ndarray, spread: float, generator: np.random.Generator, **options: Any) -> Any:
    """Return a search from a point, with a first generation of this standard deviation."""
    import cma  # pyright: ignore[reportMissingImports]  (extra "bench")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seed = int(generator.integers(1, 2**31))
        return cma.CMAEvolutionStrategy(centre, spread, {"seed": seed, "verbose": -9, **options})
