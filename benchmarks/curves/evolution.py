"""CMA-ES (the library ``cma``) on the same eight B-spline coefficients that campaigns search."""

import importlib.util
import time

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.curves.methods import COEFFICIENTS, Measured, Task, starts
from experiments.shared.lattices.splines import spline_matrix

SPREAD = 0.3  # of the first generation, in units of the bounds' distance: what the library advises
INSTALLED = importlib.util.find_spec("cma") is not None


def by_evolution(keys: jax.Array, task: Task, evaluations: int) -> Measured:
    """Run CMA-ES of each seed from a generated history, brought to spline coefficients; generations as the default.

    Generations of all seeds are evaluated together. The library's rules for stopping are not followed, so that every
    evaluation is made.
    """
    import cma  # pyright: ignore[reportMissingImports]  (extra "bench")

    problem, matrix = task.problem, spline_matrix(COEFFICIENTS, task.pools.generated.histories.shape[1])
    assert problem is not None
    first = np.linalg.lstsq(matrix, starts(keys, task.pools.generated).T, rcond=None)[0].T
    first = np.clip((first - problem.low) / (problem.high - problem.low), 0.02, 0.98)
    searches = [
        cma.CMAEvolutionStrategy(x, SPREAD, {"bounds": [0, 1], "seed": number + 1, "verbose": -9})
        for number, x in enumerate(first)
    ]
    size = searches[0].popsize
    program = jax.jit(jax.vmap(lambda x: problem.value(problem.low + (problem.high - problem.low) * (matrix @ x))))
    shape = jax.ShapeDtypeStruct((len(searches) * size, COEFFICIENTS), float)
    began = time.process_time()
    executable = program.lower(shape).compile()
    compiled, values = time.process_time(), []
    while len(values) * size < evaluations:
        asked = [search.ask() for search in searches]
        told = np.asarray(executable(jnp.asarray(np.concatenate(asked)))).reshape(len(searches), size)
        for search, points, found in zip(searches, asked, told, strict=True):
            search.tell(points, list(-found))
        values.append(told)
    return Measured(np.concatenate(values, 1)[:, :evaluations], compiled - began, time.process_time() - compiled)
