"""Several named values of one evaluation: what is maximised, what must stay within limits, what is only recorded.

    outcomes = bo.Outcomes("charge", limits={"temperature": bo.Limit(below=45.0)})
    campaign = bo.campaign(charge, pool, surrogate, bo.log_expected_improvement(), config, outcomes=outcomes)

``charge(key, x)`` then returns ``{"charge": ..., "temperature": ...}``. With two or three names to maximise the
campaign looks for a front: use ``bo.random_scalarisation()`` or ``bo.hypervolume_improvement()``, and ``bo.front`` on
the final state.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool

from bo.data import Observation
from ferro_jax import options, values


@dataclass(frozen=True)
class Limit:
    """The range of an outcome, from ``above`` to ``below``; ValueError for no number and for an empty range."""

    above: float | None = None
    below: float | None = None

    def __post_init__(self):
        options.check_fields(self)
        if self.above is None and self.below is None:
            raise ValueError("a limit needs a number: Limit(below=45.0), Limit(above=0.0) or both")
        if self.above is not None and self.below is not None and not self.above < self.below:
            raise ValueError(f"a limit above {self.above} and below {self.below} leaves nothing")

    def divided(self, unit: float) -> "Limit":
        """Return the limit of the outcome divided by a positive unit."""
        return Limit(*(None if edge is None else edge / unit for edge in (self.above, self.below)))

    def holds(self, value: Array) -> Array:
        """Return where values keep the limit; never for NaN."""
        value = values.floats(value, "value")
        low = -jnp.inf if self.above is None else self.above
        high = jnp.inf if self.below is None else self.below
        return (value >= low) & (value <= high)


@dataclass(frozen=True)
class Outcomes:
    """What an objective that returns named values means.

    maximise  the name of the value to be maximised, or two or three names for a front
    limits    ``Limit`` of each outcome that has one; each is learned by a surrogate like the one of the value
    safe      evaluate only where all limits hold (and the evaluation succeeds) with this probability, starting from
              points that are known to be safe (``initial`` of the campaign); None: weigh the acquisition with the
              probability. Where no such point is left, the most probable one is evaluated
    record    names of values that are kept and not learned
    units     unit of each name, for tables and figures

    ValueError for no or more than three names to maximise, a name given twice, a probability outside (0, 1), and
    ``safe`` without limits.
    """

    maximise: str | tuple[str, ...]
    limits: Mapping[str, Limit] = field(default_factory=dict)
    safe: float | None = None
    record: tuple[str, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self):
        options.check_fields(self)
        if not 1 <= len(self.objectives) <= 3 or len(set(self.objectives)) < len(self.objectives):
            raise ValueError(f"maximise is {self.maximise!r}; expected one name, or two or three different ones")
        if twice := set(self.record) & {*self.objectives, *self.limits}:
            raise ValueError(f"record names {sorted(twice)}, which are kept anyway: leave them out")
        if self.safe is not None and not (0 < self.safe < 1 and self.limits):
            raise ValueError(f"safe is {self.safe}; expected a probability between 0 and 1, together with limits")

    @property
    def objectives(self) -> tuple[str, ...]:
        """Names to maximise; the first is the campaign's value."""
        return (self.maximise,) if isinstance(self.maximise, str) else tuple(self.maximise)

    @property
    def modelled(self) -> tuple[str, ...]:
        """Names beside the value that have a surrogate: further objectives, then those with limits.

        A limit on the value itself is predicted by the value's own surrogate.
        """
        names = dict.fromkeys([*self.objectives[1:], *self.limits])
        return tuple(name for name in names if name != self.objectives[0])

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns of ``state.outcomes``: the modelled ones, then the recorded ones."""
        return self.modelled + self.record

    def observation(self, result: Any) -> Observation:
        """Return an objective's result as value, noise variance and the other outcomes, F["k"].

        ValueError for what is no mapping of exactly the declared names to single real numbers. The value may be a
        ``bo.Observation``.
        """
        expected = {self.objectives[0], *self.names}
        if not isinstance(result, Mapping):
            raise ValueError(f"the objective returned a {type(result).__name__}; expected a dict of {sorted(expected)}")
        if missing := expected - set(result):
            raise ValueError(f"the objective returned no {sorted(missing)}; it must return {sorted(expected)}")
        if more := set(result) - expected:
            raise ValueError(f"the objective also returned {sorted(more)}: add them to record=, or leave them out")
        value = result[self.objectives[0]]
        value = value if isinstance(value, Observation) else Observation(value, jnp.zeros(()))
        columns = [jnp.asarray(values.floats(result[name], f"outcome {name!r}")) for name in self.names]
        if wrong := [name for name, column in zip(self.names, columns, strict=True) if column.shape != ()]:
            raise ValueError(f"outcomes {wrong} are no single numbers")
        vector = jnp.stack([column.astype(float) for column in columns]) if columns else jnp.zeros(0)
        return Observation(value.value, value.variance, vector)

    def within(self, value: Any, outcomes: Any) -> Bool[Array, "..."]:
        """Return where all limits hold, B["..."]; an outcome that is NaN does not keep its limit."""
        good = jnp.ones(jnp.shape(value), bool)
        for name, limit in self.limits.items():
            good &= limit.holds(self.column(name, value, outcomes))
        return good

    def beyond(self, value: Any, outcomes: Any) -> Bool[Array, "..."]:
        """Return where an outcome lies infinitely far outside its limit, B["..."]: nothing of it can be modelled."""
        bad = jnp.zeros(jnp.shape(value), bool)
        for name, limit in self.limits.items():
            column = self.column(name, value, outcomes)
            bad |= jnp.isinf(column) & ~limit.holds(column)
        return bad

    def column(self, name: str, value: Any, outcomes: Any) -> Any:
        """Return the values of one name, F["..."], from ``value`` F["..."] and ``outcomes`` F["... k"].

        ValueError for a name that is not declared.
        """
        if name in self.names:
            return outcomes[..., self.names.index(name)]
        if name == self.objectives[0]:
            return value
        raise ValueError(f"{name!r} is no outcome; there are {(self.objectives[0], *self.names)}")


def front(outcomes: Outcomes, state: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of the evaluations on the front, I["n"], and their objectives, F["n objectives"].

    ``state`` is that of one campaign. On the front is a successful evaluation within the limits that no other one
    reaches or exceeds in all objectives; rows are ordered by the first objective.
    """
    value, others = np.asarray(state.data.y), np.asarray(state.outcomes)
    points = np.stack([np.asarray(outcomes.column(name, value, others)) for name in outcomes.objectives], axis=1)
    good = np.asarray(state.data.mask) & np.asarray(outcomes.within(value, others)) & np.isfinite(points).all(axis=1)
    rows = np.flatnonzero(good)
    rows = rows[undominated(points[rows])]
    rows = rows[np.argsort(points[rows, 0], kind="stable")]
    return rows, points[rows]


