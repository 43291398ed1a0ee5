"""The ``Campaign`` record, with the signature of each of its functions.

``bo.campaigns.pool`` and ``bo.campaigns.box`` make the functions that differ between a pool and a box. What is the same
for both, ``init`` and ``step``, is written here in terms of them.
"""

from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from bo.campaigns import keys
from bo.campaigns.records import Box, CampaignConfig, Info, Pool, Proposal, State
from bo.campaigns.rules import refit_where
from bo.campaigns.tables import with_number
from bo.data import Observation
from bo.outcomes import Outcomes
from bo.surrogates.base import Prediction


class Design(Protocol):
    """Propose all points of the initial design at once, along a leading axis."""

    def __call__(self, key: Array, /) -> Proposal: ...


class Evaluate(Protocol):
    """Evaluate the objective at one point, in the user's units."""

    def __call__(self, key: Array, x: Float[Array, "dim"], /) -> Observation: ...


class Begin(Protocol):
    """Return State and Info after the initial design, from its proposal and what was observed there."""

    def __call__(self, key: Array, proposal: Proposal, observed: Observation, /) -> tuple[State, Info]: ...


class Ask(Protocol):
    """Propose the point to evaluate next, by the acquisition.

    ``given`` are the context columns of a space, F["contexts"] in the user's units, by default those of the campaign's
    schedule.
    """

    def __call__(self, key: Array, state: State, given: Any = None, /) -> Proposal: ...


class Propose(Protocol):
    """Propose a point of one's own choice: the index of a candidate or, in a box, a point in the user's units."""

    def __call__(self, state: State, point: Array, /) -> Proposal: ...


class Tell(Protocol):
    """Return State and Info after the value, the known variance of its noise and the outcomes at a point; no fit."""

    def __call__(
        self,
        state: State,
        proposal: Proposal,
        value: Array | float,
        noise: Array | float = 0.0,
        outcomes: Any = None,
        /,
    ) -> tuple[State, Info]: ...


class Refit(Protocol):
    """Fit the surrogate again and condition it, only where ``due`` if given; ``info`` is of the last evaluation."""

    def __call__(
        self, key: Array, state: State, info: Info, due: Bool[Array, ""] | None = None, /
    ) -> tuple[State, Info]: ...


class Grow(Protocol):
    """Return the same state with room for ``capacity`` evaluations."""

    def __call__(self, state: State, capacity: int, /) -> State: ...


class Surface(Protocol):
    """Predict over the whole pool, F["pool"], or at the Sobol points that fill the box."""

    def __call__(self, state: State, /) -> Prediction: ...


class Predict(Protocol):
    """Predict the noise-free objective at points in the user's units, F["n dim"]."""

    def __call__(self, state: State, x: Array, /) -> Prediction: ...


class Bound(Protocol):
    """Bound the simple regret of the best observation, in units of the objective."""

    def __call__(self, state: State, /) -> Float[Array, ""]: ...


class Campaign(NamedTuple):
    """A campaign as pure functions: ``init (key) -> (state, info)`` and ``step (key, state) -> (state, info)``.

    ``run`` and ``session`` put the other functions together in their own ways. The key of each is drawn in
    ``bo.campaigns.keys``.
    """

    config: CampaignConfig
    outcomes: Outcomes | None
    domain: Pool | Box
    evaluate: Evaluate
    design: Design
    begin: Begin
    ask: Ask
    propose: Propose
    tell: Tell
    refit: Refit
    grow: Grow
    surface: Surface
    predict: Predict
    bound: Bound
    parts: Any = None  # ``bo.campaigns.problem.Parts``: what it was made of; None for one that is made by hand

    def init(self, key: Array) -> tuple[State, Info]:
        """Evaluate the initial design and fit the surrogate for the first time; ``info`` is (initial_points)."""
        of_design, of_objective, of_fit = keys.split_initial(key)
        proposal = self.design(of_design)
        each = keys.one_each(of_objective, self.config.initial_points)
        observed = jax.vmap(self.evaluate)(each, self.given_to_objective(proposal))
        return self.begin(of_fit, proposal, observed)

    def advance(self, key: Array, state: State) -> tuple[State, Info]:
        """Make one evaluation and never a fit: ask, evaluate, tell."""
        of_ask, of_objective = keys.split_advance(key)
        proposal = self.ask(of_ask, state)
        observed = self.evaluate(of_objective, self.given_to_objective(proposal))
        return self.tell(state, proposal, *observed)

    def given_to_objective(self, proposal: Proposal) -> Array:
        """Return the points of a proposal in the user's units, with their numbers if the objective takes them."""
        if isinstance(self.domain, Pool) and self.domain.numbered:
            return with_number(proposal.x, proposal.index)
        return proposal.x

    def follow(self, key: Array, state: State, info: Info) -> tuple[State, Info]:
        """Make the fit that the schedule, or a surprise, asks for after this observation, if any."""
        due = self.config.fit_due(state.count)
        if self.config.surprise is not None:
            due |= jnp.abs(info.z_score) > self.config.surprise
        return refit_where(self.refit, due, key, state, info)

    def step(self, key: Array, state: State) -> tuple[State, Info]:
        """Make one evaluation, and the fit that follows it when one is due."""
        of_advance, of_fit = keys.split_step(key)
        return self.follow(of_fit, *self.advance(of_advance, state))
