"""VAEs of a pool for the deep-kernel experiments: as many fits as campaigns, each with a latent space of its own."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.lab.run import Run
from experiments.shared.images import fits as images_fits
from models.data import Batch
from models.evaluation import latent
from models.training.config import FitConfig
from models.vaes.config import VAEConfig


def fit(
    run: Run,
    name: str,
    key: jax.Array,
    x: np.ndarray,
    watched: np.ndarray,
    rows: np.ndarray,
    epochs: int,
    width: int,
    *,
    known: np.ndarray | None = None,
) -> images_fits.Fitted:
    """2-D VAEs, each trained on its ``rows`` (fit, m) of ``x`` (n, *shape); ``watched`` are scored after every epoch.

    ``known`` (fit, len(x)), NaN where unknown: standardised targets that the encoder has to tell as well, in a third
    latent (a supervised VAE). Curves have a Gaussian likelihood of 0.1, images a Bernoulli one.
    """
    fits, likelihood = len(rows), "gaussian" if x.ndim == 2 else "bernoulli"
    settings: dict[str, Any] = {"shape": x.shape[1:], "hidden": (width, width), "likelihood": likelihood}
    data, shown = Batch(jnp.asarray(x, jnp.float32)), Batch(jnp.asarray(watched, jnp.float32))
    if known is not None:
        settings |= {"factors": 1, "factor_mode": "regression", "known_weight": 10.0}
        # fits share their data: each gets a copy of its own, with its own labels
        every = jnp.tile(data.x, (fits, *(1,) * (x.ndim - 1)))
        data = Batch(every, factor=jnp.asarray(known, jnp.float32).reshape(-1, 1))
        rows = rows + len(x) * np.arange(fits)[:, None]
        shown = Batch(shown.x, factor=jnp.full((len(shown.x), 1), jnp.nan, jnp.float32))
    fit_config = FitConfig(epochs=epochs, batch_size=min(64, rows.shape[1]), learning_rate=3e-3, final_rate=0.05)
    return images_fits.fit(
        run, name, jax.random.split(key, fits), VAEConfig(**settings), data, shown, fit_config, rows=rows
    )


def means(fitted: images_fits.Fitted, pool: np.ndarray) -> np.ndarray:
    """Posterior means of ``pool`` (n, *shape) in every VAE, and the factor that a supervised one tells: (fit, n, z)."""

    def encode(params: Any) -> jax.Array:
        code = latent.encode_all(fitted.model, params, jnp.asarray(pool, jnp.float32))
        return code.mean if code.factor is None else jnp.concatenate([code.mean, code.factor], -1)

    return np.asarray(jax.jit(lambda params: jax.lax.map(encode, params))(fitted.params))


def latents(
    run: Run,
    name: str,
    key: jax.Array,
    x: np.ndarray,
    pool: np.ndarray,
    rows: np.ndarray,
    epochs: int,
    width: int,
    *,
    known: np.ndarray | None = None,
) -> np.ndarray:
    """``means`` of ``pool`` in the VAEs that ``fit`` makes."""
    return means(fit(run, name, key, x, pool[:200], rows, epochs, width, known=known), pool)
