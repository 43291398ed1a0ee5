"""One member of the VAE family: its Config and everything that is derived from it, made once."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from models.parts.coordinates import bin_angles, rotation
from models.parts.likelihoods import LIKELIHOODS, Likelihood
from models.types import Params, Pose
from models.vaes.config import VAEConfig
from models.vaes.decoder import Decoder, decoder
from models.vaes.encoder import Encoder, encoder
from models.vaes.latents import Layout, layout, units


class Family(NamedTuple):
    """A VAE as its functions need it.

    ``layout`` says which entries of the latent vector ``u`` are what, ``units`` what 1 is in each pose component's
    entry. ``bins`` are the centres of the angle bins in radians (one bin is centred at 0), ``class_vectors`` the
    one-hot vectors of the classes, one empty vector for a model without classes.
    """

    config: VAEConfig
    layout: Layout
    units: dict[str, float]
    likelihood: Likelihood
    encoder: Encoder
    decoder: Decoder
    bins: Float[np.ndarray, " bins"]
    class_vectors: Float[np.ndarray, "head class"]


def family_of(config: VAEConfig) -> Family:
    """Derive everything that ``config`` decides: layout, likelihood, networks, bins and classes."""
    entries, classes = layout(config), config.classes
    return Family(
        config=config,
        layout=entries,
        units=units(config),
        likelihood=LIKELIHOODS[config.likelihood](config.sigma),
        encoder=encoder(config, entries),
        decoder=decoder(config),
        bins=bin_angles(config.bins),
        class_vectors=np.eye(classes, dtype=np.float32) if classes else np.zeros((1, 0), np.float32),
    )


def init_params(key: jax.Array, family: Family) -> Params:
    """Draw the parameters: "encoder", "decoder" and, where they are learned, "log_sigma" and "class_logits"."""
    to_encoder, to_decoder = jax.random.split(key)
    params = {"encoder": family.encoder.init(to_encoder), "decoder": family.decoder.init(to_decoder)}
    if family.likelihood.learned_sigma:
        params["log_sigma"] = jnp.log(jnp.asarray(family.config.sigma, jnp.float32))
    if family.config.class_prior == "learned":
        params["class_logits"] = jnp.zeros(family.config.classes, jnp.float32)
    return params


def log_prior(family: Family, params: Params) -> Float[Array, " class"]:
    """Return log p(class): uniform, or as learned."""
    if family.config.class_prior == "learned":
        return jax.nn.log_softmax(params["class_logits"])
    return jnp.full(family.config.classes, -math.log(family.config.classes), jnp.float32)


def pose_of(family: Family, u: Float[Array, " u"], angle: Float[Array, ""]) -> Pose:
    """Return the pose that ``u`` means in the copy turned back by ``angle``; its shift in the axes of the image."""
    parts = _in_pose_units(family, u)
    if family.config.bins > 1:
        parts["angle"] = jnp.mod(parts["angle"] + angle + math.pi, 2 * math.pi) - math.pi
        if "shift" in parts:
            parts["shift"] = rotation(angle) @ parts["shift"]
    return Pose(**parts)


def pose_std_of(family: Family, std: Float[Array, " u"], angle: Float[Array, ""]) -> Pose:
    """Return the standard deviations of ``pose_of`` from those of ``u``, component by component."""
    parts = _in_pose_units(family, std)
    if family.config.bins > 1 and "shift" in parts:
        parts["shift"] = jnp.sqrt(rotation(angle) ** 2 @ parts["shift"] ** 2)
    return Pose(**parts)


def _in_pose_units(family: Family, u: Float[Array, " u"]) -> dict[str, Any]:
    """Read the pose components off ``u``, each times its unit; all but the shift are scalars."""
    parts: dict[str, Any] = {name: u[family.layout.pose[name]] * scale for name, scale in family.units.items()}
    for name in parts:
        if name != "shift":
            parts[name] = parts[name][0]
    return parts
