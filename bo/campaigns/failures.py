"""What a campaign learns from failed evaluations: the label of each row, and the probability of success at a point.

While nothing has failed nothing of this is computed: the campaign is the one that it would be without.
"""

from collections.abc import Callable

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from bo.campaigns.records import CampaignConfig, State
from bo.campaigns.rules import anywhere
from bo.data import Data
from bo.space import Space
from bo.surrogates import feasibility
from bo.surrogates.feasibility import Classifier

LogProbability = Callable[[Array], Array]


def label(finite: Bool[Array, "..."], failed: Bool[Array, "..."]) -> Int[Array, "..."]:
    """Return 1 for an evaluation that succeeded, −1 for one that failed, also with a finite value, 0 for neither."""
    return jnp.where(failed, -1, finite.astype(jnp.int32))


def begun(config: CampaignConfig, space: Space | None, data: Data, success: Int[Array, "n"]) -> Classifier | None:
    """Return the model of failures after the initial design; None where it is not learned."""
    if not config.learn_failures:
        return None
    empty = feasibility.unlabelled(feasibility.kernel_of(space), data.x.shape[0], data.x.shape[1], data.x.dtype)
    return updated(empty, data, success, jnp.ones((), bool))


def learned(config: CampaignConfig, state: State) -> State:
    """Return the state with the model of failures conditioned on its labels, and fitted again when that is due."""
    if state.feasibility is None:
        return state
    due = config.fit_due(state.count)
    return state._replace(feasibility=updated(state.feasibility, state.data, state.success, due))


def updated(classifier: Classifier, data: Data, success: Int[Array, "n"], due: Bool[Array, ""]) -> Classifier:
    """Return the classifier conditioned on the labels, where something has failed; fitted where ``due``."""
    failed = jnp.any(success < 0)
    due = due & failed & jnp.any(success > 0)

    def unchanged(classifier, x, success, due):
        del x, success, due
        return classifier

    return lax.cond(anywhere(failed), feasibility.conditioned, unchanged, classifier, data.x, success, due)


def log_probability(state: State) -> LogProbability | None:
    """Return the function from points of the unit cube, F["query dim"], to the log probability of success there.

    It is 0 while nothing has failed; None where failures are not learned.
    """
    return None if state.feasibility is None else log_probability_by(state.feasibility, state.data.x, state.success)


def log_probability_by(
    classifier: Classifier, inputs: Float[Array, "capacity dim"], success: Int[Array, "capacity"]
) -> LogProbability:
    """Return the same function of a model of failures that has learned the labels of these inputs."""
    failed = jnp.any(success < 0)
    computed = anywhere(failed)

    def at(x: Float[Array, "query dim"]) -> Float[Array, "query"]:
        def predicted(x):
            return jnp.where(failed, feasibility.log_probability(classifier, inputs, x), 0)

        return lax.cond(computed, predicted, lambda x: jnp.zeros(x.shape[0], x.dtype), x)

    return at


def grown(classifier: Classifier | None, capacity: int) -> Classifier | None:
    """Return the model of failures with room for ``capacity`` evaluations."""
    return None if classifier is None else feasibility.grow(classifier, capacity)
