"""Campaigns of a JAX function over the candidates of a study: all seeds and acquisitions, beside blind choices.

The log is not touched: a function costs nothing but time, and its results lie in ``study/campaigns``.
"""

import importlib
import inspect
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import bo
from experiments.lab.parallel import over_devices
from experiments.process import campaign_page, formula, replay, settings, study
from experiments.process.campaign_page import Found
from experiments.process.config import Run
from experiments.process.settings import StudySettings
from experiments.process.study import Candidates
from models import latent

REFIT_EVERY = 5
JAX_FUNCTIONS = {
    "min": lambda *values: jnp.stack(jnp.broadcast_arrays(*values)).min(0),
    "max": lambda *values: jnp.stack(jnp.broadcast_arrays(*values)).max(0),
    "abs": jnp.abs,
    "sqrt": jnp.sqrt,
    "exp": jnp.exp,
    "log": jnp.log,
}


class Refined(NamedTuple):
    """The best history before and after its samples were refined, and what it is worth."""

    start: np.ndarray
    history: np.ndarray
    duration: float
    start_value: float
    value: float


def run(options: Run) -> Path:
    """Run all campaigns of a function, refine the best history, write results and page; returns the page."""
    if options.seeds < 1 or options.refine < 0 or options.slew < 0 or any(kappa < 0 for kappa in options.kappa):
        raise ValueError("--seeds is at least 1; --refine, --slew and --kappa are at least 0")
    candidates, plan = study.load(options.study), settings.read(options.study)
    value = value_of(function_of(options.objective), plan)
    check(value, candidates, options.objective)
    with study.locked(options.study, "run", study.RUN_LOCK, wait=0.0):
        found = search(value, candidates, plan, options)
        refined = refine(value, candidates, found, options) if options.refine else None
        return campaign_page.write(options.study, candidates, plan, found, refined, options.objective)


def function_of(name: str) -> Callable[..., Any]:
    """Return the function MODULE:FUNCTION; modules of the working folder are found. ValueError where there is none."""
    module, colon, function = name.partition(":")
    if not colon or not module or not function:
        raise ValueError(f"--objective {name!r}; give MODULE:FUNCTION, such as mymodule:film for film in mymodule.py")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found = getattr(importlib.import_module(module.removesuffix(".py")), function, None)
    except ModuleNotFoundError as error:
        raise ValueError(f"--objective {name}: {error}; start the command in the folder of {module}.py") from error
    if not callable(found):
        raise ValueError(f"--objective {name}: {module} has no function {function}")
    return found


def value_of(function: Callable[..., Any], plan: StudySettings) -> Callable[[Any, Any], jax.Array]:
    """Return the value (history, duration) -> number: what the function returns, or the formula of its outcomes.

    NaN where a limit of the study is broken. ValueError for a function of another number of arguments.
    """
    required = [
        each
        for each in inspect.signature(function).parameters.values()
        if each.default is each.empty and each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
    ]
    if not 1 <= len(required) <= 2:
        raise ValueError(
            f"the objective takes {len(required)} arguments; it gets a history and, if wanted, its duration"
        )

    def value(history: Any, duration: Any) -> jax.Array:
        given = function(history, duration) if len(required) == 2 else function(history)
        if not isinstance(given, dict):
            if plan.limits or (plan.objective and plan.objective.names != {plan.objective.text}):
                raise ValueError(
                    f"{settings.FILE} has a formula or limits, so the objective must return a dictionary of outcomes"
                )
            return jnp.asarray(given, float)
        outcomes = {name: jnp.asarray(each, float) for name, each in given.items()}
        wanted = plan.objective or formula.parse(next(iter(outcomes)))
        if missing := sorted((wanted.names | plan.limits.keys()) - outcomes.keys()):
            raise ValueError(f"the objective returned {', '.join(outcomes)}; {', '.join(missing)} needed, too")
        if plan.objective is None and len(outcomes) > 1:
            raise ValueError(f"the objective returned {', '.join(outcomes)}: say in {settings.FILE} what to maximise")
        result = jnp.asarray(formula.evaluate(wanted, outcomes, JAX_FUNCTIONS), float)
        for name, limit in plan.limits.items():
            kept = (limit.above < outcomes[name]) & (outcomes[name] < limit.below)
            result = jnp.where(kept, result, jnp.nan)
        return result

    return value


def check(value: Callable[[Any, Any], jax.Array], candidates: Candidates, name: str) -> None:
    """Try the objective on one candidate without computing it; ValueError unless JAX follows it to one number."""
    try:
        shape = jax.eval_shape(value, jnp.asarray(candidates.histories[0]), jnp.asarray(candidates.duration[0])).shape
    except (TypeError, jax.errors.JAXTypeError) as error:
        raise ValueError(
            f"--objective {name} is no function that JAX can follow: {str(error).splitlines()[0]}"
        ) from error
    if shape != ():
        raise ValueError(f"--objective {name} returned shape {shape} for one history; it must return one number")


