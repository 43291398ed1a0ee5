"""Ask and tell, for experiments outside JAX: the functions of a compiled campaign, driven from the host.

    lab = bo.session(campaign)                       over a pool or a box; the campaign's objective is never called
    state = lab.start(jax.random.key(0))
    while ...:
        x = lab.ask(state)                           the same point until a value is told
        state, info = lab.tell(state, x, measure(x))

With the same key and the same values it proposes what ``bo.run`` evaluates. A state is a pytree of arrays: pickle it
(or save it with ``bo.campaigns.checkpoint``) to go on another day.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bo.campaigns import keys
from bo.campaigns.protocols import Campaign
from bo.campaigns.records import Box, CampaignConfig, Info, Pool, Proposal, State
from bo.campaigns.running import schedule


class SessionState(NamedTuple):
    """A campaign between two experiments: what was told of the initial design and, once it is complete, the State."""

    key: jax.Array
    index: np.ndarray  # pyright: ignore[reportIncompatibleMethodOverride]  (candidates told so far, none in a box)
    x: np.ndarray  # (told, dim) of the initial design
    value: np.ndarray
    noise: np.ndarray
    state: State | None  # None until the initial design is complete


class Compiled(NamedTuple):
    """The compiled functions that a session calls; they have the signatures of ``Campaign``'s."""

    design: Callable[..., Proposal]
    begin: Callable[..., tuple[State, Info]]
    ask: Callable[..., Proposal]
    propose: Callable[..., Proposal]
    grow: Callable[..., State]
    follow: Callable[..., tuple[State, Info]]  # (key, state, proposal, value, noise): tell, and the fit that is due


class Session(NamedTuple):
    """A campaign that asks for experiments and is told their values. x is a NumPy array (dim) in the user's units."""

    campaign: Campaign
    compiled: Compiled

    def start(self, key: Any) -> SessionState:
        """Return the state before the first experiment; ValueError unless ``key`` is one key."""
        if not (isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key) and key.ndim == 0):
            raise ValueError(f"start got {key!r}; give one key, such as jax.random.key(0)")
        domain = self.campaign.domain
        dim = (domain.bounds if isinstance(domain, Box) else domain.candidates.T).shape[0]
        none = np.zeros(0)
        return SessionState(key, np.zeros(0, np.int32), np.zeros((0, dim)), none, none, None)

    def ask(self, state: SessionState) -> np.ndarray:
        """Return the next point to measure, (dim) in the user's units."""
        of_initial, of_steps = keys.split_run(state.key)
        if state.state is None:
            planned = np.asarray(self.compiled.design(keys.split_initial(of_initial).design).x)
            return planned[first_to_measure(planned, state.x)]
        of_advance, _ = keys.split_step(keys.key_of_step(of_steps, state.state.count))
        return np.asarray(self.compiled.ask(keys.split_advance(of_advance).ask, state.state).x)

    def tell(self, state: SessionState, x: Any, y: Any, noise: Any = 0.0) -> tuple[SessionState, Info | None]:
        """Return the state after the value ``y`` at ``x``, with known variance ``noise`` of y, and a step's Info.

        Any point may be told, proposed or not. During the initial design Info is None; with its last point it is that
        of the whole design. ValueError for a value that is not finite (leave a failed experiment out, or tell another
        point), for a point that is no candidate or outside the box, and for a candidate told twice unless ``revisit``
        allows it.
        """
        index, x = locate(self.campaign.domain, x)
        y, noise = check_value(y, noise)
        if index is not None and not self.campaign.config.revisit:
            told = state.index if state.state is None else np.asarray(state.state.chosen)
            if index in told:
                raise ValueError(f"candidate {index} has been told already: set revisit=True if the objective is noisy")
        if state.state is None:
            return self._tell_initial(state, index, x, y, noise)
        count = int(state.state.count)
        inner = self.compiled.grow(state.state, capacity_for(self.campaign.config, count + 1))
        proposal = self.compiled.propose(inner, x if index is None else jnp.asarray(index, jnp.int32))
        _, of_fit = keys.split_step(keys.key_of_step(keys.split_run(state.key).steps, inner.count))
        inner, info = self.compiled.follow(of_fit, inner, proposal, y, noise)
        return state._replace(state=inner), info

    def _tell_initial(
        self, state: SessionState, index: int | None, x: np.ndarray, y: float, noise: float
    ) -> tuple[SessionState, Info | None]:
        state = state._replace(
            index=state.index if index is None else np.append(state.index, np.int32(index)),
            x=np.concatenate([state.x, x[None]]),
            value=np.append(state.value, y),
            noise=np.append(state.noise, noise),
        )
        if state.value.size < self.campaign.config.initial_points:
            return state, None
        of_design, _of_objective, of_fit = keys.split_initial(keys.split_run(state.key).initial)
        planned = self.compiled.design(of_design)
        unknown = jnp.full_like(planned.mean, jnp.nan)
        candidates = None if index is None else state.index
        proposal = Proposal(candidates, jnp.asarray(state.x, planned.x.dtype), unknown, unknown)
        value, variance = (jnp.asarray(part, unknown.dtype) for part in (state.value, state.noise))
        inner, info = self.compiled.begin(of_fit, proposal, value, variance)
        return state._replace(state=inner), info


