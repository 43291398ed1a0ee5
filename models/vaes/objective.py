"""The bound of a batch from the terms of its examples, and the weighted loss around it."""

import math

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from models.collapse import UNUSED
from models.parts.losses import capacity_gap, kl_categorical, scheduled, weighted
from models.types import Params, Terms
from models.vaes.bound import gaussian_weights
from models.vaes.config import VAEConfig
from models.vaes.encoder import log_class
from models.vaes.family import Family, log_prior
from models.vaes.inference import Encoded, draw, searched, terms_of_all, terms_of_drawn, terms_of_relaxed


def loss_of(
    key: jax.Array, family: Family, params: Params, encoded: Encoded, fraction: float | jax.Array
) -> tuple[Float[Array, ""], Terms]:
    """Return the loss of a batch, mean per example, and its terms as ``models.vaes.model.vae`` names them."""
    config = family.config
    draws = draw(key, family, encoded, config.pixels)
    log_w, guide = encoded.log_q, None
    if encoded.log_q[0].size == 1:
        each = terms_of_drawn(family, params, encoded, log_w, draws)
    elif config.inference == "search":
        step = (config.search_temperature, config.class_search)
        log_w = searched(family, params, encoded, draws.scored, fraction, *step)
        each = terms_of_drawn(family, params, encoded, log_w, draws)
        guide = -jnp.mean(jnp.sum(jnp.exp(log_w) * encoded.log_q, (1, 2)))
    else:
        terms_of_candidates = terms_of_all if config.inference == "enumerate" else terms_of_relaxed
        each = terms_of_candidates(family, params, encoded, draws)
    terms = summary(family, params, encoded, log_w, each) | _watched(config, encoded)
    total = scheduled(config.reconstruction_weight, fraction) * terms["reconstruction"] + _gaussians(
        family, terms, fraction
    )
    if "kl_class" in terms:
        total += _classes(config, encoded, terms["kl_class"], fraction)
    helpers = _helpers(family, params, encoded, each) | ({} if guide is None else {"guide": guide})
    balance = scheduled(config.balance_weight, fraction)
    weights = {"known": config.known_weight, "balance": balance, "guide": 1.0}
    return total + sum(weights[name] * value for name, value in helpers.items()), terms | helpers


def bound_of(key: jax.Array, family: Family, params: Params, encoded: Encoded, search: bool) -> Terms:
    """Return the terms of the bound alone, on all pixels; the candidate is drawn from the encoder's q.

    With ``search`` it is drawn from the searched q*.
    """
    draws = draw(key, family, encoded, 1.0)
    log_w = searched(family, params, encoded, None, classes=family.config.class_search) if search else encoded.log_q
    return summary(family, params, encoded, log_w, terms_of_drawn(family, params, encoded, log_w, draws))


def summary(
    family: Family, params: Params, encoded: Encoded, log_w: Float[Array, "batch bin class"], each: Terms
) -> Terms:
    """Return batch means of the bound's terms under weights ``log_w`` of bins and classes.

    ``each`` are the terms of every example [batch]. ``negative_elbo`` is the sum of the means, ``rmse`` the root mean
    square error over measured values.
    """
    config, examples = family.config, encoded.examples
    terms = {name: jnp.mean(each[name]) for name in each if name not in ("squares", "factor_surprise")}
    classes = log_class(log_w)
    if config.bins > 1:  # the prior of the angle is counted inside the bin; the rest of −entropy is added here
        terms["kl_angle"] += jnp.mean(jnp.sum(jnp.exp(log_w) * log_w, (1, 2)) - jnp.sum(jnp.exp(classes) * classes, 1))
    if config.class_mode in ("joint", "semi_supervised"):
        terms["kl_class"] = jnp.mean(kl_categorical(classes, _prior_of_rows(family, params, encoded)))
    measured = examples.x.size if examples.mask is None else jnp.sum(examples.mask)
    total = sum(terms.values(), start=jnp.zeros((), jnp.float32))
    return terms | {"negative_elbo": total, "rmse": jnp.sqrt(jnp.sum(each["squares"]) / measured)}


