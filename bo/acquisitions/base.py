"""What an acquisition is: a function that gives every point a score. The point of the highest score is evaluated next.

    def away_from_the_edge(key, prediction, state, view):
        distance = jnp.min(jnp.minimum(view.x, 1 - view.x), axis=1)
        return prediction.mean + 2 * prediction.std + 0.1 * distance

    campaign = bo.campaign(objective, pool, bo.gaussian_process(), away_from_the_edge)

The objective is maximised, and bigger scores are better. A score of NaN or −∞ leaves a candidate out. Where that leaves
nothing, the first candidate that is open is evaluated, in a box a random point, and its ``probability`` in Proposal and
Info is NaN; ``session.ask`` warns of it. In a box the
score is climbed along its gradient, which should then be finite, also where the standard deviation is 0. An acquisition
that needs a number is returned by a function of it, as in ``bo.acquisitions.analytic``; the number may be traced, so
that sweeping it is a vmap.

Where evaluations can fail, the campaign weighs the score with the probability of success. How depends on what the score
measures: units of the objective, as in the example, unless the decorator ``measured_in`` says otherwise.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, Protocol, get_args, runtime_checkable

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from bo.data import Data
from bo.surrogates.base import Prediction
from ferro_jax import values

Scale = Literal["units", "gain", "log", "weighted", "blind"]


class Sample(Protocol):
    """Draw the latent function once at all query points together, in the units of the observations."""

    def __call__(self, key: Array, /) -> Float[Array, "query"]: ...


class Covariance(Protocol):
    """Return the posterior covariance of query point number ``index`` with all query points."""

    def __call__(self, index: Int[Array, ""], /) -> Float[Array, "query"]: ...


class View(NamedTuple):
    """What an acquisition may use of the model beyond the predictions at the query points.

    x           the query points, in the unit cube
    sample      (key) -> F["query"]    one joint draw of the latent function. In a box, where query points come in many
                calls, it is of the one function that was drawn for this step, whatever the key
    covariance  (index) -> F["query"]  posterior covariance of query point ``index`` with all of them
    reference   predictions that stand for the whole domain: of the pool, or of points that fill the box
    log_success F["query"], log probability that the evaluation succeeds and keeps all limits at the query points; None
                where nothing of it is learned
    others      predictions of the second and third objective at the query points, if there are any

    ``sample`` and ``covariance`` cost nothing unless they are called.
    """

    x: Float[Array, "query dim"]
    sample: Sample
    covariance: Covariance
    reference: Prediction
    log_success: Any = None
    others: tuple[Prediction, ...] = ()


@runtime_checkable
class CampaignState(Protocol):
    """What an acquisition may read of a campaign's state (``bo.State``)."""

    @property
    def count(self) -> Int[Array, ""]:
        """Number of evaluations made so far."""
        ...

    @property
    def data(self) -> Data:
        """The observations, inputs in the unit cube; a row holds one where ``data.mask`` is true."""
        ...

    @property
    def visited(self) -> Any:
        """Which candidates have been evaluated, B["pool"]; None in a box."""
        ...

    @property
    def best(self) -> Float[Array, ""]:
        """Largest value observed; −∞ before there is one."""
        ...

    @property
    def z_score(self) -> Float[Array, "capacity"]:
        """Prediction error of each observation in standard deviations; NaN where no surrogate had chosen it."""
        ...

    @property
    def params(self) -> Any:
        """The surrogate's hyperparameters."""
        ...


@runtime_checkable
class Acquisition(Protocol):
    """Return one score for each query point: (key, prediction, state, view) -> F["query"].

    ``prediction`` has mean and standard deviation at the query points, in the units of the observations; ``key`` is for
    acquisitions that draw random numbers.
    """

    def __call__(
        self, key: Array, prediction: Prediction, state: CampaignState, view: View, /
    ) -> Float[Array, "query"]: ...


def weight_of(value: Any, name: str, *, positive: bool = False, least: float | int | None = None) -> Any:
    """Return a number of an acquisition, which may be traced, so that sweeping it is a vmap.

    ValueError for what is no finite number and, where it is known, unless it is ``positive``, at least ``least``.
    """
    given = values.coefficient(value, name)
    if jnp.ndim(given):
        raise ValueError(f"{name} has shape {jnp.shape(given)}; give one number, and sweep several by jax.vmap")
    if values.is_known(given):
        number = float(given)  # inside jit a comparison of arrays would be traced
        if positive and not number > 0:
            raise ValueError(f"{name} is {number}; expected a positive number")
        if least is not None and not number >= least:
            raise ValueError(f"{name} is {number}; expected a number of at least {least:g}")
    return given


def measured_in(scale: Scale) -> Callable[[Any], Any]:
    """Return a decorator that says what the scores of an acquisition measure, and so how failures weigh on them.

    "units"     units of the objective, such as μ + κσ: the distance from the lowest predicted mean is multiplied with
                √P, P the probability of success; with P itself a campaign hardly leaves the region that succeeded
    "gain"      a gain that cannot be negative, such as expected improvement: multiplied with P
    "log"       the logarithm of a gain: log P is added
    "weighted"  the acquisition uses ``view.log_success`` itself, or is made of others that are weighed: unchanged
    "blind"     a baseline that must not learn from failures: unchanged, and it may ask where failure is likely

    ValueError for another word.
    """
    if scale not in get_args(Scale):
        raise ValueError(f"scale is {scale!r}; expected one of {get_args(Scale)}")

    def mark(acquisition):
        acquisition.scale = scale
        return acquisition

    return mark


def scored(
    acquisition: Acquisition, key: Array, prediction: Prediction, state: CampaignState, view: View
) -> Float[Array, "query"]:
    """Return the scores of an acquisition, weighed with the probability of success by what they measure.

    Scores of points where success is certain are unchanged. Acquisitions made of others call this for each of them.
    ValueError, when traced, unless there is one score for each point.
    """
    score = check_scores(acquisition, acquisition(key, prediction, state, view), prediction.mean.shape[0])
    scale = getattr(acquisition, "scale", "units")
    if view.log_success is None or scale in ("weighted", "blind"):
        return score
    if scale == "log":
        return score + view.log_success
    probability = jnp.exp(view.log_success if scale == "gain" else 0.5 * view.log_success)
    floor = jnp.min(view.reference.mean) if scale == "units" else 0
    above = score - floor
    weighed = floor + jnp.where(above > 0, above * probability, above * (2 - probability))
    return jnp.where(probability < 1, weighed, score)


def check_scores(acquisition: Any, scores: Any, number: int) -> Float[Array, "query"]:
    """Return the scores; ValueError, when traced, unless there is one number for each of the ``number`` points."""
    shape = jnp.shape(scores)
    if shape != (number,):
        name = getattr(acquisition, "__qualname__", repr(acquisition))
        raise ValueError(
            f"acquisition {name} returned shape {shape} for {number} points; expected ({number},), one score for each "
            "point, as prediction.mean has"
        )
    if jnp.issubdtype(jnp.result_type(scores), jnp.complexfloating):
        raise ValueError(f"acquisition {acquisition!r} returned complex numbers; expected real scores")
    return scores
