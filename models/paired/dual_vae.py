"""Two VAEs, of images and of spectra, with one latent space: either is predicted from the other through it.

Each has an encoder and a decoder of its own, those of ``models.vaes``. The posterior given both measurements is the
product of the two over the prior, q(z|x, y) ∝ q(z|x) q(z|y) / p(z), which is exact where x and y are independent given
z (Wu & Goodman, arXiv 1802.05335). The bound is a mean over what may have been observed: image, spectrum, or both (a
mixture of products of experts: Sutter et al., arXiv 2105.02470). Each of the three posteriors explains BOTH
measurements, because an encoder must also learn what its own measurement says of the other.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ferro_jax import values
from models.data import Batch, Pair, admitted
from models.paired.checks import check_pair, one_pair
from models.paired.config import MODALITIES, DualVAEConfig
from models.parts.losses import scheduled
from models.types import Code, Model, Params, Pose, Posterior, Terms
from models.vaes.bound import Candidate, terms_at
from models.vaes.checks import check_batch
from models.vaes.examples import Example
from models.vaes.family import Family, family_of, init_params

GIVEN = ((1, 0), (0, 1), (1, 1))
"""The three sets of measurements (image, spectrum) that a posterior is given."""


class Dual(NamedTuple):
    """A dual VAE as its functions need it: the Config and the Family of each modality."""

    config: DualVAEConfig
    families: dict[str, Family]


class Observed(NamedTuple):
    """Examples as the bound needs them: float32, 0 where nothing was measured; labels, −1 without.

    ``observed`` is 1 where image or spectrum was measured and 0 where not.
    """

    pair: Pair
    label: jax.Array
    observed: Float[Array, "*batch 2"]


def dual_vae(config: DualVAEConfig) -> Model:
    """Make the model's pure functions, with a ``Pair`` as their batch.

    ``encode(params, pair) -> Code`` and ``decode(params, z, label=None) -> Pair`` take ONE example; a missing part of
    a pair is None, or 0 in ``observed``. ``loss`` is the mean per example in nats; its terms are those of the mean
    bound: ``image`` and ``spectrum``, −log p of each where it was observed, and ``kl``; ``cross_image``,
    ``cross_spectrum``: −log p of one given the other alone; ``rmse_image``, ``rmse_spectrum`` of those predictions.
    With one modality it is the loss of that VAE.
    """
    dual = Dual(config, {name: family_of(getattr(config, name)) for name in MODALITIES})

    def init(key: jax.Array) -> Params:
        keys = zip(MODALITIES, jax.random.split(key), strict=True)
        return {name: init_params(own_key, dual.families[name]) for name, own_key in keys}

    def loss(
        key: jax.Array, params: Params, batch: Pair, fraction: float | jax.Array = 1.0
    ) -> tuple[Float[Array, ""], Terms]:
        terms = _terms_of(key, dual, params, batch)
        weight = scheduled(config.kl_weight, fraction)
        return terms["negative_elbo"] + (weight - 1) * terms["kl"], terms

    def bound(key: jax.Array, params: Params, batch: Pair, search: bool = False) -> tuple[Float[Array, ""], Terms]:
        del search  # there are no bins or unknown classes to search
        terms = _terms_of(key, dual, params, batch)
        return terms["negative_elbo"], terms

    def encode(params: Params, pair: Pair) -> Code:
        batch = _prepare(config, jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], one_pair(pair)))
        example = jax.tree.map(lambda leaf: leaf[0], batch)
        posterior = combine(_posteriors(dual, params, example), example.observed)
        classes = config.image.classes
        probabilities = jax.nn.one_hot(example.label, classes, dtype=jnp.float32) if classes else None
        return Code(posterior.mean, posterior.std, probabilities=probabilities)

    def decode(params: Params, z: Float[Array, " latent"], *, label: Any = None) -> Pair:
        return _decode(dual, params, z, label)

    def check(pair: Pair) -> None:
        _check(dual, pair)

    return Model(init, loss, encode, decode, bound, check, config)


def impute(model: Model, params: Params, pair: Pair) -> Pair:
    """Return both measurements of ONE example as expected from those that were observed of it."""
    code = model.encode(params, pair)
    label = None if code.probabilities is None else jnp.argmax(code.probabilities)
    return model.decode(params, code.mean, label=label)


def combine(parts: list[Posterior], observed: Float[Array, " part"]) -> Posterior:
    """Return the posterior of ONE example given several measurements.

    It is the product of the measurements' own posteriors over the prior N(0, 1), and the posterior itself where one
    measurement alone was ``observed`` (1; else 0). The factor q(z|x)/p(z) of a measurement cannot have negative
    precision: a posterior wider than the prior adds nothing.
    """
    mean, std = (jnp.stack(leaves) for leaves in zip(*parts, strict=True))
    precision, share = 1 / std**2, observed[:, None]
    together = 1 + jnp.sum(share * jnp.maximum(precision - 1, 0), 0)
    centre = jnp.sum(share * precision * mean, 0) / together
    alone = jnp.sum(observed) < 1.5
    return Posterior(
        jnp.where(alone, jnp.sum(share * mean, 0), centre),
        jnp.where(alone, jnp.sum(share * std, 0), 1 / jnp.sqrt(together)),
    )


def _posteriors(dual: Dual, params: Params, example: Observed) -> list[Posterior]:
    """Return q(z | measurement) of each modality of ONE example; the prior for a modality that is None."""
    parts = []
    for name, family in dual.families.items():
        x = getattr(example.pair, name)
        if x is None:
            zeros = jnp.zeros(family.config.latent_dim, jnp.float32)
            parts.append(Posterior(zeros, zeros + 1))
            continue
        values = x.reshape(-1, family.config.depth)
        candidates = family.encoder.apply(params[name]["encoder"], values, example.label, None)
        parts.append(Posterior(candidates.mean[0, 0], candidates.std[0, 0]))
    return parts


class Subsets(NamedTuple):
    """The bounds of ONE example given image, spectrum and both: their terms [subset] and normalised weights."""

    terms: Terms
    weight: Float[Array, "*batch subset"]


def _subsets(dual: Dual, params: Params, example: Observed, noise: Float[Array, "subset latent"]) -> Subsets:
    """Return the bounds of ONE example given image, spectrum and both, at one draw of each posterior."""
    parts, observed = _posteriors(dual, params, example), example.observed
    given = jnp.stack([observed * jnp.asarray(part, jnp.float32) for part in GIVEN])
    weight = jnp.asarray([observed[0], observed[1], observed[0] * observed[1]])
    weight = weight * jnp.asarray(dual.config.weights, jnp.float32)
    # a single observed measurement whose weight is 0 counts in full
    weight = jnp.where(jnp.sum(weight) > 0, weight, given[:, 0] + given[:, 1])
    classes = jax.nn.one_hot(example.label, dual.config.image.classes, dtype=jnp.float32)

    def terms_given(given: jax.Array, noise: jax.Array) -> Terms:
        posterior = combine(parts, given)
        prior = Posterior(jnp.zeros_like(posterior.mean), jnp.ones_like(posterior.std))
        posterior = jax.tree.map(lambda leaf, none: jnp.where(jnp.sum(given) > 0, leaf, none), posterior, prior)
        candidate = Candidate(posterior.mean, posterior.std, jnp.zeros((), jnp.float32), classes)
        return _terms_at(dual, params, example, candidate, noise)

    return Subsets(jax.vmap(terms_given)(given, noise), weight / jnp.sum(weight))


def _terms_at(dual: Dual, params: Params, example: Observed, candidate: Candidate, noise: jax.Array) -> Terms:
    """Return −log p and squared error of every modality of ONE example at one code, and the code's ``kl``."""
    terms: Terms = {}
    for at, (name, family) in enumerate(dual.families.items()):
        x = getattr(example.pair, name)
        if x is None:
            continue
        values = Example(x.reshape(-1, family.config.depth), None, None)
        part = terms_at(family, params[name], values, candidate, noise)
        terms[name] = example.observed[at] * part["reconstruction"]
        terms[f"squares_{name}"] = example.observed[at] * part["squares"]
        terms["kl"] = part["kl"]
    return terms


