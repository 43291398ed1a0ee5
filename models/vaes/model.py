"""Variational autoencoders of vectors, signals and images, one family by configuration.

Kingma & Welling, arXiv 1312.6114; poses through a function of the spatial coordinate: Bepler et al., arXiv 1909.11663;
classes: Kingma et al., arXiv 1406.5298 (semi-supervised) and Dupont, arXiv 1804.00104 (joint).

    >>> model = vae(VAEConfig())
    >>> params, history = jax.jit(lambda key: fit(key, model, curves, FitConfig()))(key)
    >>> code = jax.vmap(model.encode, (None, 0))(params, curves)

The parts: config.py (what a member is), posterior.py (the encoder), bound.py (the decoder; the bound at one angle bin
and class), inference.py (which of them), objective.py (the bound and loss of a batch), this file (a Model's functions).
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Float

from models.data import Batch
from models.parts.coordinates import spread_evenly
from models.parts.likelihoods import LIKELIHOODS
from models.types import Code, Model, Params, Pose, Terms
from models.vaes.checks import check_batch
from models.vaes.config import VAEConfig
from models.vaes.decoder import Example, decoder
from models.vaes.encoder import encoder, layout, log_class, pose_of, pose_std_of
from models.vaes.inference import Found, find, pick
from models.vaes.inference import search as search_all
from models.vaes.objective import bound_of, loss_of

__all__ = ["VAEConfig", "decode_code", "reconstruct", "vae"]

NOWHERE = Pose()


def vae(config: VAEConfig) -> Model:
    """The model's pure functions. ``loss`` is the mean per example, in nats, of the weighted terms

    - ``reconstruction``: −E_q log p(x|z), one sample of z per example;
    - ``kl``: KL(q(z|x) ‖ N(0, 1)) of the content; ``kl_angle``, ``kl_shift``, ``kl_scale``, ``kl_shear`` of the pose;
      ``kl_class``: KL(q(class|x) ‖ uniform), ln K where the class is known; ``kl_factor`` of inferred factors;
    - ``known``: −log q(what is known | x); ``guide``: cross-entropy of the searched bins and classes to the encoder's;
      ``balance``: KL(mean q(class|x) of the batch ‖ uniform);

    and reports ``negative_elbo``, the sum of the first two groups at weight 1, and ``rmse``, root mean square of
    x − E[x|z] at that sample (over all values of the batch).
    """
    network, picture, likelihood = encoder(config), decoder(config), LIKELIHOODS[config.likelihood](config.sigma)
    entries = layout(config)

    def init(key: jax.Array) -> Params:
        to_encoder, to_decoder = jax.random.split(key)
        params = {"encoder": network.init(to_encoder), "decoder": picture.init(to_decoder)}
        if likelihood.learned_sigma:
            params["log_sigma"] = jnp.log(jnp.asarray(config.sigma, jnp.float32))
        return params

    def look(params: Params, batch: Batch) -> tuple[Example, Found]:
        """A batch in the form that the bound needs, and what the encoder says of it."""
        examples, label = _prepare(config, batch)
        known = examples.factor if config.factor_mode == "conditional" else None
        posteriors = jax.vmap(network.apply, (None, 0, 0, 0))(params["encoder"], examples.x, label, known)
        return examples, find(config, posteriors, label)

    def encode(
        params: Params,
        x: Float[Array, "*shape"],
        *,
        mask: Array | None = None,
        label: Any = None,
        factor: Array | None = None,
        search: bool = False,
    ) -> Code:
        _check_one("encode", "shape", x, config.shape)
        if label is not None and config.classes:
            _check_label("encode", label, config.classes, -1 if config.class_mode != "conditional" else 0)
        one = Batch(x, mask, None if label is None else jnp.asarray(label, jnp.int32), factor)
        examples, found = look(params, jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], one))
        log_w = found.log_q
        if search:
            few = spread_evenly(examples.x.shape[1], 256) if config.decoder == "coordinate" else None
            log_w = search_all(config, picture, params, examples, found, few)
        chosen = pick(found.candidates, jnp.argmax(log_w.reshape(1, -1), 1))
        mean, std, angle, _ = jax.tree.map(lambda leaf: leaf[0], chosen)
        pose, pose_std = pose_of(config, mean, angle), pose_std_of(config, std, angle)
        return Code(
            mean[entries.content],
            std[entries.content],
            pose,
            pose_std,
            _probabilities(config, log_w[0], found.label[0]),
            *_factors(config, mean[entries.factors], std[entries.factors], examples.factor),
        )

    def decode(
        params: Params,
        z: Float[Array, " latent"],
        *,
        pose: Pose = NOWHERE,
        label: Any = None,
        factor: Array | None = None,
    ) -> Float[Array, "*shape"]:
        z, pose = jnp.asarray(z), Pose(*(None if part is None else jnp.asarray(part) for part in pose))
        _check_one("decode", "latent_dim", z, (config.latent_dim,))
        for name, value in pose._asdict().items():
            if value is not None and name not in config.pose:
                raise ValueError(f"decode: this model has no {name}, its pose is {config.pose}.")
        parts = [z]
        if config.classes:
            parts.append(_class_vector(config, label))
        if config.factors:
            parts.append(_factor_vector(config, factor))
        output = picture.apply(params["decoder"], jnp.concatenate(parts), pose)
        return likelihood.mean(output).reshape(config.shape)

    def loss(
        key: jax.Array, params: Params, batch: Batch | Array, fraction: float | jax.Array = 1.0
    ) -> tuple[Float[Array, ""], Terms]:
        examples, found = look(params, _as_batch(batch))
        return loss_of(config, picture, key, params, examples, found, fraction)

    def bound(
        key: jax.Array, params: Params, batch: Batch | Array, search: bool = False
    ) -> tuple[Float[Array, ""], Terms]:
        examples, found = look(params, _as_batch(batch))
        terms = bound_of(config, picture, key, params, examples, found, search)
        return terms["negative_elbo"], terms

    def check(batch: Batch | Array) -> None:
        check_batch(config, _as_batch(batch))

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
    """The expected image at the code of ONE example: content, pose, most probable class and factors."""
    code = model.encode(params, x, mask=mask, label=label, factor=factor, search=search)
    return decode_code(model, params, code)


def decode_code(model: Model, params: Params, code: Code) -> Float[Array, "*shape"]:
    """The expected image of ONE code."""
    best = None if code.probabilities is None else jnp.argmax(code.probabilities)
    return model.decode(params, code.mean, pose=code.pose, label=best, factor=code.factor)


def _as_batch(batch: Batch | Array) -> Batch:
    return batch if isinstance(batch, Batch) else Batch(batch)


def _prepare(config: VAEConfig, batch: Batch) -> tuple[Example, jax.Array]:
    """Values as [batch pixels channel] with missing ones at 0, and labels, −1 where unknown."""
    rows, shape = batch.x.shape[0], (batch.x.shape[0], -1, config.depth)
    _check_one("loss", "shape", batch.x[0], config.shape)
    x = jnp.asarray(batch.x, jnp.float32)
    mask = None if batch.mask is None else jnp.asarray(batch.mask, jnp.float32)
    if mask is not None:
        x, mask = jnp.where(mask > 0, x, 0.0).reshape(shape), mask.reshape(shape)
    label = batch.label
    if config.class_mode == "conditional" and label is None:
        raise ValueError("this model is conditional on the class: give its label.")
    label = jnp.full(rows, -1) if label is None or not config.classes else jnp.asarray(label)
    factor = None
    if config.factors:
        if config.factor_mode == "conditional" and batch.factor is None:
            raise ValueError("this model is conditional on factors: give them.")
        factor = jnp.full((rows, config.factors), jnp.nan) if batch.factor is None else batch.factor
        factor = jnp.asarray(factor, jnp.float32)
    return Example(x.reshape(shape), mask, factor), label


def _probabilities(config: VAEConfig, log_w: jax.Array, label: jax.Array) -> jax.Array | None:
    if config.class_mode == "conditional":
        return jax.nn.one_hot(label, config.classes, dtype=jnp.float32)
    return jnp.exp(log_class(log_w)) if config.classes else None


def _factors(
    config: VAEConfig, mean: jax.Array, std: jax.Array, factor: jax.Array | None
) -> tuple[jax.Array | None, jax.Array | None]:
    if factor is None:
        return None, None
    if config.factor_mode == "conditional":
        return factor[0], jnp.zeros_like(factor[0])
    known = jnp.isfinite(factor[0])
    return jnp.where(known, factor[0], mean), jnp.where(known, 0.0, std)


def _class_vector(config: VAEConfig, label: Any) -> jax.Array:
    if label is None:
        raise ValueError(
            f"decode: give label=..., a class from 0 to {config.classes - 1} or the classes' probabilities."
        )
    label = jnp.asarray(label)
    if label.ndim == 0:
        _check_label("decode", label, config.classes, 0)
        return jax.nn.one_hot(label, config.classes, dtype=jnp.float32)
    _check_one("decode", "classes", label, (config.classes,))
    return label.astype(jnp.float32)


def _factor_vector(config: VAEConfig, factor: Any) -> jax.Array:
    if factor is None:
        raise ValueError(f"decode: give factor=..., {config.factors} numbers.")
    _check_one("decode", "factors", jnp.asarray(factor), (config.factors,))
    return jnp.asarray(factor, jnp.float32)


def _check_label(function: str, label: Any, classes: int, least: int) -> None:
    """ValueError for a label out of range, where it is known."""
    if not isinstance(label, Tracer) and not least <= int(label) < classes:
        raise ValueError(f"{function}: label is {int(label)}; the model's classes are 0 to {classes - 1}.")


def _check_one(function: str, name: str, x: jax.Array, expected: tuple[int, ...]) -> None:
    if x.shape != expected:
        raise ValueError(
            f"{function}: expected one example of shape {expected}, got {x.shape}. For several use "
            f"jax.vmap({function}, (None, 0)); for another shape set {name}."
        )
