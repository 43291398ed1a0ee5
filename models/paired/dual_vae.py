"""Two VAEs, of images and of spectra, with one latent space: either is predicted from the other through it.

Each has an encoder and a decoder of its own, those of ``models.vaes.model``. The posterior given both is the product of the
two over the prior, q(z|x, y) ∝ q(z|x) q(z|y) / p(z), which is exact where x and y are independent given z (Wu &
Goodman, arXiv 1802.05335). The bound is a mean over what may have been seen: image, spectrum, or both (a
mixture of products of experts: Sutter et al., arXiv 2105.02470). Each of the three explains BOTH measurements, so that
what an encoder says of its own modality must also do for the other.
"""

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from models.data import Batch, Pair
from models.paired.checks import check_pair
from models.parts.likelihoods import LIKELIHOODS
from models.parts.losses import Schedule, check_schedule, scheduled
from models.types import Code, Model, Params, Pose, Posterior, Terms
from models.vaes.checks import check_batch
from models.vaes.config import VAEConfig
from models.vaes.decoder import Candidate, Example, decoder, terms_at
from models.vaes.encoder import encoder

MODALITIES = ("image", "spectrum")


@dataclass(frozen=True)
class DualVAEConfig:
    """``image`` and ``spectrum``: VAEConfigs of the same ``latent_dim``, without pose or factors; both with ``classes``
    and class_mode "conditional", or neither. Their own weights of the KL are not used, but ``kl_weight`` is.

    ``weights`` of the bounds given image alone, spectrum alone, and both; they are normalised.
    """

    image: VAEConfig = field(default_factory=lambda: VAEConfig(shape=(32, 32), latent_dim=8))
    spectrum: VAEConfig = field(default_factory=lambda: VAEConfig(shape=(301,), latent_dim=8))
    weights: tuple[float, float, float] = (1.0, 1.0, 1.0)
    kl_weight: Schedule = 1.0

    def __post_init__(self):
        check_schedule("kl_weight", self.kl_weight)
        parts = {name: getattr(self, name) for name in MODALITIES}
        for name, part in parts.items():
            if part.pose or part.factors or part.class_mode not in ("none", "conditional"):
                raise ValueError(
                    f"{name}: pose={part.pose}, factors={part.factors}, class_mode={part.class_mode!r}; a dual VAE has "
                    "neither pose nor factors, and its classes are known ('conditional') or none"
                )
        for what in ("latent_dim", "classes"):
            if getattr(self.image, what) != getattr(self.spectrum, what):
                raise ValueError(
                    f"{what}={getattr(self.image, what)} of the image, {getattr(self.spectrum, what)} of the spectrum: "
                    "they share one latent space, so give the same"
                )
        if len(self.weights) != 3 or min(self.weights) < 0 or not max(self.weights) > 0:
            raise ValueError(f"weights={self.weights}: give three numbers of zero or more (image, spectrum, both)")


def combine(parts: list[Posterior], seen: Float[Array, " part"]) -> Posterior:
    """The posterior given several measurements: the product of theirs over the prior N(0, 1), left as it is where one
    alone was seen.

    The measurement's own factor q(z|x)/p(z) cannot have negative precision: a posterior wider than the prior tells
    nothing.
    """
    mean, std = (jnp.stack(leaves) for leaves in zip(*parts, strict=True))
    precision, own = 1 / std**2, seen[:, None]
    together = 1 + jnp.sum(own * jnp.maximum(precision - 1, 0), 0)
    centre = jnp.sum(own * precision * mean, 0) / together
    alone = jnp.sum(seen) < 1.5
    return Posterior(
        jnp.where(alone, jnp.sum(own * mean, 0), centre),
        jnp.where(alone, jnp.sum(own * std, 0), 1 / jnp.sqrt(together)),
    )


