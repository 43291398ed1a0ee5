"""A family of histories learned by a VAE, with a report on what it is worth."""

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from models.data import Batch
from models.evaluation.latent import reconstruct_all
from models.histories.checks import bounds_of, check_histories
from models.histories.coding import encode_vectors
from models.histories.reading import from_arrays
from models.histories.records import Histories, Learned, Scaling, missing, with_channels
from models.histories.reporting import report_of
from models.histories.scaling import Scale, scaling_of, to_vectors
from models.histories.smoothing import check_smooth, smoothed, width_of
from models.training.config import FitConfig
from models.training.loop import fit, split_rows
from models.training.resume import fit_resumable
from models.types import FitHistory, Params
from models.vaes.config import VAEConfig
from models.vaes.model import vae

LEAST = 20  # histories
STEPS = 4000  # of the optimiser, about, whatever the number of histories
SAVES = 8  # of a training that is to go on after a kill
HELD_OUT = 0.1  # share of the histories
PATIENCE = 0.15  # share of the training without improvement that ends it
BEYOND = 0.05  # share of the range of the data by which noise may leave the bounds


def learn(
    histories: Histories | np.ndarray,
    *,
    key: jax.Array,
    latent: int = 2,
    scale: Scale = "auto",
    bounds: Any = None,
    duration: str = "keep",
    config: VAEConfig | None = None,
    fit_config: FitConfig | None = None,
    smooth: float | str = "auto",
    progress: Callable[..., Any] | None = None,
    folder: Path | str | None = None,
) -> Learned:
    """Train a VAE with ``latent`` latents on histories, and return it with all that leads back to physical units.

    ``histories`` is what ``read`` or ``from_arrays`` returns; an array is taken as ``from_arrays`` takes it.
    ``scale``: "auto" (deviations from the mean history in units of their root mean square), "standard", "unit" or a
    pair (low, high) that is mapped to −1 and 1. ``bounds`` (low, high), or one such pair for each channel, hold for
    every decoded history. ``duration="keep"`` makes the latent space carry log durations and decode them,
    "ignore" decodes their geometric mean. ``config`` replaces the VAE's settings (its shape is set here),
    ``fit_config`` those of the training; ``progress(epoch, terms)`` is called after each epoch. With a ``folder`` the
    training saves its state there, and the same call goes on from it, as ``models.fit_resumable`` does.

    ``smooth`` is the width, as a share of the duration, over which decoded histories are smoothed; "auto" takes the
    one of models.histories.smoothing.WIDTHS that reconstructs held-out histories best.

    A latent that has collapsed or a reconstruction that is no better than the mean history's or than principal
    components' is a warning, and a line of ``report.problems``. ValueError for too few histories, histories that are
    all alike, and values outside the bounds; FloatingPointError for a training that became non-finite.
    """
    if not isinstance(histories, Histories):
        histories = from_arrays(histories)
    check_histories(histories, LEAST)
    check_smooth(smooth)
    low, high = bounds_of(bounds, with_channels(np.asarray(histories.values)).shape[2])
    _check_bounds(histories, low, high)
    scaling = scaling_of(histories, scale, duration)
    data = to_vectors(histories, scaling)
    config = _config(config, data, latent)
    fit_config = fit_config or default_fit(len(data.x))
    if folder is None:
        params, losses = jax.block_until_ready(_fit(config, fit_config, progress, key, data))
    else:
        every = -(-fit_config.epochs // SAVES)
        params, losses = fit_resumable(key, vae(config), data, fit_config, folder, every=every, progress=progress)
    jax.effects_barrier()
    ran = int(losses.epochs)
    if not bool(losses.finite[ran - 1]):
        raise FloatingPointError(
            f"the training became non-finite in epoch {int(np.argmin(losses.finite)) + 1}: lower learning_rate in "
            "fit_config, or look for outliers among the histories."
        )
    params = jax.device_get(params)
    code = encode_vectors(config, params, data)
    training, held = (np.asarray(rows) for rows in split_rows(key, len(data.x), fit_config))
    scaling, decoded = _smoothed(smooth, scaling, data, np.asarray(_reconstructed(config, params, data)), held)
    report = report_of(config, params, scaling, data, (training, held), decoded, code, ran)
    for problem in report.problems:
        warnings.warn(problem, UserWarning, stacklevel=2)
    single = np.ndim(histories.values) == 2
    labels = (histories.names, histories.units, histories.time_unit)
    means = (np.asarray(code.mean), np.asarray(code.std))
    return Learned(config, params, scaling, low, high, *means, single, *labels, report, jax.device_get(losses))


def default_fit(histories: int) -> FitConfig:
    """Return the training for a number of histories: STEPS steps, less where the held-out bound stops improving.

    The weights of the best epoch are kept, because with few histories the last ones know the training part by heart.
    """
    batch = min(32, max(8, histories // 8))
    epochs = max(10, round(STEPS * batch / (histories * (1 - HELD_OUT))))
    return FitConfig(
        epochs=epochs,
        batch_size=batch,
        learning_rate=2e-3,
        validation_fraction=HELD_OUT,
        gradient_clip=10.0,
        patience=max(5, round(PATIENCE * epochs)),
        stop_after=PATIENCE,
    )


@partial(jax.jit, static_argnums=(0, 1, 2))
def _fit(
    config: VAEConfig, fit_config: FitConfig, progress: Callable[..., Any] | None, key: jax.Array, data: Batch
) -> tuple[Params, FitHistory]:
    """Train the VAE of a Config."""
    return fit(key, vae(config), data, fit_config, progress=progress)


@partial(jax.jit, static_argnums=0)
def _reconstructed(config: VAEConfig, params: Params, data: Batch) -> jax.Array:
    """Return the reconstructions of all vectors."""
    return reconstruct_all(vae(config), params, data)


def _smoothed(
    smooth: float | str, scaling: Scaling, data: Batch, decoded: np.ndarray, held: np.ndarray
) -> tuple[Scaling, np.ndarray]:
    """Return the scaling with the width over which histories are smoothed, and the vectors smoothed so."""
    grid, features = (-1, *scaling.centre.shape), scaling.centre.size
    own, values = (np.asarray(part)[:, :features].reshape(grid) for part in (data.x, decoded))
    measured = np.ones(own.shape) if data.mask is None else np.asarray(data.mask)[:, :features].reshape(grid)
    width = width_of(smooth, own[held], values[held], measured[held] > 0)
    flat = np.asarray(smoothed(values, width)).reshape(len(values), -1)
    return scaling._replace(smooth=width), np.concatenate([flat, decoded[:, features:]], 1)


def _config(config: VAEConfig | None, data: Batch, latent: int) -> VAEConfig:
    """Return the VAE's settings for vectors of the data's length."""
    shape = data.x.shape[1:]
    if config is None:
        return VAEConfig(shape=shape, latent_dim=latent, activation="gelu", likelihood="gaussian_learned", sigma=0.3)
    return VAEConfig(**{**vars(config), "shape": shape})


def _check_bounds(histories: Histories, low: np.ndarray, high: np.ndarray) -> None:
    """Raise ValueError for histories that lie outside the bounds by more than noise."""
    values = with_channels(np.asarray(histories.values))
    absent = with_channels(missing(histories.mask, histories.values))
    for channel in range(values.shape[2]):
        known = values[..., channel][~absent[..., channel]]
        margin = BEYOND * float(np.ptp(known))
        if known.min() < low[channel] - margin or known.max() > high[channel] + margin:
            raise ValueError(
                f"values of channel {histories.names[channel] or channel + 1} run from {known.min():g} to "
                f"{known.max():g}, the bounds are {low[channel]:g} to {high[channel]:g}: are the units the same? Widen "
                "the bounds, or remove the histories that leave them."
            )
