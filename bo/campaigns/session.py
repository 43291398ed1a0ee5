"""Ask and tell, for experiments outside JAX: the functions of a compiled campaign, driven from the host.

    lab = bo.session(campaign)                       over a pool or a box; the campaign's objective is never called
    state = lab.start(jax.random.key(0))
    while ...:
        x = lab.ask(state)                           the same point until a value is told
        state, info = lab.tell(state, x, measure(x))     None or NaN for an experiment that failed
    mean, std = lab.predict(state, points)           what the surrogate believes, in the user's units

With the same key and the same values it proposes what ``bo.run`` evaluates. Several experiments at a time:
``lab.ask(state, 4)``, and ``lab.ask(state, 1, pending=points)`` while others still run. Results may come in any order,
or never. ``lab.save(state, folder)`` and ``lab.load(folder)`` go on another day, with the same problem alone.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from bo.campaigns import keys, saving
from bo.campaigns.chances import warn_of_no_score
from bo.campaigns.compiled import Compiled, compiled
from bo.campaigns.points import (
    Point,
    SessionState,
    Told,
    capacity_for,
    check_room,
    check_state,
    check_value,
    has_context,
    is_same,
    located,
    random_fill,
    taken_candidates,
    told_context,
    variances,
    with_context,
)
from bo.campaigns.protocols import Campaign
from bo.campaigns.records import Box, Info, Proposal, State
from bo.campaigns.rows import listed, points_of
from bo.data import Observation
from bo.surrogates.base import Prediction
from ferro_jax import values


class Session(NamedTuple):
    """A campaign that asks for experiments and is told their values.

    x is a NumPy array (dim) in the user's units or, over a ``bo.Space``, a dict of name to value.
    """

    campaign: Campaign
    compiled: Compiled

    def start(self, key: Any) -> SessionState:
        """Return the state before the first experiment; ValueError unless ``key`` is one key."""
        key = values.key(key, single=True)
        domain = self.campaign.domain
        dim = (domain.bounds if isinstance(domain, Box) else domain.candidates.T).shape[0]
        none, spec = np.zeros(0), self.campaign.outcomes
        outcomes = np.zeros((0, 0 if spec is None else len(spec.names)))
        return SessionState(key, np.zeros(0, np.int32), np.zeros((0, dim)), none, none, outcomes, None)

    def ask(
        self,
        state: SessionState,
        n: int | None = None,
        *,
        pending: Sequence[Any] | None = (),
        numbers: bool = False,
        context: Any = None,
    ) -> Any:
        """Return the next point to measure, (dim) in the user's units or, with ``n``, the next n of them, (n, dim).

        Over a ``bo.Space`` it is a dict of name to value, or a list of n. ``context`` is a dict of the values that the
        space's context columns now have; without it they are those of the campaign's schedule.

        ``pending`` are the points (or numbers of candidates) that were asked and are not told yet: the next ones are
        chosen as if these had been observed at their expectation. Beyond the initial design, while it is not told
        completely, points are random. With ``numbers`` candidates are returned as their numbers, () or (n). ValueError
        for n below 1, numbers in a box or with a context, a context that is not known or has other names, and a pool
        that has no candidate left. UserWarning where the acquisition gives no open point a score.
        """
        n = None if n is None else values.whole(n, "n", 1)
        domain = self.campaign.domain
        check_state(domain, state)
        if numbers and (isinstance(domain, Box) or has_context(domain)):
            raise ValueError("a box, or a point with a context, has no number of a candidate: leave numbers=False")
        told = told_context(self.campaign, context)
        waiting: list[Point] = []
        for x in () if pending is None else listed(pending, "pending"):
            waiting.append(located(domain, state, x, waiting)[0])
        check_room(self.campaign, state, waiting, 1 if n is None else n, context)
        points = (self._initial if state.state is None else self._proposed)(state, n, waiting, told)
        if domain.space is not None and not numbers:
            rows = [domain.space.decode(point.x) for point in points]
            return rows[0] if n is None else rows
        asked = np.asarray([point.index if numbers else point.x for point in points])
        return asked.reshape(asked.shape[1:]) if n is None else asked

    def tell(self, state: SessionState, x: Any, y: Any, noise: Any = 0.0) -> tuple[SessionState, Info | None]:
        """Return the state after the value ``y`` at ``x``, with known variance ``noise`` of y, and a step's Info.

        Any point may be told, proposed or not; ``x`` may be the number of a candidate. ``y`` is None, NaN or infinite
        for an experiment that failed: the campaign learns where that happens. With ``bo.Outcomes`` it is a dict of the
        named values. During the initial design Info is None; with its last point it is that of the whole design.
        ValueError for a value that is no number, for a point that is no candidate or outside the box, and for a
        candidate told twice unless ``revisit`` allows it or the space has a context.
        """
        check_state(self.campaign.domain, state)
        point, told = self._checked(state, x, y, noise)
        if state.state is None:
            return self._tell_initial(state, point, told)
        inner, proposal = self._prepared(state, point)
        _, of_fit = keys.split_step(keys.key_of_step(keys.split_run(state.key).steps, inner.count))
        inner, info = self.compiled.follow(of_fit, inner, proposal, *told)
        return state._replace(state=inner), info

    def tell_many(
        self, state: SessionState, xs: Any, ys: Any, noise: Any = 0.0
    ) -> tuple[SessionState, list[Info | None]]:
        """Return the state after many values, told in this order, and the Info of each as ``tell`` returns it.

        All are checked before the first is told. After the initial design one fit follows the last of them, where
        ``tell`` would have made at least one. ``xs`` and ``ys`` are lists, arrays, tables of pandas or generators.
        ``noise`` is one variance, or one for each value. ValueError as of ``tell``, with the number of the value, and
        for different numbers of points and values.
        """
        check_state(self.campaign.domain, state)
        xs, ys = listed(xs, "xs", by_name=self.campaign.domain.space is not None), listed(ys, "ys")
        if len(xs) != len(ys):
            raise ValueError(f"there are {len(xs)} points and {len(ys)} values; give one value for each point")
        noises = variances(noise, len(ys))
        points: list[Point] = []
        all_told: list[Told] = []
        for number, (x, y, variance) in enumerate(zip(xs, ys, noises, strict=True)):
            try:
                point, told = self._checked(state, x, y, variance, points)
            except ValueError as error:
                raise ValueError(f"value {number}: {error}; nothing was told") from error
            points.append(point)
            all_told.append(told)
        infos: list[Info | None] = []
        due = False
        for point, told in zip(points, all_told, strict=True):
            if state.state is None:
                state, info = self._tell_initial(state, point, told)
            else:
                inner, proposal = self._prepared(state, point)
                inner, info = self.compiled.tell(inner, proposal, *told)
                due = due or self._is_due(inner, info)
                state = state._replace(state=inner)
            infos.append(info)
        if due:
            assert state.state is not None
            before = state.state.count - 1
            _, of_fit = keys.split_step(keys.key_of_step(keys.split_run(state.key).steps, before))
            inner, infos[-1] = self.compiled.refit(of_fit, state.state, infos[-1])
            state = state._replace(state=inner)
        return state, infos

    def predict(self, state: SessionState, rows: Any) -> Prediction:
        """Return mean and standard deviation of the noise-free objective at n points, each (n), in its units.

        ``rows`` are points as ``tell`` takes them, one for each: (n, dim) in the user's units, dicts or rows of a
        space with the context among them, candidates of the space without one, and over a pool also numbers of
        candidates or points between them. ValueError before the initial design is told completely, for another number
        of inputs, and for points outside the bounds, the range of a pool or a linear constraint.
        """
        check_state(self.campaign.domain, state)
        if state.state is None:
            raise ValueError(
                f"{len(state.value)} of the {self.campaign.config.initial_points} values of the initial design are "
                "told: the surrogate is fitted, and predicts, once they are all told"
            )
        return self.compiled.predict(state.state, points_of(self.campaign.domain, rows))

    def save(self, state: SessionState, folder: Path | str) -> Path:
        """Write the state to a folder, as JSON and npz, and return the folder; a state in it is replaced."""
        check_state(self.campaign.domain, state)
        return saving.save(folder, self.campaign, state)

    def load(self, folder: Path | str) -> SessionState:
        """Return the state of a folder, bit for bit; nothing in it can run code.

        ValueError for a folder without one, a file that is not whole, and a state of another problem (pool or bounds,
        config, surrogate, acquisition, objective, outcomes), with what differs.
        """
        return saving.load(folder, self.campaign)

    def _initial(self, state: SessionState, n: int | None, waiting: list[Point], told: Any) -> list[Point]:
        """Return points of the initial design that are neither told nor pending, and random ones when they run out."""
        number, domain = 1 if n is None else n, self.campaign.domain
        of_design = keys.split_initial(keys.split_run(state.key).initial).design
        design = self.compiled.design(of_design)
        rows = range(design.x.shape[0])
        planned = [Point(None if design.index is None else int(design.index[i]), np.asarray(design.x[i])) for i in rows]
        taken = (
            [Point(None, x) for x in state.x] if design.index is None else [Point(int(i), None) for i in state.index]
        )
        taken += waiting
        free = [point for point in planned if not any(is_same(point, other, domain.space) for other in taken)]
        if len(free) < number:
            closed = [*taken_candidates(domain, state, waiting, told), *(point.index for point in free)]
            free += random_fill(of_design, domain, number - len(free), [*taken, *free], closed)
        return [with_context(domain.space, point, told) for point in free[:number]]

    def _proposed(self, state: SessionState, n: int | None, waiting: list[Point], told: Any) -> list[Point]:
        """Return the points of the highest score, each as if pending and earlier ones had been observed."""
        inner, number = state.state, 1 if n is None else n
        assert inner is not None
        of_advance, _ = keys.split_step(keys.key_of_step(keys.split_run(state.key).steps, inner.count))
        of_ask = keys.split_advance(of_advance).ask
        if n is None and not waiting:
            proposals = [self.compiled.ask(of_ask, inner, told)]
        else:
            inner = self._grown(inner, len(waiting) + number)
            for point in waiting:
                inner = self.compiled.believe(inner, self.compiled.propose(inner, self._argument(point)))
            proposals = []
            for key in keys.one_each(of_ask, number):
                proposals.append(self.compiled.ask(key, inner, told))
                inner = self.compiled.believe(inner, proposals[-1])
        warn_of_no_score(proposals)
        return [Point(None if p.index is None else int(p.index), np.asarray(p.x)) for p in proposals]

    def _argument(self, point: Point) -> Any:
        """Return what ``Campaign.propose`` takes: a candidate's number or, in a box or with a context, the point."""
        by_point = point.index is None or has_context(self.campaign.domain)
        return point.x if by_point else jnp.asarray(point.index, jnp.int32)

    def _grown(self, state: State, extra: int) -> State:
        """Return the state with room for ``extra`` more evaluations."""
        return self.compiled.grow(state, capacity_for(self.campaign.config, int(state.count) + extra))

    def _prepared(self, state: SessionState, point: Point) -> tuple[State, Proposal]:
        """Return the State with room for one more evaluation, and the proposal of a point."""
        assert state.state is not None
        inner = self._grown(state.state, 1)
        if inner.stopped is not None:  # the stopping rule only advises: another value from the user overrides it
            inner = inner._replace(stopped=jnp.zeros((), bool))
        return inner, self.compiled.propose(inner, self._argument(point))

    def _checked(
        self, state: SessionState, x: Any, y: Any, noise: Any, others: Sequence[Point] = ()
    ) -> tuple[Point, Told]:
        """Return the point and what was told of it; ValueError as of ``tell``."""
        values = check_value(y, noise, self.campaign.outcomes)
        point, taken = located(self.campaign.domain, state, x, others)
        if point.index in taken and not has_context(self.campaign.domain) and not self.campaign.config.revisit:
            raise ValueError(
                f"candidate {point.index} has been told already: set revisit=True if the objective is noisy"
            )
        return point, values

    def _is_due(self, state: State, info: Info) -> bool:
        """Return whether the schedule, or a surprise, asks for a fit after this evaluation."""
        config = self.campaign.config
        scheduled = bool(config.fit_due(int(state.count)))
        return scheduled or (config.surprise is not None and abs(float(info.z_score)) > config.surprise)

    def _tell_initial(self, state: SessionState, point: Point, told: Told) -> tuple[SessionState, Info | None]:
        """Return the state after a value of the initial design; with its last point the surrogate is fitted."""
        state = state._replace(
            index=state.index if point.index is None else np.append(state.index, np.int32(point.index)),
            x=np.concatenate([state.x, point.x[None]]),
            value=np.append(state.value, told.value),
            noise=np.append(state.noise, told.noise),
            outcomes=np.concatenate([state.outcomes, np.reshape(np.asarray(told.outcomes or (), float), (1, -1))]),
        )
        if state.value.size < self.campaign.config.initial_points:
            return state, None
        of_design, _of_objective, of_fit = keys.split_initial(keys.split_run(state.key).initial)
        planned = self.compiled.design(of_design)
        unknown = jnp.full_like(planned.mean, jnp.nan)
        candidates = None if point.index is None else state.index
        proposal = Proposal(candidates, jnp.asarray(state.x, planned.x.dtype), unknown, unknown, unknown)
        parts = (state.value, state.noise, state.outcomes)
        value, variance, others = (jnp.asarray(part, unknown.dtype) for part in parts)
        observed = Observation(value, variance, None if self.campaign.outcomes is None else others)
        inner, info = self.compiled.begin(of_fit, proposal, observed)
        inner = self._grown(inner, 1)  # because the first ask would else be compiled for the initial design's size
        return state._replace(state=inner), info


def session(campaign: Campaign) -> Session:
    """Return a session of the campaign; nothing is measured yet.

    It is compiled once for each capacity: arrays grow by the campaign's buckets, and double beyond its budget.
    """
    return Session(campaign, compiled(campaign))