def dual_vae(config: DualVAEConfig) -> Model:
    """The model's pure functions, with a ``Pair`` as their batch.

    ``encode(params, pair) -> Code`` and ``decode(params, z, label=None) -> Pair`` take ONE example; a pair's missing
    part is None, or not ``seen``. ``loss`` is the mean per example in nats; its terms are those of the mean bound:
    ``image`` and ``spectrum``, −log p of each where it was seen, and ``kl``; ``cross_image``, ``cross_spectrum``:
    −log p of one given the other alone; ``rmse_image``, ``rmse_spectrum`` of those predictions. With one
    modality it is that VAE's own loss.
    """
    configs = {name: getattr(config, name) for name in MODALITIES}
    networks = {name: encoder(part) for name, part in configs.items()}
    pictures = {name: decoder(part) for name, part in configs.items()}
    likelihoods = {name: LIKELIHOODS[part.likelihood](part.sigma) for name, part in configs.items()}
    classes = config.image.classes

    def init(key: jax.Array) -> Params:
        params = {}
        for name, one in zip(MODALITIES, jax.random.split(key), strict=True):
            to_encoder, to_decoder = jax.random.split(one)
            params[name] = {"encoder": networks[name].init(to_encoder), "decoder": pictures[name].init(to_decoder)}
            if likelihoods[name].learned_sigma:
                params[name]["log_sigma"] = jnp.log(jnp.asarray(configs[name].sigma, jnp.float32))
        return params

    def posteriors(params: Params, one: Pair, label: jax.Array) -> list[Posterior]:
        """Of each modality of ONE example; the prior where it is not there at all."""
        found = []
        for name in MODALITIES:
            x, part = getattr(one, name), configs[name]
            if x is None:
                latents = jnp.zeros(part.latent_dim, jnp.float32)
                found.append(Posterior(latents, latents + 1))
                continue
            candidates = networks[name].apply(params[name]["encoder"], x.reshape(-1, part.depth), label, None)
            found.append(Posterior(candidates.mean[0, 0], candidates.std[0, 0]))
        return found

    def one_bound(params: Params, one: Pair, label: jax.Array, seen: jax.Array, noise: jax.Array) -> tuple:
        """Terms [subset] of ONE example under the posteriors given image, spectrum, both; and the subsets' weights."""
        each = posteriors(params, one, label)
        given = jnp.stack([seen * jnp.asarray(part, jnp.float32) for part in ((1, 0), (0, 1), (1, 1))])
        known = jnp.asarray([seen[0], seen[1], seen[0] * seen[1]]) * jnp.asarray(config.weights, jnp.float32)
        known = jnp.where(jnp.sum(known) > 0, known, given[:, 0] + given[:, 1])  # one seen, and no weight for it
        vector = jax.nn.one_hot(label, classes, dtype=jnp.float32)

        def under(given: jax.Array, noise: jax.Array) -> Terms:
            q = combine(each, given)
            q = jax.tree.map(lambda leaf, none: jnp.where(jnp.sum(given) > 0, leaf, none), q,
                             Posterior(jnp.zeros_like(q.mean), jnp.ones_like(q.std)))  # fmt: skip
            candidate, terms = Candidate(q.mean, q.std, jnp.zeros((), jnp.float32), vector), {}
            for at, name in enumerate(MODALITIES):
                x = getattr(one, name)
                if x is None:
                    continue
                example = Example(x.reshape(-1, configs[name].depth), None, None)
                found = terms_at(configs[name], pictures[name], params[name], example, candidate, noise)
                terms |= {name: seen[at] * found["reconstruction"], f"squares_{name}": seen[at] * found["squares"],
                          "kl": found["kl"]}  # fmt: skip
            return terms

        return jax.vmap(under)(given, noise), known / jnp.sum(known)

    def terms_of(key: jax.Array, params: Params, batch: Pair) -> Terms:
        batch, label, seen = _prepare(config, batch)
        rows, present = len(seen), [name for name in MODALITIES if getattr(batch, name) is not None]
        # a single modality draws what its own VAE draws with the same key
        keys = [key] * 3 if len(present) == 1 else jax.random.split(key, 3)
        noise = jnp.stack([jax.random.normal(k, (rows, config.image.latent_dim), jnp.float32) for k in keys], 1)
        each, weight = jax.vmap(one_bound, (None, 0, 0, 0, 0))(params, batch, label, seen, noise)
        total = {name: jnp.mean(jnp.sum(weight * each[name], 1)) for name in (*present, "kl")}
        terms: Terms = total | {"negative_elbo": sum(total.values(), start=jnp.zeros((), jnp.float32))}
        pairs = jnp.maximum(jnp.sum(seen[:, 0] * seen[:, 1]), 1)
        for name, other in ((MODALITIES[0], 1), (MODALITIES[1], 0)) if len(present) == 2 else ():
            both = seen[:, 0] * seen[:, 1]
            terms[f"cross_{name}"] = jnp.sum(both * each[name][:, other]) / pairs
            squares = jnp.sum(both * each[f"squares_{name}"][:, other]) / pairs
            terms[f"rmse_{name}"] = jnp.sqrt(squares / getattr(batch, name)[0].size)
        return terms

    def loss(
        key: jax.Array, params: Params, batch: Pair, fraction: float | jax.Array = 1.0
    ) -> tuple[Float[Array, ""], Terms]:
        terms = terms_of(key, params, batch)
        weight = scheduled(config.kl_weight, fraction)
        return terms["negative_elbo"] + (weight - 1) * terms["kl"], terms

    def bound(key: jax.Array, params: Params, batch: Pair, search: bool = False) -> tuple[Float[Array, ""], Terms]:
        del search  # nothing to search for
        terms = terms_of(key, params, batch)
        return terms["negative_elbo"], terms

    def encode(params: Params, pair: Pair) -> Code:
        one, label, seen = _prepare(config, jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], pair))
        one, label, seen = jax.tree.map(lambda leaf: leaf[0], (one, label, seen))
        q = combine(posteriors(params, one, label), seen)
        probabilities = jax.nn.one_hot(label, classes, dtype=jnp.float32) if classes else None
        return Code(q.mean, q.std, probabilities=probabilities)

    def decode(params: Params, z: Float[Array, " latent"], *, label: Any = None) -> Pair:
        if z.shape != (config.image.latent_dim,):
            raise ValueError(
                f"decode: expected one code of {config.image.latent_dim} numbers, got {z.shape}; use jax.vmap"
            )
        if classes and label is None:
            raise ValueError(f"this model is conditional on the class: give label=..., from 0 to {classes - 1}")
        latents = jnp.concatenate([z, jax.nn.one_hot(label, classes, dtype=jnp.float32)]) if classes else z
        parts = {}
        for name, part in configs.items():
            output = pictures[name].apply(params[name]["decoder"], latents, Pose())
            parts[name] = likelihoods[name].mean(output).reshape(part.shape)
        return Pair(parts["image"], parts["spectrum"])

    def check(pair: Pair) -> None:
        check_pair(pair, config.image.shape, config.spectrum.shape)
        for at, (name, part) in enumerate(configs.items()):
            if getattr(pair, name) is None:
                continue
            x = np.asarray(getattr(pair, name))
            own = np.ones(len(x), bool) if pair.seen is None else np.asarray(pair.seen)[:, at] > 0
            if own.any():  # what was not seen may be anything: a row that was stands in for it
                x = np.where(own.reshape(-1, *(1,) * (x.ndim - 1)), x, x[[own.argmax()]])
                check_batch(part, Batch(x, label=pair.label))

    return Model(init, loss, encode, decode, bound, check, config)


