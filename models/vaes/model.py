"""Variational autoencoders of vectors, signals and images, one family by configuration.

Kingma & Welling, arXiv 1312.6114; poses through a function of the spatial coordinate: Bepler et al., arXiv 1909.11663;
classes: Kingma et al., arXiv 1406.5298 (semi-supervised) and Dupont, arXiv 1804.00104 (joint).

    model = vae(VAEConfig())
    params, history = jax.jit(lambda key: fit(key, model, curves, FitConfig()))(key)
    code = jax.vmap(model.encode, (None, 0))(params, curves)

A batch passes examples.py (its form), encoder.py, inference.py (which angle bin and class), bound.py (the bound of one
example there, with decoder.py) and objective.py (bound and loss of the batch). family.py holds what the Config decides.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from models.data import Batch
from models.types import Code, Model, Params, Pose, Terms
from models.vaes.checks import check_batch
from models.vaes.coding import decode_one, encode_one
from models.vaes.config import VAEConfig
from models.vaes.examples import as_batch
from models.vaes.family import family_of, init_params
from models.vaes.inference import encode_batch
from models.vaes.objective import bound_of, loss_of

NOWHERE = Pose()


def vae(config: VAEConfig) -> Model:
    """Make the model's pure functions. ``loss`` is the mean per example, in nats, of the weighted terms

    - ``reconstruction``: −E_q log p(x|z), one sample of z per example;
    - ``kl``: KL(q(z|x) ‖ N(0, 1)) of the content; ``kl_angle``, ``kl_shift``, ``kl_scale``, ``kl_shear`` of the pose;
      ``kl_class``: KL(q(class|x) ‖ p(class)), −ln p(class) where the class is known; ``kl_factor`` of inferred factors;
    - ``known``: −log q(known labels and factors, guessed classes | x); ``guide``: cross-entropy of the searched bins
      and classes to the encoder's; ``balance``: KL(mean q(class|x) of the batch ‖ uniform);

    and reports ``negative_elbo``, the sum of the first two groups at weight 1, ``rmse``, root mean square of x − E[x|z]
    at that sample (over all values of the batch), ``rmse_of_mean``, that of x less the batch's mean example, and
    ``classes_unused``, the number of classes with less than half a per cent of q(class|x) in the batch. The prior of
    the classes is uniform unless ``class_prior`` is "learned".
    """
    family = family_of(config)

    def init(key: jax.Array) -> Params:
        return init_params(key, family)

    def encode(
        params: Params,
        x: Float[Array, "*shape"],
        *,
        mask: Array | None = None,
        label: Any = None,
        factor: Array | None = None,
        search: bool = False,
    ) -> Code:
        return encode_one(family, params, Batch(x, mask, label, factor), search)

    def decode(
        params: Params,
        z: Float[Array, " latent"],
        *,
        pose: Pose = NOWHERE,
        label: Any = None,
        factor: Array | None = None,
    ) -> Float[Array, "*shape"]:
        return decode_one(family, params, z, pose, label, factor)

    def loss(
        key: jax.Array, params: Params, batch: Batch | Array, fraction: float | jax.Array = 1.0
    ) -> tuple[Float[Array, ""], Terms]:
        return loss_of(key, family, params, encode_batch(family, params, as_batch(batch)), fraction)

    def bound(
        key: jax.Array, params: Params, batch: Batch | Array, search: bool = False
    ) -> tuple[Float[Array, ""], Terms]:
        encoded = encode_batch(family, params, as_batch(batch)._replace(guess=None))
        terms = bound_of(key, family, params, encoded, search)
        return terms["negative_elbo"], terms

    def check(batch: Batch | Array) -> None:
        check_batch(family, as_batch(batch))

    return Model(init, loss, encode, decode, bound, check, config)


def reconstruct(
    model: Model,
    params: Params,
    x: Float[Array, "*shape"],
    *,
    mask: Array | None = None,
    label: Any = None,
    factor: Array | None = None,
    search: bool = False,
) -> Float[Array, "*shape"]:
    """Return the expected image [*shape] at the code of ONE example: content, pose, most probable class, factors.

    Options as for ``Model.encode``.
    """
    code = model.encode(params, x, mask=mask, label=label, factor=factor, search=search)
    return decode_code(model, params, code)


def decode_code(model: Model, params: Params, code: Code) -> Float[Array, "*shape"]:
    """Return the expected image [*shape] of ONE code, with its most probable class."""
    best = None if code.probabilities is None else jnp.argmax(code.probabilities)
    return model.decode(params, code.mean, pose=code.pose, label=best, factor=code.factor)
