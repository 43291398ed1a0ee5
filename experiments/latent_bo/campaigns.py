"""Campaigns of the main job (``experiments/latent_bo/compute.py``) and their baselines: run, scored and saved."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bo.acquisitions import analytic
from bo.campaigns import checkpoint, running
from bo.campaigns.pool import campaign
from bo.campaigns.records import Campaign, CampaignConfig
from bo.surrogates import gp, process_types
from experiments.lab import designs, executor, progress, runtime, scores, summaries
from experiments.lab.objectives import look_up
from experiments.lab.parallel import over_devices
from experiments.lab.run import Run
from experiments.latent_bo.config import Config
from experiments.shared.lattices.histories import Decoder
from experiments.shared.lattices.latent_map import Problem, refuse_non_finite, target_of

SAVE_EVERY = 100  # steps between two saves of a job: a state holds capacity × cells numbers a campaign


class Job(NamedTuple):
    """Some of the campaigns, with all that a worker needs for them, in a form that travels."""

    keys: jax.Array
    problem: Problem
    decode: Decoder
    config: "Config"

    def search(self) -> Campaign:
        """μ + κσ over the grid, the simulation computed live."""
        problem, config = self.problem, self.config
        simulated = target_of(problem.setup, problem.subset_key, problem.defects)
        return campaign(
            lambda key, z: simulated(self.decode(z))[0],
            jnp.asarray(problem.latent),
            gp.gaussian_process(process_types.GPConfig()),
            analytic.upper_confidence_bound(config.kappa),
            CampaignConfig(initial_points=config.initial_points, steps=config.steps),
        )


def on_worker(job: Job, folder: Path) -> tuple:
    """(Info, last surface) of a job's campaigns, saved as they go and continued after a kill."""
    search, observe = job.search(), _scorer(job.problem.truth)
    state, info = checkpoint.run_resumable(job.keys, search, folder / "state", every=SAVE_EVERY, observe=observe)
    surface = jax.jit(jax.vmap(search.surface, (checkpoint.axes_of(state),)))(state)
    return jax.device_get((info, surface))


def campaigns(run: Run, key: jax.Array, decode: Decoder, problem: Problem, config: "Config") -> None:
    """Gaussian-process campaigns with μ + κσ over the grid, the simulation computed live."""
    keys = jax.random.split(key, config.campaigns)
    if config.executor == "local":
        search = Job(keys, problem, decode, config).search
        scored = lambda key, told: _run_and_score(key, search(), problem.truth, told)  # noqa: E731
        info, surface = _over_devices(run, scored, config.initial_points + config.steps, keys)
    else:
        jobs = [
            Job(keys[start : start + config.chunk], problem, decode, config)
            for start in range(0, config.campaigns, config.chunk)
        ]
        options, folder = executor.parse(config.executor_options), run.folder / "jobs"
        done = executor.run_jobs(config.executor, on_worker, jobs, folder, devices=config.devices, **options)
        info, surface = jax.tree.map(lambda *parts: np.concatenate(parts), *done)
    refuse_non_finite("a campaign's objective", info.value, ("seed", "evaluation"))
    _save_campaign(run, "campaign", info, surface, problem, config)
    z = info.z_score[:, config.initial_points :]
    run.record(
        live_against_map_max_difference=np.abs(info.value - problem.truth[info.index]).max(),
        campaign_z_within_1_96_share=np.mean(np.abs(z) < 1.96),
        campaign_inside_support_share=problem.inside[info.index].mean(),
        campaign_gram_retries=int(info.retries.sum()),
        seeds=config.campaigns, evaluations=config.initial_points + config.steps, initial_points=config.initial_points,
    )  # fmt: skip


def baselines(run: Run, key: jax.Array, problem: Problem, config: "Config") -> None:
    """Random and Sobol orders at the same budget, their surfaces from the same Gaussian process.

    Values come from the map (the same simulations); hyperparameters are refitted a quarter as often, which such
    orders, blind to the surface, do not notice.
    """
    settings = CampaignConfig(initial_points=config.initial_points, steps=config.steps, refit_every=100, buckets=2)
    count, seeds = settings.evaluations, range(config.campaigns)
    orders = {
        "random": designs.random_orders(map(np.random.default_rng, seeds), len(problem.truth), count),
        "sobol": [designs.sobol_order(problem.latent, count, seed) for seed in seeds],
    }
    pool, truth = jnp.asarray(problem.latent), jnp.asarray(problem.truth, float)

    def one(key: jax.Array, order: jax.Array, told: Callable[..., None]) -> tuple:
        surrogate, rule = gp.gaussian_process(process_types.GPConfig()), analytic.in_order(order)
        initial = order[: config.initial_points]
        search = campaign(look_up(pool, truth), pool, surrogate, rule, settings, initial=initial)
        return _run_and_score(key, search, problem.truth, told)

    keys = jax.random.split(key, 2 * config.campaigns)
    order = np.concatenate([orders["random"], orders["sobol"]]).astype(np.int32)
    info, surface = _over_devices(run, one, count, keys, order)
    for name, rows in (("random", slice(None, config.campaigns)), ("sobol", slice(config.campaigns, None))):
        part, end = jax.tree.map(lambda leaf, rows=rows: leaf[rows], (info, surface))
        _save_campaign(run, name, part, end, problem, config)


