"""The bound of a batch from the terms of its examples, and the weighted loss around it."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from models.parts.losses import capacity_gap, kl_categorical, scheduled, weighted
from models.types import Params, Terms
from models.vaes.config import VAEConfig
from models.vaes.decoder import Decoder, Example, gaussian_weights
from models.vaes.encoder import log_class
from models.vaes.inference import Draws, Found, at_drawn, draws, enumerated, relaxed, search


def loss_of(
    config: VAEConfig,
    decode: Decoder,
    key: jax.Array,
    params: Params,
    examples: Example,
    found: Found,
    fraction: float | jax.Array,
) -> tuple[Float[Array, ""], Terms]:
    """The loss of a batch, mean per example, and its terms as ``models.vaes.model.vae`` names them."""
    drawn = _draw(key, config, examples, found, config.pixels)
    log_w, guide = found.log_q, None
    if found.log_q[0].size == 1:
        each = at_drawn(config, decode, params, examples, found, log_w, drawn)
    elif config.inference == "search":
        log_w = search(config, decode, params, examples, found, drawn.scored, fraction, config.search_temperature)
        each = at_drawn(config, decode, params, examples, found, log_w, drawn)
        guide = -jnp.mean(jnp.sum(jnp.exp(log_w) * found.log_q, (1, 2)))
    else:
        evaluate = enumerated if config.inference == "enumerate" else relaxed
        each = evaluate(config, decode, params, examples, found, drawn)
    terms = summary(config, examples, log_w, each)
    total = terms["reconstruction"] + _gaussians(config, terms, fraction)
    if "kl_class" in terms:
        total += _classes(config, found, terms["kl_class"], fraction)
    helpers = _helpers(config, found, each) | ({} if guide is None else {"guide": guide})
    weights = {"known": config.known_weight, "balance": config.balance_weight, "guide": 1.0}
    return total + sum(weights[name] * value for name, value in helpers.items()), terms | helpers


def bound_of(
    config: VAEConfig,
    decode: Decoder,
    key: jax.Array,
    params: Params,
    examples: Example,
    found: Found,
    searching: bool,
) -> Terms:
    """The terms of the bound alone, on all pixels, the candidate drawn from the encoder's q or the searched q*."""
    drawn = _draw(key, config, examples, found, 1.0)
    log_w = search(config, decode, params, examples, found, None) if searching else found.log_q
    return summary(config, examples, log_w, at_drawn(config, decode, params, examples, found, log_w, drawn))


def summary(config: VAEConfig, examples: Example, log_w: Float[Array, "batch bin class"], each: Terms) -> Terms:
    """Batch means of the bound's terms under weights ``log_w`` of bins and classes; ``negative_elbo`` and ``rmse``."""
    terms = {name: jnp.mean(each[name]) for name in each if name not in ("squares", "factor_surprise")}
    classes = log_class(log_w)
    if config.bins > 1:  # the prior of the angle is counted inside the bin; this is what is left of −entropy
        terms["kl_angle"] += jnp.mean(jnp.sum(jnp.exp(log_w) * log_w, (1, 2)) - jnp.sum(jnp.exp(classes) * classes, 1))
    if config.class_mode in ("joint", "semi_supervised"):
        terms["kl_class"] = jnp.mean(kl_categorical(classes))
    measured = examples.x.size if examples.mask is None else jnp.sum(examples.mask)
    total = sum(terms.values(), start=jnp.zeros((), jnp.float32))
    return terms | {"negative_elbo": total, "rmse": jnp.sqrt(jnp.sum(each["squares"]) / measured)}


def _draw(key: jax.Array, config: VAEConfig, examples: Example, found: Found, share: float) -> Draws:
    return draws(key, config, len(examples.x), found.candidates.mean.shape[-1], examples.x.shape[1], share)


def _gaussians(config: VAEConfig, terms: Terms, fraction: float | jax.Array) -> jax.Array:
    """Weighted divergences of content, pose and factors; those of content and pose against the capacity."""
    weights = gaussian_weights(config, fraction)
    names = (name for name in weights if name != "kl_factor")
    total = weighted(terms, {name: weights[name] for name in names})
    if config.content_capacity is not None:
        total = jnp.abs(total - weights["kl"] * scheduled(config.content_capacity, fraction))
    return total + terms["kl_factor"] if "kl_factor" in terms else total


def _classes(config: VAEConfig, found: Found, divergence: jax.Array, fraction: float | jax.Array) -> jax.Array:
    if config.class_capacity is not None:  # searched classes have no gradient, the encoder's have
        divergence = jnp.mean(kl_categorical(log_class(found.log_q)))
    gap = capacity_gap(divergence, config.class_capacity, fraction, math.log(config.classes))
    return scheduled(config.class_weight, fraction) * gap


def _helpers(config: VAEConfig, found: Found, each: Terms) -> Terms:
    """Terms outside the bound: what the encoder says of known labels and factors, and the balance of its classes."""
    helpers, known = {}, []
    if config.class_mode == "semi_supervised":
        log_y = jnp.take_along_axis(log_class(found.free), jnp.maximum(found.label, 0)[:, None], 1)[:, 0]
        known.append(-jnp.mean(jnp.where(found.label >= 0, log_y, 0.0)))
    if "factor_surprise" in each:
        known.append(jnp.mean(each["factor_surprise"]))
    if known:
        helpers["known"] = sum(known)
    if config.balance_weight and config.class_mode in ("joint", "semi_supervised"):
        mean = jnp.mean(jnp.exp(log_class(found.log_q)), 0)
        helpers["balance"] = kl_categorical(jnp.log(mean + 1e-9))
    return helpers