def search(
    value: Callable[[Any, Any], jax.Array], candidates: Candidates, plan: StudySettings, options: Run
) -> dict[str, Found]:
    """Return what the campaigns of every acquisition evaluated, all seeds, and as many blind choices."""
    replay.check_budget(plan, candidates)
    pool = jnp.asarray(candidates.z)
    histories, duration = jnp.asarray(candidates.histories), jnp.asarray(candidates.duration)
    config = bo.CampaignConfig(plan.initial_points, plan.budget - plan.initial_points, refit_every=REFIT_EVERY)

    def objective(key: Any, z: jax.Array) -> jax.Array:
        del key
        cell = jnp.argmin(((pool - z[None]) ** 2).sum(1))
        return value(histories[cell], duration[cell])

    def campaign(key: jax.Array, kappa: jax.Array | None) -> Found:
        acquisition = bo.log_expected_improvement() if kappa is None else bo.upper_confidence_bound(kappa)
        info = bo.run(key, bo.campaign(objective, pool, bo.gaussian_process(), acquisition, config))[1]
        return Found(info.index, info.value, info.z_score)

    keys = jax.random.split(jax.random.key(plan.seed), options.seeds)
    found = {"log expected improvement": over_devices(partial(campaign, kappa=None))(keys)}
    if options.kappa:
        pairs = np.repeat(np.asarray(options.kappa, float), options.seeds)
        every = over_devices(campaign)(jnp.tile(keys, len(options.kappa)), pairs)
        for number, kappa in enumerate(options.kappa):
            rows = slice(number * options.seeds, (number + 1) * options.seeds)
            found[f"mean + {kappa:g} σ"] = Found(*(leaf[rows] for leaf in every))
    generator = np.random.default_rng(plan.seed)
    whole = np.flatnonzero(candidates.known.reshape(len(candidates.own), -1).all(1))
    for name, values, times, rows in (
        ("random candidates", candidates.histories, candidates.duration, np.arange(len(candidates.z))),
        ("random histories of the file", candidates.own, candidates.own_duration, whole),
    ):
        if rows.size:
            chosen = np.stack([np.resize(generator.permutation(rows), plan.budget) for _ in keys])
            each, back = np.unique(chosen, return_inverse=True)
            evaluated = over_devices(value, 256)(values[each], times[each])[back].reshape(chosen.shape)
            found[name] = Found(chosen, evaluated, np.full(chosen.shape, np.nan))
    return found


def refine(
    value: Callable[[Any, Any], jax.Array], candidates: Candidates, found: dict[str, Found], options: Run
) -> Refined:
    """Return the best history that a campaign found, refined in its samples within bounds and slew limits."""
    campaigns = [each for name, each in found.items() if not name.startswith("random")]
    values = np.concatenate([each.value.ravel() for each in campaigns])
    if not np.isfinite(values).any():
        raise ValueError("no evaluation of the campaigns has succeeded, so there is nothing to refine")
    cell = int(np.concatenate([each.index.ravel() for each in campaigns])[np.nanargmax(values)])
    start, duration = candidates.histories[cell], float(candidates.duration[cell])
    slew = np.asarray(slew_of(candidates, options.slew)) * duration / (len(start) - 1)
    bounds = list(zip(candidates.low.tolist(), candidates.high.tolist(), strict=True))
    result = latent.refine(value, start, bounds=bounds, slew=slew, duration=duration, steps=options.refine)
    better = float(result.value) > float(np.nanmax(values))
    history = np.asarray(result.history) if better else start
    return Refined(
        start, history, duration, float(np.nanmax(values)), max(float(result.value), float(np.nanmax(values)))
    )


def slew_of(candidates: Candidates, given: float) -> Any:
    """Return the largest fall and rise per unit of time of each channel, (channel, 2): given, or those of the file."""
    own = np.where(candidates.known, candidates.own, np.nan)
    own = own.reshape(*own.shape[:2], -1)
    if given:
        return np.full((own.shape[2], 2), given)
    rate = np.diff(own, axis=1) * (own.shape[1] - 1) / candidates.own_duration[:, None, None]
    rise, fall = np.nanmax(rate, (0, 1)), np.nanmax(-rate, (0, 1))
    largest = np.maximum(np.maximum(rise, fall), 1e-12)
    return np.stack([np.where(fall > 0, fall, largest), np.where(rise > 0, rise, largest)], 1)
