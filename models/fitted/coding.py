"""Stacks to codes and back in the user's units, chunk by chunk, so that a million windows need no more memory."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from models.data import Batch
from models.evaluation.latent import decode_all, encode_all
from models.fitted.labels import Factors
from models.fitted.records import Codes
from models.fitted.scaling import Scaling, check_range, in_counts, scaled, warn_of_outliers
from models.stacks import Stack, floats
from models.types import Code, Params, Pose
from models.vaes.config import VAEConfig
from models.vaes.model import decode_code, vae

ROWS = 2000  # examples that one call of a compiled program takes, at most
VALUES = 20_000_000  # activations that are held at a time while candidates are scored
SEARCHED = 256  # pixels on which the search scores a candidate


class Trained(NamedTuple):
    """What encodes and decodes: the VAE, and the scaling, factors and classes that lead to the user's units."""

    config: VAEConfig
    params: Params
    scaling: Scaling
    factors: Factors
    classes: tuple[str, ...]


def searches(config: VAEConfig) -> bool:
    """Return whether a code is searched by decoding every angle: where there are several.

    Classes are left to the encoder, which knows how frequent they are; the decoding score does not.
    """
    inferred = config.class_mode in ("joint", "semi_supervised")
    return config.bins > 1 and not (inferred and config.class_search)


def encode(trained: Trained, stack: Stack, label: np.ndarray | None = None, factor: np.ndarray | None = None) -> Codes:
    """Return the codes of a stack in the user's units; ``label`` and ``factor`` are numbered and standardised.

    ValueError for a stack out of the trained range; isolated outliers are missing, with a warning.
    """
    check_range(stack, trained.scaling)
    parts, outliers = [], []
    for batch, out in _scaled(trained, stack, label, factor):
        parts.append(encoded(trained, batch))
        outliers.append(out)
    warn_of_outliers(np.concatenate(outliers))
    return codes_of(trained, _joined(parts))


def encoded(trained: Trained, batch: Batch) -> Code:
    """Return the Code of scaled examples, as NumPy arrays."""
    return in_pieces(lambda part: encode_rows(trained.config, trained.params, part), _with_mask(batch))


def reconstructed(trained: Trained, batch: Batch) -> np.ndarray:
    """Return the scaled expected example at the code of every scaled example."""
    return in_pieces(lambda part: reconstruct_rows(trained.config, trained.params, part), _with_mask(batch))


def reconstruct(
    trained: Trained, stack: Stack, label: np.ndarray | None = None, factor: np.ndarray | None = None
) -> np.ndarray:
    """Return the expected examples [n *shape] at the codes of a stack, in the user's units."""
    check_range(stack, trained.scaling)
    result, outliers, start = np.empty(stack.values.shape), [], 0
    for batch, out in _scaled(trained, stack, label, factor):
        result[start : start + len(out)] = in_counts(reconstructed(trained, batch), trained.scaling)
        start += len(out)
        outliers.append(out)
    warn_of_outliers(np.concatenate(outliers))
    return result


def decode(trained: Trained, z: np.ndarray, pose: Pose, label: Any, factor: Any) -> np.ndarray:
    """Return the examples [n *shape] at points z [n latent], in the user's units; the rest is for all or each."""
    decoded = decode_rows(trained.config, trained.params, jnp.asarray(z, jnp.float32), pose, label, factor)
    return in_counts(np.asarray(decoded), trained.scaling)


@partial(jax.jit, static_argnums=0)
def encode_rows(config: VAEConfig, params: Params, batch: Batch) -> Code:
    """Return the Code of every scaled example."""
    return encode_all(vae(config), params, batch, chunk_of(config), search=searches(config))


@partial(jax.jit, static_argnums=0)
def reconstruct_rows(config: VAEConfig, params: Params, batch: Batch) -> jax.Array:
    """Return the scaled expected example at the code of every scaled example."""
    model, chunk = vae(config), chunk_of(config)
    code = encode_all(model, params, batch, chunk, search=searches(config))
    return jax.lax.map(lambda one: decode_code(model, params, one), code, batch_size=chunk)


