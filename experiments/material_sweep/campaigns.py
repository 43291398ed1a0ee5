"""The campaigns of the sweep: lanes of one program, called piece by piece, here or on workers of an engine."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

import bo
from experiments.lab import checkpoints, executor
from experiments.lab.objectives import look_up
from experiments.lab.parallel import over_devices
from experiments.material_sweep.config import Config
from experiments.material_sweep.problem import Material, Problem, problem_of, simulated


class Lanes(NamedTuple):
    """One campaign per lane: seeds vary fastest, then weights, then materials. Arrays of NumPy or JAX."""

    key: Array  # (lane,)
    initial: Any  # (lane, initial_points), numbers of candidates
    defects: Any  # (lane, 2, row, column)
    weight: Any  # (lane,)
    material: Material  # of arrays (lane,)


class Found(NamedTuple):
    """What campaigns evaluated, (lane, evaluation) each, and (evaluation,) within a lane."""

    history: Any
    value: Any  # Σ|curl P| − weight · cost
    fit_evaluations: Any  # of the likelihood and its gradient


class Job(NamedTuple):
    """Some of the campaigns, in a form that travels: a worker makes the problem from the options."""

    config: Config
    start: int
    stop: int


def lanes_of(problem: Problem, start: int, stop: int) -> Lanes:
    """Return the lanes from ``start`` to ``stop`` of all."""
    seeds, weights = problem.config.seeds, np.array(problem.config.weights)
    lane = np.arange(start, min(stop, problem.config.campaigns))
    seed, weight, material = lane % seeds, lane // seeds % len(weights), lane // (seeds * len(weights))
    return Lanes(
        problem.keys[seed],
        problem.initial[seed],
        problem.defects[seed],
        weights[weight],
        Material(*(values[material] for values in problem.materials)),
    )


def campaign_of(problem: Problem, lane: Lanes) -> bo.Campaign:
    """Return the campaign of one lane (no leading axis): log EI over histories, simulated when asked for."""
    config, histories = problem.config, problem.histories
    pool = jnp.asarray(histories.inputs)
    known = {"curve": jnp.asarray(histories.curves), "cost": jnp.asarray(histories.cost)}
    history_at = look_up(pool, known)

    def objective(key: Array, x: Array) -> Array:
        history = history_at(key, x)
        curl = simulated(problem.setup, lane.material, lane.defects, history["curve"])
        return curl - lane.weight * history["cost"]

    budget = bo.CampaignConfig(
        config.initial_points, config.steps, config.refit_every, learn_failures=False
    )  # a run refuses a simulation that fails
    surrogate, rule = bo.gaussian_process(), bo.log_expected_improvement()
    return bo.campaign(objective, pool, surrogate, rule, budget, initial=lane.initial)


def run_lane(problem: Problem, lane: Lanes) -> Found:
    """Run the campaign of one lane, without its leading axis."""
    info = bo.run(lane.key, campaign_of(problem, lane))[1]
    return Found(info.index, info.value, info.fit_evaluations)


def run_lanes(problem: Problem, lanes: Lanes, progress: Callable[[int], Any] | None = None) -> Found:
    """Run all lanes in pieces of ``config.chunk`` per device; in a run every piece is kept as it ends."""
    return over_devices(partial(run_lane, problem), problem.config.chunk)(lanes, progress=progress)


def on_worker(job: Job, folder: Path) -> Found:
    """Run a job's campaigns, whose pieces are kept in ``folder``, so that a job that is started again goes on."""
    problem = problem_of(job.config)
    with checkpoints.within(folder):
        return run_lanes(problem, lanes_of(problem, job.start, job.stop))


def search(problem: Problem, folder: Path, progress: Callable[[int], Any] | None = None) -> Found:
    """Run all campaigns: here, or as jobs of an executor that keep their pieces in ``folder``."""
    config = problem.config
    if config.executor == "local":
        return run_lanes(problem, lanes_of(problem, 0, config.campaigns), progress)
    jobs = [Job(config, start, start + config.job) for start in range(0, config.campaigns, config.job)]
    options = executor.parse(config.executor_options)
    done = executor.run_jobs(config.executor, on_worker, jobs, folder, devices=config.devices, **options)
    return jax.tree.map(lambda *parts: np.concatenate(parts), *done)
