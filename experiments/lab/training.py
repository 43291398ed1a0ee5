"""Train models side by side in one program, show the progress, and record them with their history.

``fit`` knows no Run, for code that experiments share; ``fit_and_record`` is for ``compute.py``.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Int

from experiments.lab import checkpoints
from experiments.lab.checkpoints import once
from experiments.lab.run import Array, Run, RunError
from models import storage
from models.data import Data
from models.training.config import FitConfig
from models.training.pieces import fit_pieces
from models.types import FitHistory, Model, Params


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

    ``rows`` and ``progress`` are those of ``models.training.pieces.fit_pieces``. A loss that is not finite raises
    nothing here: ``history.finite`` says so, and ``record`` refuses it.
    """
    model = storage.MODELS[type(config)](config)
    params, history = _trained(keys, model, training, validation, fit_config, rows=rows, progress=progress)
    return Fitted(config, model, params, history)


@once
def _trained(*arguments: Any, **options: Any) -> tuple[Params, FitHistory]:
    """Return what ``fit_pieces`` does, kept in a run and gone on with where it was stopped."""
    return fit_pieces(*arguments, **options, folder=checkpoints.folder(), record=checkpoints.record())


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
            units = "1" if term.startswith(("rmse", "classes")) else "nats per image"
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
