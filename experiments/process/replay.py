"""The campaign of a study, rebuilt from its log: every command starts here."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import bo
from experiments.process import functions
from experiments.process.contexts import Given
from experiments.process.evaluations import Evaluation, Spot
from experiments.process.settings import Limit, StudySettings
from experiments.process.study import Candidates

ROOM = 16  # rows beyond the budget, for evaluations that are pending


class Replayed(NamedTuple):
    """A session that has been told a log; ``infos`` are those of ``tell``, empty unless it went step by step."""

    session: Any
    state: Any
    infos: list[Any]


def session_of(plan: StudySettings, candidates: Candidates, initial_points: int | None = None, every: int = 1) -> Any:
    """Return the session of a study. ValueError for a budget that the candidates cannot serve."""
    check_budget(plan, candidates)
    space = space_of(plan, candidates)
    initial = plan.initial_points if initial_points is None else initial_points
    rows = plan.budget + ROOM
    steps = max(1, (min(rows, len(candidates.z)) if space is None else rows) - initial)
    config = bo.CampaignConfig(initial, steps, refit_every=every)
    pool = jnp.asarray(candidates.z, float) if space is None else space.candidates(np.asarray(candidates.z, float))
    starts = None if plan.safe is None else jnp.arange(initial)  # a session is told its starts: these are not proposed
    campaign = bo.campaign(
        never, pool, surrogate_of(space), acquisition_of(plan), config, initial=starts, outcomes=outcomes_of(plan)
    )
    return bo.session(campaign)


def outcomes_of(plan: StudySettings) -> bo.Outcomes | None:
    """Return what the campaign is told of an evaluation; None where that is one number."""
    if not plan.limits and not plan.front:
        return None
    names = functions.names_of(plan)
    limits = {name: limit_of(limit) for name, limit in plan.limits.items()}
    return bo.Outcomes(names if plan.front else names[0], limits, plan.safe)


def limit_of(limit: Limit) -> bo.Limit:
    """Return a limit of a study as that of a campaign."""
    ends = [end if math.isfinite(end) else None for end in limit]
    return bo.Limit(*ends)


def space_of(plan: StudySettings, candidates: Candidates) -> bo.Space | None:
    """Return the space of latents and contexts; None for a study without contexts."""
    if not plan.context:
        return None
    ends = zip(candidates.z.min(0), candidates.z.max(0), strict=True)
    inputs = [bo.real(f"z{axis}", low, high if high > low else low + 1) for axis, (low, high) in enumerate(ends, 1)]
    for one in plan.context:
        inputs.append(
            bo.category(one.name, one.choices, context=True)
            if one.choices
            else bo.real(one.name, one.low, one.high, context=True)
        )
    return bo.Space(inputs)


def surrogate_of(space: bo.Space | None) -> bo.Surrogate:
    """Return the surrogate of a study.

    Each refit has a fresh start beside the last mode, because the mode of the first few results may be a wrong one.
    """
    kernel = bo.GPConfig().kernel if space is None else space.kernel()
    return bo.gaussian_process(bo.GPConfig(kernel=kernel, refit_starts=1))


def acquisition_of(plan: StudySettings) -> bo.Acquisition:
    """Return the acquisition of a study."""
    if plan.acquisition == "ucb":
        return bo.upper_confidence_bound(plan.kappa)
    if plan.acquisition == "scalarisation":
        return bo.random_scalarisation(plan.kappa)
    named = {
        "log_ei": bo.log_expected_improvement,
        "thompson": bo.thompson,
        "hypervolume": bo.hypervolume_improvement,
    }
    return named[plan.acquisition]()


def check_budget(plan: StudySettings, candidates: Candidates) -> None:
    """ValueError for a budget that is larger than the number of candidates, each evaluated once in a context."""
    if plan.budget > len(candidates.z) and not plan.context:
        raise ValueError(
            f"budget = {plan.budget}, but there are {len(candidates.z)} candidates: lower the budget in "
            "study.toml, or learn with more --cells"
        )


def never(key: Any, x: Any) -> Any:
    """Return NaN: the objective of a session is never called, values are told."""
    del key, x
    return jnp.nan


def replay(session: Any, plan: StudySettings, told: Sequence[Evaluation], *, stepwise: bool = False) -> Replayed:
    """Tell a session all evaluations, with one fit at the end or, ``stepwise``, as if they were just being made."""
    state, infos = session.start(jax.random.key(plan.seed)), []
    points = [point_of(session, each.spot) for each in told]
    values = [value_of(session, each) for each in told]
    noise = [each.noise for each in told]
    if stepwise:
        for each in zip(points, values, noise, strict=True):
            state, info = session.tell(state, *each)
            infos.append(info)
    elif told:
        state, _ = session.tell_many(state, points, values, np.asarray(noise))
    return Replayed(session, state, infos)


def point_of(session: Any, spot: Spot) -> Any:
    """Return what a session calls a spot: the candidate's number or, in a context, all its inputs by name."""
    if not spot.given:
        return spot.cell
    domain = session.campaign.domain
    return domain.space.decode(domain.candidates[spot.cell]) | dict(spot.given)


def value_of(session: Any, each: Evaluation) -> Any:
    """Return what a session is told of an evaluation: its value or, with named outcomes, all of them."""
    spec = session.campaign.outcomes
    if spec is None:
        return each.value
    return {spec.objectives[0]: each.value, **each.others} if math.isfinite(each.value) else None


def ask(replayed: Replayed, number: int, pending: Sequence[Spot], given: Given = ()) -> list[int]:
    """Return the cells to evaluate next, in the context that is given. ValueError where none is left."""
    session, state = replayed.session, replayed.state
    waiting = [point_of(session, spot) for spot in pending]
    if not given:
        return [int(cell) for cell in session.ask(state, number, pending=waiting, numbers=True)]
    domain = session.campaign.domain
    rows = domain.space.encode(session.ask(state, number, pending=waiting, context=dict(given)))
    free = list(domain.space.free)
    cells = np.asarray(domain.candidates)[:, free]
    return [int(np.argmin(((cells - row[free]) ** 2).sum(1))) for row in rows]
