"""Learned latent spaces under one face: histories and images are encoded, decoded and compared alike."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import models
from models import histories
from models.histories.scaling import to_vectors

SAMPLES = 100  # of a history, about, when distances are taken


class Curves(NamedTuple):
    """Histories: values (n, sample) and durations (n,)."""

    values: np.ndarray
    duration: np.ndarray


class Pictures(NamedTuple):
    """Images: values (n, row, column), 0 to 1."""

    values: np.ndarray


Examples = Curves | Pictures


class Space(NamedTuple):
    """A latent space of two dimensions: posteriors of what it was learned from, and the ways in and out."""

    mean: np.ndarray  # (example, 2)
    std: np.ndarray  # (example, 2)
    decode: Callable[[np.ndarray], Any]  # points (n, 2) -> Examples
    encode: Callable[[Any], np.ndarray]  # Examples -> codes (n, 2)
    vectors: Callable[[Any], np.ndarray]  # Examples -> vectors (n, feature), whose distances are those of the examples
    output: Callable[[jax.Array], jax.Array]  # of the decoder's network at ONE point; may be traced


def rows_of(examples: Any, rows: Any) -> Any:
    """Return some of the examples, by an array of rows or a slice."""
    return type(examples)(*(part[rows] for part in examples))


def of_histories(learned: histories.Learned) -> Space:
    """Return the space of learned histories; vectors are thinned samples, and the duration where it is learned."""

    def vectors(curves: Curves) -> np.ndarray:
        whole = np.asarray(to_vectors(_record_of(curves), learned.scaling).x, float)
        step = max(1, learned.samples // SAMPLES)
        kept, rest = whole[:, : learned.samples : step], whole[:, learned.samples :]
        return np.column_stack([kept, rest / np.sqrt(step)])

    return Space(
        learned.mean,
        learned.std,
        decode=lambda z: Curves(*jax.device_get(histories.decode(learned, z))),
        encode=lambda curves: np.asarray(histories.encode(learned, _record_of(curves)).mean),
        vectors=vectors,
        output=lambda point: learned.model.decode(learned.params, point),
    )


def _record_of(curves: Curves) -> histories.Histories:
    """Return histories as ``models.histories`` takes them."""
    duration = np.asarray(curves.duration, float)
    return histories.Histories(np.asarray(curves.values), None, duration, (), ("",), ("",))


def of_images(model: models.Model, params: Any, x: np.ndarray) -> Space:
    """Return the space of a VAE of images that was trained on ``x``; decoded values are kept within 0 to 1."""
    code = jax.device_get(models.encode_all(model, params, x))

    def decode(z: np.ndarray) -> Pictures:
        return Pictures(np.clip(models.decode_all(model, params, jnp.asarray(z, jnp.float32)), 0.0, 1.0))

    return Space(
        np.asarray(code.mean),
        np.asarray(code.std),
        decode=decode,
        encode=lambda images: np.asarray(models.encode_all(model, params, images.values).mean),
        vectors=lambda images: np.asarray(images.values, float).reshape(len(images.values), -1),
        output=lambda point: model.decode(params, point),
    )
