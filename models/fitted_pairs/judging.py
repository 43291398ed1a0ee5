"""What a fit of pairs is worth: errors on scored pairs beside those of rules that learn nothing or little, in words."""

from typing import Any, NamedTuple

import numpy as np

from models.collapse import NO_BETTER
from models.paired.baselines import flat, normalised_mse, predict

WORSE = 1.25  # error of a ridge regression with all orientations over that without, from which on they are not used

POISSON = 0.7  # residual over Poisson variance below which whole numbers are no counts
ROUNDED = 0.05  # distance from a whole number that scaling in single precision may leave
AT_NOISE = 1.15  # times the noise: an error below leaves nothing to learn


class Judged(NamedTuple):
    """Errors of predictions of one side from the other, on scored pairs.

    ``error`` is Σ(predicted − true)² over that of predicting the mean of the trained ones: 1 is no better than the
    mean, 0 is perfect. ``members`` are those of single members, ``nearest`` that of looking up the nearest trained
    example, ``ridge`` that of a ridge regression on principal components. ``rms`` is the root mean square error of the
    fit and ``rms_of_mean`` that of the mean, in the units of what is predicted. ``noise`` is the error of a perfect
    prediction of counts, because they scatter by their square root; None where what is predicted are no counts.
    """

    error: float
    members: tuple[float, ...]
    nearest: float
    ridge: float
    rms: float
    rms_of_mean: float
    noise: float | None = None


def judged(
    predicted: Any, given: tuple[Any, Any, Any], wanted: tuple[Any, Any, Any], unit: float, members: Any = ()
) -> Judged:
    """Return the errors of ``predicted`` and of the baselines; ``given`` and ``wanted`` are trained, watched, scored.

    All are in scaled units, of which one is ``unit`` of the user's.
    """
    others = predict(given[0], wanted[0], (given[1], wanted[1]), given[2])
    mean, true = flat(wanted[0]).astype(float).mean(0), flat(wanted[2]).astype(float)
    return Judged(
        normalised_mse(predicted, true, mean),
        tuple(normalised_mse(values, true, mean) for values in members),
        normalised_mse(others["nearest"], true, mean),
        normalised_mse(others["ridge"], true, mean),
        unit * float(np.sqrt(np.mean((flat(predicted) - true) ** 2))),
        unit * float(np.sqrt(np.mean((true - mean) ** 2))),
    )


def with_noise(found: Judged, true: Any) -> Judged:
    """Return the errors with that of a perfect prediction, where the ``true`` values, unscaled, are counts."""
    true = np.asarray(true, float)
    variance = float(true.mean())  # of a Poisson distribution
    whole = bool((true > -ROUNDED).all() and (np.abs(true - np.round(true)) < ROUNDED).all() and variance > 0)
    if not whole or found.rms**2 < POISSON * variance:
        return found
    return found._replace(noise=variance / found.rms_of_mean**2)


def in_words(what: str, found: Judged) -> tuple[str, ...]:
    """Return what is wrong with predictions of ``what``, and what to change; () where nothing is."""
    others = {"the mean": 1.0, "the nearest trained example": found.nearest, "a ridge regression": found.ridge}
    name, least = min(others.items(), key=lambda pair: pair[1])
    if found.error < NO_BETTER * least:
        return ()
    change = "give more pairs or a larger scan, average until there is less noise, or train longer (steps=)"
    if found.noise is not None and found.error < AT_NOISE * found.noise:
        change = f"a perfect prediction of such counts has {found.noise:.3g}, so add counts before anything else"
    if name == "the mean":
        change = f"the two sides may tell nothing of each other, or are not of the same places; else {change}"
    return (
        f"held-out {what} are predicted with a normalised error of {found.error:.3g}, no better than by {name} "
        f"({least:.3g}): {change}.",
    )


def turning_helps(plain: tuple[Any, Any], turned: tuple[Any, Any], watched: tuple[Any, Any]) -> bool:
    """Return whether pairs in all orientations are as good examples as those that were measured, (given, wanted) each.

    They are not where the direction matters: a ridge regression then predicts the watched pairs worse with them.
    """
    errors = []
    for given, wanted in (plain, turned):
        ridge = predict(given, wanted, watched, watched[0])["ridge"]
        errors.append(float(((ridge - flat(watched[1])) ** 2).sum()))
    return errors[1] <= WORSE * errors[0]
