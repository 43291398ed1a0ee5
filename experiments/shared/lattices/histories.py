"""Field histories: drawn, and learned by a VAE whose two latents span the space that campaigns search."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

import ferro_jax as ferro
import models
from experiments.lab import checkpoints
from experiments.lab.checkpoints import once
from experiments.lab.keys import Keys
from experiments.lab.run import RunError
from experiments.shared.lattices.options import HistorySettings
from models import histories

HELD_OUT = 2000  # fresh histories, at most, on which the VAE is scored
AS_THEY_ARE = (-1.0, 1.0)  # scale: histories come in units in which nothing is changed


class Family(NamedTuple):
    """Field histories as a VAE has learned them, scored on fresh ones."""

    learned: histories.Learned
    held_out: dict[str, Any]  # terms of the bound on fresh histories, nats per history, and "rmse_mean"


def draw(key: jax.Array, settings: HistorySettings) -> ferro.Oscillations:
    """Draw the training histories with their generating parameters."""
    return ferro.damped_oscillation(key, settings.histories, form=settings.form)


@once
def learn(
    keys: Keys, data: ferro.Oscillations, settings: HistorySettings, progress: Callable[..., Any] | None = None
) -> Family:
    """Train the VAE, encode the training histories, score it on fresh ones; ``progress(epoch, terms)`` each epoch.

    RunError if the training went non-finite.
    """
    try:
        learned = histories.learn(
            histories.from_arrays(np.asarray(data.curves)),
            key=keys["fit"],
            scale=AS_THEY_ARE,
            config=models.VAEConfig(shape=(data.curves.shape[1],)),
            fit_config=models.FitConfig(epochs=settings.epochs),
            smooth=0.0,  # as published
            progress=progress,
            folder=checkpoints.folder(),
        )
    except FloatingPointError as error:
        raise RunError(str(error)) from error
    to_curves, to_draws = jax.random.split(keys["held_out"])
    fresh = ferro.damped_oscillation(to_curves, min(HELD_OUT, settings.histories), form=settings.form)
    evaluate = jax.jit(lambda key, params, x: models.evaluate(key, learned.model, params, x))
    return Family(learned, evaluate(to_draws, learned.params, fresh.curves))
