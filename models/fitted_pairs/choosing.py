"""The settings and the training of models of pairs that fit their sizes."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from models.paired.config import DualVAEConfig, EncoderDecoderConfig
from models.training.config import FitConfig
from models.vaes.config import VAEConfig

STEPS, BATCH = 1500, 100  # of an encoder–decoder
DUAL_STEPS, DUAL_BATCH = 3000, 50
DUAL_HIDDEN = (128, 128)
WEIGHTS = (1.0, 2.0, 1.0)  # of a dual VAE given image, spectrum, both: a spectrum alone is the hardest to read
SIGMA = 0.05  # of an encoder–decoder, whose likelihood has one width: it scales the loss and changes nothing


def encoder_decoder_of(
    image: tuple[int, ...], spectrum: tuple[int, ...], direction: str, latent: int, settings: Mapping[str, Any]
) -> EncoderDecoderConfig:
    """Return the settings of an encoder–decoder, changed by the user's ``settings``.

    An image predicted from a spectrum is smooth, and each of its pixels costs as much as a channel: one narrow
    convolution behind the fully connected layer is enough for it. ValueError for a setting that it does not have.
    """
    _check(settings, EncoderDecoderConfig, "fit_im2spec")
    own: dict[str, Any] = {"channels": (24, 48), "latent_dim": latent, "sigma": SIGMA}
    if direction == "spectrum_to_image":
        own |= {"coarser": 2, "decoder_channels": 8, "dilations": (1,)}
    shapes = {"image": image, "spectrum": spectrum, "direction": direction}
    return EncoderDecoderConfig(**(own | shapes | dict(settings)))


def dual_of(
    shapes: tuple[tuple[int, ...], tuple[int, ...]],
    sigmas: tuple[float, float],
    latent: int,
    settings: Mapping[str, Any],
) -> DualVAEConfig:
    """Return the settings of a dual VAE of examples (image, spectrum) of these shapes and widths of the likelihood.

    The user's ``settings`` change those of both VAEs. ValueError for a setting that they do not have.
    """
    _check(settings, VAEConfig, "fit_dual")
    common: dict[str, Any] = {"hidden": DUAL_HIDDEN, "latent_dim": latent, "activation": "silu"} | dict(settings)
    image, spectrum = (
        VAEConfig(**({"shape": shape, "sigma": sigma} | common)) for shape, sigma in zip(shapes, sigmas, strict=True)
    )
    return DualVAEConfig(image, spectrum, weights=WEIGHTS)


def training_of(pairs: int, steps: int, batch: int) -> FitConfig:
    """Return the training on a number of pairs: about ``steps`` steps, the weights of the best epoch kept.

    Many passes through few pairs could learn them by heart, so it ends where the watched pairs have not improved for a
    third of the epochs.
    """
    batch = min(batch, max(2, pairs // 4))
    epochs = max(1, round(steps * batch / pairs))
    return FitConfig(
        epochs=epochs,
        batch_size=batch,
        learning_rate=3e-3,
        final_rate=0.02,
        patience=max(2, epochs // 3),
    )


def _check(settings: Mapping[str, Any], config: type, function: str) -> None:
    """Raise a ValueError for settings that a Config does not have."""
    known = [field.name for field in fields(config)]
    if unknown := sorted(set(settings) - set(known)):
        raise ValueError(
            f"{', '.join(unknown)}: no setting of {function} or {config.__name__}; those are {', '.join(known)}."
        )
