"""Run campaigns and blind designs, all responses and seeds of a method in one program."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import bo
from bo.acquisitions.analytic import in_order
from bo.acquisitions.base import Acquisition
from bo.campaigns.protocols import Campaign
from bo.campaigns.records import Info
from bo.surrogates.base import Prediction, Surrogate
from experiments.lab.designs import sobol_order
from experiments.lab.objectives import look_up
from experiments.lab.parallel import over_devices
from experiments.parameter_bo.config import Config
from experiments.parameter_bo.problem import Problem, by_response, lanes


class Evaluated(NamedTuple):
    """What a method evaluated; RMSE and Info only where a Gaussian process goes with it."""

    cells: np.ndarray  # (response, seed, evaluation)
    rmse: np.ndarray | None = None  # (response, seed, evaluation) of the surface over all cells
    info: Info | None = None


def surrogate(starts: int = 4) -> Surrogate:
    """Return the Gaussian process for simulations without noise.

    The prior of its noise sits at 1e-4 of the targets' variance and below, not at the usual 2 %.
    """
    return bo.gaussian_process(bo.GPConfig(noise_prior=(-10.0, 3.0), noise_floor=1e-8, starts=starts))


def acquisitions(config: Config) -> dict[str, Acquisition]:
    """Return the acquisitions that are compared, by name."""
    return {"logei": bo.log_expected_improvement(), "ucb": bo.upper_confidence_bound(config.kappa)}


def campaign_of(
    problem: Problem, rule: Acquisition, refit_every: int, table: jax.Array, initial: Any, objective: Any = None
) -> Campaign:
    """Return the campaign of one lane, which looks values up in ``table`` unless an objective is given."""
    config, pool = problem.config, jnp.asarray(problem.pool)
    budget = bo.CampaignConfig(config.initial_points, config.steps, refit_every)
    return bo.campaign(objective or look_up(pool, table), pool, surrogate(), rule, budget, initial=initial)


def followed(key: jax.Array, campaign: Campaign, table: jax.Array) -> Info:
    """Run a campaign; ``observed`` of its Info is the RMSE of the surface, which the campaign never sees."""

    def error(prediction: Prediction, state: Any) -> jax.Array:
        del state
        return jnp.sqrt(jnp.mean((prediction.mean - table) ** 2))

    return bo.run(key, campaign, observe=error)[1]


def campaigns(problem: Problem) -> dict[str, Evaluated]:
    """Run both acquisitions on all responses and seeds."""
    config, evaluated = problem.config, {}
    for name, rule in acquisitions(config).items():

        def one_lane(table: Any, key: Any, order: Any, rule: Acquisition = rule) -> Info:
            initial = order[: config.initial_points]
            return followed(key, campaign_of(problem, rule, config.refit_every, table, initial), table)

        call = over_devices(one_lane, options=bo.compiler_options())
        info = by_response(problem, call(*lanes(problem, problem.keys, problem.orders)))
        evaluated[name] = Evaluated(info.index, info.observed, info)
    return evaluated


def designs(problem: Problem) -> dict[str, Evaluated]:
    """Evaluate random and Sobol orders, blind to their values; a Gaussian process follows them for its surface alone.

    Hyperparameters are fitted a third as often as in the campaigns, because nothing but the score depends on them.
    """
    config, count = problem.config, problem.config.evaluations
    sobol = np.stack([sobol_order(problem.pool, count, config.seed + s) for s in range(config.campaigns)])

    def one_lane(table: Any, key: Any, order: Any) -> tuple[jax.Array, jax.Array]:
        rule, initial = in_order(order), order[: config.initial_points]
        info = followed(key, campaign_of(problem, rule, 3 * config.refit_every, table, initial), table)
        return info.index, info.observed

    call, evaluated = over_devices(one_lane, options=bo.compiler_options()), {}
    for name, orders in (("random", problem.orders), ("sobol", sobol.astype(np.int32))):
        evaluated[name] = Evaluated(*by_response(problem, call(*lanes(problem, problem.keys, orders))))
    return evaluated
