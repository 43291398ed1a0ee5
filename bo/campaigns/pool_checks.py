"""Checks of a pool and its initial design, before a campaign is made."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from bo.campaigns.records import CampaignConfig


def check_pool(candidates: Any, config: CampaignConfig, initial: Any, *, in_context: bool = False) -> None:
    """ValueError if the pool or the initial design cannot serve the budget.

    ``in_context`` says that candidates are closed in the contexts of their evaluations alone (``check_contexts``).
    """
    shape = jnp.shape(candidates)
    if len(shape) != 2 or 0 in shape:
        hint = "; candidates[:, None] makes a column of numbers" if len(shape) == 1 else ""
        raise ValueError(f"candidates have shape {shape}; expected (pool, dim) with neither of them 0{hint}")
    if not isinstance(candidates, Tracer) and not np.all(np.isfinite(candidates)):
        bad = np.flatnonzero(~np.all(np.isfinite(candidates), axis=1))
        raise ValueError(f"{bad.size} candidates are not finite, the first is number {bad[0]}: remove them")
    size = shape[0]
    if config.initial_points > size:
        raise ValueError(
            f"initial_points is {config.initial_points} but there are only {size} candidates: lower initial_points"
        )
    if config.evaluations > size and not (config.revisit or in_context):
        raise ValueError(
            f"{config.initial_points} initial points + {config.steps} steps exceed the {size} candidates: "
            "lower the budget, or set revisit=True if the objective is noisy"
        )
    if initial is not None:
        check_initial(initial, config, size)


def check_contexts(given: Callable[[Any], Any] | None, config: CampaignConfig, size: int) -> None:
    """ValueError where the schedule of contexts has one of them more often than there are candidates."""
    if given is None or config.revisit or config.evaluations <= size:
        return
    contexts = jax.vmap(given)(jnp.arange(config.evaluations))
    if isinstance(contexts, Tracer):
        return
    most = int(np.unique(np.asarray(contexts), axis=0, return_counts=True)[1].max())
    if most > size:
        raise ValueError(
            f"{most} of the {config.evaluations} evaluations are in one context, and there are {size} candidates: "
            "lower the budget, or set revisit=True if the objective is noisy"
        )


def check_initial(initial: Any, config: CampaignConfig, size: int) -> None:
    """ValueError if the initial design has the wrong size or indices, or names a candidate twice."""
    if jnp.shape(initial) != (config.initial_points,):
        raise ValueError(
            f"initial has shape {jnp.shape(initial)}; expected ({config.initial_points},), "
            "as many as config.initial_points"
        )
    if isinstance(initial, Tracer):
        return
    given = np.asarray(initial)
    if given.min() < 0 or given.max() >= size:
        raise ValueError(f"initial holds {given.min()}..{given.max()}; candidates are 0..{size - 1}")
    if not config.revisit and np.unique(given).size < given.size:
        raise ValueError("initial names a candidate twice: remove the duplicates, or set revisit=True")
