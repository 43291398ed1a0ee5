"""Training as one loop: a pure function of a key, so that an ensemble is its vmap and the caller jits.

A fit is a TrainState that ``advance`` takes from epoch to epoch; ``fit`` takes it to the end in one go,
``models.training.resume.fit_resumable`` in pieces with a checkpoint after each, through the same code.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from ferro_jax import values
from models.data import Data, as_data, check, count, take
from models.training.config import FitConfig
from models.training.epochs import Progress, Trainer, trainer
from models.types import FitHistory, Model, Params


def split_rows(key: jax.Array, rows: int, config: FitConfig) -> tuple[Int[Array, " train"], Int[Array, " held"]]:
    """Return the rows that ``fit(key, ...)`` trains on and those that it holds out, with the same key.

    ValueError where the share of the validation is less than one row.
    """
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

    ``data`` is an array ``[n *shape]``, a Batch or a Pair; labelled and unlabelled examples share one Batch, with label
    −1 where unknown. Pure and not jitted: ``jax.jit(lambda key: fit(key, model, data, config))``, and ``jax.vmap`` of
    that over keys for an ensemble. Each epoch goes through a fresh permutation; rows that do not fill a last
    batch wait for the next one. ``progress(epoch, terms)`` is called once per epoch (per member under vmap)
    with the validation terms; calls are not ordered. Raises ValueError for data that the model cannot be trained on
    (``model.check``, where values are known) and when the batch is larger than the training part.

    The epochs are a while loop, because an early stop then saves what is left, also under vmap once every member has
    stopped. The price is that a whole training has no reverse-mode derivative.
    """
    data, key = check(model, data), values.key(key)
    training, to_training = fit_trainer(key, model, data, config, progress=progress)
    return training.finish(training.advance(to_training, training.start(to_training), config.epochs))


def fit_split(
    key: jax.Array,
    model: Model,
    training: Data,
    validation: Data,
    config: FitConfig,
    *,
    progress: Progress | None = None,
) -> tuple[Params, FitHistory]:
    """Train as ``fit`` does, with the validation examples given.

    They are used once per epoch and never change the parameters (with ``patience`` they choose the epoch whose weights
    are returned).
    """
    training, key = as_data(check(model, training)), values.key(key)
    pieces = trainer(model, training, jnp.arange(count(training)), as_data(validation), config, progress=progress)
    return pieces.finish(pieces.advance(key, pieces.start(key), config.epochs))


def fit_trainer(
    key: jax.Array, model: Model, data: Data, config: FitConfig, *, progress: Progress | None = None
) -> tuple[Trainer, jax.Array]:
    """Return the trainer of ``fit(key, ...)`` and the key to start and advance it with."""
    training, held = split_rows(key, count(data), config)
    data = as_data(data)
    pieces = trainer(model, data, training, take(data, held), config, progress=progress)
    return pieces, jax.random.split(key)[1]