def _terms_of(key: jax.Array, dual: Dual, params: Params, pair: Pair) -> Terms:
    """Return the terms of a batch, means per example."""
    batch = _prepare(dual.config, pair)
    observed = batch.observed
    rows, present = len(observed), [name for name in MODALITIES if getattr(batch.pair, name) is not None]
    # a single modality draws what its own VAE draws with the same key
    keys = [key] * 3 if len(present) == 1 else jax.random.split(key, 3)
    latents = dual.config.image.latent_dim
    noise = jnp.stack([jax.random.normal(each, (rows, latents), jnp.float32) for each in keys], 1)
    subsets = jax.vmap(partial(_subsets, dual, params))(batch, noise)
    total = {name: jnp.mean(jnp.sum(subsets.weight * subsets.terms[name], 1)) for name in (*present, "kl")}
    terms: Terms = total | {"negative_elbo": sum(total.values(), start=jnp.zeros((), jnp.float32))}
    if len(present) < 2:
        return terms
    pairs = jnp.maximum(jnp.sum(observed[:, 0] * observed[:, 1]), 1)
    for name, other in ((MODALITIES[0], 1), (MODALITIES[1], 0)):
        both = observed[:, 0] * observed[:, 1]
        terms[f"cross_{name}"] = jnp.sum(both * subsets.terms[name][:, other]) / pairs
        squares = jnp.sum(both * subsets.terms[f"squares_{name}"][:, other]) / pairs
        terms[f"rmse_{name}"] = jnp.sqrt(squares / getattr(batch.pair, name)[0].size)
    return terms


