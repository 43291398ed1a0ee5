"""The acquisition of campaigns over two fidelities, a cheap proxy and the target."""

import jax.numpy as jnp

from bo.acquisitions.base import Acquisition, measured_in, weight_of
from bo.surrogates.multifidelity import targets
from ferro_jax import values


def two_fidelity_upper_confidence_bound(kappa: float, cost: float, share: float = 0.5) -> Acquisition:
    """Choose the point by μ + κσ of the target, and the fidelity by the variance removed per cost.

    For campaigns over ``bo.surrogates.multifidelity.both`` of a pool. ``cost`` is the proxy's, in target evaluations.
    At the point with the largest bound among those without a target value, an evaluation is worth the variance of the
    target there that it would remove, cov² / σ², divided by its cost. The better fidelity scores 1, all others −1. The
    proxy waits while it has had more than ``share`` of the cost so far, because its relation to the target is learned
    from target values alone. ValueError unless kappa ≥ 0, cost > 0 and 0 < share ≤ 1.
    """
    kappa, share = weight_of(kappa, "kappa", least=0), weight_of(share, "share", positive=True)
    cost = weight_of(cost, "cost", positive=True)
    if values.is_known(share) and not float(share) <= 1:
        raise ValueError(f"share is {share}; expected the largest part of the cost for the proxy, in (0, 1]")

    @measured_in("weighted")
    def score(key, prediction, state, view):
        del key
        half = prediction.mean.shape[0] // 2
        bound = targets(prediction.mean + kappa * prediction.std)
        measured = targets(state.visited)
        best = jnp.argmax(jnp.where(measured, -jnp.inf, bound))
        pair = jnp.stack([best, best + half])
        with_target = view.covariance(best + half)
        removed = with_target[pair] ** 2 / jnp.maximum(prediction.std[pair] ** 2, jnp.finfo(bound.dtype).tiny)
        spent = cost * jnp.sum(state.visited[:half]), jnp.sum(measured)
        waits = state.visited[best] | (spent[0] > share * (spent[0] + spent[1]))
        worth = jnp.where(jnp.stack([waits, measured[best]]), -jnp.inf, removed / jnp.array([cost, 1.0], bound.dtype))
        return (-jnp.ones(2 * half, bound.dtype)).at[pair[jnp.argmax(worth)]].set(1.0)

    return score
