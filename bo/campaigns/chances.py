"""What a campaign believes of a point besides its value: success, limits, further objectives.

Failures are learned by the model of ``bo.campaigns.failures``. Each outcome with a limit and each further objective is
learned by a surrogate like that of the value, on the evaluations that have it.
"""

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import log_ndtr
from jaxtyping import Array, Bool, Float

from bo.acquisitions.base import Acquisition
from bo.campaigns import failures
from bo.campaigns.records import Proposal, State
from bo.data import Data
from bo.outcomes import Limit, Outcomes
from bo.surrogates.base import Prediction, Surrogate, with_noise

LEAST = 0.25  # probability of success that a point needs where others have it


class Chances(NamedTuple):
    """Beliefs at query points.

    log_success  log probability that the evaluation succeeds and keeps all limits; None where nothing of it is learned
    log_gated    log probability that decides whether a point may be asked at all: that the evaluation succeeds and, in
                 a safe campaign, keeps all limits; None where nothing of it is learned
    others       predictions of the further objectives
    """

    log_success: Any  # F["query"]
    log_gated: Any  # F["query"]
    others: tuple[Prediction, ...]


Believe = Callable[[Array], Chances]


def unit_of(outcomes: Outcomes, column: int, dtype: Any) -> float:
    """Return the power of 2 by which an outcome is divided for its surrogate: 1 but for limits of extreme sizes.

    The variance of its noise, in units of its square, would be no number there.
    """
    limit = outcomes.limits.get(outcomes.modelled[column])
    size = 0.0 if limit is None else max(abs(limit.above or 0.0), abs(limit.below or 0.0))
    edge = 2.0 ** (jnp.finfo(dtype).maxexp // 4)
    return 1.0 if size == 0 or 1 / edge <= size <= edge else 2.0 ** round(math.log2(size))


def data_of(outcomes: Outcomes, state: State, column: int) -> Data:
    """Return the observations of one outcome, in its ``unit_of``."""
    values = state.outcomes[:, column] / unit_of(outcomes, column, state.outcomes.dtype)
    known = state.data.mask & jnp.isfinite(values)
    return Data(state.data.x, jnp.where(known, values, 0), known, jnp.zeros_like(state.data.noise))


def first_models(surrogate: Surrogate, outcomes: Outcomes | None, key: Array, state: State) -> Any:
    """Return the hyperparameters of the surrogate of each modelled outcome after the initial design."""
    if outcomes is None:
        return None
    data = [data_of(outcomes, state, column) for column in range(len(outcomes.modelled))]
    return tuple(surrogate.init(jax.random.fold_in(key, column), each) for column, each in enumerate(data))


def refitted(surrogate: Surrogate, outcomes: Outcomes | None, key: Array, state: State, due: Array | None) -> State:
    """Return the state with the surrogates of the outcomes fitted again, where ``due`` if that is given."""
    if outcomes is None or not state.models:
        return state
    models = []
    for column, params in enumerate(state.models):
        new, _ = surrogate.fit(jax.random.fold_in(key, column), params, data_of(outcomes, state, column))
        keep = (lambda a, b: a) if due is None else (lambda a, b: jnp.where(due, a, b))
        models.append(jax.tree.map(keep, new, params))
    return state._replace(models=tuple(models))


def believe(surrogate: Surrogate, outcomes: Outcomes | None, state: State) -> Believe:
    """Return the function from points of the unit cube, F["query dim"], to what is believed of them."""
    of_success = failures.log_probability(state)
    if outcomes is None:
        return lambda x: _of_failures(None if of_success is None else of_success(x))
    data = [data_of(outcomes, state, column) for column in range(len(state.models))]
    predict = [surrogate.predictor(params, each) for params, each in zip(state.models, data, strict=True)]
    predict_value = surrogate.predictor(state.params, state.data) if outcomes.objectives[0] in outcomes.limits else None

    def in_units(column: int, prediction: Prediction) -> Prediction:
        unit = unit_of(outcomes, column, prediction.mean.dtype)
        return prediction if unit == 1 else Prediction(prediction.mean * unit, prediction.std * unit)

    def at(x: Float[Array, "query dim"]) -> Chances:
        predicted = [each(x) for each in predict]
        evaluated = None if of_success is None else of_success(x)
        log_success = jnp.zeros(x.shape[0], x.dtype) if evaluated is None else evaluated
        for name, limit in outcomes.limits.items():
            if name in outcomes.modelled:
                column = outcomes.modelled.index(name)
                params, prediction = state.models[column], predicted[column]
                limit = limit.divided(unit_of(outcomes, column, x.dtype))
            else:  # a limit on the value itself
                assert predict_value is not None
                params, prediction = state.params, predict_value(x)
            log_success += log_probability(limit, with_noise(prediction, surrogate.noise(params)))
        gated = evaluated if outcomes.safe is None else log_success
        others = [in_units(column, each) for column, each in enumerate(predicted[: len(outcomes.objectives) - 1])]
        return Chances(log_success, gated, tuple(others))

    return at


def _of_failures(log_success: Any) -> Chances:
    """Return the beliefs where failures are all that there is to learn."""
    return Chances(log_success, log_success, ())


def log_probability(limit: Limit, prediction: Prediction) -> Float[Array, "query"]:
    """Return the log probability that a normal outcome keeps a limit; of two sides Φ(b) − Φ(a), at least 1e-30."""
    above, below = limit.above, limit.below
    std = jnp.maximum(prediction.std, jnp.finfo(prediction.std.dtype).tiny)
    log_below = jnp.zeros_like(std) if below is None else log_ndtr((below - prediction.mean) / std)
    if above is None:
        return log_below
    if below is None:  # from the upper tail, where 1 − Φ(a) would lose digits
        return log_ndtr((prediction.mean - above) / std)
    outside = log_ndtr((above - prediction.mean) / std)
    return log_below + jnp.log(jnp.maximum(1 - jnp.exp(jnp.minimum(outside - log_below, 0)), 1e-30))


class Gate(NamedTuple):
    """Which points may be asked: those whose log probability of success reaches ``level``, if it does ``anywhere``."""

    level: float
    anywhere: Bool[Array, ""]
    safe: bool


def gate_of(outcomes: Outcomes | None, acquisition: Acquisition, log_gated: Any, closed: Any) -> Gate | None:
    """Return the gate of a step; None where nothing is learned of success, and for blind baselines.

    ``log_gated`` are those of the points that there are to choose from, but for ``closed`` ones. A point that
    succeeds with less than ``LEAST`` is asked only where there are no others, because the surrogate extrapolates into
    the failing region and promises most where nothing can be had; a safe campaign asks for more. A point that exceeds
    a limit is not closed without ``safe``, because its value was observed nearby.
    """
    if log_gated is None:
        return None
    reference = jnp.where(closed, -jnp.inf, log_gated)
    if outcomes is not None and outcomes.safe is not None:
        level = math.log(outcomes.safe)
        return Gate(level, jnp.any(reference >= level), True)
    if getattr(acquisition, "scale", "units") == "blind":
        return None
    level = math.log(LEAST)
    return Gate(level, jnp.any(reference >= level), False)


def admitted(gate: Gate | None, score: Float[Array, "query"], log_gated: Any) -> Float[Array, "query"]:
    """Return the scores with −∞ where the gate is closed.

    Where no point reaches its level, scores are as they were or, in a safe campaign, the log probabilities.
    """
    if gate is None:
        return score
    otherwise = log_gated if gate.safe else score
    return jnp.where(gate.anywhere, jnp.where(log_gated >= gate.level, score, -jnp.inf), otherwise)


def marked(proposal: Proposal, any_score: Array) -> Proposal:
    """Return the proposal with a probability of NaN unless the acquisition gave ``any_score`` to open points."""
    return proposal._replace(probability=jnp.where(any_score, proposal.probability, jnp.nan))


def warn_of_no_score(proposals: Sequence[Proposal]) -> None:
    """Warn of points that the acquisition did not choose: their ``probability`` is NaN."""
    if any(np.isnan(proposal.probability) for proposal in proposals):
        warnings.warn(
            "the acquisition gives no open point a score, all are NaN or −∞: the point asked is the first open "
            "candidate, in a box a random point. Check its weights, costs and densities, and what it returns",
            stacklevel=4,
        )


def if_safe(
    outcomes: Outcomes | None, chosen: Array, log_success: Callable[[], Array], most_probable: Callable[[], Array]
) -> Array:
    """Return the chosen point or, where a safe campaign must not go to it, the most probable one.

    An acquisition may give −∞ to all safe points. The choice among equal scores is then any.
    """
    if outcomes is None or outcomes.safe is None:
        return chosen
    return jnp.where(log_success() >= math.log(outcomes.safe), chosen, most_probable())
