"""Train models side by side in one program, show the progress, and record them with their history.

``fit`` knows no Run, for code that experiments share; ``fit_and_record`` is for ``compute.py``.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from experiments.lab.run import Array, Run, RunError
from models import storage
from models.data import Data, count, take
from models.training.config import FitConfig
from models.training.epochs import Trainer, TrainState, trainer
from models.types import FitHistory, Model, Params

PIECES = 20  # calls of the compiled program per training: as often is the progress shown


class Fitted(NamedTuple):
    """Models of one Config after training; parameters and history have a leading axis of fits."""

    config: Any
    model: Model
    params: Params
    history: FitHistory


def fit(
    keys: jax.Array,
    config: Any,
    training: Data,
    validation: Data,
    fit_config: FitConfig,
    *,
    rows: Int[np.ndarray, "fit rows"] | None = None,
    progress: Callable[[int], Any] | None = None,
) -> Fitted:
    """Train one model of ``config`` (a VAEConfig or another Config of ``models``) for every key, in one program.

    Fits share the training examples; ``rows`` gives each of them a choice of its own. The program is called piece by
    piece, so that it can show its progress and be interrupted, and the next process finds it in the compilation cache.
    ``progress(epochs)`` is called after every piece. ValueError for data that the model cannot be trained on. A loss
    that is not finite raises nothing here: ``history.finite`` says so, and ``record`` refuses it.
    """
    model = storage.MODELS[type(config)](config)
    if rows is None:
        rows = np.broadcast_to(np.arange(count(training)), (len(keys), count(training)))
    model.check(take(training, rows[0]))

    def trainer_on(rows: jax.Array, data: Data, watched: Data) -> Trainer:
        return trainer(model, data, rows, watched, fit_config)

    def start(key: jax.Array, *data: Any) -> TrainState:
        return trainer_on(*data).start(key)

    def advance(key: jax.Array, state: TrainState, until: Any, *data: Any) -> TrainState:
        return trainer_on(*data).advance(key, state, until)

    data, axes = (jnp.asarray(rows, jnp.int32), training, validation), (0, None, None)
    state = jax.jit(jax.vmap(start, (0, *axes)))(keys, *data)
    step = jax.jit(jax.vmap(advance, (0, 0, None, *axes)))
    epochs = fit_config.epochs
    for until in np.unique(np.linspace(0, epochs, min(epochs, PIECES) + 1).astype(np.int32))[1:]:
        state = jax.block_until_ready(step(keys, state, until, *data))
        if progress is not None:
            progress(int(until))
    params, history = jax.vmap(trainer_on(data[0][0], training, validation).finish)(state)
    return Fitted(config, model, params, history)


def fit_and_record(
    run: Run,
    name: str,
    keys: jax.Array,
    config: Any,
    training: Data,
    validation: Data,
    fit_config: FitConfig,
    *,
    rows: Int[np.ndarray, "fit rows"] | None = None,
) -> Fitted:
    """``fit`` with a progress bar and a line of ``history.jsonl`` for every piece, then ``record``."""
    with run.progress(fit_config.epochs, "epoch") as bar:

        def show(epochs: int) -> None:
            bar.update(epochs - bar.n)
            run.log("trained", name=name, epochs=epochs, of=fit_config.epochs)

        fitted = fit(keys, config, training, validation, fit_config, rows=rows, progress=show)
    record(run, name, fitted)
    return fitted


def record(run: Run, name: str, fitted: Fitted) -> None:
    """Save the models in the run's folder, and every term of their losses [fit epoch] as arrays.

    RunError names the first fit and epoch whose loss was not finite.
    """
    if run.writes:
        storage.save(run.folder / "models" / name, fitted.config, fitted.params)
    dims = (f"{name}_fit", f"{name}_epoch")
    for part, terms in (("train", fitted.history.train), ("validation", fitted.history.validation)):
        for term, values in terms.items():
            units = "1" if term.startswith("rmse") else "nats per image"
            run.add(f"{name}_{part}_{term}", values, Array(dims, units, f"{part}: {term.replace('_', ' ')}"))
    finite = np.asarray(fitted.history.finite)
    if not finite.all():
        number, epoch = np.argwhere(~finite)[0]
        raise RunError(
            f"training of {name} went non-finite, first in fit {number}, epoch {epoch + 1}: lower the learning rate"
        )


def select(fitted: Fitted, which: Int[np.ndarray, " fit"]) -> Fitted:
    """Return some of the fits, in the order of ``which``."""
    params, history = jax.tree.map(lambda leaf: leaf[which], (fitted.params, fitted.history))
    return fitted._replace(params=params, history=history)
