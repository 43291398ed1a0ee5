"""What is left of a history's Σ|curl P| under other conditions than those that it was found under."""

from functools import partial

import jax
import numpy as np
from jaxtyping import Float

from experiments.lab.checkpoints import once
from experiments.lab.parallel import over_devices
from experiments.optimal_control.climbs import CHUNK, Problem, values_of
from experiments.optimal_control.config import CONDITIONS
from experiments.shared.lattices.options import LONG_HOLD, NOISE
from experiments.shared.lattices.setups import random_fields
from experiments.shared.lattices.targets import value_of


@once
def survival(
    problem: Problem, curves: Float[np.ndarray, "n sample"], local: np.ndarray, keys: list[jax.Array], seed: int
) -> Float[np.ndarray, "condition n"]:
    """Return the value of every history under each of ``CONDITIONS``; NaN for subsets where all sites move.

    ``local`` is the field of the defects that they were found with, one each; ``keys`` draw the other subsets and, the
    first of them, the other defects.
    """
    setup, count, random = problem.setup, len(keys), np.random.default_rng(seed)
    rows: dict[str, np.ndarray] = {"as_found": values_of(problem, curves, local)}
    longer = setup._replace(hold_steps=setup.hold_steps + LONG_HOLD)
    held = over_devices(partial(value_of, longer, problem.subset), CHUNK)
    fields, single = fields_of(local, len(curves)), np.asarray(curves, np.float32)
    rows["held"] = held(single, fields)
    others = setup.coercive_field * random_fields(keys[0], count, setup.lattice)
    pairs = np.repeat(curves, count, 0), np.tile(others, (len(curves), 1, 1, 1))
    rows["other_defects"] = values_of(problem, *pairs).reshape(-1, count).mean(1)
    rows["other_subsets"] = np.full(len(curves), np.nan)
    if setup.lattice.update == "random_subset":
        drawn = [over_devices(partial(value_of, setup, key), CHUNK)(single, fields) for key in keys]
        rows["other_subsets"] = np.mean(drawn, 0)
    noisy = np.repeat(curves, count, 0) + NOISE * random.normal(size=(count * len(curves), curves.shape[1]))
    rows["noise"] = values_of(problem, noisy, np.repeat(fields, count, 0)).reshape(-1, count).mean(1)
    return np.stack([np.asarray(rows[name], float) for name in CONDITIONS])


def fields_of(local: np.ndarray, count: int) -> np.ndarray:
    """Return one local field for each of ``count`` histories."""
    return np.broadcast_to(local, (count, *local.shape[-3:]))
