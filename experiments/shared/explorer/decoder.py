"""A learned family's decoder as layers of numbers, without anything of the code that trained it."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.shared.explorer.records import Decoder
from models.histories import Learned
from models.parts.smoothing import smoothing_matrix

ACTIVATIONS = ("tanh", "gelu")  # that decoder.js knows


def decoder_of(learned: Learned) -> Decoder:
    """Return the decoder of a learned family; its outputs are those of ``models.histories.decode``.

    Smoothing, scaling and the duration's weight are linear, so they are put into the last layer. ValueError for a
    model that the page cannot decode.
    """
    config, scaling = learned.config, learned.scaling
    plain = config.decoder == "plain" and not (config.pose or config.classes or config.factors)
    if not plain or config.activation not in ACTIVATIONS or not config.likelihood.startswith("gaussian"):
        raise ValueError(
            f"the explorer decodes plain Gaussian decoders with {' or '.join(ACTIVATIONS)}, found {config.activation}, "
            f"{config.likelihood}, decoder={config.decoder!r}"
        )
    layers = learned.params["decoder"]["layers"]
    numbers = [_numbers(layers[name]) for name in sorted(layers, key=int)]
    kernel, bias = numbers[-1]
    numbers[-1] = (_physical(learned, kernel), _physical(learned, bias[None])[0] + _offset(learned))
    mean, spread = scaling.log_duration
    return Decoder(
        layers=[(kernel.astype(np.float32), bias.astype(np.float32)) for kernel, bias in numbers],
        activation=config.activation,
        samples=learned.samples,
        low=learned.low,
        high=learned.high,
        names=learned.names,
        units=learned.units,
        time_unit=learned.time_unit,
        log_duration=None if spread > 0 else float(mean),
        durations=(scaling.shortest, scaling.longest),
    )


def _numbers(layer: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return kernel and bias of a layer in double precision."""
    return np.asarray(layer["kernel"], float), np.asarray(layer["bias"], float)


def _physical(learned: Learned, rows: np.ndarray) -> np.ndarray:
    """Return rows of model outputs (row, feature) smoothed and in physical units, without the offset."""
    scaling = learned.scaling
    samples, channels = scaling.centre.shape
    values = rows[:, : samples * channels].reshape(-1, samples, channels)
    if scaling.smooth > 0:
        values = np.einsum("ts,rsc->rtc", smoothing_matrix(samples, scaling.smooth), values)
    parts = [(values * scaling.spread).reshape(len(rows), -1)]
    if learned.keeps_duration:
        parts.append(scaling.log_duration[1] / math.sqrt(samples) * rows[:, -1:])
    return np.concatenate(parts, axis=1)


def _offset(learned: Learned) -> np.ndarray:
    """Return the physical values of a vector of zeros."""
    centre = learned.scaling.centre.ravel()
    return np.append(centre, learned.scaling.log_duration[0]) if learned.keeps_duration else centre
