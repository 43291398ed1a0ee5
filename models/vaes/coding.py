"""ONE example to its Code and back."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ferro_jax import values
from models.data import Batch, measured
from models.parts.coordinates import spread_evenly
from models.types import Code, Params, Pose
from models.vaes.checks import check_label, check_one
from models.vaes.config import VAEConfig
from models.vaes.encoder import log_class
from models.vaes.family import Family, pose_of, pose_std_of
from models.vaes.inference import encode_batch, pick, searched

SEARCH_PIXELS = 256  # a coordinate decoder scores its candidates on no more pixels than these


def encode_one(family: Family, params: Params, example: Batch, search: bool) -> Code:
    """Return the Code of ONE example, given as a Batch without the leading axis.

    ``search`` chooses the bin and class by decoding all of them. ValueError for another shape and for a label that the
    model does not have.
    """
    config, entries = family.config, family.layout
    x, mask = measured(example.x, example.mask, finite=True)
    example = example._replace(x=x, mask=mask)
    check_one("encode", "shape", example.x, config.shape)
    label = example.label
    if label is not None and config.classes:
        check_label("encode", label, config.classes, -1 if config.class_mode != "conditional" else 0)
    example = example._replace(label=None if label is None else jnp.asarray(label, jnp.int32))
    encoded = encode_batch(family, params, jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], example))
    log_w = encoded.log_q
    if search:
        values = encoded.examples.x.shape[1]
        few = spread_evenly(values, SEARCH_PIXELS) if config.decoder == "coordinate" else None
        log_w = searched(family, params, encoded, few, classes=config.class_search)
    chosen = pick(encoded.candidates, jnp.argmax(log_w.reshape(1, -1), 1))
    mean, std, angle, _ = jax.tree.map(lambda leaf: leaf[0], chosen)
    pose, pose_std = pose_of(family, mean, angle), pose_std_of(family, std, angle)
    return Code(
        mean[entries.content],
        std[entries.content],
        pose,
        pose_std,
        _probabilities(config, log_w[0], encoded.label[0]),
        *_factors(config, mean[entries.factors], std[entries.factors], encoded.examples.factor),
    )


def decode_one(
    family: Family, params: Params, z: Float[Array, " latent"], pose: Pose, label: Any, factor: Any
) -> Float[Array, "*shape"]:
    """Return the expected example at ONE code; ``label`` is a class or the probabilities of all classes.

    ValueError for a code of another length, a pose component, class or factor that the model does not have, and for
    a label or factors that are missing.
    """
    config = family.config
    z, pose = values.array(z, "z"), Pose(*(None if part is None else values.array(part, "pose") for part in pose))
    check_one("decode", "latent_dim", z, (config.latent_dim,))
    for name, value in pose._asdict().items():
        if value is not None and name not in config.pose:
            raise ValueError(f"decode: this model has no {name}, its pose is {config.pose}.")
    parts = [z]
    if config.classes:
        parts.append(_class_vector(config, label))
    if config.factors:
        parts.append(_factor_vector(config, factor))
    output = family.decoder.apply(params["decoder"], jnp.concatenate(parts), pose)
    return family.likelihood.mean(output).reshape(config.shape)


def _probabilities(config: VAEConfig, log_w: jax.Array, label: jax.Array) -> jax.Array | None:
    """Return q(class | x), one-hot for a conditional model, None without classes."""
    if config.class_mode == "conditional":
        return jax.nn.one_hot(label, config.classes, dtype=jnp.float32)
    return jnp.exp(log_class(log_w)) if config.classes else None


def _factors(
    config: VAEConfig, mean: jax.Array, std: jax.Array, factor: jax.Array | None
) -> tuple[jax.Array | None, jax.Array | None]:
    """Return the factors and their standard deviations: as given (0) where known, inferred elsewhere."""
    if factor is None:
        return None, None
    if config.factor_mode == "conditional":
        return factor[0], jnp.zeros_like(factor[0])
    known = jnp.isfinite(factor[0])
    return jnp.where(known, factor[0], mean), jnp.where(known, 0.0, std)


def _class_vector(config: VAEConfig, label: Any) -> jax.Array:
    """Return the label as a vector over the classes."""
    if label is None:
        raise ValueError(
            f"decode: give label=..., a class from 0 to {config.classes - 1} or the classes' probabilities."
        )
    if np.ndim(label) == 0:
        label = jnp.asarray(values.integers(label, "label"))
        check_label("decode", label, config.classes, 0)
        return jax.nn.one_hot(label, config.classes, dtype=jnp.float32)
    label = values.array(label, "label", dtype=jnp.float32)
    check_one("decode", "classes", label, (config.classes,))
    return label


def _factor_vector(config: VAEConfig, factor: Any) -> jax.Array:
    """Return the factors as float32."""
    if factor is None:
        raise ValueError(f"decode: give factor=..., {config.factors} numbers.")
    factor = values.array(factor, "factor", dtype=jnp.float32)
    check_one("decode", "factors", factor, (config.factors,))
    return factor
