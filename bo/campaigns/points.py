"""Points and values as a session's user gives them, and how its arrays grow: checks and conversions on the host."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from bo.campaigns.given import MISSING, check_names, in_same_context, refuse_without_context
from bo.campaigns.linear import fill
from bo.campaigns.protocols import Campaign
from bo.campaigns.records import Box, CampaignConfig, Pool, State
from bo.campaigns.running import schedule
from bo.outcomes import Outcomes
from bo.space import Space
from ferro_jax import values


class Point(NamedTuple):
    """A point as a session works with it: its candidate (None in a box), and x in the user's units."""

    index: Any  # int; pyright: ignore[reportIncompatibleMethodOverride]
    x: Any  # (dim)


class SessionState(NamedTuple):
    """A campaign between two experiments: what was told of the initial design and, once it is complete, the State."""

    key: jax.Array
    index: np.ndarray  # pyright: ignore[reportIncompatibleMethodOverride]  (candidates told so far, none in a box)
    x: np.ndarray  # (told, dim) of the initial design
    value: np.ndarray  # NaN where the experiment failed
    noise: np.ndarray
    outcomes: np.ndarray  # (told, k), the other named values; k is 0 without ``bo.Outcomes``
    state: State | None  # None until the initial design is complete


def is_same(one: Point, other: Point, space: Space | None = None) -> bool:
    """Return whether two points are the same candidate or, in a box, have the same numbers where they are chosen."""
    if one.index is not None:
        return one.index == other.index
    free = list(range(len(one.x)) if space is None else space.free)
    return bool(np.array_equal(one.x[free], other.x[free]))


def check_state(domain: Pool | Box, state: Any) -> None:
    """ValueError unless a state is one of a session over this pool or box, as far as its initial design tells."""
    if not isinstance(state, SessionState):
        raise ValueError(f"state is a {type(state).__name__}; expected what start, tell or load of a session returned")
    space, x = domain.space, state.x
    columns = list(range(x.shape[1]) if space is None else space.free)  # a context may lie beyond its usual range
    if isinstance(domain, Pool):
        rows = np.asarray(domain.candidates)
        known = x.shape[1] == rows.shape[1] and len(state.index) == len(x) and np.all(state.index < len(rows))
        same = known and np.array_equal(rows[state.index][:, columns], x[:, columns].astype(rows.dtype))
    else:
        low, high = np.asarray(domain.bounds, float).T
        same = not len(state.index) and x.shape[1] == low.size
        same = same and bool(np.all(((x >= low) & (x <= high))[:, columns]))
        if same and state.state is not None:
            data = state.state.data
            used = np.asarray(data.mask)[: len(x)]
            cube = np.asarray((x - low) / (high - low) if space is None else space.to_cube(x))
            there = np.asarray(data.x)[: len(x)]
            same = np.allclose(there[used][:, columns], cube[used][:, columns], rtol=0, atol=1e-5)
    if not same:
        raise ValueError(
            "the state belongs to a session over other candidates or bounds: continue it with that session"
        )


def locate(domain: Pool | Box, x: Any, told: Sequence[int] = ()) -> Point:
    """Return the point of x: an integer is the number of a candidate, other values are coordinates.

    Of equal candidates the first that is not in ``told``. ValueError for a point outside the domain.
    """
    space = domain.space
    if isinstance(domain, Box):
        return Point(None, in_box(domain, x) if space is None else in_space(space, x))
    candidates = np.asarray(domain.candidates)
    if np.ndim(x) == 0 and np.asarray(x).dtype.kind in "iu":
        if has_context(domain):
            raise ValueError(f"x is the number {x}; give a whole row, because the context is a part of the point")
        if not 0 <= int(x) < len(candidates):
            raise ValueError(f"candidate {int(x)} does not exist; candidates are 0..{len(candidates) - 1}")
        return Point(int(x), candidates[int(x)])
    x = np.asarray(values.floats(x, "x"), float) if space is None else space.encode(x)
    if x.shape != candidates.shape[1:]:
        raise ValueError(f"x has shape {x.shape}; expected ({candidates.shape[1]},), a row of the candidates")
    columns = list(range(x.size) if space is None else space.free)
    same = np.flatnonzero((candidates == x.astype(candidates.dtype))[:, columns].all(axis=1))
    if not same.size:
        near = int(np.argmin(((candidates - x)[:, columns] ** 2).sum(axis=1)))
        raise ValueError(f"x is {x}, which is no candidate; the nearest is number {near}, {candidates[near]}")
    free = [int(index) for index in same if index not in told]
    return Point(free[0] if free else int(same[0]), x)


