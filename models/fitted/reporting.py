"""What a fit is worth, in numbers and in words."""

import math

import numpy as np

from models.data import Batch
from models.fitted.records import Report

COLLAPSED = 0.1  # standard deviation of encoded means below which a latent carries nothing; the prior has 1
UNUSED = 0.005  # share of the examples below which a class is not used
POOR = 0.95  # error, as a share of the spread around the mean, that is no better than the mean


def relative_error(batch: Batch, held: np.ndarray, decoded: np.ndarray) -> float:
    """Return the root mean square error over held-out examples, as a share of their spread around the mean example."""
    x, known = batch.x, np.ones(batch.x.shape, bool) if batch.mask is None else batch.mask > 0
    training = np.setdiff1d(np.arange(len(x)), held)
    mean = np.where(known[training], x[training], 0).sum(0) / np.maximum(known[training].sum(0), 1)
    error = np.where(known[held], decoded - x[held], 0)
    spread = np.where(known[held], x[held] - mean[None], 0)
    return math.sqrt((error**2).sum() / max((spread**2).sum(), 1e-30))


def problems_of(report: Report, classes: tuple[str, ...]) -> tuple[str, ...]:
    """Return in words what is wrong with a fit and what to change."""
    found = []
    dead = [number for number, std in enumerate(report.latent_std, 1) if std < COLLAPSED]
    if len(dead) == len(report.latent_std):
        found.append("the latents have collapsed: every example has the same z.")
    elif dead:
        found.append(f"latent {', '.join(map(str, dead))} has collapsed and carries nothing.")
    unused = [name for name, share in zip(classes, report.class_shares, strict=True) if share < UNUSED]
    if unused:
        found.append(f"class {', '.join(unused)} is not used.")
    if report.error > POOR:
        found.append(f"held-out examples are reconstructed no better than by the mean example ({report.error:.2f}).")
    return tuple(found)
