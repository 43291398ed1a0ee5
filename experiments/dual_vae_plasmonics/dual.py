"""Predict pictures and spectra of assemblies by a dual VAE, and decode a plane of its codes."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.dual_vae_plasmonics.sets import Sets
from experiments.lab.checkpoints import once
from experiments.lab.training import Fitted
from experiments.shared.structure_property.options import ParticleSettings
from models import DualVAEConfig, FitConfig, Pair, VAEConfig, impute


def model_of(sets: Sets, config: ParticleSettings) -> DualVAEConfig:
    """Return the Config of the dual VAE.

    The spectrum alone weighs twice, because it is harder to read than an image.
    """
    picture = sets.test.coarse.shape[1:]
    spectrum = len(sets.test.polarization), len(sets.wavelength)
    common: dict[str, Any] = {
        "hidden": (config.width, config.width),
        "latent_dim": config.latent_dim,
        "activation": "silu",
    }
    parts = VAEConfig(shape=picture, sigma=0.1, **common), VAEConfig(shape=spectrum, sigma=0.02, **common)
    return DualVAEConfig(*parts, weights=(1.0, 2.0, 1.0))


def fit_config_of(config: ParticleSettings) -> FitConfig:
    """Return how the dual VAE is trained."""
    return FitConfig(config.epochs, config.batch_size, learning_rate=1.5e-3, final_rate=0.02)


def on_device(pair: Pair) -> Pair:
    """Return a pair as arrays of JAX."""
    return jax.tree.map(jnp.asarray, pair)


class Predictions(NamedTuple):
    """Codes and predictions of every seed; all but the first are of the held-out assemblies."""

    training_codes: np.ndarray  # (seed, pair, latent) of the training spectra
    codes: np.ndarray  # (seed, particle, latent) of spectra
    codes_of_images: np.ndarray  # (seed, particle, latent)
    pictures: np.ndarray  # (seed, particle, row, column) from spectra
    spectra: np.ndarray  # (seed, particle, polarization, wavelength) from images, as √(cross section / top)


@once
def predict(fitted: Fitted, sets: Sets) -> Predictions:
    """Encode training and held-out assemblies from one modality, and predict the other."""
    model = fitted.model

    def encode(params: Any, pair: Pair) -> jax.Array:
        return jax.lax.map(lambda example: model.encode(params, example).mean, pair, batch_size=300)

    def complete(params: Any, pair: Pair) -> Pair:
        return jax.lax.map(lambda example: impute(model, params, example), pair, batch_size=300)

    def of_all_members(function: Any, params: Any, pair: Pair) -> Any:
        return jax.lax.map(lambda member: function(member, pair), params)

    over, params = jax.jit(of_all_members, static_argnums=0), fitted.params
    training, test = on_device(sets.training), on_device(sets.held_out)
    spectrum_alone, image_alone = test._replace(image=None), test._replace(spectrum=None)
    return Predictions(
        training_codes=np.asarray(over(encode, params, training._replace(image=None))),
        codes=np.asarray(over(encode, params, spectrum_alone)),
        codes_of_images=np.asarray(over(encode, params, image_alone)),
        pictures=np.asarray(over(complete, params, spectrum_alone).image),
        spectra=np.asarray(over(complete, params, image_alone).spectrum),
    )


@once
def manifold(fitted: Fitted, predicted: Predictions, sets: Sets, points: int) -> dict[str, np.ndarray]:
    """Decode the plane of the two directions in which the first seed's training codes spread most, both ways.

    Returns the arrays ``manifold_…`` of ``points`` × ``points`` places, and the held-out codes in that plane.
    """
    codes = predicted.training_codes[0]
    centre = codes.mean(0)
    _, size, directions = np.linalg.svd(codes - centre, full_matrices=False)
    spread = size[:2] / np.sqrt(len(codes))
    axis = np.linspace(-2, 2, points)
    first, second = np.meshgrid(axis, axis, indexing="ij")
    z = centre + np.stack([first.ravel(), second.ravel()], 1) @ (spread[:, None] * directions[:2])
    params = jax.tree.map(lambda leaf: leaf[0], fitted.params)
    decoded = jax.jit(jax.vmap(lambda z: fitted.model.decode(params, z)))(jnp.asarray(z, jnp.float32))
    image, spectrum = np.asarray(decoded.image), np.asarray(decoded.spectrum) ** 2 * sets.top
    return {
        "manifold_axis": axis,
        "manifold_image": image.reshape(points, points, *image.shape[1:]),
        "manifold_spectrum": spectrum.reshape(points, points, *spectrum.shape[1:]),
        "plane": (predicted.codes[0] - centre) @ directions[:2].T / spread,
    }
