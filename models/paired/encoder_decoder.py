"""From images to spectra or back through a narrow code: im2spec and spec2im (Kalinin et al., arXiv 2002.04257).

>>> model = encoder_decoder(EncoderDecoderConfig(image=(16, 16), spectrum=(64,)))
>>> params, history = jax.jit(lambda key: fit(key, model, Pair(images, spectra), FitConfig()))(key)
>>> alone = jax.tree.map(lambda leaf: leaf[None], params)  # an ensemble of one
>>> spectrum = predict(key, model, alone, image).mean
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from models.data import Pair
from models.paired.checks import check_pair
from models.paired.networks import shrinking, spreading
from models.parts.likelihoods import LIKELIHOODS
from models.parts.losses import Schedule, check_schedule, kl_normal, reparameterise, scheduled
from models.parts.networks import ACTIVATIONS, check_choice
from models.types import Code, Model, Params, Posterior, Terms
from models.vaes.checks import check_support
from models.vaes.encoder import LARGEST_STD, SMALLEST_STD

DIRECTIONS = ("image_to_spectrum", "spectrum_to_image")


@dataclass(frozen=True)
class EncoderDecoderConfig:
    """Shapes of one example, ``image`` (ny, nx) and ``spectrum`` (n,), and which is predicted from which.

    **Encoder**: convolutions of width 3 and ``stride`` with ``channels`` outputs, a layer of ``width`` units (0: none),
    ``latent_dim`` numbers. **Decoder**: ``decoder_channels`` on a grid ``coarser`` times as coarse, repeated, then one
    convolution for each of ``dilations``.

    ``variational``: the code is a Gaussian with a standard normal prior, KL weighted by ``kl_weight``; else a number.
    ``likelihood`` is a name of models.parts.likelihoods, ``sigma`` a Gaussian's standard deviation in the target's units.
    """

    image: tuple[int, int] = (16, 16)
    spectrum: tuple[int] = (64,)
    direction: str = "image_to_spectrum"
    channels: tuple[int, ...] = (16, 32)
    stride: int = 2
    width: int = 128
    latent_dim: int = 10
    decoder_channels: int = 16
    coarser: int = 4
    dilations: tuple[int, ...] = (1, 2, 3, 4)
    activation: str = "silu"
    variational: bool = False
    kl_weight: Schedule = 1.0
    likelihood: str = "gaussian"
    sigma: float = 0.1

    def __post_init__(self):
        check_choice("direction", self.direction, DIRECTIONS)
        check_choice("activation", self.activation, ACTIVATIONS)
        check_choice("likelihood", self.likelihood, LIKELIHOODS)
        check_schedule("kl_weight", self.kl_weight)
        if len(self.image) != 2 or len(self.spectrum) != 1 or min(*self.image, *self.spectrum) < 2:
            raise ValueError(
                f"image={self.image}, spectrum={self.spectrum}: give (ny, nx) and (n,), two points or more along each"
            )
        sizes = {"channels": self.channels, "dilations": self.dilations, "stride": (self.stride,),
                 "latent_dim": (self.latent_dim,), "decoder_channels": (self.decoder_channels,),
                 "coarser": (self.coarser,)}  # fmt: skip
        for name, values in sizes.items():
            if any(value < 1 for value in values):
                raise ValueError(f"{name}={values}: every number must be one or more")
        if self.width < 0 or not self.sigma > 0:
            raise ValueError(f"width={self.width}, sigma={self.sigma}: zero or more units, a sigma above 0")

    @property
    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Of what is given and of what is predicted."""
        forward = self.direction == "image_to_spectrum"
        return (self.image, self.spectrum) if forward else (self.spectrum, self.image)


