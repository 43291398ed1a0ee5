"""The variational autoencoder of vectors: Kingma & Welling, arXiv 1312.6114, with one sample of the
posterior.

    >>> model = vae(VAEConfig())
    >>> params, history = jax.jit(lambda key: fit(key, model, curves, FitConfig()))(key)
    >>> posterior = jax.vmap(model.encode, (None, 0))(params, curves)
"""

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from models.likelihoods import LIKELIHOODS
from models.losses import kl_normal, reparameterise, warm_up, weighted
from models.networks import ACTIVATIONS, check_choice, mlp
from models.types import Batch, Code, Model, Params, Posterior, Terms

SMALLEST_STD, LARGEST_STD = 1e-6, 7.5
"""Soft bounds of the posterior's standard deviation, far outside what any fit ends with. Without them one outlying
example can make exp(...) overflow, or log std infinite, and its gradient then spoils every weight."""


@dataclass(frozen=True)
class VAEConfig:
    """The shape and the bound of a VAE; the defaults are the trajectories' model of arXiv 2206.12435.

    ``hidden`` are the encoder's layers, mirrored in the decoder. ``sigma`` is the likelihood's fixed
    standard deviation in the data's units. ``kl_weight`` multiplies the KL term (1 is the evidence lower
    bound), reached linearly over the first ``kl_warmup`` of the training.
    """

    input_dim: int = 900
    hidden: tuple[int, ...] = (128, 128)
    latent_dim: int = 2
    activation: str = "tanh"
    likelihood: str = "gaussian"
    sigma: float = 0.1
    kl_weight: float = 1.0
    kl_warmup: float = 0.0

    def __post_init__(self):
        check_choice("activation", self.activation, ACTIVATIONS)
        check_choice("likelihood", self.likelihood, LIKELIHOODS)
        sizes = {"input_dim": (self.input_dim,), "hidden": self.hidden, "latent_dim": (self.latent_dim,)}
        for name, values in sizes.items():
            if any(value < 1 for value in values):
                raise ValueError(f"{name}={values}: every layer needs a size of one or more.")
        if not self.sigma > 0:
            raise ValueError(f"sigma={self.sigma}: the likelihood's standard deviation must be positive.")
        if self.kl_weight < 0 or not 0 <= self.kl_warmup <= 1:
            raise ValueError(
                f"kl_weight={self.kl_weight}, kl_warmup={self.kl_warmup}: give a weight of zero or more and "
                "a warm-up that is a share of the training, between 0 and 1."
            )


def vae(config: VAEConfig) -> Model:
    """The model's pure functions. ``loss`` is the mean −ELBO per example in nats, with the terms

    - ``reconstruction``: −E_q log p(x|z), one sample of z per example;
    - ``kl``: KL(q(z|x) ‖ N(0, 1));
    - ``rmse``: root mean square of x − E[x|z] at that sample (over all features of the batch).
    """
    likelihood = LIKELIHOODS[config.likelihood](config.sigma)
    encoder = mlp((config.input_dim, *config.hidden, 2 * config.latent_dim), config.activation)
    decoder = mlp((config.latent_dim, *config.hidden[::-1], config.input_dim), config.activation)

    def init(key: jax.Array) -> Params:
        to_encoder, to_decoder = jax.random.split(key)
        return {"encoder": encoder.init(to_encoder), "decoder": decoder.init(to_decoder)}

    def encode(params: Params, x: Float[Array, " features"]) -> Code:
        _check_features("encode", "input_dim", x, config.input_dim)
        mean, raw = jnp.split(encoder.apply(params["encoder"], x), 2)
        top = math.log(LARGEST_STD)
        return Code(mean, SMALLEST_STD + jnp.exp(top - jax.nn.softplus(top - raw)))

    def decode(params: Params, z: Float[Array, " latent"]) -> Float[Array, " features"]:
        _check_features("decode", "latent_dim", z, config.latent_dim)
        return likelihood.mean(decoder.apply(params["decoder"], z))

    def loss(
        key: jax.Array,
        params: Params,
        batch: Batch | Float[Array, "batch features"],
        fraction: float | jax.Array = 1.0,
    ) -> tuple[Float[Array, ""], Terms]:
        batch = jnp.asarray(batch.x if isinstance(batch, Batch) else batch, jnp.float32)
        posterior = jax.vmap(encode, (None, 0))(params, batch)
        output = decoder.apply(params["decoder"], reparameterise(key, Posterior(posterior.mean, posterior.std)))
        terms = {
            "reconstruction": -jnp.mean(jax.vmap(likelihood.log_prob)(output, batch)),
            "kl": jnp.mean(jax.vmap(kl_normal)(Posterior(posterior.mean, posterior.std))),
            "rmse": jnp.sqrt(jnp.mean((likelihood.mean(output) - batch) ** 2)),
        }
        weights = {"reconstruction": 1.0, "kl": config.kl_weight * warm_up(fraction, config.kl_warmup)}
        return weighted(terms, weights), terms

    def bound(key: jax.Array, params: Params, batch: Any, search: bool = False) -> tuple[Float[Array, ""], Terms]:
        _, terms = loss(key, params, batch)
        return terms["reconstruction"] + terms["kl"], terms

    return Model(init, loss, encode, decode, bound)


def _check_features(function: str, name: str, x: jax.Array, expected: int) -> None:
    if x.shape != (expected,):
        raise ValueError(
            f"{function}: expected one example of shape ({expected},), got {x.shape}. For several use "
            f"jax.vmap({function}, (None, 0)); for another length set {name}={x.shape[-1] if x.ndim else 1}."
        )
