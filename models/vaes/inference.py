"""Which angle bin and which class: exact enumeration, Gumbel-softmax, or "score, then sample".

The search scores every candidate at its posterior mean on a few pixels without gradient; q* ∝ q^(1−1/T) exp(score/T) is
then a distribution of its own given x, so the bound under q* holds whatever the encoder says. One candidate is drawn
from q* and decoded in full with gradient; the encoder learns q* by cross-entropy.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from models.parts.coordinates import spread_pixels
from models.types import Params, Terms
from models.vaes.config import VAEConfig
from models.vaes.decoder import Candidate, Decoder, Example, class_vectors, gaussian_weights, terms_at
from models.vaes.encoder import Candidates, bins_of, restrict


class Found(NamedTuple):
    """What the encoder says of a batch: log q(bin, class | x) without and with the known labels, every candidate as a
    list (bin-major), and the labels, −1 unknown."""

    free: Float[Array, "batch bin class"]
    log_q: Float[Array, "batch bin class"]
    candidates: Candidate
    label: Int[Array, " batch"]


class Draws(NamedTuple):
    """The random numbers of one evaluation of a batch; ``pixels`` and ``scored`` are None where all are used."""

    noise: Float[Array, "batch u"]
    candidate: Array
    pixels: Array | None
    scored: Array | None


def find(config: VAEConfig, posteriors: Candidates, label: Int[Array, " batch"]) -> Found:
    """The encoder's output for a batch, restricted to what is known."""
    rows, bins, classes = posteriors.log_q.shape
    count, vectors = bins * classes, jnp.asarray(class_vectors(config))
    if config.class_mode == "conditional":
        each = jnp.broadcast_to(vectors[label][:, None], (rows, count, config.classes))
    else:
        each = jnp.broadcast_to(jnp.tile(vectors, (bins, 1))[None], (rows, count, config.classes))
    angles = jnp.broadcast_to(jnp.repeat(jnp.asarray(bins_of(config)), classes)[None], (rows, count))
    mean, std = (leaf.reshape(rows, count, -1) for leaf in (posteriors.mean, posteriors.std))
    log_q = jax.vmap(restrict)(posteriors.log_q, label)
    return Found(posteriors.log_q, log_q, Candidate(mean, std, angles, each), label)


def search(
    config: VAEConfig,
    decode: Decoder,
    params: Params,
    examples: Example,
    found: Found,
    pixels: Array | None,
    fraction: float | jax.Array = 1.0,
    temperature: float = 1.0,
) -> Float[Array, "batch bin class"]:
    """log q*(bin, class | x) ∝ (1 − 1/T) log q + weighted bound/T, without gradient.

    An encoder that has learned its q* has q ∝ exp(bound), the best there is; T > 1 goes there in steps and trusts what
    the encoder has learned from other pixels.
    """
    weights = gaussian_weights(config, fraction)

    def score(example: Example, candidate: Candidate) -> jax.Array:
        terms = terms_at(config, decode, params, example, candidate, jnp.zeros_like(candidate.mean), pixels)
        return -terms["reconstruction"] - sum(weights[name] * terms[name] for name in weights)

    every = jax.vmap(jax.vmap(score, (None, 0)))(examples, found.candidates)
    step = 1 / temperature
    flat = (1 - step) * found.log_q.reshape(every.shape) + step * every
    return lax.stop_gradient(jax.nn.log_softmax(flat).reshape(found.log_q.shape))


def draws(key: jax.Array, config: VAEConfig, rows: int, size: int, values: int, share: float) -> Draws:
    """Random numbers for ``rows`` examples of ``values`` pixels, of which ``share`` are decoded in full."""
    count, few = max(round(share * values), 1), min(config.search_pixels, values)
    to_noise, to_candidate, to_pixels, to_scored = key, key, key, key
    if config.bins * max(config.classes, 1) > 1 or count < values:
        to_noise, to_candidate, to_pixels, to_scored = jax.random.split(key, 4)
    return Draws(
        jax.random.normal(to_noise, (rows, size), jnp.float32),
        to_candidate,
        spread_pixels(to_pixels, values, count) if count < values else None,
        spread_pixels(to_scored, values, few) if few < values and config.decoder == "coordinate" else None,
    )


def at_drawn(
    config: VAEConfig,
    decode: Decoder,
    params: Params,
    examples: Example,
    found: Found,
    log_w: Float[Array, "batch bin class"],
    drawn: Draws,
) -> Terms:
    """Terms of every example [batch] at one candidate drawn from ``log_w``."""
    flat = log_w.reshape(len(log_w), -1)
    index = jax.random.categorical(drawn.candidate, flat) if flat.shape[1] > 1 else jnp.zeros(len(flat), jnp.int32)
    return _each(config, decode, params, examples, pick(found.candidates, index), drawn)


def enumerated(
    config: VAEConfig, decode: Decoder, params: Params, examples: Example, found: Found, drawn: Draws
) -> Terms:
    """Terms of every example [batch], the exact mean over all candidates under the encoder's q; with its gradient."""
    at = partial(terms_at, config, decode, params)
    every = jax.vmap(jax.vmap(at, (None, 0, None, None)), (0, 0, 0, None))
    terms = every(examples, found.candidates, drawn.noise, drawn.pixels)
    weight = jnp.exp(found.log_q).reshape(len(found.log_q), -1)
    return {name: jnp.sum(weight * values, 1) for name, values in terms.items()}


def relaxed(config: VAEConfig, decode: Decoder, params: Params, examples: Example, found: Found, drawn: Draws) -> Terms:
    """Terms of every example [batch] at a Gumbel-softmax class (Jang et al., arXiv 1611.01144), with its gradient."""
    noise = jax.random.gumbel(drawn.candidate, found.log_q[:, 0].shape, jnp.float32)
    soft = jax.nn.softmax((found.log_q[:, 0] + noise) / config.gumbel_temperature)
    mixed = jax.tree.map(lambda leaf: jnp.einsum("nk,nk...->n...", soft, leaf), found.candidates)
    return _each(config, decode, params, examples, mixed, drawn)


def pick(candidates: Any, index: Int[Array, " batch"]) -> Any:
    """The candidate of each example at ``index``."""
    return jax.tree.map(lambda leaf: jax.vmap(lambda row, at: row[at])(leaf, index), candidates)


def _each(
    config: VAEConfig, decode: Decoder, params: Params, examples: Example, chosen: Candidate, drawn: Draws
) -> Terms:
    at = partial(terms_at, config, decode, params)
    return jax.vmap(at, (0, 0, 0, None))(examples, chosen, drawn.noise, drawn.pixels)
