"""Campaigns of one task in every representation, and the scores of the spaces that they used."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

import bo
from experiments.lab import scores
from experiments.lab.checkpoints import once
from experiments.lab.training import Fitted
from experiments.latent_quality import organisation
from experiments.latent_quality.config import REPRESENTATIONS, Config
from experiments.latent_quality.pools import Pool, initial, orders
from experiments.shared.deep_kernels import kinds, programs, tables, vaes
from experiments.shared.deep_kernels.joint_vae import Encoders, encoders
from experiments.shared.deep_kernels.tables import Table


class TaskScores(NamedTuple):
    """Scores of one task; ``quality`` by the names of ``organisation``."""

    quality: np.ndarray  # (representation, seed, score)
    needed: np.ndarray  # (representation, seed) evaluations to one of the best
    recall: np.ndarray  # (representation, seed, evaluation)
    view: np.ndarray  # (representation, point, component) of the first seed
    random_needed: np.ndarray  # (seed,) of random orders
    random_recall: np.ndarray  # (seed, evaluation)


def search(config: Config) -> programs.Search:
    """Return budget and rule, the same for all campaigns."""
    settings = bo.CampaignConfig(config.initial_points, config.steps, config.refit_every)
    return programs.Search(settings, config.kappa, config.network_steps)


def success(index: np.ndarray, truth: np.ndarray, config: Config) -> tuple[np.ndarray, np.ndarray]:
    """Score chosen candidates (…, evaluation): evaluations to one of the best (…), recall (…, evaluation)."""
    good = scores.top_cells(truth, config.good_share)
    flat = index.reshape(-1, index.shape[-1])
    return scores.evaluations_to(good[index]), scores.recall(flat, truth, config.recall_share).reshape(index.shape)


def judge(points: np.ndarray, truth: np.ndarray, pool: Pool) -> np.ndarray:
    """Score how well points (candidate, column) are organised for a target (candidate,), on the pool's sample."""
    return organisation.scores(points[pool.sample], truth[pool.sample], pool.distances)


@once
def judge_task(
    task: str,
    pool: Pool,
    fitted: Fitted,
    latents: tuple[np.ndarray, np.ndarray],
    config: Config,
    done: Callable[[], Any],
) -> TaskScores:
    """Run the campaigns of a task in every representation, and score the spaces.

    ``latents`` (seed, candidate, z) are those of the VAEs ``fitted`` and of the supervised VAEs of this task. Spaces of
    kernels and networks that campaigns train are scored as they are at the end. ``done`` is called after each set of
    campaigns.
    """
    truth, first = pool.targets[task], initial(config)

    def campaigns(kind: kinds.Kind, table: Table, start: Encoders | None = None) -> programs.Searched:
        results = programs.campaigns(kind, table, truth, first, search(config), config.seed, start)
        done()
        return results

    raw = tables.pick(pool.table, "raw")
    outcomes = {
        "active_dkl": campaigns(kinds.PUBLISHED_DEEP_KERNEL, raw),
        "block_dkl": campaigns(kinds.DEEP_KERNEL, pool.table),
        "joint_vae": campaigns(kinds.JOINT_VAE, raw, encoders(fitted.config, fitted.params, pool.x)),
    }
    spaces = spaces_of(pool, fitted, latents, outcomes, config.seeds)
    outcomes["raw"] = campaigns(kinds.GAUSSIAN_PROCESS, raw)
    for name in ("pca", "vae", "supervised_vae", "static_dkl"):
        outcomes[name] = campaigns(kinds.GAUSSIAN_PROCESS, tables.table_of_latents(np.asarray(spaces[name])))
    index = np.stack([outcomes[name].chosen for name in REPRESENTATIONS])
    quality = np.stack([_quality(spaces[name], truth, pool, config.seeds) for name in REPRESENTATIONS])
    view = np.stack([tables.plane(spaces[name][0][pool.sample]) for name in REPRESENTATIONS])
    needed, recall = success(index, truth, config)
    return TaskScores(quality, needed, recall, view, *success(orders(config), truth, config))


def spaces_of(
    pool: Pool,
    fitted: Fitted,
    latents: tuple[np.ndarray, np.ndarray],
    outcomes: dict[str, programs.Searched],
    seeds: int,
) -> dict[str, np.ndarray]:
    """Return every representation as points (seed, candidate, column), with one seed where it is the same for all."""
    raw = tables.pick(pool.table, "raw")
    active, blocks, joint = (outcomes[name].learned for name in ("active_dkl", "block_dkl", "joint_vae"))
    static, trained = (
        tables.network_latents(raw, jax.tree.map(lambda leaf, end=end: leaf[:, end], active)) for end in (0, 1)
    )
    joint_vae = fitted._replace(params=jax.tree.map(lambda leaf: leaf[:, 1], joint))
    embeddings = [
        tables.kernel_embedding(pool.table, seed, jax.tree.map(lambda leaf, seed=seed: leaf[seed, -1], blocks))
        for seed in range(seeds)
    ]
    vae, supervised = latents
    return {
        "raw": tables.units(raw),
        "pca": tables.units(tables.pick(pool.table, "pca")),
        "vae": vae,
        "supervised_vae": supervised,
        "static_dkl": static,
        "active_dkl": trained,
        "block_dkl": np.stack(embeddings),
        "joint_vae": vaes.means(joint_vae, pool.x),
    }


def _quality(space: np.ndarray, truth: np.ndarray, pool: Pool, seeds: int) -> np.ndarray:
    """Score a space for each seed (seed, score); one that is the same for all seeds is scored once."""
    rows = [judge(points, truth, pool) for points in space]
    return np.stack(rows * seeds if len(rows) == 1 else rows)
