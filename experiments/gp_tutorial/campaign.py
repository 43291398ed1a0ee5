"""A campaign seen from the outside, step by step, and what other acquisitions would choose at its start."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import bo
from bo.acquisitions.analytic import expected_improvement, log_probability_of_improvement
from bo.acquisitions.base import Acquisition
from bo.campaigns.protocols import Campaign
from bo.campaigns.records import State
from experiments.gp_tutorial.config import KAPPAS, Config
from experiments.gp_tutorial.models import forrester, line, noiseless, observed
from experiments.lab.run import Outcome


def rules() -> dict[str, Acquisition]:
    """Return the acquisitions that are compared, by name."""
    return {f"ucb_{kappa:g}": bo.upper_confidence_bound(kappa) for kappa in KAPPAS} | {
        "log_ei": bo.log_expected_improvement(),
        "ei": expected_improvement(),
        "log_pi": log_probability_of_improvement(),
    }


def search(key: jax.Array, config: Config) -> Outcome:
    """Run the campaign with log expected improvement and keep every surface and score on the way."""
    x, acquisitions = line(config), rules()
    places = np.round(np.asarray(observed(config).x[:, 0]) * (config.points - 1)).astype(int)
    budget = bo.CampaignConfig(config.observations, config.steps, refit_every=1)
    campaign = bo.campaign(
        lambda key, x: forrester(x[0]),
        x,
        noiseless("matern52"),
        acquisitions["log_ei"],
        budget,
        initial=jnp.asarray(places),
    )
    info, start, steps, last = jax.jit(lambda key: _followed(key, campaign, acquisitions))(key)
    prediction, score, index, value = steps
    start["pi"] = jnp.exp(start["log_pi"])
    chosen, values = np.concatenate([info.index, index]), np.concatenate([info.value, value])
    arrays = {f"start_{name}": scores for name, scores in start.items()}
    arrays |= {
        "campaign_x": x[chosen, 0],
        "campaign_y": values,
        "campaign_mean": np.concatenate([prediction.mean, last.mean[None]]),
        "campaign_std": np.concatenate([prediction.std, last.std[None]]),
        "campaign_score": score,
    }
    best, truth = np.maximum.accumulate(values), forrester(x[:, 0])
    numbers = {f"{name}_chooses_x": x[int(jnp.argmax(scores)), 0] for name, scores in start.items()}
    numbers |= {
        "campaign_initial_points": config.observations,
        "campaign_first_gap": truth.max() - best[config.observations - 1],
        "campaign_last_gap": truth.max() - best[-1],
        "campaign_best_x": x[chosen[values.argmax()], 0],
    }
    return Outcome(arrays, numbers)


def _followed(key: jax.Array, campaign: Campaign, acquisitions: dict[str, Acquisition]) -> Any:
    """Info of the initial design, scores given it, (surface, score, candidate, value) of each step, last surface."""

    def scores(rule: Callable[..., jax.Array], key: jax.Array, state: State) -> jax.Array:
        return rule(key, campaign.surface(state), state, None)  # these rules need marginals and the best value alone

    def advance(state: State, key: jax.Array) -> Any:
        before = campaign.surface(state), scores(acquisitions["log_ei"], key, state)
        state, info = campaign.step(key, state)
        return state, (*before, info.index, info.value)

    to_init, to_rules, to_steps = jax.random.split(key, 3)
    state, info = campaign.init(to_init)
    start = {name: scores(rule, to_rules, state) for name, rule in acquisitions.items()}
    keys = jax.random.split(to_steps, campaign.config.steps)
    state, steps = jax.lax.scan(advance, campaign.grow(state, campaign.config.evaluations), keys)
    return info, start, steps, campaign.surface(state)
