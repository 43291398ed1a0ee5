"""Campaigns over a continuous box: the Campaign record of ``bo.campaigns.pool``, and its ``run``.

``jax.jit(jax.vmap(lambda key: campaign.run(key, problem)))(keys)`` is a seed study, as over a pool. The surrogate
works in the unit cube; objective, proposals and Info are in the user's units. Every step scores points that fill the
box and points around the best ones, then climbs from the most promising by L-BFGS.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array

from bo import data
from bo.acquisitions.base import Acquisition, View
from bo.campaigns import rules
from bo.campaigns.assembly import assemble, evaluator, fit_and_note, noted, opened, ready, usable
from bo.campaigns.maximise import around_best, maximise, shifted, sobol
from bo.campaigns.records import Box, Campaign, CampaignConfig, Proposal, State
from bo.surrogates.base import Surrogate


@dataclass(frozen=True)
class BoxConfig(CampaignConfig):
    """Budget, schedule, and effort of the inner maximisation.

    The hyperparameters are fitted after every step unless ``refit_every`` says otherwise. ``raw_points`` fill the
    box, ``local_points`` surround the ``leaders`` best observations; ``starts`` of them are climbed from for at most
    ``iterations``. ``buckets`` above 1 compile several sizes: worth it for hundreds of evaluations.
    """

    initial_points: int = 10
    steps: int = 50
    refit_every: int = 1
    buckets: int = 1
    revisit: bool = True
    raw_points: int = 512
    local_points: int = 128
    leaders: int = 4
    starts: int = 8
    iterations: int = 30

    def __post_init__(self):
        super().__post_init__()
        for name in ("raw_points", "local_points", "leaders", "starts", "iterations"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if not self.revisit:
            raise ValueError("revisit is False; a box has no list of points to cross off: leave it True")
        if self.starts < 2 or self.starts - 1 > self.raw_points:
            raise ValueError(f"starts is {self.starts}; expected 2 to raw_points + 1 = {self.raw_points + 1}")
        if self.leaders > self.initial_points:
            raise ValueError(f"leaders is {self.leaders}; there are only {self.initial_points} initial points")


def box(
    objective: Callable[[Array, Array], Any],
    bounds: Any,
    surrogate: Surrogate,
    acquisition: Acquisition,
    config: BoxConfig = BoxConfig(),
    *,
    initial: Any = None,
) -> Campaign:
    """Maximise ``objective(key, x)`` over ``bounds``: a row (low, high) for each input, in the user's units.

    The initial design is ``initial``, (initial_points, dim) in the user's units, or by default Sobol points shifted at
    random. ``surface`` of the campaign predicts at the Sobol points that fill the box. A value that is not finite is
    recorded in Info and never reaches the surrogate. ValueError for bounds that are no box and an initial design of the
    wrong shape or outside of it.
    """
    dtype = ready(surrogate, acquisition)
    dim = check(bounds, config, initial)
    low, high = jnp.asarray(bounds, dtype).T
    evaluate = evaluator(objective, dtype)
    number = config.initial_points
    spread, filling = (jnp.asarray(sobol(dim, size), dtype) for size in (number, config.raw_points))

    def user(x):
        return low + (high - low) * x

    def design(key):
        points = jax.vmap(user)(shifted(key, spread)) if initial is None else jnp.asarray(initial, dtype)
        unknown = jnp.full(number, jnp.nan, dtype)
        return Proposal(None, points, unknown, unknown)

    def begin(key, proposal, value, noise):
        x = (proposal.x - low[None]) / (high - low)[None]
        return opened(surrogate, key, config, proposal, x, value, noise)

    def surface(state):
        return surrogate.predict(state.params, state.data, filling)

    def ask(key, state):
        key_raw, key_local, key_acquisition, key_path = jax.random.split(key, 4)
        predict = surrogate.predictor(state.params, state.data)
        local = around_best(key_local, state.data, config.local_points, config.leaders)
        raw = jnp.concatenate([shifted(key_raw, filling), local])
        reference = predict(raw)

        @functools.cache  # first called below for the raw points, outside the optimiser's loops
        def draw():
            if surrogate.path is None:
                raise ValueError("this surrogate has no `path`: Thompson sampling in a box needs draws as functions")
            return surrogate.path(key_path, state.params, state.data)

        def look(x):
            def covariance(index):
                posterior = surrogate.condition(state.params, state.data, x)
                return surrogate.covariance(state.params, posterior, x, index)

            return View(x=x, sample=lambda key: draw()(x), covariance=covariance, reference=reference)

        def score(x):
            key = jax.random.clone(key_acquisition)  # the same numbers for all points: one function is maximised
            return acquisition(key, predict(x), state, look(x))

        x = maximise(score, raw, config.raw_points, starts=config.starts, iterations=config.iterations)
        return expected(predict, user(x))

    def expected(predict, x):
        prediction = predict(((x - low) / (high - low))[None])
        return Proposal(None, x, prediction.mean[0], prediction.std[0])

    def propose(state, x):
        return expected(surrogate.predictor(state.params, state.data), jnp.asarray(x, dtype))

    def bound(state):
        everywhere = surrogate.predict(state.params, state.data, jnp.concatenate([filling, state.data.x]))
        seen = jax.tree.map(lambda leaf: leaf[filling.shape[0] :], everywhere)
        return rules.regret_bound(everywhere, seen, state.data.mask, config.stop_kappa)

    def tell(state: State, proposal: Proposal, value: Array | float, noise: Array | float = 0.0):
        value, noise = jnp.asarray(value, dtype), jnp.asarray(noise, dtype)
        finite = usable(value, noise, state.stopped)
        x = (proposal.x - low) / (high - low)
        posterior = surrogate.condition(state.params, state.data, x[None])
        _, z_score = surrogate.append(
            state.params, posterior, x[None], state.count, jnp.zeros((), jnp.int32), value, noise, finite
        )
        after, info = noted(state, proposal, x, value, noise, finite, z_score)
        return after, info._replace(retries=posterior.retries)

    def refit(key, state, info, due=None):
        params, info = fit_and_note(surrogate, key, state, info, due)
        return state._replace(params=params), info

    def grow(state, capacity):
        extra = capacity - state.z_score.shape[0]
        z_score = jnp.pad(state.z_score, (0, extra), constant_values=jnp.nan)
        return state._replace(data=data.grow(state.data, capacity), z_score=z_score)

    domain = Box(jnp.asarray(bounds, dtype))
    return assemble(ask, tell, refit, grow, surface, evaluate, config, domain, design, begin, propose, bound)


def check(bounds: Any, config: BoxConfig, initial: Any) -> int:
    """Number of dimensions; ValueError if the bounds are no box or the initial design does not fit into it."""
    shape = np.shape(bounds)
    if len(shape) != 2 or shape[1] != 2 or shape[0] == 0:
        raise ValueError(f"bounds have shape {shape}; expected (dim, 2): a row (low, high) for each input")
    concrete = not isinstance(bounds, Tracer)
    if concrete:
        edges = np.asarray(bounds)
        bad = np.flatnonzero(~(np.isfinite(edges).all(axis=1) & (edges[:, 0] < edges[:, 1])))
        if bad.size:
            raise ValueError(f"bounds of input {bad[0]} are {edges[bad[0]]}; expected finite low < high")
    if initial is not None:
        expected = (config.initial_points, shape[0])
        if np.shape(initial) != expected:
            raise ValueError(f"initial has shape {np.shape(initial)}; expected {expected}: (initial_points, dim)")
        if concrete and not isinstance(initial, Tracer):
            given, edges = np.asarray(initial), np.asarray(bounds)
            outside = np.flatnonzero(~((given >= edges[:, 0]) & (given <= edges[:, 1])).all(axis=1))
            if outside.size:
                raise ValueError(
                    f"{outside.size} initial points are outside the bounds, the first is number {outside[0]}"
                )
    return shape[0]
