"""Acquisitions made of others: with a penalty, divided by a cost, several side by side.

A penalty is in the units of the score that it is subtracted from: of y for μ + κσ and expected improvement, nats for
the logarithms.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from bo.acquisitions.base import Acquisition, measured_in, scored, weight_of


def visited_penalty(
    acquisition: Acquisition, weight: float | Float[Array, ""], lengthscale: float | Float[Array, ""] = 0.05
) -> Acquisition:
    """Score by score − weight · exp(−d²/2ℓ²), d the distance to the nearest observation in units of the cube's edge.

    For noisy objectives: a point may be measured again, but not at once. ValueError for a negative weight and a
    lengthscale that is not positive.
    """
    weight, lengthscale = weight_of(weight, "weight", least=0), weight_of(lengthscale, "lengthscale", positive=True)

    @measured_in("weighted")
    def score(key, prediction, state, view):
        squared = jnp.sum((view.x[:, None] - state.data.x[None]) ** 2, axis=-1)
        nearest = jnp.min(jnp.where(state.data.mask[None], squared, jnp.inf), axis=1)
        return scored(acquisition, key, prediction, state, view) - weight * jnp.exp(-0.5 * nearest / lengthscale**2)

    return score


def travel_penalty(acquisition: Acquisition, weight: float | Float[Array, ""]) -> Acquisition:
    """Score by score − weight · distance from the last point, in units of the cube's edge: a probe has to travel.

    ValueError for a negative weight.
    """
    weight = weight_of(weight, "weight", least=0)

    @measured_in("weighted")
    def score(key, prediction, state, view):
        last = jax.lax.dynamic_index_in_dim(state.data.x, state.count - 1, 0)
        squared = jnp.sum((view.x - last) ** 2, axis=1)
        away = squared > 0
        distance = jnp.where(away, jnp.sqrt(jnp.where(away, squared, 1)), 0)
        return scored(acquisition, key, prediction, state, view) - weight * distance

    return score


def per_cost(acquisition: Acquisition, cost: Callable[[Array], Array], *, logarithmic: bool = False) -> Acquisition:
    """Score by score / cost(x), the gain per unit of cost; with ``logarithmic`` scores, score − log cost(x).

    ``cost`` maps one point of the unit cube, F["dim"], to a positive number; a point whose cost is not positive and
    finite is left out. Only scores that cannot be negative make sense here: improvement, information, knowledge.
    ValueError for a cost that is no function.
    """
    if not callable(cost):
        raise ValueError(f"cost is {cost!r}; expected a function of one point, lambda x: 1 + x[0] for instance")

    @measured_in("weighted")
    def score(key, prediction, state, view):
        price = jax.vmap(cost)(view.x)
        price = jnp.where((price > 0) & jnp.isfinite(price), price, jnp.nan)
        value = scored(acquisition, key, prediction, state, view)
        return value - jnp.log(price) if logarithmic else value / price

    return score


def portfolio(rules: Sequence[Acquisition], *, at_random: bool = False) -> Acquisition:
    """Score by one of several rules at each step: in turn, or drawn from the key. ValueError for no rules.

    A rule that is wrong for this landscape then costs its share of the steps and no more.
    """
    _not_empty(rules)

    @measured_in("weighted")
    def score(key, prediction, state, view):
        key_rule, *keys = jax.random.split(key, 1 + len(rules))
        turn = jax.random.randint(key_rule, (), 0, len(rules)) if at_random else state.count % len(rules)
        scores = jnp.stack([scored(rule, k, prediction, state, view) for k, rule in zip(keys, rules, strict=True)])
        return jnp.where((jnp.arange(len(rules)) == turn)[:, None], scores, 0).sum(axis=0)

    return score


def nominated(rules: Sequence[Acquisition], judge: Acquisition) -> Acquisition:
    """Let each rule nominate its best candidate that was not visited, and ``judge`` choose among the nominees.

    With the entropy of the maximum as the judge it is close to the entropy search portfolio (Shahriari et al. 2014).
    All but the nominees score −∞, so it serves pools only. ValueError for no rules and, when traced, in a box.
    """
    _not_empty(rules)

    @measured_in("weighted")
    def score(key, prediction, state, view):
        if state.visited is None:
            raise ValueError("nominated chooses among the candidates of a pool; in a box use portfolio")
        key_judge, *keys = jax.random.split(key, 1 + len(rules))
        scores = jnp.stack([scored(rule, k, prediction, state, view) for k, rule in zip(keys, rules, strict=True)])
        scores = jnp.where(jnp.isnan(scores) | state.visited[None], -jnp.inf, scores)
        nominees = jnp.zeros(prediction.mean.shape, bool).at[jnp.argmax(scores, axis=1)].set(True)
        return jnp.where(nominees, scored(judge, key_judge, prediction, state, view), -jnp.inf)

    return score


def _not_empty(rules: Sequence[Acquisition]) -> None:
    if not rules:
        raise ValueError("there are no rules to choose from: give at least one acquisition")
