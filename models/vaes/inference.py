"""Which angle bin and which class: exact enumeration, Gumbel-softmax, or "score, then sample".

The search scores every candidate at its posterior mean on a few pixels, without gradient. q* ∝ q^(1−1/T) exp(score/T)
is a distribution given x, so the bound under q* holds however good the encoder is. One candidate is drawn from q* and
decoded in full with gradient; the encoder learns q* by cross-entropy.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from models.data import Batch
from models.parts.coordinates import spread_pixels
from models.parts.losses import scheduled
from models.types import Params, Terms
from models.vaes.bound import Candidate, gaussian_weights, terms_at
from models.vaes.encoder import log_class, restrict
from models.vaes.examples import Example, prepare
from models.vaes.family import Family, log_prior


class Encoded(NamedTuple):
    """A batch after the encoder.

    ``free`` is log q(bin, class | x) and ``log_q`` the same restricted to the known labels. ``candidates`` has one
    entry for each bin and class (bin-major) along its second axis; ``label`` is −1 where unknown, ``guess`` where
    there is none or the label is known, and None where nothing is guessed.
    """

    examples: Example
    free: Float[Array, "batch bin class"]
    log_q: Float[Array, "batch bin class"]
    candidates: Candidate
    label: Int[Array, " batch"]
    guess: Int[Array, " batch"] | None


class Draws(NamedTuple):
    """The random numbers of one evaluation of a batch; ``pixels`` and ``scored`` are None where all are used."""

    noise: Float[Array, "batch u"]
    candidate: Array
    pixels: Array | None
    scored: Array | None


def encode_batch(family: Family, params: Params, batch: Batch) -> Encoded:
    """Encode a batch and list its candidates; known labels and guesses restrict the classes."""
    config = family.config
    examples, label = prepare(config, batch)
    known = examples.factor if config.factor_mode == "conditional" else None
    posteriors = jax.vmap(family.encoder.apply, (None, 0, 0, 0))(params["encoder"], examples.x, label, known)
    rows, bins, classes = posteriors.log_q.shape
    count, vectors = bins * classes, jnp.asarray(family.class_vectors)
    if config.class_mode == "conditional":
        one_hot = jnp.broadcast_to(vectors[label][:, None], (rows, count, config.classes))
    else:
        one_hot = jnp.broadcast_to(jnp.tile(vectors, (bins, 1))[None], (rows, count, config.classes))
    angles = jnp.broadcast_to(jnp.repeat(jnp.asarray(family.bins), classes)[None], (rows, count))
    mean, std = (leaf.reshape(rows, count, -1) for leaf in (posteriors.mean, posteriors.std))
    guess, held = None, label
    if batch.guess is not None and config.class_mode in ("joint", "semi_supervised"):
        guess = jnp.where(label >= 0, -1, jnp.asarray(batch.guess))
        held = jnp.maximum(label, guess)
    log_q = jax.vmap(restrict)(posteriors.log_q, held)
    return Encoded(examples, posteriors.log_q, log_q, Candidate(mean, std, angles, one_hot), label, guess)


def searched(
    family: Family,
    params: Params,
    encoded: Encoded,
    pixels: Array | None,
    fraction: float | jax.Array = 1.0,
    temperature: float = 1.0,
    classes: bool = True,
) -> Float[Array, "batch bin class"]:
    """Return log q*(bin, class | x) ∝ (1 − 1/T) log q + weighted bound/T, without gradient.

    Without ``classes`` only the bins are searched: q*(bin, class | x) = q(class | x) q*(bin | class, x).

    An encoder that has learned its q* has q ∝ exp(bound), the best there is; T > 1 goes there in steps and uses what
    the encoder has learned from other pixels. ``pixels`` are those that candidates are scored on, None for all.
    """
    weights = gaussian_weights(family, fraction)
    of_data = scheduled(family.config.reconstruction_weight, fraction)

    def score(example: Example, candidate: Candidate) -> jax.Array:
        terms = terms_at(family, params, example, candidate, jnp.zeros_like(candidate.mean), pixels)
        return -of_data * terms["reconstruction"] - sum(weights[name] * terms[name] for name in weights)

    scores = jax.vmap(jax.vmap(score, (None, 0)))(encoded.examples, encoded.candidates)
    step = 1 / temperature
    scores = scores.reshape(encoded.log_q.shape)
    if family.config.class_prior == "learned":
        scores = scores + log_prior(family, params)[None, None]
    log_w = (1 - step) * encoded.log_q + step * scores
    if classes:
        log_w = jax.nn.log_softmax(log_w.reshape(len(log_w), -1)).reshape(log_w.shape)
    else:
        log_w = jax.nn.log_softmax(log_w, 1) + log_class(encoded.log_q)[:, None]
    return lax.stop_gradient(log_w)


def draw(key: jax.Array, family: Family, encoded: Encoded, share: float) -> Draws:
    """Draw the random numbers for a batch of which a ``share`` of the pixels is decoded in full."""
    config, (rows, values) = family.config, encoded.examples.x.shape[:2]
    count, few = max(round(share * values), 1), min(config.search_pixels, values)
    to_noise, to_candidate, to_pixels, to_scored = key, key, key, key
    if config.bins * max(config.classes, 1) > 1 or count < values:
        to_noise, to_candidate, to_pixels, to_scored = jax.random.split(key, 4)
    return Draws(
        jax.random.normal(to_noise, (rows, encoded.candidates.mean.shape[-1]), jnp.float32),
        to_candidate,
        spread_pixels(to_pixels, values, count) if count < values else None,
        spread_pixels(to_scored, values, few) if few < values and config.decoder == "coordinate" else None,
    )


def terms_of_drawn(
    family: Family, params: Params, encoded: Encoded, log_w: Float[Array, "batch bin class"], draws: Draws
) -> Terms:
    """Return the terms of every example [batch] at one candidate drawn from ``log_w``."""
    flat = log_w.reshape(len(log_w), -1)
    index = jax.random.categorical(draws.candidate, flat) if flat.shape[1] > 1 else jnp.zeros(len(flat), jnp.int32)
    return _terms_of(family, params, encoded.examples, pick(encoded.candidates, index), draws)


def terms_of_all(family: Family, params: Params, encoded: Encoded, draws: Draws) -> Terms:
    """Return the terms of every example [batch], the exact mean over all candidates under the encoder's q.

    The gradient goes through the terms and through q.
    """
    over_candidates = jax.vmap(partial(terms_at, family, params), (None, 0, None, None))
    terms = jax.vmap(over_candidates, (0, 0, 0, None))(encoded.examples, encoded.candidates, draws.noise, draws.pixels)
    weight = jnp.exp(encoded.log_q).reshape(len(encoded.log_q), -1)
    return {name: jnp.sum(weight * values, 1) for name, values in terms.items()}


def terms_of_relaxed(family: Family, params: Params, encoded: Encoded, draws: Draws) -> Terms:
    """Return the terms of every example [batch] at a Gumbel-softmax class, with its gradient.

    Jang et al., arXiv 1611.01144.
    """
    noise = jax.random.gumbel(draws.candidate, encoded.log_q[:, 0].shape, jnp.float32)
    soft = jax.nn.softmax((encoded.log_q[:, 0] + noise) / family.config.gumbel_temperature)
    mixed = jax.tree.map(lambda leaf: jnp.einsum("nk,nk...->n...", soft, leaf), encoded.candidates)
    return _terms_of(family, params, encoded.examples, mixed, draws)


def pick(candidates: Candidate, index: Int[Array, " batch"]) -> Candidate:
    """Return the candidate of each example at its ``index``."""
    return jax.tree.map(lambda leaf: jax.vmap(lambda row, at: row[at])(leaf, index), candidates)


def _terms_of(family: Family, params: Params, examples: Example, chosen: Candidate, draws: Draws) -> Terms:
    """Return the terms of every example at its one chosen candidate."""
    at = partial(terms_at, family, params)
    return jax.vmap(at, (0, 0, 0, None))(examples, chosen, draws.noise, draws.pixels)
