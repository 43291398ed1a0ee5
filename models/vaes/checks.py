"""Checks of data before training, in NumPy, and of single examples while tracing.

Every error says what was expected, what came and what to change.
"""

import math
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

from models.data import Batch
from models.vaes.family import Family


def check_batch(family: Family, batch: Batch) -> None:
    """Raise a ValueError for examples that the VAE cannot be trained on."""
    config = family.config
    for name, part in batch._asdict().items():
        if part is not None and not hasattr(part, "shape"):
            raise ValueError(f"{name} is a {type(part).__name__}: give an array, numpy.asarray({name}) for instance.")
    rows = {len(leaf) for leaf in jax.tree.leaves(batch)}
    if len(rows) != 1:
        raise ValueError(f"the parts of the batch have {sorted(rows)} rows: x, mask, label and factor need the same.")
    _check_values(np.asarray(batch.x), batch.mask, config.shape, family.likelihood.support)
    _check_labels(batch, config.classes, config.class_mode)
    if batch.guess is not None:
        _check_classes("guesses", np.asarray(batch.guess), len(batch.x), config.classes)
    _check_factors(batch, config.factors, config.factor_mode)


def _check_values(x: np.ndarray, mask: object, shape: tuple[int, ...], support: tuple[float, float]) -> None:
    """Check the shape of the examples and their mask, and that measured values are finite and inside the support."""
    if x.ndim != len(shape) + 1 or len(x) == 0 or x.shape[1:] != shape:
        raise ValueError(_shape_message(x.shape, shape))
    measured = np.ones(x.shape, bool) if mask is None else np.asarray(mask) != 0
    if measured.shape != x.shape:
        raise ValueError(f"mask of shape {measured.shape} for data of shape {x.shape}: give one entry per value.")
    rows = tuple(range(1, x.ndim))
    empty = np.flatnonzero(~measured.any(axis=rows))
    if empty.size:
        raise ValueError(f"{empty.size} examples have no measured value, the first is row {empty[0]}: remove them.")
    bad = np.flatnonzero((measured & ~np.isfinite(x)).any(axis=rows))
    if bad.size:
        raise ValueError(
            f"{bad.size} of {len(x)} rows hold NaN or infinite values, the first is row {bad[0]}: remove or repair "
            "them before training, or give a mask that is 0 there."
        )
    check_support(x, measured, support)


def check_support(x: np.ndarray, measured: np.ndarray, support: tuple[float, float]) -> None:
    """Raise a ValueError for measured values outside ``support``, the likelihood's closed interval."""
    low, high = support
    outside = measured & ((np.where(measured, x, low if math.isfinite(low) else 0) < low) | (x > high))
    if outside.any():
        values = x[measured]
        raise ValueError(
            f"values lie between {values.min():.4g} and {values.max():.4g}, the likelihood allows {low:g} to {high:g}: "
            "rescale the data or choose another likelihood."
        )


def _shape_message(given: tuple[int, ...], shape: tuple[int, ...]) -> str:
    """Say what is wrong with data of the shape ``given``, and how to change them, for examples of ``shape``."""
    if not given or given[0] == 0:
        return f"data of shape {given}: there is no example in it."
    text = f"data of shape {given}: expected a batch [n {' '.join(map(str, shape))}], one example per row."
    if len(shape) == 3 and given[1:] == (shape[2], *shape[:2]):
        text += " The channels come first here: move them last with numpy.moveaxis(data, 1, -1)."
    elif len(shape) == 3 and shape[2] == 1 and given[1:] == shape[:2]:
        text += " Add the axis of the channels with data[..., None]."
    elif given == shape:
        text += " This is one example: add the leading axis with data[None]."
    elif len(given) > 1:
        text += f" For such data set shape={given[1:]}."
    return text


def _check_labels(batch: Batch, classes: int, mode: str) -> None:
    """Check that labels are classes of the model and that as many are known as ``class_mode`` needs."""
    if batch.label is None:
        if mode in ("conditional", "semi_supervised"):
            raise ValueError(f"class_mode={mode!r} needs labels: give Batch(x, label=...), −1 where unknown.")
        return
    label = np.asarray(batch.label)
    _check_classes("labels", label, len(batch.x), classes)
    if mode not in ("conditional", "semi_supervised"):
        return
    known = int((label >= 0).sum())
    if mode == "conditional" and known < len(label):
        raise ValueError(
            f"{len(label) - known} of {len(label)} labels are unknown: a conditional model needs all of them; "
            "use class_mode='semi_supervised'."
        )
    if mode == "semi_supervised" and 2 * known > len(label):
        raise ValueError(
            f"{known} examples are labelled and {len(label) - known} are not: semi-supervised training expects more "
            "unlabelled ones; with mostly known classes use class_mode='conditional' or a classifier."
        )
    missing = sorted(set(range(classes)) - set(label.tolist()))
    if missing:
        raise ValueError(f"no labelled example of class {missing}: label at least one each, or use fewer classes.")


def _check_classes(name: str, label: np.ndarray, rows: int, classes: int) -> None:
    """Check that labels, or guesses, are one class of the model for each example, −1 where unknown."""
    if label.shape != (rows,):
        raise ValueError(f"{name} of shape {label.shape} for {rows} examples: give one integer each.")
    if not np.issubdtype(label.dtype, np.integer):
        raise ValueError(f"{name} are {label.dtype}: give integers from 0, −1 where a class is unknown.")
    if not classes and label.max() >= 0:
        raise ValueError(f"{name} for a model without classes: leave them out, or set classes and class_mode.")
    if label.min() < -1 or label.max() >= max(classes, 1):
        raise ValueError(
            f"{name} run from {label.min()} to {label.max()}, the model has {classes} classes: use 0 to "
            f"{classes - 1}, −1 for unknown, or set classes={label.max() + 1}."
        )


def _check_factors(batch: Batch, factors: int, mode: str) -> None:
    """Check that factors have the model's number of columns and are known where ``factor_mode`` needs them."""
    if batch.factor is None:
        if mode != "none":
            raise ValueError(f"factor_mode={mode!r} needs factors: give Batch(x, factor=...), NaN where unknown.")
        return
    factor = np.asarray(batch.factor)
    if factor.shape != (len(batch.x), factors):
        raise ValueError(f"factors of shape {factor.shape}: expected [{len(batch.x)} {factors}], one row per example.")
    if np.isinf(factor).any() or (mode == "conditional" and np.isnan(factor).any()):
        raise ValueError(
            "factors hold infinite or unknown (NaN) values: a conditional model needs finite ones; "
            "factor_mode='regression' takes NaN for unknown."
        )
    if mode == "regression" and np.isnan(factor).all(axis=0).any():
        raise ValueError("a factor is unknown for every example: give some of its values or drop it.")


def check_label(function: str, label: Any, classes: int, least: int) -> None:
    """Raise a ValueError for a label outside [least, classes), where its value is known while tracing."""
    if not isinstance(label, Tracer) and not least <= int(label) < classes:
        raise ValueError(f"{function}: label is {int(label)}; the model's classes are 0 to {classes - 1}.")


def check_one(function: str, name: str, x: jax.Array | np.ndarray, expected: tuple[int, ...]) -> None:
    """Raise a ValueError where ``x`` is not ONE example of the expected shape; ``name`` is the Config's field."""
    if x.shape != expected:
        raise ValueError(
            f"{function}: expected one example of shape {expected}, got {x.shape}. For several use "
            f"jax.vmap({function}, (None, 0)); for another shape set {name}."
        )