@partial(jax.jit, static_argnums=0)
def decode_rows(config: VAEConfig, params: Params, z: jax.Array, pose: Pose, label: Any, factor: Any) -> jax.Array:
    """Return the scaled expected example at every row of ``z``."""
    return decode_all(vae(config), params, z, chunk_of(config), pose=pose, label=label, factor=factor)


def chunk_of(config: VAEConfig) -> int:
    """Return how many examples may be encoded at a time with at most ``VALUES`` activations."""
    candidates = config.bins * max(config.classes, 1)
    pixels = min(SEARCHED, math.prod(config.grid)) * candidates if searches(config) else math.prod(config.grid)
    return max(1, min(1000, VALUES // (pixels * max(config.hidden, default=1))))


def _scaled(
    trained: Trained, stack: Stack, label: np.ndarray | None, factor: np.ndarray | None
) -> Iterator[tuple[Batch, np.ndarray]]:
    """Yield the scaled examples of ``ROWS`` rows at a time, with the number of outliers in each of them."""
    for start in range(0, len(stack.values), ROWS):
        part = slice(start, start + ROWS)
        x, mask, outliers = scaled(floats(stack, part), trained.scaling)
        shape = (len(x), *trained.config.shape)
        mask = None if mask is None else mask.reshape(shape)
        given = (None if entry is None else entry[part] for entry in (label, factor))
        yield Batch(x.reshape(shape), mask, *given), outliers


def _with_mask(batch: Batch) -> Batch:
    """Return the batch with a mask in any case, because each form is a compilation."""
    return batch if batch.mask is not None else batch._replace(mask=np.ones(batch.x.shape, np.float32))


def in_pieces(of: Callable[[Any], Any], data: Any) -> Any:
    """Return ``of(data)`` as NumPy arrays, called with pieces of one size, because each size is a compilation.

    Every leaf has the examples along its first axis. The last piece is filled up with its last row.
    """
    count = len(jax.tree.leaves(data)[0])
    size = min(ROWS, 1 << max(0, count - 1).bit_length())
    parts = []
    for start in range(0, count, size):
        piece = jax.tree.map(lambda leaf, start=start: _filled(leaf[start : start + size], size), data)
        rows = min(size, count - start)
        parts.append(jax.tree.map(lambda leaf, rows=rows: np.asarray(leaf)[:rows], of(piece)))
    return _joined(parts)


def _filled(leaf: np.ndarray, size: int) -> np.ndarray:
    """Return ``size`` rows, the last one repeated."""
    return leaf if len(leaf) == size else np.concatenate([leaf, np.repeat(leaf[-1:], size - len(leaf), 0)])


def _joined(parts: list[Any]) -> Any:
    """Return the rows of all parts, one after another."""
    return parts[0] if len(parts) == 1 else jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)


def codes_of(trained: Trained, code: Any) -> Codes:
    """Return a Code of NumPy arrays in the user's units: shifts in pixels, factors as they were given."""
    factors, pose, pose_std = trained.factors, code.pose, code.pose_std
    label = None if code.probabilities is None else np.argmax(code.probabilities, 1).astype(np.int32)
    return Codes(
        z=code.mean,
        z_std=code.std,
        angle=pose.angle,
        angle_std=pose_std.angle,
        shift=None if pose.shift is None else pose.shift * pixels_of(trained.config),
        shift_std=None if pose_std.shift is None else pose_std.shift * np.abs(pixels_of(trained.config)),
        scale=pose.scale,
        shear=pose.shear,
        label=label,
        probabilities=code.probabilities,
        factors=None if code.factor is None else factors.centre + factors.spread * code.factor.astype(np.float64),
        factor_std=None if code.factor_std is None else factors.spread * code.factor_std,
        classes=trained.classes,
        factor_names=factors.names,
    )


def pixels_of(config: VAEConfig) -> np.ndarray:
    """Return what a shift of one half-width of the longer side is in pixels, right and down (along a curve)."""
    half = max(config.grid) / 2
    return np.array([half, -half][: len(config.grid)], np.float32)
