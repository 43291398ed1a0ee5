"""Field histories: drawn, and learned by a VAE whose two latents span the space that campaigns search."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import ferro_jax as ferro
import models
from experiments.lab.keys import Keys
from experiments.lab.run import RunError
from experiments.shared.lattices.options import HistorySettings
from models.evaluation.latent import encode_all

HELD_OUT = 2000  # fresh histories, at most, on which the VAE is scored


def draw(key: jax.Array, settings: HistorySettings) -> ferro.Oscillations:
    """Draw the training histories with their generating parameters."""
    return ferro.damped_oscillation(key, settings.histories, form=settings.form)


class Decoder(NamedTuple):
    """``decode(z) -> history`` of a trained VAE, in a form that travels between processes."""

    config: models.VAEConfig
    params: Any

    def __call__(self, z: Any) -> jax.Array:
        return models.vae(self.config).decode(self.params, jnp.asarray(z, jnp.float32))


class Learned(NamedTuple):
    """A VAE of field histories after training."""

    decode: Decoder
    losses: Any  # history of the fit: terms of the bound by epoch, training and validation
    held_out: dict[str, Any]  # terms of the bound on fresh histories, nats per history, and "rmse_mean"
    mean: np.ndarray  # (history, z) posterior means of the training histories
    std: np.ndarray  # (history, z)


def learn(
    keys: Keys, data: ferro.Oscillations, settings: HistorySettings, progress: Callable[..., Any] | None = None
) -> Learned:
    """Train the VAE, encode the training histories, score it on fresh ones; ``progress(epoch, terms)`` each epoch.

    RunError if the training went non-finite.
    """
    config = models.VAEConfig(shape=(data.curves.shape[1],))
    model, fit_config = models.vae(config), models.FitConfig(epochs=settings.epochs)
    fit = jax.jit(lambda key, x: models.fit(key, model, x, fit_config, progress=progress))
    params, losses = jax.block_until_ready(fit(keys["fit"], data.curves))
    jax.effects_barrier()
    if not bool(losses.finite[-1]):
        raise RunError(f"training of the VAE went non-finite in epoch {int(np.argmin(losses.finite)) + 1}")

    to_curves, to_draws = jax.random.split(keys["held_out"])
    fresh = ferro.damped_oscillation(to_curves, min(HELD_OUT, settings.histories), form=settings.form)
    evaluate = jax.jit(lambda key, params, x: models.evaluate(key, model, params, x))
    held_out = evaluate(to_draws, params, fresh.curves)
    code = jax.jit(lambda params, x: encode_all(model, params, x))(params, data.curves)
    return Learned(
        Decoder(config, jax.device_get(params)), losses, held_out, np.asarray(code.mean), np.asarray(code.std)
    )
