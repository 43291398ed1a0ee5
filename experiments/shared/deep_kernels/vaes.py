"""VAEs of a pool for the deep-kernel experiments: as many fits as campaigns, each with a latent space of its own."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.lab import training
from experiments.lab.checkpoints import once
from models import Batch, FitConfig, VAEConfig
from models.evaluation import latent


def fit(
    key: jax.Array,
    x: np.ndarray,
    watched: np.ndarray,
    rows: np.ndarray,
    epochs: int,
    width: int,
    *,
    known: np.ndarray | None = None,
    progress: Callable[[int], Any] | None = None,
) -> training.Fitted:
    """Train 2-D VAEs, each on its ``rows`` (fit, m) of ``x`` (n, *shape); ``watched`` are scored after every epoch.

    ``known`` (fit, len(x)), NaN where unknown, makes supervised VAEs: standardised targets that the encoder predicts
    too, in a third latent. Curves have a Gaussian likelihood of 0.1, images a Bernoulli one. ``progress(epochs)``.
    """
    fits, likelihood = len(rows), "gaussian" if x.ndim == 2 else "bernoulli"
    settings: dict[str, Any] = {"shape": x.shape[1:], "hidden": (width, width), "likelihood": likelihood}
    data, shown = Batch(jnp.asarray(x, jnp.float32)), Batch(jnp.asarray(watched, jnp.float32))
    if known is not None:
        settings |= {"factors": 1, "factor_mode": "regression", "known_weight": 10.0}
        # a copy of the data for each fit, because fits share their data but have labels of their own
        copies = jnp.tile(data.x, (fits, *(1,) * (x.ndim - 1)))
        data = Batch(copies, factor=jnp.asarray(known, jnp.float32).reshape(-1, 1))
        rows = rows + len(x) * np.arange(fits)[:, None]
        shown = Batch(shown.x, factor=jnp.full((len(shown.x), 1), jnp.nan, jnp.float32))
    fit_config = FitConfig(epochs=epochs, batch_size=min(64, rows.shape[1]), learning_rate=3e-3, final_rate=0.05)
    keys, config = jax.random.split(key, fits), VAEConfig(**settings)
    return training.fit(keys, config, data, shown, fit_config, rows=rows, progress=progress)


@once
def means(fitted: training.Fitted, pool: np.ndarray) -> np.ndarray:
    """Encode ``pool`` (n, *shape) by every VAE: posterior means, and the factor of a supervised one, (fit, n, z)."""

    def encode(params: Any) -> jax.Array:
        code = latent.encode_all(fitted.model, params, jnp.asarray(pool, jnp.float32))
        return code.mean if code.factor is None else jnp.concatenate([code.mean, code.factor], -1)

    return np.asarray(jax.jit(lambda params: jax.lax.map(encode, params))(fitted.params))
