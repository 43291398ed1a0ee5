"""Campaigns of a JAX function over the candidates of a study: all seeds and acquisitions, beside blind choices.

The log is not touched: a function costs nothing but time, and its results lie in ``study/campaigns``.
"""

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import bo
from experiments.lab.objectives import look_up
from experiments.lab.parallel import over_devices
from experiments.process import campaign_page, evaluations, functions, log, refining, replay, resuming, settings, study
from experiments.process.campaign_page import Found
from experiments.process.config import Run
from experiments.process.functions import Measure
from experiments.process.saying import say, step
from experiments.process.settings import StudySettings
from experiments.process.study import Candidates

REFIT_EVERY = 5


class Search(NamedTuple):
    """What every campaign of a study needs: the measure of a history, candidates, settings, known starts or None."""

    measure: Measure
    candidates: Candidates
    plan: StudySettings
    starts: Any  # I["initial_points"]


def run(options: Run) -> Path:
    """Run all campaigns of a function, refine the best history, write results and page; returns the page."""
    candidates, plan = study.load(options.study), settings.read(options.study)
    check(options, plan)
    measure = functions.measured_by(functions.function_of(options.objective), plan)
    functions.check(measure, candidates, options.objective)
    say(
        f"{options.objective} over {len(candidates.z)} candidates, {plan.budget} evaluations a campaign, to be "
        f"maximised: {plan.text}; compiling takes most of a minute for each kind of acquisition"
    )
    problem = Search(measure, candidates, plan, starts_of(options.study, candidates, plan))
    with study.locked(options.study, "run", study.RUN_LOCK, wait=0.0):
        found = search(problem, options)
        refined = None
        if options.refine:
            with step(f"refining the best, {options.refine} steps"):
                refined = refining.refine(measure, candidates, plan, found, options)
        with step("writing the page"):
            page = campaign_page.write(options.study, candidates, plan, found, refined, options.objective)
        resuming.forget(options.study)
        return page


def check(options: Run, plan: StudySettings) -> None:
    """ValueError for options that make no sense, and for what campaigns of a function do not have."""
    if options.seeds < 1 or options.refine < 0 or options.slew < 0 or any(kappa < 0 for kappa in options.kappa):
        raise ValueError("--seeds is at least 1; --refine, --slew and --kappa are at least 0")
    if plan.context or options.context:
        raise ValueError("a JAX function has no context: --context and [context] are for ask, tell and run --command")
    if plan.front and options.refine:
        raise ValueError("--refine climbs one objective, and this study has a front: leave it out")


def starts_of(folder: Path, candidates: Candidates, plan: StudySettings) -> np.ndarray | None:
    """Return the first ``initial_points`` cells of the log that keep the limits, None for a study that is not safe.

    ValueError where there are fewer.
    """
    if plan.safe is None:
        return None
    found = evaluations.read(log.read(folder, candidates.z.shape[1]), plan, candidates)
    evaluations.check_starts(found, plan)
    return np.array([each.cell for each in found.told if each.within][: plan.initial_points], np.int32)


def search(problem: Search, options: Run) -> dict[str, Found]:
    """Return what the campaigns of every acquisition evaluated, all seeds, and as many blind choices."""
    plan = problem.plan
    replay.check_budget(plan, problem.candidates)
    keys = jax.random.split(jax.random.key(plan.seed), options.seeds)
    first = "expected hypervolume improvement" if plan.front else "log expected improvement"
    quick = bo.compiler_options()
    runs = {first: partial(over_devices(partial(campaign, problem, None), options=quick), keys)}
    every = over_devices(partial(campaign, problem), options=quick)  # compiled once for all weights
    for kappa in options.kappa:
        name = f"scalarisation, κ = {kappa:g}" if plan.front else f"mean + {kappa:g} σ"
        runs[name] = partial(every, np.full(options.seeds, kappa), keys)
    mark = resuming.mark_of(options, problem.starts)
    found = {name: resuming.once(options, mark, name, run) for name, run in runs.items()}
    with step("random candidates and random histories of the file"):
        return found | blind(problem, options.seeds)


def campaign(problem: Search, kappa: Any, key: jax.Array) -> Found:
    """Return what one campaign evaluated, by upper confidence bounds with ``kappa`` or by expected improvement."""
    plan, candidates = problem.plan, problem.candidates
    rules = (bo.hypervolume_improvement, bo.random_scalarisation) if plan.front else (
        bo.log_expected_improvement, bo.upper_confidence_bound)  # fmt: skip
    acquisition = rules[0]() if kappa is None else rules[1](kappa)
    spec, names = replay.outcomes_of(plan), functions.names_of(plan)
    pool = jnp.asarray(candidates.z)
    nearest = look_up(pool, (jnp.asarray(candidates.histories), jnp.asarray(candidates.duration)))
    config = bo.CampaignConfig(plan.initial_points, plan.budget - plan.initial_points, refit_every=REFIT_EVERY)

    def objective(key: Any, z: jax.Array) -> Any:
        values = problem.measure(*nearest(key, z))
        return values[names[0]] if spec is None else values

    parts = (objective, pool, replay.surrogate_of(None), acquisition, config)
    info = bo.run(key, bo.campaign(*parts, initial=problem.starts, outcomes=spec))[1]
    if spec is None:
        return Found(info.index, info.value, info.z_score, info.finite, info.value[:, None])
    columns = [spec.column(name, info.value, info.outcomes) for name in names]
    return Found(info.index, info.value, info.z_score, info.within, jnp.stack(columns, axis=1))


def blind(problem: Search, seeds: int) -> dict[str, Found]:
    """Return what random candidates and random histories of the file give, evaluated at the same budget.

    Gaps in the file's histories are filled along straight lines, because those without gaps may be of a special kind.
    """
    plan, candidates, found = problem.plan, problem.candidates, {}
    generator = np.random.default_rng(plan.seed)
    for name, values, times in (
        ("random candidates", candidates.histories, candidates.duration),
        ("random histories of the file", study.filled(candidates), candidates.own_duration),
    ):
        chosen = np.stack([np.resize(generator.permutation(len(values)), plan.budget) for _ in range(seeds)])
        each, back = np.unique(chosen, return_inverse=True)
        measured = over_devices(problem.measure, 256)(values[each], times[each])
        measured = {name: column[back].reshape(chosen.shape) for name, column in measured.items()}
        objectives = np.stack([measured[name] for name in functions.names_of(plan)], axis=-1)
        within = functions.within(measured, plan) & np.isfinite(objectives[..., 0])
        unknown = np.full(chosen.shape, np.nan)
        found[name] = Found(chosen, objectives[..., 0], unknown, within, objectives)
    return found