def _watched(config: VAEConfig, encoded: Encoded) -> Terms:
    """Return what tells a fit that learns nothing: the error of the batch's mean example, and unused classes."""
    x, mask = encoded.examples.x, encoded.examples.mask
    mask = jnp.ones_like(x) if mask is None else mask
    mean = jnp.sum(x * mask, 0) / jnp.maximum(jnp.sum(mask, 0), 1)
    terms = {"rmse_of_mean": jnp.sqrt(jnp.sum(mask * (x - mean[None]) ** 2) / jnp.sum(mask))}
    if config.class_mode in ("joint", "semi_supervised"):
        shares = jnp.mean(jnp.exp(log_class(encoded.free)), 0)
        terms["classes_unused"] = jnp.sum((shares < UNUSED).astype(jnp.float32))
    return terms


def _prior_of_rows(family: Family, params: Params, encoded: Encoded) -> Float[Array, "batch class"] | None:
    """Return log p(class) of every example where it is learned, else None.

    It is learned from examples without label, because labelled ones may be drawn with other frequencies.
    """
    if family.config.class_prior == "uniform":
        return None
    prior = jnp.broadcast_to(log_prior(family, params)[None], (len(encoded.label), family.config.classes))
    return jnp.where(encoded.label[:, None] >= 0, lax.stop_gradient(prior), prior)


def _gaussians(family: Family, terms: Terms, fraction: float | jax.Array) -> jax.Array:
    """Return the weighted divergences of content, pose and factors; content and pose against the capacity."""
    weights = gaussian_weights(family, fraction)
    names = (name for name in weights if name != "kl_factor")
    total = weighted(terms, {name: weights[name] for name in names})
    if family.config.content_capacity is not None:
        total = jnp.abs(total - weights["kl"] * scheduled(family.config.content_capacity, fraction))
    return total + terms["kl_factor"] if "kl_factor" in terms else total


def _classes(config: VAEConfig, encoded: Encoded, divergence: jax.Array, fraction: float | jax.Array) -> jax.Array:
    """Return the weighted divergence of the classes, against the capacity where there is one."""
    if config.class_capacity is not None:  # searched classes have no gradient, the encoder's have
        divergence = jnp.mean(kl_categorical(log_class(encoded.log_q)))
    gap = capacity_gap(divergence, config.class_capacity, fraction, math.log(config.classes))
    return scheduled(config.class_weight, fraction) * gap


def _helpers(family: Family, params: Params, encoded: Encoded, each: Terms) -> Terms:
    """Return the terms outside the bound: −log q of known and guessed labels and of factors, and the classes' balance.

    Under a learned prior labels are drawn with every class alike. What they teach is then q(class | x) / p(class),
    normalised, else the encoder would expect rare classes as often as it is shown them (Menon et al., arXiv 2007.07314;
    that p(class) follows from the unlabelled examples: Saerens et al., Neural Computation 14, 21, 2002).
    """
    config, helpers, known = family.config, {}, []
    if encoded.guess is not None:
        known.append(_surprise(log_class(encoded.free), encoded.guess))
    if config.class_mode == "semi_supervised":
        log_q = log_class(encoded.free)
        if config.class_prior == "learned":
            log_q = jax.nn.log_softmax(log_q - lax.stop_gradient(log_prior(family, params))[None])
        known.append(_surprise(log_q, encoded.label))
    if "factor_surprise" in each:
        known.append(jnp.mean(each["factor_surprise"]))
    if known:
        helpers["known"] = sum(known)
    if config.balance_weight and config.class_mode in ("joint", "semi_supervised"):
        mean = jnp.mean(jnp.exp(log_class(encoded.log_q)), 0)
        helpers["balance"] = kl_categorical(jnp.log(mean + 1e-9))
    return helpers


def _surprise(log_q: Float[Array, "batch class"], label: Int[Array, " batch"]) -> jax.Array:
    """Return −log q(label | x), mean over the batch; 0 for an example whose label is −1."""
    log_y = jnp.take_along_axis(log_q, jnp.maximum(label, 0)[:, None], 1)[:, 0]
    return -jnp.mean(jnp.where(label >= 0, log_y, 0.0))
