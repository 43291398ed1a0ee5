"""The training of a fit: guesses of unknown classes, several starts, and the one that is kept."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from models.data import Batch, take
from models.fitted.progress import Line
from models.guesses import groups_of, guess_classes
from models.training.config import FitConfig
from models.training.ensemble import best_of
from models.training.loop import split_rows
from models.training.pieces import fit_pieces
from models.types import FitHistory, Params
from models.vaes.config import VAEConfig
from models.vaes.model import vae

LOOKED_AT = 2000  # examples that the number of classes is told by, at most


class Start(NamedTuple):
    """The start that was kept, the held-out bounds of all of them, and the rows that were held out."""

    params: Params
    history: FitHistory
    chosen: int
    negative_elbo: np.ndarray
    held: np.ndarray


def number_of_classes(batch: Batch, config: VAEConfig, seed: int) -> int:
    """Return how many groups the examples fall into (``models.groups_of``). ValueError where that cannot be told."""
    rows = np.sort(np.random.default_rng(seed).permutation(len(batch.x))[:LOOKED_AT])
    number = int(groups_of(jax.random.key(seed), config, take(batch, rows)).max()) + 1
    if number < 2:
        raise ValueError(
            'classes="auto": features without pose show no groups that can be trusted. Give the number of classes, or '
            "leave classes out and look at the latents."
        )
    return number


def with_guesses(batch: Batch, config: VAEConfig, settings: dict[str, Any], seed: int) -> Batch:
    """Return the examples with guesses of the unknown classes, where there are trusted ones and the user wants them.

    ``balance_weight`` among the settings of a joint model says that its classes are found from nothing.
    """
    if config.class_mode not in ("joint", "semi_supervised") or "balance_weight" in settings:
        return batch
    guess = guess_classes(jax.random.key(seed), config, batch)
    return batch if (guess < 0).all() else batch._replace(guess=guess)


def best_start(config: VAEConfig, batch: Batch, fit_config: FitConfig, seed: int, starts: int, progress: bool) -> Start:
    """Train from several starts on the same rows, and keep the one with the best held-out bound.

    FloatingPointError where the training of every start became non-finite.
    """
    model = vae(config)
    to_split, to_fits, to_bound = jax.random.split(jax.random.key(seed), 3)
    rows, held = (np.asarray(part) for part in split_rows(to_split, len(batch.x), fit_config))
    batch = jax.tree.map(jnp.asarray, batch)
    training, validation = take(batch, rows), take(batch, held)
    line = Line(f"fit_vae, {starts} start{'s' * (starts > 1)}", fit_config.epochs) if progress else None
    show = None if line is None else line.show
    params, history = fit_pieces(
        jax.random.split(to_fits, starts), model, training, validation, fit_config, progress=show
    )
    chosen, bounds = jax.jit(lambda params, data: best_of(to_bound, model, params, data))(params, validation)
    best = jax.device_get(jax.tree.map(lambda leaf: leaf[chosen], (params, history)))
    if line is not None:
        line.end(f"{fit_config.epochs} epochs, held-out −ELBO {float(np.nanmin(np.asarray(bounds))):.2f} nats")
    history = FitHistory(*(jax.tree.map(np.asarray, part) for part in best[1]))
    if not history.finite[history.epochs - 1]:
        raise FloatingPointError(
            f"the training became non-finite in epoch {int(np.argmin(history.finite)) + 1} of every start: give a "
            "fit_config with a lower learning_rate, or look for outliers in the stack."
        )
    return Start(best[0], history, int(chosen), np.asarray(bounds), held)
