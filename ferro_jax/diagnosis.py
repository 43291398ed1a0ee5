"""Finds where the numbers of a run or of its gradient stop being finite."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ferro_jax import values
from ferro_jax.dynamics import run
from ferro_jax.types import Lattice, Params, State


class NonFinite(NamedTuple):
    """Where numbers stop being finite, None where they do not. Steps are rows of ``applied``, from 0.

    ``state_step`` is the first step after which the state is not finite, and ``place`` the (component,
    row, column) of its first such number. ``gradient_step`` is the step, going back from the end, at whose field the
    gradient is not finite any more: steps before it have no finite gradient either.
    """

    state_step: int | None
    place: tuple[int, int, int] | None
    gradient_step: int | None

    def __str__(self) -> str:
        if self.state_step is not None:
            return (
                f"the state is not finite after step {self.state_step}, first at (component, row, column) {self.place}:"
                " lower the field or params.dt (ferro.stability_bound)"
            )
        if self.gradient_step is not None:
            return (
                f"all states are finite, the gradient is not from step {self.gradient_step} back to the start: take "
                "fewer steps, double precision, or a loss without a singular slope (a root at 0)"
            )
        return "state and gradient are finite"


def find_nonfinite(
    loss: Callable[[State, Any], Array],
    key: Array | None,
    state: State,
    applied: Float[Array, "time 2"] | Float[Array, "time 2 ny nx"],
    local_field: Float[Array, "2 ny nx"],
    params: Params,
    lattice: Lattice,
    **options: Any,
) -> NonFinite:
    """Return where a run, or the gradient of ``loss(final state, observations)``, stops being finite.

    Arguments are those of ``run``; ``options`` are its keyword arguments. One run and one gradient with respect to
    ``applied``; the states of all steps are not kept. ValueError as of ``run``, and for a loss that is no single
    number.
    """
    options = {**options, "check": False}
    applied = values.array(applied, "applied")
    arguments = (local_field, params, lattice)

    def first_bad(state: State) -> tuple[Array, Array]:
        bad = ~jnp.isfinite(state.polarization)
        return bad.any(), jnp.argmax(bad)

    _, (broken, at) = run(key, state, applied, *arguments, **{**options, "observe": first_bad})
    if broken.any():
        step = int(jnp.argmax(broken))
        component, row, column = (int(part) for part in np.unravel_index(int(at[step]), (2, *lattice.shape)))
        return NonFinite(step, (component, row, column), None)
    slope = jax.jit(jax.grad(lambda field: _number(loss(*run(key, state, field, *arguments, **options)))))(applied)
    bad = np.flatnonzero(~np.isfinite(np.asarray(slope)).reshape(len(slope), -1).all(1))
    return NonFinite(None, None, int(bad[-1]) if len(bad) else None)


def _number(loss: Any) -> Array:
    """Return the loss; ValueError if it is no single number."""
    loss = jnp.asarray(loss)
    if loss.shape:
        raise ValueError(f"the loss has shape {loss.shape}; expected one number, for instance its sum")
    return loss
