"""Training as one loop: a pure function of a key, so that an ensemble is its vmap and the caller jits.

A fit is a TrainState that ``advance`` takes from epoch to epoch; ``fit`` takes it to the end in one go,
``models.training.resume.fit_resumable`` in pieces with a checkpoint after each, through the same code.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from models.data import Data, as_data, check, count, minibatches, take
from models.training.config import FitConfig, averaged, optimiser
from models.types import FitHistory, Model, Params, Terms

__all__ = ["FitConfig", "Progress", "TrainState", "Trainer", "fit", "fit_split", "split_rows", "trainer"]

Progress = Callable[[int, dict[str, float]], None]


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
    """``start(key) -> TrainState`` · ``advance(key, state, until) -> TrainState`` trains until that many epochs are
    done or patience ends it (the same key each time) · ``finish(state) -> (params, FitHistory)``."""

    start: Callable[[jax.Array], TrainState]
    advance: Callable[[jax.Array, TrainState, int | jax.Array], TrainState]
    finish: Callable[[TrainState], tuple[Params, FitHistory]]


def split_rows(key: jax.Array, rows: int, config: FitConfig) -> tuple[Int[Array, " train"], Int[Array, " held"]]:
    """Which rows ``fit(key, ...)`` trains on and which it holds out, with the same key."""
    held = round(config.validation_fraction * rows)
    if held < 1:
        raise ValueError(
            f"validation_fraction={config.validation_fraction} of {rows} rows holds out none: give more rows "
            "or a larger share."
        )
    order = jax.random.permutation(jax.random.split(key)[0], rows)
    return order[held:], order[:held]


def fit(
    key: jax.Array,
    model: Model,
    data: Data,
    config: FitConfig,
    *,
    progress: Progress | None = None,
) -> tuple[Params, FitHistory]:
    """Train ``model`` on the examples of ``data``, holding out ``config.validation_fraction`` of them.

    ``data`` is an array ``[n *shape]`` or a Batch; labelled and unlabelled examples share one Batch, with label −1
    where unknown. Pure and not jitted: ``jax.jit(lambda key: fit(key, model, data, config))``, and ``jax.vmap`` of
    that over keys for an ensemble. Each epoch goes through a fresh permutation; rows that do not fill a last
    batch wait for the next one. ``progress(epoch, terms)`` is called once per epoch (per member under vmap)
    with the validation terms; calls are not ordered. Raises ValueError for data that the model cannot be trained on
    (``model.check``, where values are known) and when the batch is larger than the training part.

    The epochs are a while loop: an early stop saves what is left, also under vmap once every member has stopped;
    the price is that a whole training has no reverse-mode derivative.
    """
    check(model, data)
    run, to_run = fit_trainer(key, model, data, config, progress=progress)
    return run.finish(run.advance(to_run, run.start(to_run), config.epochs))


def fit_split(
    key: jax.Array,
    model: Model,
    training: Data,
    validation: Data,
    config: FitConfig,
    *,
    progress: Progress | None = None,
) -> tuple[Params, FitHistory]:
    """``fit`` with the validation rows given: looked at once per epoch, they never change the parameters
    (with ``patience`` they choose the epoch whose weights are returned)."""
    check(model, training)
    training = as_data(training)
    run = trainer(model, training, jnp.arange(count(training)), as_data(validation), config, progress=progress)
    return run.finish(run.advance(key, run.start(key), config.epochs))


def fit_trainer(
    key: jax.Array, model: Model, data: Data, config: FitConfig, *, progress: Progress | None = None
) -> tuple[Trainer, jax.Array]:
    """The trainer of ``fit(key, ...)`` and the key to start and advance it with."""
    training, held = split_rows(key, count(data), config)
    data = as_data(data)
    run = trainer(model, data, training, take(data, held), config, progress=progress)
    return run, jax.random.split(key)[1]


def trainer(
    model: Model,
    data: Any,
    rows: Int[Array, " train"],
    validation: Any,
    config: FitConfig,
    *,
    progress: Progress | None = None,
) -> Trainer:
    """Training on the given rows of ``data``, in as many pieces as wanted.

    Members of an ensemble share ``data`` and differ in ``rows``, so the data are not copied for each.
    """
    batch = config.batch_size
    if batch > len(rows):
        raise ValueError(
            f"batch_size={batch} exceeds the training part of {len(rows)} rows: use a batch of at most {len(rows)}."
        )
    per_epoch = len(rows) // batch
    total = config.epochs * per_epoch
    optimise = optimiser(config, total)

    def start(key: jax.Array) -> TrainState:
        params = model.init(jax.random.split(key)[0])

        def blank(examples: Any) -> dict[str, jax.Array]:
            loss, terms = jax.eval_shape(model.loss, key, params, examples)
            return {name: jnp.full(config.epochs, jnp.nan, term.dtype) for name, term in _named(loss, terms).items()}

        return TrainState(
            params,
            optimise.init(params),
            jnp.zeros((), jnp.float32),
            jnp.zeros((), jnp.int32),
            params if config.average else None,
            params if config.patience else None,
            jnp.asarray(jnp.inf, jnp.float32),
            jnp.zeros((), jnp.int32),
            jnp.zeros((), jnp.int32),
            blank(take(data, rows[:batch])),
            blank(validation),
        )

    def step(carry: tuple, inputs: tuple) -> tuple[tuple, Terms]:
        params, state, average, steps = carry
        key, index = inputs
        (loss, terms), gradient = jax.value_and_grad(model.loss, argnums=1, has_aux=True)(
            key, params, take(data, index), steps / total
        )
        updates, state = optimise.update(gradient, state, params)
        params = optax.apply_updates(params, updates)
        if config.average:
            average = jax.tree.map(lambda a, p: averaged(a, p, config.average, steps), average, params)
        return (params, state, average, steps + 1), _named(loss, terms)

    def epoch(key: jax.Array, state: TrainState) -> TrainState:
        to_order, to_steps, to_validation = jax.random.split(key, 3)
        order = minibatches(to_order, data, rows, per_epoch, config)
        carry = (state.params, state.optimiser, state.average, state.steps)
        (params, optimiser_state, average, steps), train = lax.scan(
            step, carry, (jax.random.split(to_steps, per_epoch), order)
        )
        current = average if config.average else params
        held = _named(*model.loss(to_validation, current, validation))
        if progress is not None:
            jax.debug.callback(progress, state.epoch, held, ordered=False)

        def entered(history: Terms, terms: Terms) -> Terms:
            return jax.tree.map(lambda entries, term: entries.at[state.epoch].set(term), history, terms)

        state = state._replace(
            params=params,
            optimiser=optimiser_state,
            average=average,
            steps=steps,
            epoch=state.epoch + 1,
            train=entered(state.train, jax.tree.map(jnp.mean, train)),
            validation=entered(state.validation, held),
        )
        return _with_best(state, current, held["loss"]) if config.patience else state

    def _with_best(state: TrainState, current: Params, loss: jax.Array) -> TrainState:
        better = loss < state.best_loss
        counted = state.epoch > config.stop_after * config.epochs
        return state._replace(
            best=jax.tree.map(lambda new, old: jnp.where(better, new, old), current, state.best),
            best_loss=jnp.where(better, loss, state.best_loss).astype(state.best_loss.dtype),
            best_epoch=jnp.where(better, state.epoch, state.best_epoch),
            waited=jnp.where(better | ~counted, 0, state.waited + 1),
        )

    def advance(key: jax.Array, state: TrainState, until: int | jax.Array) -> TrainState:
        keys = jax.random.split(jax.random.split(key)[1], config.epochs)

        def goes_on(state: TrainState) -> Bool[Array, ""]:
            before = state.epoch < until
            return before & (state.waited < config.patience) if config.patience else before

        return lax.while_loop(goes_on, lambda state: epoch(keys[state.epoch], state), state)

    def finish(state: TrainState) -> tuple[Params, FitHistory]:
        not_run = jnp.arange(config.epochs) >= state.epoch
        finite = not_run | (jnp.isfinite(state.train["loss"]) & jnp.isfinite(state.validation["loss"]))
        finite = lax.cummin(finite.astype(jnp.int32)) > 0
        params = state.best if config.patience else state.average if config.average else state.params
        chosen = state.best_epoch if config.patience else state.epoch
        return params, FitHistory(state.train, state.validation, finite, state.epoch, chosen)

    return Trainer(start, advance, finish)


def _named(loss: Any, terms: dict[str, Any]) -> dict[str, Any]:
    return {"loss": loss, **terms}
