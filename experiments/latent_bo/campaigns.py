"""Campaigns of the main job and its baselines: Gaussian processes over the grid, scored against the map."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

import bo
from bo.campaigns.records import axes_of
from experiments.lab import designs, executor, progress, runtime, scores
from experiments.lab.objectives import look_up
from experiments.lab.parallel import over_devices
from experiments.latent_bo.config import Config
from experiments.shared.lattices.latent_map import LatentMap, target_of
from models.histories import Learned, decode

SAVE_EVERY = 100  # steps between two saves of a job: a state holds capacity × cells numbers a campaign


class Outcome(NamedTuple):
    """What a method's campaigns did, with a leading axis of seeds."""

    info: Any  # of every evaluation; ``observed`` is (RMSE, NLL) of the surface
    surface: Any  # prediction over all cells after the last evaluation


class Job(NamedTuple):
    """Some of the campaigns, with all that a worker needs for them, in a form that travels."""

    keys: jax.Array
    problem: LatentMap
    learned: Learned
    config: Config

    def campaign(self) -> bo.Campaign:
        """Return the campaign with μ + κσ over the grid, whose objective runs the simulation."""
        problem, learned, config = self.problem, self.learned, self.config
        lattices = problem.lattices
        target = target_of(lattices.setups["lecture"], lattices.subset_key, lattices.defects)
        return bo.campaign(
            lambda key, z: target(decode(learned, z).values)[0],
            jnp.asarray(problem.latent),
            bo.gaussian_process(bo.GPConfig()),
            bo.upper_confidence_bound(config.kappa),
            bo.CampaignConfig(config.initial_points, config.steps, learn_failures=False),  # a simulation does not fail
        )


def on_worker(job: Job, folder: Path) -> Outcome:
    """Run a job's campaigns, saved as they go and continued after a kill."""
    campaign, observe = job.campaign(), _scorer(job.problem.truth)
    state, info = bo.run_resumable(job.keys, campaign, folder / "state", every=SAVE_EVERY, observe=observe)
    surface = jax.jit(jax.vmap(campaign.surface, (axes_of(state),)))(state)
    return Outcome(*jax.device_get((info, surface)))


def search(key: jax.Array, learned: Learned, problem: LatentMap, config: Config, folder: Path, bar: tqdm) -> Outcome:
    """Run the campaigns of all seeds: here, or as jobs of an executor that save their states in ``folder``."""
    keys = jax.random.split(key, config.campaigns)
    if config.executor == "local":
        campaign = Job(keys, problem, learned, config).campaign
        return _over_devices(
            lambda key, advance: _run_and_score(key, campaign(), problem.truth, advance), config.evaluations, bar, keys
        )
    jobs = [
        Job(keys[start : start + config.chunk], problem, learned, config)
        for start in range(0, config.campaigns, config.chunk)
    ]
    options = executor.parse(config.executor_options)
    done = executor.run_jobs(config.executor, on_worker, jobs, folder, devices=config.devices, **options)
    return jax.tree.map(lambda *parts: np.concatenate(parts), *done)


def baselines(key: jax.Array, problem: LatentMap, config: Config, bar: tqdm) -> dict[str, Outcome]:
    """Follow random and Sobol orders at the same budget; their surfaces come from the same Gaussian process.

    Values come from the map (the same simulations). Hyperparameters are refitted a quarter as often, because such
    orders do not depend on the surface.
    """
    settings = bo.CampaignConfig(config.initial_points, config.steps, refit_every=100, learn_failures=False)
    count, seeds, latent = config.evaluations, range(config.campaigns), problem.latent
    orders = {
        "random": designs.random_orders(map(np.random.default_rng, seeds), len(latent), count),
        "sobol": np.stack([designs.sobol_order(latent, count, seed) for seed in seeds]),
    }
    pool, truth = jnp.asarray(latent), jnp.asarray(problem.truth, float)

    def follow(key: jax.Array, order: jax.Array, advance: Callable[..., None]) -> Outcome:
        initial, surrogate = order[: config.initial_points], bo.gaussian_process(bo.GPConfig())
        campaign = bo.campaign(look_up(pool, truth), pool, surrogate, bo.in_order(order), settings, initial=initial)
        return _run_and_score(key, campaign, problem.truth, advance)

    keys = jax.random.split(key, 2 * config.campaigns)
    order = np.concatenate(list(orders.values())).astype(np.int32)
    both = _over_devices(follow, count, bar, keys, order)
    rows = {"random": slice(None, config.campaigns), "sobol": slice(config.campaigns, None)}
    return {name: jax.tree.map(lambda leaf, part=part: leaf[part], both) for name, part in rows.items()}


def _over_devices(function: Callable[..., Outcome], evaluations: int, bar: tqdm, *lanes: Any) -> Outcome:
    """Map ``function(*lane, advance)`` over all lanes, with progress.

    On a CPU each device does one campaign after another, because side by side their posteriors, 48 MB each, would push
    each other out of the cache.
    """
    count = len(lanes[0])
    together = len(runtime.devices()) if jax.default_backend() == "cpu" else count
    chunks = progress.Chunks(bar, min(together, count), evaluations)
    size = 1 if together < count else 0
    call = over_devices(lambda *lane: function(*lane, chunks.inside), size, bo.compiler_options())
    return call(*lanes, progress=chunks.after)


def _scorer(truth: np.ndarray) -> Callable[..., tuple[jax.Array, jax.Array]]:
    """Return the observer (RMSE, NLL) of a campaign's surface against the truth, which the campaign never sees."""
    expected = jnp.asarray(truth, float)

    def observe(prediction: Any, state: Any) -> tuple[jax.Array, jax.Array]:
        noise = state.params.noise * state.params.scale**2
        variance = prediction.std**2 + noise
        error = (prediction.mean - expected) ** 2
        nll = 0.5 * jnp.mean(error / variance + jnp.log(2 * jnp.pi * variance))
        return jnp.sqrt(jnp.mean(error)), nll

    return observe


def _run_and_score(key: jax.Array, campaign: bo.Campaign, truth: np.ndarray, advance: Callable[..., None]) -> Outcome:
    """Run a campaign, and predict its last surface."""
    state, info = bo.run(key, campaign, observe=_scorer(truth), progress=advance)
    return Outcome(info, campaign.surface(state))


class Scores(NamedTuple):
    """Scores of a method: arrays by name, and one number per seed by name."""

    paths: Mapping[str, np.ndarray]
    ends: Mapping[str, np.ndarray]


def score(outcome: Outcome, truth: np.ndarray) -> Scores:
    """Score what a method chose, and its surfaces, against the map's ``truth`` (cell,)."""
    index, value = outcome.info.index, outcome.info.value
    rmse, nll = outcome.info.observed
    regret, recall = scores.regret(value, truth), scores.recall(index, truth)
    top = np.isin(index, np.flatnonzero(scores.top_cells(truth, 0.001)))
    paths = {
        "chosen_cell": index,
        "chosen_value": value,
        "regret": regret,
        "recall": recall,
        "surface_rmse": rmse,
        "surface_nll": nll,
        "surface_mean": outcome.surface.mean,
        "surface_std": outcome.surface.std,
    }
    ends = {name: paths[name][:, -1] for name in ("regret", "recall", "surface_rmse", "surface_nll")}
    return Scores(
        paths,
        {
            **ends,
            "best_found": scores.best_so_far(value)[:, -1],
            "evaluations_to_top_0_1_percent": scores.evaluations_to(top),
            "evaluations_to_recall_25_percent": scores.evaluations_to(recall >= 0.25),
        },
    )
