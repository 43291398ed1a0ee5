"""What campaigns over pools and boxes share: checks, evaluation of the objective, and the State after an evaluation."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

from bo.campaigns import chances, failures, rules
from bo.campaigns.records import CampaignConfig, Info, Proposal, State
from bo.data import Data, Observation, grow, write
from bo.outcomes import Outcomes
from bo.space import Space
from bo.surrogates.base import Surrogate, require_precision
from ferro_jax import values


class Evaluated(NamedTuple):
    """One evaluation as the surrogate receives it."""

    x: Float[Array, "dim"]  # in the unit cube
    value: Float[Array, ""]
    noise: Float[Array, ""]  # known variance of the value
    finite: Bool[Array, ""]  # whether it may reach the surrogate
    failed: Bool[Array, ""]  # whether it says that the evaluation failed
    z_score: Float[Array, ""]
    outcomes: Any  # F["k"]; None without Outcomes


def check_parts(surrogate: Any, acquisition: Any) -> jnp.dtype:
    """Return the surrogate's precision; ValueError for what is no surrogate or no acquisition, before anything runs."""
    if not isinstance(surrogate, Surrogate):
        raise ValueError(f"surrogate is a {type(surrogate).__name__}; expected a bo.Surrogate: bo.gaussian_process()")
    try:
        inspect.signature(acquisition).bind("key", "prediction", "state", "view")
    except TypeError as error:
        name = getattr(acquisition, "__name__", repr(acquisition))
        raise ValueError(
            f"acquisition {name} does not take (key, prediction, state, view) ({error}): those of bo are made by a "
            "call, such as bo.log_expected_improvement(); bo.acquisitions.base shows how to write one"
        ) from error
    return require_precision(surrogate.dtype)


def check_objective(objective: Callable[[Array, Array], Any]) -> None:
    """ValueError for an objective that does not take (key, x); a callable without a readable signature passes."""
    try:
        signature = inspect.signature(objective)
    except (TypeError, ValueError):
        return
    try:
        signature.bind("key", "x")
    except TypeError as error:
        name = getattr(objective, "__name__", repr(objective))
        raise ValueError(
            f"objective {name} does not take (key, x) ({error}): give a function of a PRNG key and one point, such as "
            "lambda key, x: -((x - 1) ** 2).sum()"
        ) from error


def evaluate(
    objective: Callable[[Array, Array], Any], outcomes: Outcomes | None, dtype: Any, key: Array, x: Array
) -> Observation:
    """Return what the objective gives at x in ``dtype``; ValueError unless value and noise variance are real scalars,
    and for an objective that JAX cannot trace."""
    try:
        observed = objective(key, x)
    except (jax.errors.TracerArrayConversionError, jax.errors.ConcretizationTypeError) as error:
        name = getattr(objective, "__name__", repr(objective))
        raise ValueError(
            f"objective {name} computes with NumPy or Python numbers, and campaigns compile their objective with JAX: "
            "write it with jax.numpy; or ask and tell it yourself, bo.session(campaign); or wrap the call, "
            "jax.pure_callback(function, jax.ShapeDtypeStruct((), x.dtype), x, vmap_method='sequential')"
        ) from error
    if outcomes is not None:
        observed = outcomes.observation(observed)
    elif isinstance(observed, Mapping):
        raise ValueError(
            f"the objective returned named values {sorted(observed)}: say what they mean by "
            "outcomes=bo.Outcomes(maximise=..., limits=...)"
        )
    observed = observed if isinstance(observed, Observation) else Observation(observed, jnp.zeros(()))
    named = ((observed.value, "the objective's value"), (observed.variance, "its noise variance"))
    value, variance = (jnp.asarray(values.floats(number, name)) for number, name in named)
    if value.shape != () or variance.shape != ():
        raise ValueError(
            f"the objective returned shape {value.shape} (noise variance {variance.shape}) for one candidate; "
            "it must return a scalar, or an Observation of two scalars"
        )
    others = None if outcomes is None else jnp.asarray(observed.outcomes, dtype)
    return Observation(value.astype(dtype), variance.astype(dtype), others)


