"""TODO docstring of bo.acquisitions.base"""

from collections.abc import Callable
from typing import NamedTuple

from jaxtyping import Array, Float

from bo.surrogates.base import Prediction

Acquisition = Callable[..., Array]


class View(NamedTuple):
    """What an acquisition may ask of the model beyond marginals, at the query points ``x`` (in the unit cube).

    sample      (key) -> F["query"]       one joint draw of the latent function, in the units of the observations
    covariance  (index) -> F["query"]     posterior covariance of query point ``index`` with all of them
    reference   marginals that stand for the whole domain: of the pool, or of points that fill the box

    Closures: what is not called costs nothing. In a box, whose query points come in many calls, ``sample`` is of the
    one function that was drawn for this ask, whatever the key.
    """

    x: Float[Array, "query dim"]
    sample: Callable[[Array], Array]
    covariance: Callable[[Array], Array]
    reference: Prediction