def _over_devices(run: Run, one: Callable[..., tuple], evaluations: int, *lanes: Any) -> tuple:
    """``one(*lane, told)`` for every lane, with progress. On a CPU each device does one campaign after another: side
    by side their posteriors, 48 MB each, would only push each other out of the cache."""
    count = len(lanes[0])
    together = len(runtime.devices()) if jax.default_backend() == "cpu" else count
    with run.progress(count * evaluations, "evaluation") as bar:
        chunks = progress.Chunks(bar, min(together, count), evaluations)
        call = over_devices(lambda *lane: one(*lane, chunks.inside), 1 if together < count else 0)
        return call(*lanes, progress=chunks.after)


def _scorer(truth: np.ndarray) -> Callable[..., tuple[jax.Array, jax.Array]]:
    """(RMSE, NLL) of a campaign's surface against the truth, which the campaign never sees."""
    expected = jnp.asarray(truth, float)

    def observe(prediction: Any, state: Any) -> tuple[jax.Array, jax.Array]:
        noise = state.params.noise * state.params.scale**2
        variance = prediction.std**2 + noise
        error = (prediction.mean - expected) ** 2
        nll = 0.5 * jnp.mean(error / variance + jnp.log(2 * jnp.pi * variance))
        return jnp.sqrt(jnp.mean(error)), nll

    return observe


def _run_and_score(key: jax.Array, search: Campaign, truth: np.ndarray, told: Callable[..., None]) -> tuple:
    """(Info, last surface) of a run."""
    state, info = running.run(key, search, observe=_scorer(truth), progress=told)
    return info, search.surface(state)


def _save_campaign(run: Run, method: str, info: Any, surface: Any, problem: Problem, config: "Config") -> None:
    """Arrays and numbers of one method's seeds; the campaign's arrays have no prefix."""
    prefix, axes = ("" if method == "campaign" else f"{method}_"), ("seed", "evaluation")
    truth, index, value = problem.truth, info.index, info.value
    rmse, nll = info.observed
    regret, recall = scores.regret(value, truth), scores.recall(index, truth)
    for name, dims, values, units, text in (
        ("chosen_cell", axes, index, "1", "cell evaluated"),
        ("chosen_value", axes, value, "model unit", "sum of |curl P| found there"),
        ("regret", axes, regret, "model unit", "maximum of the map minus the best so far"),
        ("recall", axes, recall, "1", "share of the map's top 1 % found"),
        ("surface_rmse", axes, rmse, "model unit", "root mean square error of the surface over all cells"),
        ("surface_nll", axes, nll, "nats per cell", "mean negative log predictive density over all cells"),
        ("surface_mean", ("seed", "cell"), surface.mean, "model unit", "posterior mean after the last evaluation"),
        ("surface_std", ("seed", "cell"), surface.std, "model unit", "posterior standard deviation at the end"),
    ):
        run.add(prefix + name, dims, values, units, f"{method}: {text}")
    if method == "campaign":
        for name, text in (("mean", "predicted mean"), ("std", "predicted standard deviation"), ("z_score", "z-score")):
            units = "1" if name == "z_score" else "model unit"
            run.add(name if name == "z_score" else f"predicted_{name}", axes, getattr(info, name), units,
                    f"campaign: {text} of the choice before it was evaluated")  # fmt: skip
        for name, values in {**info.params.kernel[0], "noise": info.params.noise}.items():
            run.add(f"gp_{name}", (*axes, "z")[: values.ndim], values, "1", f"campaign: {name}, inputs in the unit "
                    "square, targets standardised")  # fmt: skip
    top = np.isin(index, np.flatnonzero(scores.top_cells(truth, 0.001)))
    numbers = {
        "regret": regret[:, -1], "recall": recall[:, -1], "surface_rmse": rmse[:, -1], "surface_nll": nll[:, -1],
        "best_found": scores.best_so_far(value)[:, -1],
        "evaluations_to_top_0_1_percent": scores.evaluations_to(top),
        "evaluations_to_recall_25_percent": scores.evaluations_to(recall >= 0.25),
    }  # fmt: skip
    for name, values in numbers.items():
        run.record(**summaries.quartiles(f"{method}_{name}", values))
