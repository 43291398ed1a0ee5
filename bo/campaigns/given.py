"""The context columns of a space: what is given at each evaluation and not chosen.

A compiled run takes them from a schedule that the campaign holds; a session may give them at every ask.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from bo.space import Space
from bo.surrogates.base import Prediction

Given = Callable[[Int[Array, ""]], Float[Array, "contexts"]]
ROUNDING = 8  # steps of the precision, within which two contexts are the same


def schedule(space: Space, context: Any, evaluations: int, dtype: Any) -> Given | None:
    """Return the context columns, in the user's units, as a function of the number of evaluations made before.

    ``context`` is a dict of name to a value, or to a sequence of one value for each evaluation, or a function of that
    number, which JAX traces, to a dict of name to number (of a category its code). None without a context. ValueError
    for names that are no context columns, and for sequences of another length.
    """
    if context is None:
        return None
    inputs = [space.inputs[n] for n in space.context]
    if not inputs:
        raise ValueError("context is given, but no input of the space has context=True")
    if callable(context):

        def of_function(count):
            row: Any = context(count)
            check_names(space, row)
            return jnp.stack([jnp.asarray(row[one.name], dtype) for one in inputs])

        return of_function
    check_names(space, context)
    columns = {}
    for one in inputs:
        values = context[one.name]
        several = isinstance(values, list | tuple | np.ndarray) and np.ndim(values) > 0
        if several and len(values) != evaluations:
            raise ValueError(
                f"context {one.name!r} has {len(values)} values; expected one, or one for each of the {evaluations} "
                "evaluations"
            )
        columns[one.name] = values if several else [values] * evaluations
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    table = np.stack([space.encode(row, space.context) for row in rows])
    return lambda count: jnp.asarray(table, dtype)[jnp.minimum(count, evaluations - 1)]


def check_names(space: Space, context: Any) -> None:
    """ValueError unless ``context`` is a dict that names all context columns and no other."""
    names = {space.names[n] for n in space.context}
    if not isinstance(context, Mapping) or set(context) != names:
        raise ValueError(f"context is {context!r}; expected a dict of a value for each of {sorted(names)}")


def given_next(space: Space | None, given: Given | None, count: Int[Array, ""], told: Any) -> Any:
    """Return the context columns of the next evaluation in the unit cube; None for a space without a context.

    They are ``told``, F["contexts"] in the user's units, or else those of the schedule. ValueError where both are
    missing, and for a context where there are no such columns.
    """
    if space is None or not space.context:
        if told is not None:
            raise ValueError("a context is given, but the campaign's inputs have none: make them with context=True")
        return None
    if told is None:
        if given is None:
            raise ValueError(MISSING)
        told = given(count)
    columns = jnp.array(space.context)
    return space.to_cube(jnp.asarray(space.bounds[:, 0], told.dtype).at[columns].set(told))[columns]


MISSING = (
    "the space has context columns, whose values are not known: give context={name: value} to bo.box or bo.campaign "
    "(or one value for each evaluation), or at each ask of a session"
)


def refuse_without_context(key: Array, x: Array) -> Any:
    """ValueError: a run cannot evaluate points whose context is not known."""
    del key, x
    raise ValueError(MISSING)


def in_same_context(space: Space, x: Any, given: Any) -> Any:
    """Return which rows of the cube, (rows, dim), have the context columns ``given``, in the cube too, up to rounding.

    In NumPy where both are NumPy's.
    """
    xp = np if isinstance(x, np.ndarray) and isinstance(given, np.ndarray) else jnp
    room = ROUNDING * float(jnp.finfo(x.dtype).eps) * xp.maximum(1.0, xp.abs(given))
    return xp.all(xp.abs(x[:, xp.array(space.context)] - given[None]) <= room[None], axis=1)


def best_in_context(
    space: Space,
    predict: Callable[[Array], Prediction],
    x: Float[Array, "capacity dim"],
    counted: Bool[Array, "capacity"],
    given: Float[Array, "contexts"],
) -> Float[Array, ""]:
    """Return the highest predicted mean of the ``counted`` points of the cube, were they evaluated in ``given``.

    It stands for the best value where values of different contexts do not compare.
    """
    columns = jnp.array(space.context)
    there = x.at[:, columns].set(jnp.broadcast_to(given, (x.shape[0], len(space.context))))
    return jnp.max(jnp.where(counted, predict(there).mean, -jnp.inf))