def impute(model: Model, params: Params, pair: Pair) -> Pair:
    """Both measurements of ONE example as expected from what was seen of it."""
    code = model.encode(params, pair)
    label = None if code.probabilities is None else jnp.argmax(code.probabilities)
    return model.decode(params, code.mean, label=label)


def _prepare(config: DualVAEConfig, batch: Pair) -> tuple[Pair, jax.Array, jax.Array]:
    """Measurements as float32 with zeros where they were not seen; labels, −1 without; what was seen, 0 or 1."""
    present = [getattr(batch, name) for name in MODALITIES]
    there = [values for values in present if values is not None]
    if not there:
        raise ValueError("a pair with neither image nor spectrum: give one of them or both")
    rows = there[0].shape[0]
    seen = jnp.ones((rows, 2), jnp.float32) if batch.seen is None else jnp.asarray(batch.seen, jnp.float32)
    seen *= jnp.asarray([[values is not None for values in present]], jnp.float32)
    filled = []
    for at, (name, values) in enumerate(zip(MODALITIES, present, strict=True)):
        shape = getattr(config, name).shape
        if values is not None:
            if values.shape[1:] != shape:
                raise ValueError(
                    f"{name}: expected examples of shape {shape}, got {values.shape[1:]}; for another shape set "
                    f"{name}=VAEConfig(shape=...)"
                )
            own = seen[:, at].reshape(rows, *(1 for _ in shape))
            values = jnp.where(own > 0, jnp.asarray(values, jnp.float32), 0.0)
        filled.append(values)
    if config.image.classes and batch.label is None:
        raise ValueError("this model is conditional on the class: give its label")
    label = jnp.full(rows, -1, jnp.int32) if batch.label is None else jnp.asarray(batch.label, jnp.int32)
    return Pair(filled[0], filled[1]), label, seen
