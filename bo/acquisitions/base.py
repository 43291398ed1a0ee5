"""What an acquisition is: a function that gives every point a score. The point of the highest score is evaluated next.

    def away_from_the_edge(key, prediction, state, view):
        distance = jnp.min(jnp.minimum(view.x, 1 - view.x), axis=1)
        return prediction.mean + 2 * prediction.std + 0.1 * distance

    campaign = bo.campaign(objective, pool, bo.gaussian_process(), away_from_the_edge)

The objective is maximised, and bigger scores are better. A score of NaN or −∞ leaves a candidate out. In a box the
score is climbed along its gradient, which should then be finite, also where the standard deviation is 0. An acquisition
that needs a number is returned by a function of it, as in ``bo.acquisitions.analytic``; the number may be traced, so
that sweeping it is a vmap.
"""

from typing import Any, NamedTuple, Protocol, runtime_checkable

from jaxtyping import Array, Float, Int

from bo.data import Data
from bo.surrogates.base import Prediction


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

    ``sample`` and ``covariance`` cost nothing unless they are called.
    """

    x: Float[Array, "query dim"]
    sample: Sample
    covariance: Covariance
    reference: Prediction


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
