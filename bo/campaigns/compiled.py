"""The functions of a campaign as a session calls them, compiled."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax

from bo.campaigns import batch
from bo.campaigns.protocols import Campaign
from bo.campaigns.records import FEW, Info, Proposal, State
from bo.compiling import compiler_options
from bo.surrogates.base import Prediction


class Compiled(NamedTuple):
    """The compiled functions that a session calls; they have the signatures of ``Campaign``'s."""

    design: Callable[..., Proposal]
    begin: Callable[..., tuple[State, Info]]
    ask: Callable[..., Proposal]
    propose: Callable[..., Proposal]
    grow: Callable[..., State]
    believe: Callable[..., State]  # (state, proposal): as if it had been observed at its expectation
    tell: Callable[..., tuple[State, Info]]
    follow: Callable[..., tuple[State, Info]]  # (key, then as of tell): tell, and the fit that is due
    refit: Callable[..., tuple[State, Info]]
    predict: Callable[..., Prediction]


def compiled(campaign: Campaign) -> Compiled:
    """Return the compiled functions of a campaign; each is compiled when it is first called."""
    few = campaign.config.evaluations <= FEW  # a fit of more is long enough to be worth optimising
    jit = partial(jax.jit, compiler_options=compiler_options(waits=few))
    own = ("design", "begin", "ask", "propose", "tell", "refit", "predict")
    return Compiled(
        **{name: jit(getattr(campaign, name)) for name in own},
        grow=jit(campaign.grow, static_argnums=1),
        believe=jit(partial(batch.believe, campaign)),
        follow=jit(partial(follow, campaign)),
    )


def follow(
    campaign: Campaign, key: jax.Array, state: State, proposal: Proposal, value: Any, noise: Any, outcomes: Any
) -> tuple[State, Info]:
    """Tell one value, and make the fit that follows it when one is due."""
    state, info = campaign.tell(state, proposal, value, noise, outcomes)
    return campaign.follow(key, state, info)
