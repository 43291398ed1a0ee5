"""Ask and tell, for experiments outside JAX: the compiled campaign's own functions, driven from the host.

    session = bo.campaigns.session.session(problem)               a Campaign over a pool or a box; its objective is never called
    state = session.start(jax.random.key(0))
    while ...:
        x = session.ask(state)                           the same until something is told
        state, info = session.tell(state, x, measure(x))

With the same key and the same values it proposes what ``campaign.run`` evaluates. A state is a pytree of arrays:
pickle it (or save it with ``bo.campaigns.checkpoint``), and another day goes on.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bo.campaigns.records import Box, Campaign, Info, Proposal, State
from bo.campaigns.running import keys_of, schedule


class SessionState(NamedTuple):
    """A campaign between two experiments. ``state`` is None until the initial design is complete."""

    key: jax.Array
    index: np.ndarray  # pyright: ignore[reportIncompatibleMethodOverride]  (candidates told so far, none in a box)
    x: np.ndarray  # (told, dim) of the initial design
    value: np.ndarray
    noise: np.ndarray
    state: State | None


class Session(NamedTuple):
    """start (key) -> state · ask (state) -> x · tell (state, x, y, noise=0) -> (state, info).

    x is a NumPy array (dim) in the user's units. Any point may be told, asked for or not. ``info`` is a step's Info;
    during the initial design it is None, and with its last point it is that of the whole design.
    """

    start: Callable[[jax.Array], SessionState]
    ask: Callable[[SessionState], np.ndarray]
    tell: Callable[..., tuple[SessionState, Info | None]]


def session(campaign: Campaign) -> Session:
    """Compiled once per capacity: arrays grow by the campaign's buckets, and beyond its budget by the last of them.

    ``tell`` raises ValueError for a value that is not finite (leave a failed experiment out, or tell another point),
    for a point that is no candidate or outside the box, and for one told twice unless ``revisit`` allows it.
    """
    config, domain = campaign.config, campaign.domain
    number = config.initial_points
    design, begin, ask_next = jax.jit(campaign.design), jax.jit(campaign.begin), jax.jit(campaign.ask)
    propose, grow = jax.jit(campaign.propose), jax.jit(campaign.grow, static_argnums=1)

    @jax.jit
    def follow(key, state, proposal, value, noise):
        if state.stopped is not None:  # outside, a stopping rule is advice: who goes on telling is listened to
            state = state._replace(stopped=jnp.zeros((), bool))
        state, info = campaign.tell(state, proposal, value, noise)
        return campaign.follow(key, state, info)

    def keys(state):
        return jax.random.split(state.key)  # as in run: of the initial design, of the steps

    def start(key):
        if not (isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key) and key.ndim == 0):
            raise ValueError(f"start got {key!r}; give one key, such as jax.random.key(0)")
        dim = (domain.bounds if isinstance(domain, Box) else domain.candidates.T).shape[0]
        none = np.zeros(0)
        return SessionState(key, np.zeros(0, np.int32), np.zeros((0, dim)), none, none, None)

    def ask(state):
        if state.state is None:
            return np.asarray(planned(state).x)[left(state)[0]]
        key_advance, _ = keys_of(keys(state)[1], state.state.count)
        return np.asarray(ask_next(jax.random.split(key_advance)[0], state.state).x)

    def planned(state):
        return design(jax.random.split(keys(state)[0], 3)[0])

    def left(state):
        """Rows of the initial design that have not been told, in their order."""
        told = state.x[:, None] == np.asarray(planned(state).x)[None]
        rows = np.flatnonzero(~told.all(axis=2).any(axis=0))
        return rows if rows.size else np.arange(number)

    def tell(state, x, y, noise=0.0):
        where, x = locate(x)
        y, noise = check_value(y, noise)
        if where is not None and not config.revisit:
            seen = state.index if state.state is None else np.asarray(state.state.chosen)
            if where in seen:
                raise ValueError(f"candidate {where} has been told already: set revisit=True if the objective is noisy")
        if state.state is None:
            return tell_initial(state, where, x, y, noise)
        inner, count = state.state, int(state.state.count)
        inner = grow(inner, capacity_for(config, count + 1))
        proposal = propose(inner, x if where is None else jnp.asarray(where, jnp.int32))
        _, key_fit = keys_of(keys(state)[1], inner.count)
        inner, info = follow(key_fit, inner, proposal, y, noise)
        return state._replace(state=inner), info

    def tell_initial(state, where, x, y, noise):
        index = state.index if where is None else np.append(state.index, np.int32(where))
        state = state._replace(
            index=index,
            x=np.concatenate([state.x, x[None]]),
            value=np.append(state.value, y),
            noise=np.append(state.noise, noise),
        )
        if state.value.size < number:
            return state, None
        _, _, key_fit = jax.random.split(keys(state)[0], 3)
        plan = planned(state)
        unknown = jnp.full_like(plan.mean, jnp.nan)
        proposal = Proposal(None if where is None else index, jnp.asarray(state.x, plan.x.dtype), unknown, unknown)
        value, noise = (jnp.asarray(part, unknown.dtype) for part in (state.value, state.noise))
        inner, info = begin(key_fit, proposal, value, noise)
        return state._replace(state=inner), info

    def locate(x):
        x = np.asarray(x, float)
        if isinstance(domain, Box):
            low, high = np.asarray(domain.bounds).T
            if x.shape != low.shape:
                raise ValueError(f"x has shape {x.shape}; expected {low.shape}, a number for each input")
            if not np.all((x >= low) & (x <= high)):
                raise ValueError(f"x is {x}; expected {low.size} numbers between {low} and {high}")
            return None, x
        candidates = np.asarray(domain.candidates)
        if x.shape != candidates.shape[1:]:
            raise ValueError(f"x has shape {x.shape}; expected ({candidates.shape[1]},), a row of the candidates")
        found = np.flatnonzero((candidates == x.astype(candidates.dtype)).all(axis=1))
        if not found.size:
            near = int(np.argmin(((candidates - x) ** 2).sum(axis=1)))
            raise ValueError(f"x is {x}, which is no candidate; the nearest is number {near}, {candidates[near]}")
        return int(found[0]), x

    return Session(start, ask, tell)


def check_value(y: Any, noise: Any) -> tuple[float, float]:
    """Both as numbers; ValueError unless y is finite and the variance of its noise at least 0."""
    if not _is_number(y):
        raise ValueError(
            f"y is {y!r}; expected one finite number: leave a failed experiment out, or tell another point"
        )
    if not _is_number(noise) or noise < 0:
        raise ValueError(f"noise is {noise!r}; expected the variance of y's noise, at least 0")
    return float(y), float(noise)


def _is_number(value: Any) -> bool:
    array = np.asarray(value)
    return array.shape == () and array.dtype.kind in "biuf" and bool(np.isfinite(array))


def capacity_for(config: Any, count: int) -> int:
    """Capacity that holds ``count`` observations: those of ``run``'s buckets, then as much again as the last one."""
    sizes = sorted({*(capacity for capacity, _ in schedule(config)), config.evaluations})
    for size in sizes:
        if count <= size:
            return size
    extra = config.refit_every * max(1, config.steps // config.refit_every // config.buckets)
    return sizes[-1] + -(-(count - sizes[-1]) // extra) * extra