def session(campaign: Campaign) -> Session:
    """Return a session of the campaign; nothing is measured yet.

    It is compiled once for each capacity: arrays grow by the campaign's buckets, and beyond its budget by the last of
    them.
    """
    compiled = Compiled(
        design=jax.jit(campaign.design),
        begin=jax.jit(campaign.begin),
        ask=jax.jit(campaign.ask),
        propose=jax.jit(campaign.propose),
        grow=jax.jit(campaign.grow, static_argnums=1),
        follow=jax.jit(partial(follow, campaign)),
    )
    return Session(campaign, compiled)


def follow(
    campaign: Campaign, key: jax.Array, state: State, proposal: Proposal, value: Any, noise: Any
) -> tuple[State, Info]:
    """Tell one value, and make the fit that follows it when one is due."""
    if state.stopped is not None:  # the stopping rule only advises: another value from the user overrides it
        state = state._replace(stopped=jnp.zeros((), bool))
    state, info = campaign.tell(state, proposal, value, noise)
    return campaign.follow(key, state, info)


def first_to_measure(planned: np.ndarray, told: np.ndarray) -> int:
    """Return the first row of the initial design, (initial_points, dim), that has not been told; 0 if all have."""
    same = told[:, None] == planned[None]
    rows = np.flatnonzero(~same.all(axis=2).any(axis=0))
    return int(rows[0]) if rows.size else 0


def locate(domain: Pool | Box, x: Any) -> tuple[int | None, np.ndarray]:
    """Return the number of the candidate at x (None in a box), and x; ValueError for a point outside the domain."""
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
    same = np.flatnonzero((candidates == x.astype(candidates.dtype)).all(axis=1))
    if not same.size:
        near = int(np.argmin(((candidates - x) ** 2).sum(axis=1)))
        raise ValueError(f"x is {x}, which is no candidate; the nearest is number {near}, {candidates[near]}")
    return int(same[0]), x


def check_value(y: Any, noise: Any) -> tuple[float, float]:
    """Return both as numbers; ValueError unless y is finite and the variance of its noise at least 0."""
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


def capacity_for(config: CampaignConfig, count: int) -> int:
    """Return a capacity for ``count`` observations: those of ``run``'s buckets, then as much again as the last one."""
    sizes = sorted({*(bucket.capacity for bucket in schedule(config)), config.evaluations})
    for size in sizes:
        if count <= size:
            return size
    extra = config.refit_every * max(1, config.steps // config.refit_every // config.buckets)
    return sizes[-1] + -(-(count - sizes[-1]) // extra) * extra
