"""Campaigns of all methods over the same candidates, as one compiled program, and blind orders beside them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import bo
from experiments.inside_support.config import Config
from experiments.inside_support.problems import FEATURES, Candidates, Problem
from experiments.lab import designs
from experiments.lab.objectives import look_up
from experiments.lab.parallel import over_devices

LANES = 16  # campaigns of each device and call: 6 MB each


class Lane(NamedTuple):
    """What a method gives to its campaigns, with an entry for each of its candidates, and whether it draws."""

    coordinates: np.ndarray  # (candidate, FEATURES) of the surrogate
    log_density: np.ndarray  # (candidate,)
    table: np.ndarray  # (candidate,) values
    draws: bool


def lanes_of(problem: Problem, config: Config) -> dict[str, Lane]:
    """Return the methods by name. Latents get constant columns, which weigh nothing, so that all share one program."""
    candidates, value = problem.candidates, problem.value
    nothing = np.zeros((len(candidates.z), FEATURES - candidates.z.shape[1]))
    z = np.column_stack([candidates.z, nothing])
    density, exploration = config.density_weight, config.exploration_weight
    return {
        "anywhere": Lane(z, np.zeros(len(z)), value, False),
        "support": Lane(z, np.where(candidates.inside, 0.0, -np.inf), value, False),
        "density": Lane(z, density * candidates.log_density.astype(float), value, False),
        "exploration": Lane(z, exploration * candidates.exploration.astype(float), value, False),
        "drawn": Lane(candidates.features, candidates.log_prior, value, True),
        "exists": Lane(z, np.where(candidates.exists, 0.0, -np.inf), value, False),
        "members": of_members(problem),
    }


def of_members(problem: Problem) -> Lane:
    """Return the members that were evaluated, as many as there are candidates.

    Where there are fewer, the last is repeated, at a density of 0, because all methods share the shapes of one program.
    """
    count, known = len(problem.value), len(problem.members)
    rows = np.minimum(np.arange(count), known - 1)
    log_density = np.where(np.arange(count) < known, 0.0, -np.inf)
    return Lane(problem.candidates.member_features[rows], log_density, problem.members[rows], False)


def program(config: Config, fails: bool) -> Callable[..., Any]:
    """Return the program of all lanes: (key, initial design, pool, log density, table, draws) -> candidates asked.

    Where evaluations fail, campaigns learn where.
    """
    settings = bo.CampaignConfig(config.initial_points, config.steps, 10, learn_failures=fails)
    improving = bo.log_expected_improvement()

    def run_lane(key: Any, initial: Any, pool: Any, log_density: Any, table: Any, draws: Any) -> Any:
        weighed = bo.weighed_by_density(improving, log_density)
        drawn = bo.improving_draw(log_density)

        def acquisition(key: Any, prediction: Any, state: Any, view: Any) -> Any:
            given = (key, prediction, state, view)
            return jnp.where(draws, drawn(*given), weighed(*given))

        search = bo.campaign(look_up(pool, table), pool, bo.gaussian_process(), acquisition, settings, initial=initial)
        return bo.run(key, search)[1].index

    return over_devices(run_lane, LANES, bo.compiler_options())


def search(
    call: Callable[..., Any], problem: Problem, config: Config, progress: Callable[[int], Any] | None = None
) -> dict[str, np.ndarray]:
    """Return what each method asked for, (seed, evaluation): candidates, or members of the family."""
    lanes, orders, every = lanes_of(problem, config), openings(problem.candidates, config), members(problem, config)
    searched = min(len(problem.value), len(problem.members))
    first = designs.orders(config.seed, config.campaigns, searched, config.initial_points)
    opening = [(first if name == "members" else orders)[:, : config.initial_points] for name in lanes]
    keys = jnp.tile(jax.random.split(jax.random.key(config.seed), config.campaigns), len(lanes))
    each = [np.repeat(np.stack(part), config.campaigns, axis=0) for part in zip(*lanes.values(), strict=True)]
    initial = np.concatenate(opening).astype(np.int32)
    asked = call(keys, initial, *each, progress=progress)
    found = dict(zip(lanes, asked.reshape(len(lanes), config.campaigns, -1), strict=True))
    return {**found, "random": orders, "family": every}


def openings(candidates: Candidates, config: Config) -> np.ndarray:
    """Return an order for each seed, (seed, evaluation): it opens inside the support and goes on anywhere at random."""
    inside, orders = np.flatnonzero(candidates.inside), []
    for seed in range(config.campaigns):
        generator = np.random.default_rng([config.seed, seed])
        first = generator.permutation(inside)[: config.initial_points]
        rest = np.setdiff1d(np.arange(len(candidates.z)), first)
        orders.append(np.concatenate([first, generator.permutation(rest)[: config.steps]]))
    return np.stack(orders)


def members(problem: Problem, config: Config) -> np.ndarray:
    """Return members of the family in random orders, (seed, evaluation)."""
    return designs.orders(config.seed, config.campaigns, len(problem.members), config.evaluations)