def usable(value: Array, noise: Array, stopped: Array | None = None) -> Array:
    """Return whether observations may reach the surrogate: finite, with a variance, and not made after a stop."""
    good = jnp.isfinite(value) & (noise >= 0) & jnp.isfinite(noise)
    return good if stopped is None else good & ~stopped


def is_failure(
    spec: Outcomes | None, value: Array, noise: Array, others: Any = None, stopped: Array | None = None
) -> Array:
    """Return whether evaluations failed: the value or its noise variance is no number that can be used, or an outcome
    lies infinitely far outside its limit. Never for one that was not made, after a stop."""
    failed = ~usable(value, noise)
    if spec is not None and spec.limits:
        failed |= spec.beyond(value, others)
    return failed if stopped is None else failed & ~stopped


def outcome_row(spec: Outcomes | None, outcomes: Any, value: Array) -> Any:
    """Return the named values of one evaluation as a row, F["k"]; NaN where they were not told, None without a spec."""
    if spec is None:
        return None
    return jnp.full(len(spec.names), jnp.nan, value.dtype) if outcomes is None else jnp.asarray(outcomes, value.dtype)


def check_outcomes(outcomes: Any, initial: Any, prior: Any) -> None:
    """ValueError for outcomes of another type or beside a prior, and for a safe campaign without points to start from.

    A prior has values alone. The surrogates of other outcomes would take them for theirs.
    """
    if outcomes is None:
        return
    if not isinstance(outcomes, Outcomes):
        raise ValueError(f"outcomes is a {type(outcomes).__name__}; expected bo.Outcomes(maximise=..., limits=...)")
    if prior is not None and outcomes.modelled:
        raise ValueError(
            f"prior holds values alone, nothing of {list(outcomes.modelled)}: leave it out, or tell the earlier "
            "evaluations with all their outcomes to a session"
        )
    if outcomes.safe is not None and initial is None:
        raise ValueError("a safe campaign starts from points known to keep the limits: give them as initial=")


def comparable(state: State) -> Bool[Array, "capacity"]:
    """Return which rows may be the best: successful ones and, where there are limits, those that keep them."""
    return state.data.mask if state.within is None else state.within


def first_state(
    surrogate: Surrogate,
    key: Array,
    config: CampaignConfig,
    outcomes: Outcomes | None,
    space: Space | None,
    proposal: Proposal,
    x: Array,
    observed: Observation,
) -> tuple[State, Info]:
    """Return State and Info after the initial design, observed at ``x`` in the unit cube.

    What only campaigns over a pool have (chosen, visited, best_index, posterior) is left None.
    """
    value, noise, others = observed
    number, unknown = config.initial_points, proposal.mean
    none = jnp.zeros(number, jnp.int32)
    finite, failed = usable(value, noise), is_failure(outcomes, value, noise, others)
    within = None if outcomes is None else finite & outcomes.within(value, others)
    good = jnp.where(finite if within is None else within, value, -jnp.inf)
    data = Data(x, jnp.where(finite, value, 0), finite, jnp.where(finite, noise, 0))
    best, params = lax.cummax(good), surrogate.init(key, data)
    success = failures.label(finite, failed)
    stopping = config.stop_regret is not None
    state = State(
        count=jnp.asarray(number, jnp.int32),
        data=data,
        chosen=None,
        visited=None,
        best=best[-1],
        best_index=None,
        best_x=jnp.where(jnp.isfinite(best[-1]), proposal.x[jnp.argmax(good)], jnp.nan),
        z_score=unknown + value,  # NaN, and batched under vmap, else JAX traces all steps once more to find it out
        params=params,
        posterior=None,
        success=success,
        outcomes=others,
        within=within,
        models=None,
        feasibility=failures.begun(config, space, data, success),
        stopped=jnp.zeros((), bool) if stopping else None,
    )
    state = state._replace(models=chances.first_models(surrogate, outcomes, key, state))
    info = Info(
        index=proposal.index,
        x=proposal.x,
        value=value,
        finite=finite,
        failed=failed,
        mean=unknown,
        std=unknown,
        probability=unknown,
        z_score=unknown,
        best=best,
        refitted=jnp.arange(number) == number - 1,
        fit_evaluations=none,
        retries=none,
        params=at_last(params, number),
        observed=None,
        outcomes=others,
        within=within,
        regret_bound=jnp.full_like(best, jnp.nan) if stopping else None,
        stopped=jnp.zeros_like(finite) if stopping else None,
    )
    return state, info


