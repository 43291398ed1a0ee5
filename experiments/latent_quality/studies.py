"""Two controlled studies: targets that the data show in part, and training sets with few or many good histories."""

from typing import NamedTuple

import numpy as np

from experiments.lab import scores
from experiments.lab.checkpoints import once
from experiments.latent_quality import organisation
from experiments.latent_quality.config import Config
from experiments.latent_quality.pools import Pool, initial, orders
from experiments.latent_quality.spaces import judge, search, success
from experiments.shared.deep_kernels import kinds, programs, tables

DIAL_METHODS = ("vae", "block_dkl", "random")
GOOD = 0.1  # share of the histories, those of most curl, that are good in the second study


class Dials(NamedTuple):
    """Success and order against the weight of what the data show."""

    needed: np.ndarray  # (dial, method, seed) evaluations to one of the best
    recall: np.ndarray  # (dial, method, seed) share of the best found at the end
    quality: np.ndarray  # (dial, seed, score) of the VAE's latent


class Shares(NamedTuple):
    """Success and order against the share of good histories in the training set."""

    needed: np.ndarray  # (share, seed)
    recall: np.ndarray  # (share, seed)
    quality: np.ndarray  # (share, seed, score)
    spread: np.ndarray  # (share, seed) spread of good histories' latents over that of all


@once
def dials(pool: Pool, latents: np.ndarray, config: Config) -> Dials:
    """Search targets that the histories show in part, in a VAE's latent (seed, candidate, z) and by the deep kernel."""
    assert pool.hidden is not None
    shown, hidden = scores.standardised(pool.targets["smooth"]), scores.standardised(pool.hidden)
    methods = ((kinds.GAUSSIAN_PROCESS, tables.table_of_latents(latents)), (kinds.DEEP_KERNEL, pool.table))
    shape = (len(config.dials), len(DIAL_METHODS), config.seeds)
    needed, recall = np.empty(shape), np.empty(shape)
    quality = np.empty((len(config.dials), config.seeds, len(organisation.NAMES)))
    for place, dial in enumerate(config.dials):
        truth = dial * shown + (1 - dial) * hidden
        chosen = [
            programs.campaigns(kind, table, truth, initial(config), search(config), config.seed).chosen
            for kind, table in methods
        ]
        needed[place], path = success(np.stack([*chosen, orders(config)]), truth, config)
        recall[place] = path[..., -1]
        quality[place] = [judge(latents[seed], truth, pool) for seed in range(config.seeds)]
    return Dials(needed, recall, quality)


def training_sets(pool: Pool, config: Config) -> np.ndarray:
    """Draw the histories of each training set, (share · seed, history): few or many of them are good."""
    good = scores.top_cells(pool.targets["curl"], GOOD)
    rows = []
    for share in config.shares:
        count = max(1, round(share * config.training))
        for seed in range(config.seeds):
            generator = np.random.default_rng([config.seed, seed, count])
            few, rest = generator.permutation(np.flatnonzero(good)), generator.permutation(np.flatnonzero(~good))
            rows.append(np.concatenate([few[:count], rest[: config.training - count]]))
    return np.stack(rows)


@once
def shares(pool: Pool, latents: np.ndarray, config: Config) -> Shares:
    """Search and judge the latents (share · seed, candidate, z) of VAEs that were trained on the ``training_sets``."""
    truth = pool.targets["curl"]
    first = np.tile(initial(config), (len(config.shares), 1))
    table = tables.table_of_latents(latents)
    index = programs.campaigns(kinds.GAUSSIAN_PROCESS, table, truth, first, search(config), config.seed).chosen
    needed, recall = success(index, truth, config)
    quality = [judge(points, truth, pool) for points in latents]
    top = pool.sample[scores.top_cells(truth, GOOD)[pool.sample]]
    spread = [np.sqrt(points[top].var(0).sum() / points[pool.sample].var(0).sum()) for points in latents]
    shape = (len(config.shares), config.seeds)
    parts = needed, recall[:, -1], quality, spread
    return Shares(*(np.reshape(part, (*shape, *np.shape(part)[1:])) for part in parts))