def _decode(dual: Dual, params: Params, z: Float[Array, " latent"], label: Any) -> Pair:
    """Return the expected image and spectrum at ONE code."""
    config, classes = dual.config, dual.config.image.classes
    z = values.array(z, "z")
    if z.shape != (config.image.latent_dim,):
        raise ValueError(f"decode: expected one code of {config.image.latent_dim} numbers, got {z.shape}; use jax.vmap")
    if classes and label is None:
        raise ValueError(f"this model is conditional on the class: give label=..., from 0 to {classes - 1}")
    latents = jnp.concatenate([z, jax.nn.one_hot(label, classes, dtype=jnp.float32)]) if classes else z
    parts = {}
    for name, family in dual.families.items():
        output = family.decoder.apply(params[name]["decoder"], latents, Pose())
        parts[name] = family.likelihood.mean(output).reshape(family.config.shape)
    return Pair(parts["image"], parts["spectrum"])


def _check(dual: Dual, pair: Pair) -> None:
    """Raise a ValueError for pairs that the model cannot be trained on."""
    check_pair(pair, dual.config.image.shape, dual.config.spectrum.shape)
    for at, (name, family) in enumerate(dual.families.items()):
        if getattr(pair, name) is None:
            continue
        x = np.asarray(getattr(pair, name))
        measured = np.ones(len(x), bool) if pair.observed is None else np.asarray(pair.observed)[:, at] > 0
        if measured.any():
            # Unmeasured rows may hold anything, NaN too: replace them by a measured row before the check.
            x = np.where(measured.reshape(-1, *(1,) * (x.ndim - 1)), x, x[[measured.argmax()]])
            check_batch(family, Batch(x, label=pair.label))


def _prepare(config: DualVAEConfig, pair: Pair) -> Observed:
    """Return a batch as the bound needs it. ValueError for other shapes, missing labels, and pairs of nothing."""
    pair = admitted(pair)
    parts = {name: getattr(pair, name) for name in MODALITIES}
    present = [part for part in parts.values() if part is not None]
    if not present:
        raise ValueError("a pair with neither image nor spectrum: give one of them or both")
    rows = present[0].shape[0]
    observed = jnp.ones((rows, 2), jnp.float32) if pair.observed is None else jnp.asarray(pair.observed, jnp.float32)
    observed *= jnp.asarray([[part is not None for part in parts.values()]], jnp.float32)
    filled = {}
    for at, (name, part) in enumerate(parts.items()):
        shape = getattr(config, name).shape
        if part is not None:
            if part.shape[1:] != shape:
                raise ValueError(
                    f"{name}: expected examples of shape {shape}, got {part.shape[1:]}; for another shape set "
                    f"{name}=VAEConfig(shape=...)"
                )
            measured = observed[:, at].reshape(rows, *(1 for _ in shape))
            part = jnp.where(measured > 0, jnp.asarray(part, jnp.float32), 0.0)
        filled[name] = part
    if config.image.classes and pair.label is None:
        raise ValueError("this model is conditional on the class: give its label")
    label = jnp.full(rows, -1, jnp.int32) if pair.label is None else jnp.asarray(pair.label, jnp.int32)
    return Observed(Pair(filled["image"], filled["spectrum"]), label, observed)
