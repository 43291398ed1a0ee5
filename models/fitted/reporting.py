"""What a fit makes of examples that it was not trained on, in numbers."""

import math

import numpy as np

from models.collapse import use_of_latents
from models.data import Batch
from models.evaluation.problems import Checked
from models.parts.observation import noise_of
from models.types import Code


def checked_of(batch: Batch, held: np.ndarray, decoded: np.ndarray, code: Code, class_mode: str) -> Checked:
    """Return errors on the held-out rows, as they were ``decoded``, and the use of latents and classes by all rows.

    The mean example is that of the other rows. All is in scaled units.
    """
    x = np.asarray(batch.x, float)
    known = np.ones(x.shape, bool) if batch.mask is None else np.asarray(batch.mask) > 0
    rest = np.setdiff1d(np.arange(len(x)), held)
    mean = np.where(known[rest], x[rest], 0).sum(0) / np.maximum(known[rest].sum(0), 1)

    def error(estimate: np.ndarray) -> float:
        return math.sqrt(np.square((estimate - x[held])[known[held]]).mean())

    latent_std, information = use_of_latents(np.asarray(code.mean), np.asarray(code.std))
    shares = np.zeros(0)
    if class_mode in ("joint", "semi_supervised") and code.probabilities is not None:
        found = np.asarray(code.probabilities)
        shares = np.bincount(found.argmax(1), minlength=found.shape[1]) / len(found)
    return Checked(
        examples=len(x),
        error=error(decoded),
        mean_error=error(np.broadcast_to(mean, x[held].shape)),
        noise=noise_of(np.where(known, x, 0.0)[held], known[held]),
        latent_std=latent_std,
        information=information,
        class_shares=tuple(shares.tolist()),
        problems=(),
    )