def next_state(state: State, outcomes: Outcomes | None, proposal: Proposal, evaluated: Evaluated) -> tuple[State, Info]:
    """Return State and Info after one more evaluation, without a fit.

    What only campaigns over a pool have (chosen, visited, best_index, posterior) is left as it was.
    """
    x, value, noise, finite, failed, z_score, others = evaluated
    within = None if outcomes is None else finite & outcomes.within(value, others)
    better = (finite if within is None else within) & (value > state.best)
    after = state._replace(
        count=state.count + 1,
        data=write(state.data, state.count, x, value, noise, finite),
        best=jnp.where(better, value, state.best),
        best_x=jnp.where(better, proposal.x, state.best_x),
        z_score=lax.dynamic_update_index_in_dim(state.z_score, z_score, state.count, 0),
        success=lax.dynamic_update_index_in_dim(state.success, failures.label(finite, failed), state.count, 0),
    )
    if outcomes is not None:
        after = after._replace(
            outcomes=lax.dynamic_update_index_in_dim(state.outcomes, others, state.count, 0),
            within=lax.dynamic_update_index_in_dim(state.within, within, state.count, 0),
        )
    info = Info(
        index=proposal.index,
        x=proposal.x,
        value=value,
        finite=finite,
        failed=failed,
        mean=proposal.mean,
        std=proposal.std,
        probability=proposal.probability,
        z_score=z_score,
        best=after.best,
        refitted=jnp.zeros((), bool),
        fit_evaluations=jnp.zeros((), jnp.int32),
        retries=jnp.zeros((), jnp.int32),
        params=state.params,
        observed=None,
        outcomes=others,
        within=within,
    )
    return after, info


def refit_params(surrogate: Surrogate, key: Array, state: State, info: Info, due: Array | None) -> tuple[Any, Info]:
    """Return the params of a new fit, and Info that reports it; only where ``due``, if that is given."""
    if due is None:
        params, fitted = surrogate.fit(key, state.params, state.data)
        due, evaluations = jnp.ones((), bool), jnp.asarray(fitted.evaluations, jnp.int32)
    else:
        params, evaluations = rules.fit_where(due, surrogate.fit, key, state.params, state.data)
    return params, info._replace(refitted=due, fit_evaluations=evaluations, params=params)


def at_last(tree: Any, number: int) -> Any:
    """Return each leaf as the last of ``number`` rows, the others NaN (0 for integers and booleans)."""

    def as_last_row(leaf):
        leaf = jnp.asarray(leaf)
        missing = jnp.nan if jnp.issubdtype(leaf.dtype, jnp.inexact) else 0
        return jnp.full((number, *leaf.shape), missing, leaf.dtype).at[-1].set(leaf)

    return jax.tree.map(as_last_row, tree)


def grow_rows(state: State, capacity: int) -> State:
    """Return the state with room for ``capacity`` evaluations in what pools and boxes have in common."""
    extra = capacity - state.z_score.shape[0]
    outcomes, within = state.outcomes, state.within
    return state._replace(
        data=grow(state.data, capacity),
        z_score=jnp.pad(state.z_score, (0, extra), constant_values=jnp.nan),
        success=jnp.pad(state.success, (0, extra)),
        outcomes=None if outcomes is None else jnp.pad(outcomes, ((0, extra), (0, 0)), constant_values=jnp.nan),
        within=None if within is None else jnp.pad(within, (0, extra)),
        feasibility=failures.grown(state.feasibility, capacity),
    )
