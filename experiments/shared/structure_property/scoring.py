"""Score predictions of spectra and pictures, one value per seed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from experiments.lab.run import Array, Outcome
from experiments.lab.summaries import spread
from models.paired.baselines import flat, normalised_mse

SCORES = {
    "nmse": Array(("seed",), "1", "mean square error over that of predicting the training mean"),
    "mse": Array(("seed",), "1", "mean square error, targets as the model gets them"),
}


def errors(predicted: Sequence[Any] | np.ndarray, true: Any, mean: Any) -> dict[str, list[float]]:
    """Return the ``SCORES`` of predictions (seed, n, …), a value per seed each."""
    return {
        "nmse": [normalised_mse(values, true, mean) for values in predicted],
        "mse": [float(np.mean((flat(values) - flat(true)) ** 2)) for values in predicted],
    }


def over_seeds(scores: Mapping[str, Any], prefix: str) -> Outcome:
    """Return scores as arrays named ``prefix + name``, and their median, smallest and largest as numbers."""
    arrays = {prefix + name: np.asarray(values, float) for name, values in scores.items()}
    numbers = {}
    for name, values in arrays.items():
        numbers |= spread(name, values)
    return Outcome(arrays, numbers)
