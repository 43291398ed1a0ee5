"""Training as one lax.scan: a pure function of a key, so that an ensemble is its vmap and the caller jits."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jaxtyping import Array, Float, Int

from models.networks import check_choice
from models.types import History, Model, Params, Terms

SCHEDULES = ("constant", "cosine")

Progress = Callable[[int, dict[str, float]], None]


@dataclass(frozen=True)
class FitConfig:
    """How to train. ``learning_rate`` is Adam's peak rate, reached linearly over the first ``warmup`` of
    the steps and then constant or falling by a cosine to ``final_rate`` times the peak. ``gradient_clip``
    bounds the global norm of the gradient (0: off).
    """

    epochs: int = 75
    batch_size: int = 32
    learning_rate: float = 5e-3
    schedule: str = "cosine"
    warmup: float = 0.02
    final_rate: float = 0.0
    gradient_clip: float = 0.0
    validation_fraction: float = 0.05

    def __post_init__(self):
        check_choice("schedule", self.schedule, SCHEDULES)
        if self.epochs < 1:
            raise ValueError(f"epochs={self.epochs}: train for one epoch or more.")
        if self.batch_size < 1:
            raise ValueError(f"batch_size={self.batch_size}: use one example or more per step.")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate={self.learning_rate}: it must be positive.")
        if not 0 < self.validation_fraction < 1:
            raise ValueError(
                f"validation_fraction={self.validation_fraction}: give a share strictly between 0 and 1, "
                "for instance 0.1."
            )
        if not (0 <= self.warmup < 1 and self.final_rate >= 0 and self.gradient_clip >= 0):
            raise ValueError(
                f"warmup={self.warmup}, final_rate={self.final_rate}, gradient_clip={self.gradient_clip}: "
                "warmup is a share of the training in [0, 1), the others are zero or more."
            )


def validate(data: Float[Array | np.ndarray, "n features"]) -> None:
    """Check data eagerly, before tracing: ValueError for a wrong rank, no rows, or non-finite values."""
    values = np.asarray(data)
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(f"data of shape {values.shape}: expected a table [n features], one example per row.")
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if bad.size:
        raise ValueError(
            f"{bad.size} of {len(values)} rows hold NaN or infinite values, the first is row {bad[0]}: "
            "remove or repair them before training."
        )


def optimiser(config: FitConfig, steps: int) -> optax.GradientTransformation:
    """Adam with the schedule of ``config`` over ``steps`` steps in all."""
    warmup = round(config.warmup * steps)
    if config.schedule == "cosine":
        after = optax.cosine_decay_schedule(config.learning_rate, max(steps - warmup, 1), config.final_rate)
    else:
        after = optax.constant_schedule(config.learning_rate)
    rate = optax.join_schedules([optax.linear_schedule(0.0, config.learning_rate, max(warmup, 1)), after], [warmup])
    clip = optax.clip_by_global_norm(config.gradient_clip) if config.gradient_clip else optax.identity()
    return optax.chain(clip, optax.adam(rate))


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
    data: Float[Array | np.ndarray, "n features"],
    config: FitConfig,
    *,
    progress: Progress | None = None,
) -> tuple[Params, History]:
    """Train ``model`` on rows of ``data``, holding out ``config.validation_fraction`` of them.

    Pure and not jitted: ``jax.jit(lambda key: fit(key, model, data, config))``, and ``jax.vmap`` of that
    over keys for an ensemble. Each epoch goes through a fresh permutation; rows that do not fill a last
    batch wait for the next one. ``progress(epoch, terms)`` is called once per epoch (per member under vmap)
    with the validation terms; calls are not ordered. Raises ValueError when the batch is larger than the
    training part.
    """
    to_split, to_run = key, jax.random.split(key)[1]
    training, held = split_rows(to_split, data.shape[0], config)
    data = jnp.asarray(data, jnp.float32)
    return fit_split(to_run, model, data[training], data[held], config, progress=progress)


def fit_split(
    key: jax.Array,
    model: Model,
    training: Float[Array, "n features"],
    validation: Float[Array, "m features"],
    config: FitConfig,
    *,
    progress: Progress | None = None,
) -> tuple[Params, History]:
    """``fit`` with the validation rows given: looked at once per epoch, they never change the parameters."""
    rows, batch = training.shape[0], config.batch_size
    if batch > rows:
        raise ValueError(f"batch_size={batch} exceeds the training part of {rows} rows: use a batch of at most {rows}.")
    steps = rows // batch
    total = config.epochs * steps
    optimise = optimiser(config, total)
    to_init, to_epochs = jax.random.split(key)
    params = model.init(to_init)

    def step(carry: tuple, inputs: tuple) -> tuple[tuple, Terms]:
        params, state, count = carry
        key, index = inputs
        (loss, terms), gradient = jax.value_and_grad(model.loss, argnums=1, has_aux=True)(
            key, params, training[index], count / total
        )
        updates, state = optimise.update(gradient, state, params)
        return (optax.apply_updates(params, updates), state, count + 1), {"loss": loss, **terms}

    def epoch(carry: tuple, inputs: tuple) -> tuple[tuple, tuple[Terms, Terms]]:
        key, number = inputs
        to_order, to_steps, to_validation = jax.random.split(key, 3)
        order = jax.random.permutation(to_order, rows)[: steps * batch].reshape(steps, batch)
        carry, train = lax.scan(step, carry, (jax.random.split(to_steps, steps), order))
        loss, terms = model.loss(to_validation, carry[0], validation)
        held = {"loss": loss, **terms}
        if progress is not None:
            jax.debug.callback(progress, number, held, ordered=False)
        return carry, (jax.tree.map(jnp.mean, train), held)

    start = (params, optimise.init(params), jnp.zeros((), jnp.float32))
    inputs = (jax.random.split(to_epochs, config.epochs), jnp.arange(config.epochs))
    (params, _, _), (train, held) = lax.scan(epoch, start, inputs)
    finite = jnp.isfinite(train["loss"]) & jnp.isfinite(held["loss"])
    return params, History(train, held, lax.cummin(finite.astype(jnp.int32)) > 0)
