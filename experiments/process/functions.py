"""JAX functions of a user as objectives: found by name, checked, and what they return turned into named values."""

import importlib
import inspect
import math
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from experiments.process import formula, settings
from experiments.process.cells import name_of
from experiments.process.settings import StudySettings
from experiments.process.study import Candidates

Measure = Callable[[Any, Any], dict[str, jax.Array]]  # (history, duration) -> values by name
VALUE = "value"  # name of the only outcome
JAX_FUNCTIONS = {
    "min": lambda *values: jnp.stack(jnp.broadcast_arrays(*values)).min(0),
    "max": lambda *values: jnp.stack(jnp.broadcast_arrays(*values)).max(0),
    "abs": jnp.abs,
    "sqrt": jnp.sqrt,
    "exp": jnp.exp,
    "log": jnp.log,
}


def function_of(name: str) -> Callable[..., Any]:
    """Return the function MODULE:FUNCTION; modules of the working folder are found. ValueError where there is none."""
    module, colon, function = name.partition(":")
    if not colon or not module or not function:
        raise ValueError(f"--objective {name!r}; give MODULE:FUNCTION, such as mymodule:film for film in mymodule.py")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found = getattr(importlib.import_module(module.removesuffix(".py")), function, None)
    except ModuleNotFoundError as error:
        raise ValueError(f"--objective {name}: {error}; start the command in the folder of {module}.py") from error
    if not callable(found):
        raise ValueError(f"--objective {name}: {module} has no function {function}")
    return found


def names_of(plan: StudySettings) -> tuple[str, ...]:
    """Return the names of the objectives, as the campaign calls them."""
    return tuple(formula.text for formula in plan.objectives) or (next(iter(plan.limits), VALUE),)


def measured_by(function: Callable[..., Any], plan: StudySettings) -> Measure:
    """Return what a study needs of a function: the objectives, which are formulas of its outcomes, and the limited.

    ValueError for a function of another number of arguments; when it is called, for one that returns too little.
    """
    required = [
        each
        for each in inspect.signature(function).parameters.values()
        if each.default is each.empty and each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
    ]
    if not 1 <= len(required) <= 2:
        raise ValueError(
            f"the objective takes {len(required)} arguments; it gets a history and, if wanted, its duration"
        )

    def measure(history: Any, duration: Any) -> dict[str, jax.Array]:
        given = function(history, duration) if len(required) == 2 else function(history)
        return named(given, plan)

    return measure


def named(given: Any, plan: StudySettings) -> dict[str, jax.Array]:
    """Return a function's result as objectives and limited outcomes by name. ValueError where one is missing."""
    names = names_of(plan)
    if not isinstance(given, dict):
        if plan.limits or plan.front or any(each.names != {each.text} for each in plan.objectives):
            raise ValueError(
                f"{settings.FILE} has formulas or limits, so the objective must return a dictionary of outcomes"
            )
        return {names[0]: jnp.asarray(given, float)}
    outcomes = {name_of(name): jnp.asarray(each, float) for name, each in given.items()}
    wanted = plan.objectives or (formula.parse(next(iter(outcomes))),)
    needed = plan.limits.keys() | {name for each in wanted for name in each.names}
    if missing := sorted(needed - outcomes.keys()):
        raise ValueError(f"the objective returned {', '.join(outcomes)}; {', '.join(missing)} needed, too")
    if not plan.objectives and len(outcomes) > 1:
        raise ValueError(f"the objective returned {', '.join(outcomes)}: say in {settings.FILE} what to maximise")
    results = [jnp.asarray(formula.evaluate(each, outcomes, JAX_FUNCTIONS), float) for each in wanted]
    return {name: outcomes[name] for name in plan.limits} | dict(zip(names, results, strict=True))


def check(measure: Measure, candidates: Candidates, name: str) -> None:
    """Try the objective on one candidate without computing it; ValueError unless JAX follows it to numbers."""
    try:
        found = jax.eval_shape(measure, jnp.asarray(candidates.histories[0]), jnp.asarray(candidates.duration[0]))
    except (TypeError, jax.errors.JAXTypeError) as error:
        raise ValueError(
            f"--objective {name} is no function that JAX can follow: {str(error).splitlines()[0]}"
        ) from error
    for each in found.values():
        if each.shape != ():
            raise ValueError(
                f"--objective {name} returned shape {each.shape} for one history; each outcome must be one number"
            )


def within(values: dict[str, Any], plan: StudySettings) -> Any:
    """Return where named values keep all limits, in their shape; NaN does not."""
    kept = True
    for name, limit in plan.limits.items():
        kept = kept & limit.holds(values[name])
    return kept


def value_within(measure: Measure, plan: StudySettings, history: Any, duration: Any) -> jax.Array:
    """Return the first objective of a history, NaN beyond a limit."""
    values = measure(history, duration)
    return jnp.where(within(values, plan), values[names_of(plan)[0]], math.nan)
