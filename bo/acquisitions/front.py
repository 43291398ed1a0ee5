"""Acquisitions for two or three objectives (``bo.Outcomes`` with several names to maximise)."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from bo.acquisitions.analytic import h
from bo.acquisitions.base import Acquisition, measured_in, weight_of
from bo.surrogates.base import Prediction
from ferro_jax import values


def random_scalarisation(kappa: float | Float[Array, ""] = 2.0) -> Acquisition:
    """Score by the smallest weighted objective μ + κσ, with new random weights at each step: cheap, and the default.

    Objectives are scaled to [0, 1] between the lowest and the highest observed; the weights are uniform on the simplex,
    and a twentieth of the weighted sum is added (the augmented Chebyshev scalarisation of Knowles 2006, with the upper
    bound of Paria et al. 2020 in place of expected improvement). ValueError, when traced, for a single objective.
    """
    kappa = weight_of(kappa, "kappa", least=0)

    @measured_in("gain")
    def score(key, prediction: Prediction, state, view):
        predictions, observed, known = objectives(prediction, state, view)
        low, high = extent(observed, known)
        upper = jnp.stack([each.mean + kappa * each.std for each in predictions])
        scaled = (upper - low[:, None]) / (high - low)[:, None]
        weights = jax.random.dirichlet(key, jnp.ones(len(predictions), upper.dtype))[:, None]
        return jnp.min(weights * scaled, axis=0) + 0.05 * jnp.sum(weights * scaled, axis=0)

    return score


def hypervolume_improvement(reference: Any = None) -> Acquisition:
    """Score by the expected gain in dominated hypervolume, exactly, for two or three independent objectives.

    ``reference`` is the point above which volume counts, one number for each objective in its own units; by default
    the lowest observed of each. The gain is a sum over strips of the plane between front points, of products of two
    one-dimensional expected improvements (Emmerich et al. 2016); a third objective is cut into slabs of such planes.
    ValueError, when traced, for a single objective.
    """

    reference = None if reference is None else values.floats(reference, "reference", finite=True)

    @measured_in("gain")
    def score(key, prediction: Prediction, state, view):
        del key
        predictions, observed, known = objectives(prediction, state, view)
        low = extent(observed, known)[0] if reference is None else jnp.asarray(reference, prediction.mean.dtype)
        points = jnp.where(known[None], jnp.maximum(observed, low[:, None]), low[:, None])
        plane = gain_in_plane if len(predictions) == 2 else gain_in_space
        return plane(predictions, points, low)

    return score


def objectives(prediction: Prediction, state: Any, view: Any) -> tuple[list[Prediction], Array, Array]:
    """Return the prediction of each objective, their observed values F["objectives n"], and which rows count."""
    if not view.others:
        raise ValueError("this acquisition needs two or three objectives: bo.Outcomes(maximise=('one', 'other'))")
    others = state.outcomes[:, : len(view.others)].T
    observed = jnp.concatenate([state.data.y[None], others])
    known = state.data.mask & state.within & jnp.all(jnp.isfinite(observed), axis=0)
    return [prediction, *view.others], observed, known


def extent(observed: Float[Array, "k n"], known: Array) -> tuple[Float[Array, "k"], Float[Array, "k"]]:
    """Return the lowest and the highest of each objective, 0 and 1 where nothing is known, never equal."""
    low = jnp.min(jnp.where(known[None], observed, jnp.inf), axis=1)
    high = jnp.max(jnp.where(known[None], observed, -jnp.inf), axis=1)
    low = jnp.where(jnp.isfinite(low), low, 0)
    return low, jnp.where(high > low, high, low + 1)


def expected_excess(prediction: Prediction, level: Float[Array, "..."]) -> Float[Array, "..."]:
    """Return E[max(y − level, 0)] of a normal y; ``level`` broadcasts against the prediction."""
    std = jnp.where(prediction.std > 0, prediction.std, 1)
    excess = std * h((prediction.mean - level) / std)
    return jnp.where(prediction.std > 0, excess, jnp.maximum(prediction.mean - level, 0))


def gain_in_plane(
    predictions: list[Prediction], points: Float[Array, "2 n"], low: Float[Array, "2"]
) -> Float[Array, "query"]:
    """Return the expected gain in area above ``low``; points that lie on ``low`` count for nothing.

    Between two neighbours of the first objective, a < b, the area is already covered up to the largest second objective
    of the points at b and beyond, h. The gain there is E[(min(y₁, b) − a)₊] E[(y₂ − h)₊].
    """
    order = jnp.argsort(points[0])
    first, second = points[0][order], points[1][order]
    cover = lax.cummax(second, reverse=True)
    edges = jnp.concatenate([low[:1], first])
    heights = jnp.concatenate([cover, low[1:]])
    column = Prediction(predictions[0].mean[:, None], predictions[0].std[:, None])
    excess = expected_excess(column, edges[None])  # (query, n + 1)
    width = excess - jnp.concatenate([excess[:, 1:], jnp.zeros_like(excess[:, :1])], axis=1)
    other = Prediction(predictions[1].mean[:, None], predictions[1].std[:, None])
    return jnp.sum(width * expected_excess(other, heights[None]), axis=1)


def gain_in_space(
    predictions: list[Prediction], points: Float[Array, "3 n"], low: Float[Array, "3"]
) -> Float[Array, "query"]:
    """Return the expected gain in volume above ``low``: slabs between neighbours of the third objective.

    Within a slab the points at its upper end and beyond cover the same area of the other two.
    """
    order = jnp.argsort(points[2])
    points = points[:, order]
    edges = jnp.concatenate([low[2:], points[2]])
    number = jnp.arange(points.shape[1])

    def slab(total, place):
        beyond = number >= place
        plane = jnp.where(beyond[None], points[:2], low[:2, None])
        bottom = expected_excess(predictions[2], edges[place])
        top = jnp.where(
            place == number.size, 0, expected_excess(predictions[2], edges[jnp.minimum(place + 1, number.size)])
        )
        return total + (bottom - top) * gain_in_plane(predictions[:2], plane, low[:2]), None

    start = jnp.zeros_like(predictions[0].mean)
    return lax.scan(slab, start, jnp.arange(number.size + 1))[0]
