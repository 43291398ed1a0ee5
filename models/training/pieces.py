"""Training piece by piece: fits side by side in one program that shows its progress and can be interrupted."""

from collections.abc import Callable
from functools import partial, reduce
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from ferro_jax.compiling import quickly
from models.data import Data, count, take
from models.training.config import FitConfig
from models.training.epochs import Trainer, TrainState, trainer
from models.training.resume import advanced
from models.types import FitHistory, Model, Params

PIECES = 20  # calls of the compiled program per training: as often is the progress shown
FEW_STEPS = 1000  # of the optimiser: up to so many the training takes less time than quicker code would save
SAVED_AFTER = 10.0  # seconds between two states on disk, because one takes a tenth of a second


def fit_pieces(
    keys: jax.Array,
    model: Model,
    training: Data,
    validation: Data,
    config: FitConfig,
    *,
    rows: Int[np.ndarray, "fit rows"] | None = None,
    progress: Callable[[int], Any] | None = None,
    folder: Path | None = None,
    record: Path | None = None,
) -> tuple[Params, FitHistory]:
    """Train ``model`` once for every key, in one program; parameters and history have a leading axis of fits.

    Fits share the training examples; ``rows`` gives each of them a choice of its own. The program is called piece by
    piece, so that it can show its progress and be interrupted, and the next process finds it in the compilation cache.
    A short training compiles quickly, in half of the time, and each of its steps takes up to a tenth more, on wide
    layers a third. ``progress(epochs)`` is called after every piece. With a ``folder``, which belongs to this one call,
    a long training saves its state there, and the same call goes on from it; the state belongs to the ``record`` of the
    run. ValueError for data that the model cannot be trained on, and for the state of another record.
    A loss that is not finite raises nothing here: ``history.finite`` says so.
    """
    if rows is None:
        rows = np.broadcast_to(np.arange(count(training)), (len(keys), count(training)))
    model.check(take(training, rows[0]))

    def trainer_on(rows: jax.Array, data: Data, watched: Data) -> Trainer:
        return trainer(model, data, rows, watched, config)

    def start(key: jax.Array, *data: Any) -> TrainState:
        return trainer_on(*data).start(key)

    def advance(key: jax.Array, state: TrainState, until: Any, *data: Any) -> TrainState:
        return trainer_on(*data).advance(key, state, until)

    data, axes = (jnp.asarray(rows, jnp.int32), training, validation), (0, None, None)
    begin = partial(jax.jit(jax.vmap(start, (0, *axes)), compiler_options=quickly()), keys, *data)
    steps = config.epochs * (rows.shape[1] // config.batch_size)
    options = quickly() if steps <= FEW_STEPS else {}
    step = jax.jit(jax.vmap(advance, (0, 0, None, *axes)), compiler_options=options)
    plan = np.unique(np.linspace(0, config.epochs, min(config.epochs, PIECES) + 1).astype(np.int32))[1:].tolist()

    def piece(state: TrainState, until: int) -> TrainState:
        state = jax.block_until_ready(step(keys, state, np.int32(until), *data))
        if progress is not None:
            progress(until)
        return state

    if folder is None:
        state = reduce(piece, plan, begin())
    else:
        state = advanced(folder, config, begin, piece, plan, least=SAVED_AFTER, record=record)
    return jax.vmap(trainer_on(data[0][0], training, validation).finish)(state)
