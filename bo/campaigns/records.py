"""The records of a campaign: its options, what it carries from step to step, what it reports."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from bo.data import Data, Shared
from bo.space import Space
from ferro_jax import options

FEW = 200  # evaluations up to which compilation takes longer than all steps
# evaluations up to which a second size of arrays, and more than two, take longer to compile than they save
OVER_A_POOL, IN_A_BOX = (1000, 2000), (200, 800)


@dataclass(frozen=True)
class CampaignConfig:
    """Budget and schedule of a campaign.

    initial_points  evaluations of the initial design, before the first fit
    steps           evaluations after it
    refit_every     steps between two fits of the surrogate's hyperparameters
    buckets         sizes that the arrays grow through: each is compiled once, and early steps are cheaper. None: one up
                    to 1,000 evaluations (in a box 200), two up to 2,000 (800), else four, which is quickest in all for
                    a single campaign; where one program runs tens of campaigns of 400 and more evaluations, four take a
                    fifth less time
    revisit         whether a candidate may be evaluated twice (in one context): only for noisy objectives
    surprise        fit also at once when the new observation's |z-score| exceeds this; None: only when it is due
    stop_regret     end a member when the bound on its regret (``bo.campaigns.rules.regret_bound``) falls below this, in
                    units of the objective; its remaining evaluations are not made; None: never
    stop_kappa      standard deviations in that bound
    learn_failures  learn from failed evaluations (NaN, ±inf) where they fail, and weigh the acquisition with the
                    probability of success (``bo.surrogates.feasibility``); False: record them only
    refit_growth    share by which the number of evaluations must have grown since the last fit for a fit that is due to
                    be made: with 0.25 fits become rarer, because many observations say the same as a few more; 0: all

    ValueError for a count below 1 and a threshold that is not positive.
    """

    initial_points: int = 100
    steps: int = 500
    refit_every: int = 25
    buckets: int | None = None
    revisit: bool = False
    surprise: float | None = None
    stop_regret: float | None = None
    stop_kappa: float = 2.0
    learn_failures: bool = True
    refit_growth: float = 0.0

    def __post_init__(self):
        options.check_fields(self)
        _check_counts(self, "initial_points", "steps", "refit_every", "buckets")
        for name in ("surprise", "stop_regret", "stop_kappa"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} is {value}; it must be positive (surprise and stop_regret may be None)")
        if self.refit_growth < 0:
            raise ValueError(f"refit_growth is {self.refit_growth}; it must not be negative: 0.25 is a quarter")

    def fit_due(self, count: Any) -> Any:
        """Return whether the schedule asks for a fit after ``count`` evaluations, a number or a traced one.

        With ``refit_growth`` one is due when the number has passed a power of 1 + growth times the initial points since
        the last time that one could have been due.
        """
        due = (count - self.initial_points) % self.refit_every == 0
        return due & self._has_grown(count) if self.refit_growth else due

    def _has_grown(self, count: Any) -> Any:
        def power(count):
            return jnp.floor(jnp.log(jnp.maximum(count, 1) / self.initial_points) / np.log1p(self.refit_growth) + 1e-6)

        return power(count) > power(count - self.refit_every)

    @property
    def evaluations(self) -> int:
        """Number of evaluations of the whole campaign."""
        return self.initial_points + self.steps


@dataclass(frozen=True)
class BoxConfig(CampaignConfig):
    """Budget and schedule, as of ``CampaignConfig``, and the effort of the inner maximisation.

    raw_points    points that fill the box, scored at each step
    local_points  points around the best observations, scored at each step
    leaders       how many of the best observations they surround
    starts        points that are climbed from
    iterations    of BFGS, at most, in each climb

    The hyperparameters are fitted after every step unless ``refit_every`` says otherwise. ValueError for a count below
    1 and counts that do not fit.
    """

    initial_points: int = 10
    steps: int = 50
    refit_every: int = 1
    revisit: bool = True
    raw_points: int = 512
    local_points: int = 128
    leaders: int = 4
    starts: int = 8
    iterations: int = 30

    def __post_init__(self):
        super().__post_init__()
        _check_counts(self, "raw_points", "local_points", "leaders", "starts", "iterations")
        if not self.revisit:
            raise ValueError("revisit is False; a box has no list of points to cross off: leave it True")
        if self.starts < 2 or self.starts - 1 > self.raw_points:
            raise ValueError(f"starts is {self.starts}; expected 2 to raw_points + 1 = {self.raw_points + 1}")
        if self.leaders > self.initial_points:
            raise ValueError(f"leaders is {self.leaders}; there are only {self.initial_points} initial points")


def _check_counts(config: Any, *names: str) -> None:
    """Raise ValueError for a count below 1."""
    for name in names:
        if (count := getattr(config, name)) is not None and count < 1:
            raise ValueError(f"{name} is {count}; expected a whole number of at least 1")


class State(NamedTuple):
    """What the next step needs. ``count`` is the same number for all members of a vmapped run.

    chosen, visited, best_index and posterior belong to campaigns over a pool; a campaign over a box has None there.
    The inputs of failed evaluations stay in ``data.x``, where ``data.mask`` is false.
    """

    count: Int[Array, ""]  # pyright: ignore[reportIncompatibleMethodOverride]  (evaluations made so far)
    data: Data  # inputs scaled to the unit cube of the pool or box
    chosen: Any  # I["capacity"]: candidate of each row; -1 where there is none yet
    visited: Any  # B["pool"], in any context
    best: Float[Array, ""]  # largest value observed within the limits; −∞ before there is one
    best_index: Any  # I[""]; −1 before there is one
    best_x: Float[Array, "dim"]  # in the user's units; NaN before there is one
    z_score: Float[Array, "capacity"]  # of each row when it was observed; NaN where no surrogate had chosen it
    params: Any  # the surrogate's hyperparameters
    posterior: Any  # the surrogate's posterior over the pool
    success: Int[Array, "capacity"]  # of each row: 1 succeeded, −1 failed, 0 not evaluated
    outcomes: Any  # F["capacity k"]: the columns ``bo.Outcomes.names``, NaN where not observed; None without Outcomes
    within: Any  # B["capacity"]: which rows succeeded and keep all limits; None without Outcomes
    models: Any  # hyperparameters of the surrogate of each modelled outcome; None without Outcomes
    feasibility: Any  # the model of failures (``bo.surrogates.feasibility``); None where failures are not learned
    stopped: Bool[Array, ""] | None = None  # None without a stopping rule


class Proposal(NamedTuple):
    """A point to evaluate next: its candidate (None in a box), the point in the user's units, the prediction there.

    ``probability`` is that of success within the limits: 1 while nothing has failed, NaN in the initial design and
    where the acquisition gave no open point a score (all NaN or −∞), and so did not choose the point.
    """

    index: Any  # I[""]; pyright: ignore[reportIncompatibleMethodOverride]
    x: Float[Array, "dim"]
    mean: Float[Array, ""]
    std: Float[Array, ""]
    probability: Float[Array, ""]


class Info(NamedTuple):
    """What one evaluation did; ``run`` stacks initial design and steps along a leading axis.

    index, x         the candidate (None in a box) and the point in the user's units
    value, finite    the observed value, and whether it reached the surrogate
    failed           whether the evaluation failed: its value or noise variance is NaN or infinite, the variance is
                     negative, or an outcome lies infinitely far outside its limit
    outcomes, within the other named values, and whether all limits hold; None without ``bo.Outcomes``
    mean, std        predicted for this point before it was evaluated; NaN for the initial design
    probability      predicted probability of success within the limits: 1 while nothing has failed, NaN for the
                     initial design and where the acquisition gave no open point a score
    z_score          (value − mean) / sqrt(std² + noise); NaN for the initial design
    best             largest value observed so far within the limits
    refitted         whether a fit followed this evaluation
    fit_evaluations  what that fit cost, in evaluations of its objective
    retries          how often the factorisation needed more jitter
    params           the surrogate's hyperparameters after this evaluation and fit
    observed         what ``observe`` returned after this evaluation and fit
    regret_bound     bound on the regret after this evaluation; None without a stopping rule
    stopped          whether the member has stopped; it then evaluates nothing any more: its index is −1, its value NaN,
                     its row of the data empty. None without a stopping rule
    """

    index: Any  # I["..."]; pyright: ignore[reportIncompatibleMethodOverride]
    x: Float[Array, "... dim"]
    value: Float[Array, "..."]
    finite: Bool[Array, "..."]
    failed: Bool[Array, "..."]
    mean: Float[Array, "..."]
    std: Float[Array, "..."]
    probability: Float[Array, "..."]
    z_score: Float[Array, "..."]
    best: Float[Array, "..."]
    refitted: Bool[Array, "..."]
    fit_evaluations: Int[Array, "..."]
    retries: Int[Array, "..."]
    params: Any
    observed: Any
    outcomes: Any = None
    within: Any = None
    regret_bound: Float[Array, "..."] | None = None
    stopped: Bool[Array, "..."] | None = None


class Pool(NamedTuple):
    """The domain of a campaign over a pool: these rows, in the user's units, of a space without its context."""

    candidates: Float[Array, "pool dim"]
    space: Space | None = None
    numbered: bool = False  # whether the objective takes the candidate's number after its coordinates


class Box(NamedTuple):
    """The domain of a campaign over a box: all points between the two columns, in the user's units, or a space."""

    bounds: Float[Array, "dim 2"]
    space: Space | None = None


def axes_of(state: State) -> State:
    """Return the vmap axis of each leaf of a state: 0, but None for ``count`` and for what is ``Shared``."""
    marked = jax.tree.map(lambda leaf: None if is_shared(leaf) else 0, state, is_leaf=is_shared)
    return marked._replace(count=None)


def is_shared(leaf: Any) -> bool:
    """Return whether a node of a state is one number for all members."""
    return isinstance(leaf, Shared)
