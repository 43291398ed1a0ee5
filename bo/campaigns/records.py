"""The records of a campaign: what is decided before it, what it carries, what it tells, what it is made of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from jaxtyping import Array, Bool, Float, Int

from bo.data import Data
from bo.surrogates.base import Prediction


@dataclass(frozen=True)
class CampaignConfig:
    """Budget and schedule. ``revisit`` allows a candidate to be evaluated twice: only for noisy objectives.

    surprise     fit again at once when the new observation's |z| exceeds this, between the refits that are due anyway
    stop_regret  end a member when the bound on its regret (``bo.campaigns.rules.regret_bound``, with ``stop_kappa`` standard
                 deviations) falls below this, in units of the objective; its remaining evaluations are not made
    """

    initial_points: int = 100
    steps: int = 500
    refit_every: int = 25
    buckets: int = 4
    revisit: bool = False
    surprise: float | None = None
    stop_regret: float | None = None
    stop_kappa: float = 2.0

    def __post_init__(self):
        for name in ("initial_points", "steps", "refit_every", "buckets"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        for name in ("surprise", "stop_regret", "stop_kappa"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} is {value}; it must be positive (surprise and stop_regret may be None)")

    @property
    def evaluations(self) -> int:
        return self.initial_points + self.steps


class State(NamedTuple):
    """What the next step needs. ``count`` is the same number for all members of a vmapped run.

    chosen, visited, best_index and posterior are of campaigns over a pool; a campaign over a box has None there.
    """

    count: Int[Array, ""]  # pyright: ignore[reportIncompatibleMethodOverride]
    data: Data  # inputs scaled to the unit cube of the pool or box
    chosen: Any  # I["capacity"]: candidate of each row; -1 where there is none yet
    visited: Any  # B["pool"]
    best: Float[Array, ""]
    best_index: Any  # I[""]
    best_x: Float[Array, "dim"]  # in the user's units
    z_score: Float[Array, "capacity"]  # of each row when it was observed; NaN where no surrogate had chosen it
    params: Any
    posterior: Any
    stopped: Bool[Array, ""] | None = None  # None without a stopping rule


class Proposal(NamedTuple):
    """What ``ask`` suggests: a candidate (None in a box), its point in the user's units, and what is expected there."""

    index: Any  # I[""]; pyright: ignore[reportIncompatibleMethodOverride]
    x: Float[Array, "dim"]
    mean: Float[Array, ""]
    std: Float[Array, ""]


class Info(NamedTuple):
    """One evaluation; ``run`` stacks initial design and steps along a leading axis.

    index, x: the candidate (None in a box) and the point in the user's units.
    mean, std, z_score: what the surrogate expected of this candidate before it was evaluated, and
    (value − mean) / sqrt(std² + noise); NaN for the initial design, which no surrogate chose.
    refitted, fit_evaluations, retries: whether a fit followed this evaluation, its cost in evaluations of the
    objective and how often the factorisation needed more jitter. params, observed: after this evaluation and fit.
    regret_bound, stopped: after this evaluation, None without a stopping rule. A member that has stopped evaluates
    nothing any more: its index is −1, its value NaN, its row of the data empty.
    """

    index: Any  # I["..."]; pyright: ignore[reportIncompatibleMethodOverride]
    x: Float[Array, "... dim"]
    value: Float[Array, "..."]
    finite: Bool[Array, "..."]
    mean: Float[Array, "..."]
    std: Float[Array, "..."]
    z_score: Float[Array, "..."]
    best: Float[Array, "..."]
    refitted: Bool[Array, "..."]
    fit_evaluations: Int[Array, "..."]
    retries: Int[Array, "..."]
    params: Any
    observed: Any
    regret_bound: Float[Array, "..."] | None = None
    stopped: Bool[Array, "..."] | None = None


class Pool(NamedTuple):
    """The points that a campaign may propose: these rows."""

    candidates: Float[Array, "pool dim"]


class Box(NamedTuple):
    """The points that a campaign may propose: all between the columns."""

    bounds: Float[Array, "dim 2"]


class Campaign(NamedTuple):
    """init (key) -> (state, info) · step (key, state) -> (state, info), with a refit when one is due.

    The rest are their parts, which ``run`` and ``bo.campaigns.session`` put together. init: design (key) -> Proposal, all initial
    points at once; begin (key, proposal, value, noise) -> (state, info). step: ask (key, state) -> Proposal; tell
    (state, proposal, value, noise) -> (state, info); advance is a step that never refits: ask, evaluate, tell; refit
    (key, state, info, due) -> (state, info), where due; follow (key, state, info) -> (state, info): the refit that the
    schedule asks for after this observation, if any. propose (state, index or x) -> Proposal of a point of one's
    own choice; grow (state, capacity) -> state; surface (state) -> Prediction on the pool; bound (state) on the regret;
    evaluate (key, x) -> (value, noise variance) of the objective.
    """

    init: Callable[..., tuple[State, Info]]
    step: Callable[..., tuple[State, Info]]
    ask: Callable[..., Proposal]
    tell: Callable[..., tuple[State, Info]]
    advance: Callable[..., tuple[State, Info]]
    refit: Callable[..., tuple[State, Info]]
    grow: Callable[[State, int], State]
    surface: Callable[[State], Prediction]
    evaluate: Callable[..., tuple[Array, Array]]
    config: CampaignConfig
    domain: Pool | Box
    design: Callable[[Array], Proposal]
    begin: Callable[..., tuple[State, Info]]
    propose: Callable[..., Proposal]
    bound: Callable[[State], Array]
    follow: Callable[..., tuple[State, Info]]
