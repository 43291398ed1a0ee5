"""Compute pools, VAEs, campaigns with their spaces and two studies, and record what each stage returns."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from experiments.lab import scores, summaries, training
from experiments.lab.progress import advance
from experiments.lab.run import Run
from experiments.lab.training import Fitted
from experiments.latent_quality import arrays, organisation, pools, spaces, studies, verdict
from experiments.latent_quality.config import REPRESENTATIONS, TASKS, Config
from experiments.latent_quality.pools import POOL_OF, Pool
from experiments.latent_quality.spaces import TaskScores
from experiments.shared.deep_kernels import vaes


def compute(run: Run, config: Config) -> None:
    """Compare the representations of two pools on four tasks."""
    with run.stage("data"):
        with run.progress(config.pool, "history") as bar:
            histories = pools.histories(config, advance(bar))
        both = {"histories": histories, "cards": pools.cards(config)}
        record_pools(run, both, config)
    with run.stage("vaes"):
        fitted, latents = fit_vaes(run, both, config)
    with run.stage("campaigns"):
        judged = []
        with run.progress(len(TASKS) * len(REPRESENTATIONS), "set of campaigns") as bar:
            for task in TASKS:
                pool = POOL_OF[task]
                of_task = latents[pool], latents[task]
                judged.append(spaces.judge_task(task, both[pool], fitted[pool], of_task, config, bar.update))
        record_spaces(run, judged)
    with run.stage("dials"):
        dials = studies.dials(histories, latents["histories"], config)
        names = {"dial": config.dials, "dial_method": np.array(studies.DIAL_METHODS, dtype=object)}
        run.add_all(arrays.DIALS, names | {f"dial_{name}": values for name, values in dials._asdict().items()})
    with run.stage("shares"):
        key, rows = jax.random.fold_in(jax.random.key(config.seed), 100), studies.training_sets(histories, config)
        of_shares = fit(run, "shares_vae", key, histories, rows, config)
        shares = studies.shares(histories, vaes.means(of_shares, histories.x), config)
        run.add_all(arrays.SHARES, {"share": config.shares})
        run.add_all(arrays.SHARES, {f"share_{name}": values for name, values in shares._asdict().items()})
    with run.stage("verdict"):
        record_verdict(run, judged, config)
        record_studies(run, dials, shares, config)


def record_pools(run: Run, both: dict[str, Pool], config: Config) -> None:
    """Record targets of both pools, and the candidates that spaces are judged on."""
    for name, pool in both.items():
        targets = {f"{task}_target": values for task, values in pool.targets.items()}
        run.add_all(arrays.POOLS, {**targets, f"{name}_judged": pool.sample})
    run.record(candidates=config.pool, seeds=config.seeds, evaluations=config.evaluations)


def fit(
    run: Run, name: str, key: jax.Array, pool: Pool, rows: np.ndarray, config: Config, known: np.ndarray | None = None
) -> Fitted:
    """Fit VAEs to ``rows`` (fit, candidate) of a pool, with progress, and record their losses."""
    with run.progress(config.epochs, "epoch") as bar:
        fitted = vaes.fit(
            key, pool.x, pool.x[:200], rows, config.epochs, config.width, known=known, progress=advance(bar)
        )
    training.record(run, name, fitted)
    return fitted


def fit_vaes(run: Run, both: dict[str, Pool], config: Config) -> tuple[dict[str, Fitted], dict[str, np.ndarray]]:
    """Fit a VAE for every seed and pool, and a supervised one for every seed and task.

    Returns the VAEs by pool, and latents (seed, candidate, z) of these by pool and of the supervised ones by task.
    """
    fitted, latents, key = {}, {}, jax.random.key(config.seed)
    rows = np.broadcast_to(np.arange(config.pool), (config.seeds, config.pool))
    for number, (name, pool) in enumerate(both.items()):
        of_pool = jax.random.fold_in(key, number)
        fitted[name] = fit(run, f"{name}_vae", of_pool, pool, rows, config)
        latents[name] = vaes.means(fitted[name], pool.x)
        for place, (task, target) in enumerate(pool.targets.items(), start=1):
            known, first = np.full((config.seeds, config.pool), np.nan), pools.initial(config)
            values = np.broadcast_to(scores.standardised(target), known.shape)
            np.put_along_axis(known, first, np.take_along_axis(values, first, 1), 1)
            of_task = jax.random.fold_in(of_pool, place)
            supervised = fit(run, f"{task}_supervised_vae", of_task, pool, rows, config, known)
            latents[task] = vaes.means(supervised, pool.x)
    return fitted, latents


def record_spaces(run: Run, judged: Sequence[TaskScores]) -> None:
    """Record campaigns and spaces of all tasks."""
    names = {"task": TASKS, "representation": REPRESENTATIONS, "score": organisation.NAMES}
    run.add_all(arrays.SPACES, {axis: np.array(values, dtype=object) for axis, values in names.items()})
    run.add_all(arrays.SPACES, stacked(judged))


def stacked(judged: Sequence[TaskScores]) -> dict[str, np.ndarray]:
    """Return the scores of all tasks by name, tasks first."""
    return {name: np.stack([getattr(task, name) for task in judged]) for name in TaskScores._fields}


def record_verdict(run: Run, judged: Sequence[TaskScores], config: Config) -> None:
    """Record medians and quartiles, correlations of order with success, and the claim against a VAE."""
    budget = config.evaluations
    for task, of_task in zip(TASKS, judged, strict=True):
        for r, name in enumerate(REPRESENTATIONS):
            run.record(**verdict.summary(f"{task}_{name}", of_task.needed[r], of_task.recall[r, :, -1], budget))
            for s, score in enumerate(organisation.NAMES):
                run.record(**summaries.quartiles(f"{task}_{name}_{score}", of_task.quality[r, :, s]))
        random = of_task.random_needed, of_task.random_recall[:, -1]
        run.record(**verdict.summary(f"{task}_random", *random, budget))
    values = stacked(judged)
    quality, needed, recall = values["quality"], values["needed"], values["recall"][..., -1]
    single, middle = verdict.correlations(quality, needed, recall, budget)
    words: Any = np.array(["fewer evaluations", "recall"], dtype=object)
    run.add_all(arrays.VERDICT, {"success": words, "correlation": single, "correlation_of_medians": middle})
    run.record(**verdict.correlation_numbers("correlation", single))
    run.record(**verdict.correlation_numbers("correlation_of_medians", middle))
    run.record(**verdict.claims(quality, needed, recall, budget))


def record_studies(run: Run, dials: studies.Dials, shares: studies.Shares, config: Config) -> None:
    """Record medians and quartiles of both studies."""
    budget, first = config.evaluations, organisation.NAMES.index("neighbour_r2")
    parts = organisation.NAMES.index("components")
    for d, dial in enumerate(config.dials):
        for m, name in enumerate(studies.DIAL_METHODS):
            run.record(**verdict.summary(f"dial_{dial:g}_{name}", dials.needed[d, m], dials.recall[d, m], budget))
        run.record(**{f"dial_{dial:g}_vae_neighbour_r2_median": np.median(dials.quality[d, :, first])})
    for s, share in enumerate(config.shares):
        prefix = f"share_{share:g}"
        run.record(**verdict.summary(prefix, shares.needed[s], shares.recall[s], budget))
        run.record(
            **{
                f"{prefix}_neighbour_r2_median": np.median(shares.quality[s, :, first]),
                f"{prefix}_components_median": np.median(shares.quality[s, :, parts]),
                f"{prefix}_spread_median": np.median(shares.spread[s]),
            }
        )