def located(domain: Pool | Box, state: SessionState, x: Any, others: Sequence[Point] = ()) -> tuple[Point, list[int]]:
    """Return the point of x, and the candidates that are told or among ``others``, in its context if it has one."""
    point = locate(domain, x)
    if point.index is None:
        return point, []
    given = point.x[list(domain.space.context)] if domain.space is not None and has_context(domain) else None
    taken = taken_candidates(domain, state, others, given)
    return (locate(domain, x, taken) if point.index in taken else point), taken


def in_box(domain: Box, x: Any) -> np.ndarray:
    """Return x as an array of floats; ValueError unless it lies in the box."""
    given = np.asarray(values.floats(x, "x"))
    x, (low, high) = given.astype(float), np.asarray(domain.bounds, float).T
    if x.shape != low.shape:
        raise ValueError(f"x has shape {x.shape}; expected {low.shape}, a number for each input")
    if given.dtype != float:  # a bound that was rounded to single precision is meant
        inside = np.clip(x, low, high)
        x = np.where(np.abs(x - inside) <= np.finfo(given.dtype).eps * np.abs(inside), inside, x)
    if not np.all((x >= low) & (x <= high)):
        raise ValueError(f"x is {x}; expected {low.size} numbers between {low} and {high}")
    return x


def in_space(space: Space, x: Any) -> np.ndarray:
    """Return a row of a space as numbers; ValueError unless it is one that the constraints allow."""
    x = space.encode(x)
    if x.ndim != 1:
        raise ValueError(f"x has shape {x.shape}; expected one row of {list(space.names)}")
    if not space.feasible(x):
        raise ValueError(f"x is {space.decode(x)}, which violates a linear constraint")
    return x


def told_candidates(state: SessionState, space: Space | None = None, given: np.ndarray | None = None) -> list[int]:
    """Return the numbers of the candidates told so far, with ``given`` those in that context; none in a box."""
    told = state.index if state.state is None else state.state.chosen
    if told is None:
        return []
    kept = np.asarray(told) >= 0
    if space is not None and given is not None and len(kept):
        x = space.to_cube(state.x) if state.state is None else np.asarray(state.state.data.x)
        row = np.array(space.bounds[:, 0])
        row[list(space.context)] = given
        there = space.to_cube(row)[list(space.context)].astype(x.dtype)
        kept &= in_same_context(space, x, there)
    return [int(index) for index in np.asarray(told)[kept]]


def taken_candidates(
    domain: Pool | Box, state: SessionState, others: Sequence[Point], given: np.ndarray | None
) -> list[int]:
    """Return the numbers of the candidates told or among ``others``, with ``given`` in that context; none in a box."""
    columns = [] if domain.space is None else list(domain.space.context)
    there = [each for each in others if given is None or np.array_equal(each.x[columns], given)]
    return [*told_candidates(state, domain.space, given), *(each.index for each in there if each.index is not None)]


def check_room(campaign: Campaign, state: SessionState, waiting: Sequence[Point], n: int, context: Any) -> None:
    """ValueError where a pool has fewer than n candidates that are neither told nor waiting, in the context if one is
    given; the contexts of a schedule were checked with the pool.
    """
    domain = campaign.domain
    if isinstance(domain, Box) or campaign.config.revisit or (context is None and has_context(domain)):
        return
    taken = taken_candidates(domain, state, waiting, told_context(campaign, context))
    size, number = domain.candidates.shape[0], len(set(taken))
    if size - number < n:
        words = f"has {size - number} candidates left and {n} were asked for" if size > number else "is used up"
        where = "" if context is None else f" at {dict(context)}"
        raise ValueError(f"the pool {words}{where}: of {size} candidates {number} are told or pending")


def has_context(domain: Pool | Box) -> bool:
    """Return whether a campaign's inputs have context columns."""
    return domain.space is not None and bool(domain.space.context)


def told_context(campaign: Campaign, context: Any) -> np.ndarray | None:
    """Return the context columns of an ask as numbers, (contexts); None for those of the campaign's schedule."""
    space = campaign.domain.space
    if context is None:
        if has_context(campaign.domain) and campaign.evaluate is refuse_without_context:
            raise ValueError(MISSING)
        return None
    if space is None or not space.context:
        raise ValueError("a context is given, but the campaign's inputs have none: make them with context=True")
    check_names(space, context)
    return space.encode(context, space.context)


