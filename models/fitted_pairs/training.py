"""Fits side by side, with a line that shows the progress."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from models.fitted.progress import Line
from models.fitted_pairs.examples import Sets
from models.training.config import FitConfig
from models.training.pieces import fit_pieces
from models.types import FitHistory, Model, Params


def trained(
    key: jax.Array, starts: int, model: Model, sets: Sets, fit_config: FitConfig, what: str | None
) -> tuple[Params, FitHistory]:
    """Return parameters and histories of ``starts`` fits [start …] as NumPy arrays; a line shows ``what`` is trained.

    Fits that became non-finite are left out. FloatingPointError where all of them did.
    """
    line = Line(f"{what}, {starts} start{'s' * (starts > 1)}", fit_config.epochs) if what else None
    training, watched = (jax.tree.map(jnp.asarray, part.pair) for part in (sets.training, sets.watched))
    show = None if line is None else line.show
    params, history = fit_pieces(jax.random.split(key, starts), model, training, watched, fit_config, progress=show)
    params, history = jax.device_get((params, history))
    finite = np.asarray(history.finite)[np.arange(starts), np.asarray(history.epochs) - 1]
    if not finite.any():
        raise FloatingPointError(
            "the training became non-finite in every start: give a fit_config with a lower learning_rate, or look for "
            "outliers in the spectra."
        )
    kept: Any = jax.tree.map(lambda leaf: np.asarray(leaf)[finite], (params, history))
    if line is not None:
        rmse = kept[1].validation.get("rmse")
        done = f"{int(kept[1].epochs.max())} epochs"
        line.end(done if rmse is None else f"{done}, error on watched pairs {np.nanmin(rmse):.3g} of their scale")
    return kept
