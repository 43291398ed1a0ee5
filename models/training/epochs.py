"""One training, epoch by epoch: its state, and the functions that start, advance and finish it."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from models.data import take
from models.training.batching import minibatches
from models.training.config import FitConfig, averaged, optimiser
from models.types import FitHistory, Model, Params, Terms

Progress = Callable[[int, dict[str, float]], None]
"""Called as ``progress(epoch, terms)`` with the validation terms of an epoch that is done, the first being 0."""


class TrainState(NamedTuple):
    """All that the next epoch needs, and the history so far: what a checkpoint holds.

    ``steps`` taken as a float, for the schedules. ``average`` and ``best`` are None unless the FitConfig asks for
    them; ``best_epoch`` counts from 1 (0: none yet); ``waited`` epochs without improvement. ``train`` and
    ``validation`` have one entry per epoch of the whole training, NaN where it has not come yet.
    """

    params: Params
    optimiser: Any
    steps: Float[Array, ""]
    epoch: Int[Array, ""]
    average: Params | None
    best: Params | None
    best_loss: Float[Array, ""]
    best_epoch: Int[Array, ""]
    waited: Int[Array, ""]
    train: dict[str, Float[Array, " epochs"]]
    validation: dict[str, Float[Array, " epochs"]]


class Trainer(NamedTuple):
    """A training in as many pieces as wanted.

    ``start(key) -> TrainState`` · ``advance(key, state, until) -> TrainState`` trains until that many epochs are
    done or patience ends it (the same key each time) · ``finish(state) -> (params, FitHistory)``.
    """

    start: Callable[[jax.Array], TrainState]
    advance: Callable[[jax.Array, TrainState, int | jax.Array], TrainState]
    finish: Callable[[TrainState], tuple[Params, FitHistory]]


def trainer(
    model: Model,
    data: Any,
    rows: Int[Array, " train"],
    validation: Any,
    config: FitConfig,
    *,
    progress: Progress | None = None,
) -> Trainer:
    """Return a training on the given rows of ``data``, in as many pieces as wanted.

    Members of an ensemble share ``data`` and differ in ``rows``, so the data are not copied for each. ValueError for
    a batch larger than the rows.
    """
    batch = config.batch_size
    if batch > len(rows):
        raise ValueError(
            f"batch_size={batch} exceeds the training part of {len(rows)} rows: use a batch of at most {len(rows)}."
        )
    per_epoch = len(rows) // batch
    total = config.epochs * per_epoch
    model = model._replace(loss=jax.jit(model.loss))  # traced once for a batch, and once for the validation
    plan = _Plan(model, data, rows, validation, config, optimiser(config, total), per_epoch, total, progress)
    return Trainer(
        start=lambda key: _start(key, plan),
        advance=lambda key, state, until: _advance(key, plan, state, until),
        finish=lambda state: _finish(config, state),
    )


class _Plan(NamedTuple):
    """Everything about a training that stays the same from its first step to its last."""

    model: Model
    data: Any
    rows: Int[Array, " train"]
    validation: Any
    config: FitConfig
    optimiser: optax.GradientTransformation
    per_epoch: int
    total: int
    progress: Progress | None


class _Carry(NamedTuple):
    """What one step hands to the next."""

    params: Params
    optimiser: Any
    average: Params | None
    steps: Float[Array, ""]


def _start(key: jax.Array, plan: _Plan) -> TrainState:
    """Return the state before the first epoch."""
    config = plan.config
    params = plan.model.init(jax.random.split(key)[0])

    def blank(examples: Any, *fraction: Array) -> Terms:
        loss, terms = jax.eval_shape(plan.model.loss, key, params, examples, *fraction)
        named = _with_loss(loss, terms)
        return {name: jnp.full(config.epochs, jnp.nan, term.dtype) for name, term in named.items()}

    return TrainState(
        params,
        plan.optimiser.init(params),
        jnp.zeros((), jnp.float32),
        jnp.zeros((), jnp.int32),
        params if config.average else None,
        params if config.patience else None,
        jnp.asarray(jnp.inf, jnp.float32),
        jnp.zeros((), jnp.int32),
        jnp.zeros((), jnp.int32),
        blank(take(plan.data, plan.rows[: config.batch_size]), jnp.zeros((), jnp.float32)),
        blank(plan.validation),
    )


def _advance(key: jax.Array, plan: _Plan, state: TrainState, until: int | jax.Array) -> TrainState:
    """Train until ``until`` epochs are done in all, or patience ends it."""
    patience = plan.config.patience
    keys = jax.random.split(jax.random.split(key)[1], plan.config.epochs)

    def goes_on(state: TrainState) -> Bool[Array, ""]:
        before = state.epoch < until
        return before & (state.waited < patience) if patience else before

    return lax.while_loop(goes_on, lambda state: _epoch(keys[state.epoch], plan, state), state)


def _epoch(key: jax.Array, plan: _Plan, state: TrainState) -> TrainState:
    """Train for one epoch, evaluate the validation examples and enter both in the history."""
    to_order, to_steps, to_validation = jax.random.split(key, 3)
    order = minibatches(to_order, plan.data, plan.rows, plan.per_epoch, plan.config)
    carry = _Carry(state.params, state.optimiser, state.average, state.steps)
    carry, train = lax.scan(partial(_step, plan), carry, (jax.random.split(to_steps, plan.per_epoch), order))
    current = carry.average if plan.config.average else carry.params
    held = _with_loss(*plan.model.loss(to_validation, current, plan.validation))
    if plan.progress is not None:
        jax.debug.callback(plan.progress, state.epoch, held, ordered=False)

    def enter(history: Terms, terms: Terms) -> Terms:
        return jax.tree.map(lambda entries, term: entries.at[state.epoch].set(term), history, terms)

    after = state._replace(
        **carry._asdict(),
        epoch=state.epoch + 1,
        train=enter(state.train, jax.tree.map(jnp.mean, train)),
        validation=enter(state.validation, held),
    )
    return _with_best(plan.config, after, current, held["loss"]) if plan.config.patience else after


def _step(plan: _Plan, carry: _Carry, inputs: tuple[jax.Array, Int[Array, " batch"]]) -> tuple[_Carry, Terms]:
    """Take one step of the optimiser on the rows of one batch."""
    key, rows = inputs
    (loss, terms), gradient = jax.value_and_grad(plan.model.loss, argnums=1, has_aux=True)(
        key, carry.params, take(plan.data, rows), carry.steps / plan.total
    )
    updates, state = plan.optimiser.update(gradient, carry.optimiser, carry.params)
    params, average, decay = optax.apply_updates(carry.params, updates), carry.average, plan.config.average
    if decay:
        average = jax.tree.map(lambda a, p: averaged(a, p, decay, carry.steps), average, params)
    return _Carry(params, state, average, carry.steps + 1), _with_loss(loss, terms)


def _with_best(config: FitConfig, state: TrainState, current: Params, loss: jax.Array) -> TrainState:
    """Keep the weights of the best epoch so far, and count the epochs that were no better."""
    better = loss < state.best_loss
    counted = state.epoch > config.stop_after * config.epochs
    return state._replace(
        best=jax.tree.map(lambda new, old: jnp.where(better, new, old), current, state.best),
        best_loss=jnp.where(better, loss, state.best_loss).astype(state.best_loss.dtype),
        best_epoch=jnp.where(better, state.epoch, state.best_epoch),
        waited=jnp.where(better | ~counted, 0, state.waited + 1),
    )


def _finish(config: FitConfig, state: TrainState) -> tuple[Params, FitHistory]:
    """Return the weights that the FitConfig asks for, and the history."""
    not_run = jnp.arange(config.epochs) >= state.epoch
    finite = not_run | (jnp.isfinite(state.train["loss"]) & jnp.isfinite(state.validation["loss"]))
    finite = lax.cummin(finite.astype(jnp.int32)) > 0
    params = state.best if config.patience else state.average if config.average else state.params
    chosen = state.best_epoch if config.patience else state.epoch
    return params, FitHistory(state.train, state.validation, finite, state.epoch, chosen)


def _with_loss(loss: Any, terms: dict[str, Any]) -> dict[str, Any]:
    """Put "loss" before a model's own terms."""
    return {"loss": loss, **terms}