def with_context(space: Space | None, point: Point, told: np.ndarray | None) -> Point:
    """Return a point with the context columns as told; unchanged without."""
    if space is None or told is None:
        return point
    x = np.array(point.x)
    x[list(space.context)] = told
    return point._replace(x=x)


class Told(NamedTuple):
    """What a user says of one experiment, as numbers: NaN for a value that failed or was not measured."""

    value: float
    noise: float
    outcomes: tuple[float, ...] | None  # in the order of ``Outcomes.names``; None without Outcomes


def check_value(y: Any, noise: Any, outcomes: Outcomes | None = None) -> Told:
    """Return what was told as numbers; None, NaN and ±inf are NaN, a failed experiment.

    With ``outcomes`` y is a dict of named values, or None. A name that is left out was not measured, and an infinite
    outcome is kept as it is; without the value itself the experiment failed. ValueError for what is no number, and for
    names that are not declared.
    """
    if not is_number(noise) or not np.isfinite(noise) or noise < 0:
        raise ValueError(f"noise is {noise!r}; expected the variance of y's noise, at least 0")
    if outcomes is None:
        if isinstance(y, Mapping):
            raise ValueError(f"y is {y!r}; named values need a campaign with outcomes=bo.Outcomes(...)")
        value = number_of(y)
        return Told(value if np.isfinite(value) else np.nan, float(noise), None)
    names = (outcomes.objectives[0], *outcomes.names)
    given = {} if y is None else y
    if not isinstance(given, Mapping) or set(given) - set(names):
        raise ValueError(f"y is {y!r}; expected a dict with names of {names}, or None for an experiment that failed")
    value, *others = (number_of(given.get(name)) for name in names)
    return Told(value if np.isfinite(value) else np.nan, float(noise), tuple(others))


def variances(noise: Any, count: int) -> np.ndarray:
    """Return the variance of each of ``count`` values, from one or from as many; ValueError for another number."""
    if np.ndim(noise) and np.shape(noise) != (count,):
        raise ValueError(f"noise has shape {np.shape(noise)}; give one variance, or one for each of the {count} values")
    return np.broadcast_to(np.asarray(noise), (count,))


def number_of(y: Any) -> float:
    """Return y as a number, NaN for None and hidden values; ValueError for what is no number."""
    y = np.nan if y is None or np.ma.is_masked(y) else y
    if not is_number(y):
        raise ValueError(f"y is {y!r}; expected one number, or None for an experiment that failed")
    return float(y)


def is_number(value: Any) -> bool:
    """Return whether a value is one real number, finite or not."""
    if np.ma.is_masked(value):
        return False
    array = np.asarray(value)
    return array.shape == () and array.dtype.kind in "biuf"


def random_fill(
    key: jax.Array, domain: Pool | Box, number: int, taken: Sequence[Point], closed: Sequence[int]
) -> list[Point]:
    """Return random points as of ``random_points`` and, where a pool has too few, candidates that are not ``closed``.

    These were taken in other contexts alone.
    """
    found = random_points(key, domain, number, taken)
    if isinstance(domain, Pool) and has_context(domain) and len(found) < number:
        crossed = [*found, *(Point(index, None) for index in closed)]
        found += random_points(key, domain, number - len(found), crossed)
    return found


def random_points(key: jax.Array, domain: Pool | Box, number: int, taken: Sequence[Point]) -> list[Point]:
    """Return random points of the domain, drawn from the key: candidates that are not ``taken``, as many as there are.

    In a box each draw depends on how many points are taken, so that the next one differs.
    """
    generator = np.random.default_rng([len(taken), *np.asarray(jax.random.key_data(key)).ravel().tolist()])
    if isinstance(domain, Box) and domain.space is not None:
        allowed = domain.space.from_cube(fill(domain.space, max(512, number)))
        return [Point(None, x) for x in generator.permutation(allowed)[:number]]
    if isinstance(domain, Box):
        low, high = np.asarray(domain.bounds).T
        return [Point(None, generator.uniform(low, high)) for _ in range(number)]
    candidates = np.asarray(domain.candidates)
    free = np.setdiff1d(np.arange(len(candidates)), [point.index for point in taken])
    drawn = generator.permutation(free)[:number]
    return [Point(int(index), candidates[index]) for index in drawn]


def capacity_for(config: CampaignConfig, count: int) -> int:
    """Return a capacity for ``count`` evaluations: those of ``run``'s buckets, beyond the budget doubled."""
    sizes = sorted({*(bucket.capacity for bucket in schedule(config)), config.evaluations})
    for size in sizes:
        if count <= size:
            return size
    capacity = sizes[-1]
    while capacity < count:
        capacity *= 2
    return capacity