def encoder_decoder(config: EncoderDecoderConfig) -> Model:
    """The model's pure functions, with a ``Pair`` as their batch.

    ``loss`` is the mean per example in nats of ``reconstruction``, −log p(target | code), and for a variational one of
    ``kl``, KL(q(code | source) ‖ N(0, 1)), weighted; ``rmse`` is reported. ``bound`` has all weights at 1: it bounds
    −log p(target | source). ``encode(params, source) -> Code`` (std 0 for a deterministic one) and ``decode(params, z)
    -> target`` take ONE example.
    """
    source, target = config.shapes
    outputs = config.latent_dim * (2 if config.variational else 1)
    sizes = (config.width, outputs) if config.width else (outputs,)
    encoder = shrinking((*source, 1), config.channels, sizes, config.stride, config.activation)
    decoder = spreading(config.latent_dim, (*target, 1), config.decoder_channels, config.dilations, config.coarser,
                        config.activation)  # fmt: skip
    likelihood = LIKELIHOODS[config.likelihood](config.sigma)

    def init(key: jax.Array) -> Params:
        to_encoder, to_decoder = jax.random.split(key)
        params = {"encoder": encoder.init(to_encoder), "decoder": decoder.init(to_decoder)}
        if likelihood.learned_sigma:
            params["log_sigma"] = jnp.log(jnp.asarray(config.sigma, jnp.float32))
        return params

    def encode(params: Params, x: Float[Array, "*shape"]) -> Code:
        if x.shape != source:
            raise ValueError(f"encode: expected one example of shape {source}, got {x.shape}; for several use jax.vmap")
        code = encoder.apply(params["encoder"], jnp.asarray(x, jnp.float32)[..., None])
        if not config.variational:
            return Code(code, jnp.zeros_like(code))
        mean, raw = jnp.split(code, 2)
        top = jnp.log(jnp.asarray(LARGEST_STD, jnp.float32))
        return Code(mean, SMALLEST_STD + jnp.exp(top - jax.nn.softplus(top - raw)))

    def output(params: Params, z: Float[Array, " latent"]) -> jax.Array:
        return decoder.apply(params["decoder"], z)[..., 0]

    def decode(params: Params, z: Float[Array, " latent"]) -> Float[Array, "*shape"]:
        if z.shape != (config.latent_dim,):
            raise ValueError(f"decode: expected one code of {config.latent_dim} numbers, got {z.shape}; use jax.vmap")
        return likelihood.mean(output(params, z))

    def terms_of(key: jax.Array, params: Params, batch: Pair) -> Terms:
        given, wanted = _parts(config, batch)

        def one(key: jax.Array, x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
            code = Posterior(*encode(params, x)[:2])
            z = reparameterise(key, code) if config.variational else code.mean
            found = output(params, z)
            divergence = kl_normal(code) if config.variational else jnp.zeros((), jnp.float32)
            surprise = -likelihood.log_prob(found, y, None, params.get("log_sigma"))
            return surprise, divergence, jnp.sum((likelihood.mean(found) - y) ** 2)

        keys = jax.random.split(key, len(given))
        surprise, divergence, squares = jax.vmap(one)(keys, given, wanted)
        terms = {"reconstruction": jnp.mean(surprise)}
        if config.variational:
            terms["kl"] = jnp.mean(divergence)
        return terms | {"negative_elbo": sum(terms.values()), "rmse": jnp.sqrt(jnp.sum(squares) / wanted.size)}

    def loss(
        key: jax.Array, params: Params, batch: Pair, fraction: float | jax.Array = 1.0
    ) -> tuple[Float[Array, ""], Terms]:
        terms = terms_of(key, params, batch)
        weighted = scheduled(config.kl_weight, fraction) * terms["kl"] if config.variational else 0.0
        return terms["reconstruction"] + weighted, terms

    def bound(key: jax.Array, params: Params, batch: Pair, search: bool = False) -> tuple[Float[Array, ""], Terms]:
        del search  # nothing to search for
        terms = terms_of(key, params, batch)
        return terms["negative_elbo"], terms

    def check(pair: Pair) -> None:
        check_pair(pair, config.image, config.spectrum, both=True)
        if pair.seen is not None and not np.all(np.asarray(pair.seen) > 0):
            raise ValueError("an encoder-decoder learns from pairs: leave out the rows of which a part was not seen")
        wanted = np.asarray(pair.spectrum if config.direction == "image_to_spectrum" else pair.image)
        check_support(wanted, np.ones(wanted.shape, bool), likelihood.support)

    return Model(init, loss, encode, decode, bound, check, config)


def _parts(config: EncoderDecoderConfig, batch: Pair) -> tuple[jax.Array, jax.Array]:
    """What is given and what is wanted, float32."""
    if batch.image is None or batch.spectrum is None:
        raise ValueError("an encoder-decoder is trained on pairs: give image and spectrum of every example")
    image, spectrum = jnp.asarray(batch.image, jnp.float32), jnp.asarray(batch.spectrum, jnp.float32)
    return (image, spectrum) if config.direction == "image_to_spectrum" else (spectrum, image)


def predict(key: jax.Array, model: Model, params: Any, x: Float[Array, "*shape"], *, samples: int = 1) -> Posterior:
    """Mean and standard deviation of the target of ONE source, over ``samples`` codes of every member.

    ``params`` has a leading axis of members (an ensemble's; ``jax.tree.map(lambda leaf: leaf[None], params)`` for one
    model). ``samples=1`` decodes the code's mean: the spread is then between members alone, 0 for a single model;
    more samples add the spread of a variational model's code.
    """
    if samples < 1:
        raise ValueError(f"samples={samples}: give one or more")
    members = len(jax.tree.leaves(params)[0])

    def one(key: jax.Array, member: Params) -> jax.Array:
        code = model.encode(member, x)
        if samples == 1:
            return model.decode(member, code.mean)[None]
        noise = jax.random.normal(key, (samples, len(code.mean)), jnp.float32)
        return jax.vmap(lambda noise: model.decode(member, code.mean + code.std * noise))(noise)

    every = jax.vmap(one)(jax.random.split(key, members), params)
    return Posterior(jnp.mean(every, (0, 1)), jnp.std(every, (0, 1)))