def undominated(points: np.ndarray) -> np.ndarray:
    """Return which points, (n, objectives), no other one reaches in all objectives and exceeds in one."""
    reached = np.all(points[None] >= points[:, None], axis=2)
    exceeded = np.any(points[None] > points[:, None], axis=2)
    return np.logical_not(np.any(reached & exceeded, axis=1))


def hypervolume(points: np.ndarray, reference: Any) -> float:
    """Return the volume that points, (n, objectives), dominate above ``reference``, exactly, for 1 to 3 objectives.

    ValueError for another number of objectives, and a reference of another length.
    """
    points = np.asarray(values.floats(points, "points", finite=True), float)
    reference = np.asarray(values.floats(reference, "reference", finite=True), float)
    if points.ndim != 2 or reference.shape != points.shape[1:] or not 1 <= reference.size <= 3:
        raise ValueError(f"points have shape {points.shape}, reference {reference.shape}; expected (n, k), (k), k ≤ 3")
    points = points[(points > reference).all(axis=1)]
    if not len(points):
        return 0.0
    if reference.size == 1:
        return float(points.max() - reference[0])
    order = np.argsort(-points[:, -1])  # slices of the last objective, from the top
    points = points[order]
    ends = np.append(points[1:, -1], reference[-1])
    slices = [hypervolume(points[: number + 1, :-1], reference[:-1]) for number in range(len(points))]
    return float(np.sum(slices * (points[:, -1] - ends)))
