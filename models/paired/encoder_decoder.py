"""From images to spectra or back through a narrow code: im2spec and spec2im (Kalinin et al., arXiv 2002.04257).

model = encoder_decoder(EncoderDecoderConfig(image=(16, 16), spectrum=(64,)))
params, history = jax.jit(lambda key: fit(key, model, Pair(images, spectra), FitConfig()))(key)
alone = jax.tree.map(lambda leaf: leaf[None], params)  # an ensemble of one
spectrum = predict(key, model, alone, image).mean
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ferro_jax import values
from models.data import Pair
from models.paired.checks import check_pair
from models.paired.config import EncoderDecoderConfig
from models.paired.networks import shrinking, spreading
from models.parts.likelihoods import LIKELIHOODS, Likelihood
from models.parts.losses import kl_normal, reparameterise, scheduled
from models.parts.networks import Network
from models.types import Code, Model, Params, Posterior, Terms
from models.vaes.checks import check_support
from models.vaes.encoder import LARGEST_STD, SMALLEST_STD


class Parts(NamedTuple):
    """An encoder–decoder as its functions need it."""

    config: EncoderDecoderConfig
    encoder: Network
    decoder: Network
    likelihood: Likelihood


def encoder_decoder(config: EncoderDecoderConfig) -> Model:
    """Make the model's pure functions, with a ``Pair`` as their batch.

    ``loss`` is the mean per example in nats of ``reconstruction``, −log p(target | code), and for a variational one of
    ``kl``, KL(q(code | source) ‖ N(0, 1)), weighted; ``rmse`` is reported. ``bound`` has all weights at 1: it bounds
    −log p(target | source). ``encode(params, source) -> Code`` (std 0 for a deterministic one) and ``decode(params, z)
    -> target`` take ONE example.
    """
    parts = _parts(config)

    def init(key: jax.Array) -> Params:
        to_encoder, to_decoder = jax.random.split(key)
        params = {"encoder": parts.encoder.init(to_encoder), "decoder": parts.decoder.init(to_decoder)}
        if parts.likelihood.learned_sigma:
            params["log_sigma"] = jnp.log(jnp.asarray(config.sigma, jnp.float32))
        return params

    def encode(params: Params, x: Float[Array, "*shape"]) -> Code:
        return _encode(parts, params, x)

    def decode(params: Params, z: Float[Array, " latent"]) -> Float[Array, "*shape"]:
        z = values.array(z, "z")
        if z.shape != (config.latent_dim,):
            raise ValueError(f"decode: expected one code of {config.latent_dim} numbers, got {z.shape}; use jax.vmap")
        return parts.likelihood.mean(_output(parts, params, z))

    def loss(
        key: jax.Array, params: Params, batch: Pair, fraction: float | jax.Array = 1.0
    ) -> tuple[Float[Array, ""], Terms]:
        terms = _terms_of(key, parts, params, batch)
        weighted = scheduled(config.kl_weight, fraction) * terms["kl"] if config.variational else 0.0
        return terms["reconstruction"] + weighted, terms

    def bound(key: jax.Array, params: Params, batch: Pair, search: bool = False) -> tuple[Float[Array, ""], Terms]:
        del search  # there are no bins or classes to search
        terms = _terms_of(key, parts, params, batch)
        return terms["negative_elbo"], terms

    def check(pair: Pair) -> None:
        _check(parts, pair)

    return Model(init, loss, encode, decode, bound, check, config)


def predict(key: jax.Array, model: Model, params: Params, x: Float[Array, "*shape"], *, samples: int = 1) -> Posterior:
    """Return mean and standard deviation of the target of ONE source, over ``samples`` codes of every member.

    ``params`` has a leading axis of members (an ensemble's; ``jax.tree.map(lambda leaf: leaf[None], params)`` for one
    model). ``samples=1`` decodes the code's mean: the spread is then between members alone, 0 for a single model;
    more samples add the spread of a variational model's code. ValueError for ``samples`` below one.
    """
    if samples < 1:
        raise ValueError(f"samples={samples}: give one or more")
    members = len(jax.tree.leaves(params)[0])

    def targets_of(key: jax.Array, member: Params) -> jax.Array:
        code = model.encode(member, x)
        if samples == 1:
            return model.decode(member, code.mean)[None]
        noise = jax.random.normal(key, (samples, len(code.mean)), jnp.float32)
        return jax.vmap(lambda noise: model.decode(member, code.mean + code.std * noise))(noise)

    targets = jax.vmap(targets_of)(jax.random.split(values.key(key), members), params)
    return Posterior(jnp.mean(targets, (0, 1)), jnp.std(targets, (0, 1)))


def _parts(config: EncoderDecoderConfig) -> Parts:
    """Make the networks and the likelihood that the Config asks for."""
    source, target = config.shapes
    outputs = config.latent_dim * (2 if config.variational else 1)
    sizes = (config.width, outputs) if config.width else (outputs,)
    return Parts(
        config=config,
        encoder=shrinking((*source, 1), config.channels, sizes, config.stride, config.activation),
        decoder=spreading(
            config.latent_dim,
            (*target, 1),
            config.decoder_channels,
            config.dilations,
            config.coarser,
            config.activation,
        ),
        likelihood=LIKELIHOODS[config.likelihood](config.sigma),
    )


def _encode(parts: Parts, params: Params, x: Float[Array, "*shape"]) -> Code:
    """Return the code of ONE source; its standard deviation is 0 for a deterministic model."""
    source, _ = parts.config.shapes
    x = values.array(x, "x", dtype=jnp.float32, finite=True)
    if x.shape != source:
        raise ValueError(f"encode: expected one example of shape {source}, got {x.shape}; for several use jax.vmap")
    code = parts.encoder.apply(params["encoder"], x[..., None])
    if not parts.config.variational:
        return Code(code, jnp.zeros_like(code))
    mean, raw = jnp.split(code, 2)
    top = jnp.log(jnp.asarray(LARGEST_STD, jnp.float32))
    return Code(mean, SMALLEST_STD + jnp.exp(top - jax.nn.softplus(top - raw)))


def _output(parts: Parts, params: Params, z: Float[Array, " latent"]) -> jax.Array:
    """Return what the likelihood takes, before its mean, in the shape of the target."""
    return parts.decoder.apply(params["decoder"], z)[..., 0]


class Errors(NamedTuple):
    """−log p(target | code) and KL of the code in nats, and the squared error summed over the target."""

    surprise: Float[Array, "*batch"]
    divergence: Float[Array, "*batch"]
    squares: Float[Array, "*batch"]


def _errors(key: jax.Array, parts: Parts, params: Params, x: jax.Array, y: jax.Array) -> Errors:
    """Return the errors of ONE example, with one draw of the code for a variational model."""
    variational, likelihood = parts.config.variational, parts.likelihood
    code = Posterior(*_encode(parts, params, x)[:2])
    z = reparameterise(key, code) if variational else code.mean
    output = _output(parts, params, z)
    divergence = kl_normal(code) if variational else jnp.zeros((), jnp.float32)
    surprise = -likelihood.log_prob(output, y, None, params.get("log_sigma"))
    return Errors(surprise, divergence, jnp.sum((likelihood.mean(output) - y) ** 2))


def _terms_of(key: jax.Array, parts: Parts, params: Params, batch: Pair) -> Terms:
    """Return the terms of a batch, means per example."""
    given, wanted = _given_and_wanted(parts.config, batch)
    keys = jax.random.split(key, len(given))
    errors = jax.vmap(lambda key, x, y: _errors(key, parts, params, x, y))(keys, given, wanted)
    terms = {"reconstruction": jnp.mean(errors.surprise)}
    if parts.config.variational:
        terms["kl"] = jnp.mean(errors.divergence)
    return terms | {"negative_elbo": sum(terms.values()), "rmse": jnp.sqrt(jnp.sum(errors.squares) / wanted.size)}


def _check(parts: Parts, pair: Pair) -> None:
    """Raise a ValueError for pairs that the model cannot be trained on."""
    config = parts.config
    check_pair(pair, config.image, config.spectrum, both=True)
    if pair.observed is not None and not np.all(np.asarray(pair.observed) > 0):
        raise ValueError("an encoder-decoder learns from pairs: leave out the rows of which a part was not observed")
    wanted = np.asarray(pair.spectrum if config.direction == "image_to_spectrum" else pair.image)
    check_support(wanted, np.ones(wanted.shape, bool), parts.likelihood.support)


def _given_and_wanted(config: EncoderDecoderConfig, batch: Pair) -> tuple[jax.Array, jax.Array]:
    """Return the measurement that is given and the one that is predicted, float32."""
    if batch.image is None or batch.spectrum is None:
        raise ValueError("an encoder-decoder is trained on pairs: give image and spectrum of every example")
    image = values.array(batch.image, "image", dtype=jnp.float32)
    spectrum = values.array(batch.spectrum, "spectrum", dtype=jnp.float32)
    return (image, spectrum) if config.direction == "image_to_spectrum" else (spectrum, image)
