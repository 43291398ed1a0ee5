"""Stages of ``experiments/latent_quality/compute.py``: pools, VAEs, campaigns with their latent spaces scored, two studies."""

from typing import Any, NamedTuple

import jax
import numpy as np
from scipy.spatial.distance import pdist, squareform

import ferro_jax as ferro
from bo.campaigns.records import CampaignConfig
from bo.features.base import fit_features
from experiments import datasets
from experiments.lab import designs, scores
from experiments.lab.run import Run, advance
from experiments.lab.scores import standardised
from experiments.lab.training import Fitted
from experiments.latent_quality import organisation
from experiments.latent_quality.config import REPRESENTATIONS, TASKS, Config
from experiments.shared.deep_kernels import programs
from experiments.shared.deep_kernels import tables as deep_kernels_tables
from experiments.shared.deep_kernels import vaes as deep_kernels_vaes
from experiments.shared.deep_kernels.joint_vae import Encoders, encoders
from experiments.shared.deep_kernels.programs import Search
from experiments.shared.deep_kernels.tables import Table
from experiments.shared.lattices import setups, targets

POOL_OF = {"curl": "histories", "smooth": "histories", "rotation": "cards", "shear": "cards"}


class Pool(NamedTuple):
    """Examples, targets by task, table of all blocks, distances (judged, judged) of the sample that spaces are judged
    on; ``hidden`` is a target that the examples say nothing of."""

    x: np.ndarray
    targets: dict[str, np.ndarray]
    table: Table
    sample: np.ndarray
    distances: np.ndarray
    hidden: np.ndarray | None


def smooth(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """sin 3a cos 2w + aw/2 of numbers in [−1, 1]."""
    return np.sin(3 * first) * np.cos(2 * second) + first * second / 2


def pools(run: Run, config: "Config") -> dict[str, Pool]:
    """Histories and cards with their targets."""
    keys = setups.keys(config.seed)
    data = ferro.damped_oscillation(keys["data"], config.pool)
    with run.progress(config.pool, "history") as bar:
        curl = targets.targets_of(np.asarray(data.curves), config.seed, advance(bar))["curl"]
    shown = smooth(np.asarray(data.growth, float) / 2.75, np.asarray(data.frequency, float) / np.pi * 3 - 7)
    hidden = smooth(np.asarray(data.amplitude, float) / 0.375 - 1, np.asarray(data.offset, float) * 2)
    kept = np.linspace(0, data.curves.shape[1] - 1, config.samples).round().astype(int)
    cards = datasets.load(
        jax.random.fold_in(keys["data"], 1), "cards_deep_kernel", size=config.size, per_suit=config.pool // 4
    )
    turned, sheared = (np.rad2deg(np.asarray(cards.factors[name], float)) for name in ("angle", "shear"))
    found = {
        "histories": _pool(np.asarray(data.curves)[:, kept], {"curl": curl, "smooth": shown}, hidden, config),
        "cards": _pool(np.asarray(cards.x), {"rotation": turned, "shear": sheared}, None, config),
    }
    units = {"curl": "model unit", "smooth": "1", "rotation": "degree", "shear": "degree"}
    for task in TASKS:
        values = found[POOL_OF[task]].targets[task]
        run.add(f"{task}_target", ("candidate",), values, units[task], f"{task} of every candidate")
    for name, pool in found.items():
        run.add(f"{name}_judged", ("point",), pool.sample, "1", f"{name}: candidates that spaces are judged on")
    run.record(candidates=config.pool, seeds=config.seeds, evaluations=config.initial_points + config.steps)
    return found


def _pool(x: np.ndarray, targets: dict[str, np.ndarray], hidden: np.ndarray | None, config: "Config") -> Pool:
    flat = x.reshape(len(x), -1).astype(float)
    found = fit_features(jax.random.key(config.seed), flat, deep_kernels_tables.extractors(flat.shape[1:]))
    sample = np.random.default_rng(config.seed).permutation(len(x))[: config.judged]
    return Pool(x, targets, deep_kernels_tables.table_of(found), sample, squareform(pdist(flat[sample])), hidden)


def vaes(run: Run, pools: dict[str, Pool], config: "Config") -> tuple[dict[str, Fitted], dict[str, np.ndarray]]:
    """A VAE for every seed and pool; latents (seed, candidate, z) of these, and of supervised ones for every task."""
    fitted, found, key = {}, {}, jax.random.key(config.seed)
    rows = np.broadcast_to(np.arange(config.pool), (config.seeds, config.pool))
    for number, (name, pool) in enumerate(pools.items()):
        own = jax.random.fold_in(key, number)
        fitted[name] = deep_kernels_vaes.fit(
            run, f"{name}_vae", own, pool.x, pool.x[:200], rows, config.epochs, config.width
        )
        found[name] = deep_kernels_vaes.means(fitted[name], pool.x)
        for place, (task, target) in enumerate(pool.targets.items(), start=1):
            known = np.full((config.seeds, config.pool), np.nan)
            values = np.broadcast_to(standardised(target), known.shape)
            first = initial(config)
            np.put_along_axis(known, first, np.take_along_axis(values, first, 1), 1)
            found[task] = deep_kernels_vaes.latents(
                run, f"{task}_supervised_vae", jax.random.fold_in(own, place), pool.x, pool.x, rows, config.epochs,
                config.width, known=known,
            )  # fmt: skip
    return fitted, found


def budget(config: "Config") -> Search:
    """The same for all campaigns."""
    settings = CampaignConfig(config.initial_points, config.steps, config.refit_every, buckets=2)
    return Search(settings, config.kappa, config.network_steps)


def initial(config: "Config") -> np.ndarray:
    """Initial designs (seed, candidate), the same for all tasks and representations."""
    return orders(config)[:, : config.initial_points]


def orders(config: "Config") -> np.ndarray:
    """Random orders (seed, evaluation) that begin with the initial designs."""
    return designs.orders(config.seed, config.seeds, config.pool, config.initial_points + config.steps)


def campaigns(
    run: Run, pools: dict[str, Pool], fitted: dict[str, Fitted], encoded: dict[str, np.ndarray], config: "Config"
) -> None:
    """Campaigns of every task in every representation, and the scores of the spaces."""
    everything = []
    with run.progress(len(TASKS) * len(REPRESENTATIONS), "set of campaigns") as bar:
        for task in TASKS:
            pool = pools[POOL_OF[task]]
            own = fitted[POOL_OF[task]], encoded[POOL_OF[task]], encoded[task]
            everything.append(_task(task, pool, *own, config, bar))
    for name, values, text in (
        ("task", TASKS, "target"),
        ("representation", REPRESENTATIONS, "space of the campaigns"),
        ("score", organisation.NAMES, "score of a space"),
    ):
        run.add(name, (name,), np.array(values, dtype=object), "1", text, coordinate=True)
    axes = ("task", "representation", "seed")
    quality, needed, recall, view, random_needed, random_recall = (
        np.stack(parts) for parts in zip(*everything, strict=True)
    )
    run.add("quality", (*axes, "score"), quality, "1", "scores of the latent spaces")
    run.add("needed", axes, needed, "1", "evaluations to one of the best; infinite if not within the budget")
    run.add("recall", (*axes, "evaluation"), recall, "1", "share of the best found")
    run.add("view", (axes[0], axes[1], "point", "component"), view, "1",
            "first seed: the latent, or two principal components of it, of the judged candidates")  # fmt: skip
    run.add("random_needed", ("task", "seed"), random_needed, "1", "random order: evaluations to one of the best")
    run.add(
        "random_recall", ("task", "seed", "evaluation"), random_recall, "1", "random order: share of the best found"
    )


def _task(
    task: str, pool: Pool, fitted: Fitted, plain: np.ndarray, supervised: np.ndarray, config: "Config", bar: Any
) -> tuple[np.ndarray, ...]:
    truth, first, search = pool.targets[task], initial(config), budget(config)

    def go(kind: str, table: Table, start: Encoders | None = None) -> programs.Found:
        found = programs.campaigns(kind, table, truth, first, search, config.seed, start)
        bar.update(1)
        return found

    raw = deep_kernels_tables.pick(pool.table, "raw")
    active, deep = go("paper", raw), go("blocks", pool.table)
    joint = go("joint_vae", raw, encoders(fitted.config, fitted.params, pool.x))
    trained = fitted._replace(params=jax.tree.map(lambda leaf: leaf[:, 1], joint.learned))
    networks = [
        deep_kernels_tables.network_latents(raw, jax.tree.map(lambda leaf, n=n: leaf[:, n], active.learned))
        for n in (0, 1)
    ]
    pca = deep_kernels_tables.units(deep_kernels_tables.pick(pool.table, "pca"))
    seeds = range(config.seeds)
    ends = [
        deep_kernels_tables.kernel_embedding(pool.table, n, jax.tree.map(lambda leaf, n=n: leaf[n, -1], deep.learned))
        for n in seeds
    ]
    spaces = {
        "raw": deep_kernels_tables.units(raw), "pca": pca, "vae": plain, "supervised_vae": supervised, "static_dkl": networks[0],
        "active_dkl": networks[1], "block_dkl": ends, "joint_vae": deep_kernels_vaes.means(trained, pool.x),
    }  # fmt: skip
    campaign_of = {"raw": go("gp", raw), "active_dkl": active, "block_dkl": deep, "joint_vae": joint}
    for name in ("pca", "vae", "supervised_vae", "static_dkl"):
        campaign_of[name] = go("gp", deep_kernels_tables.table_of_latents(np.asarray(spaces[name])))
    index = np.stack([campaign_of[name].chosen for name in REPRESENTATIONS])
    quality = np.stack([
        [
            organisation.scores(spaces[name][n][pool.sample], truth[pool.sample], pool.distances)
            if n < len(spaces[name]) else np.full(len(organisation.NAMES), np.nan)
            for n in seeds
        ]
        for name in REPRESENTATIONS
    ])  # fmt: skip
    for place, name in enumerate(REPRESENTATIONS):  # a space that is the same for all seeds was scored once
        if len(spaces[name]) == 1:
            quality[place] = quality[place, :1]
    view = np.stack([
        deep_kernels_tables.plane(spaces[name][0][pool.sample])
        for name in REPRESENTATIONS
    ])  # fmt: skip
    return (quality, *_success(index, truth, config), view, *_success(orders(config), truth, config))


def _success(index: np.ndarray, truth: np.ndarray, config: "Config") -> tuple[np.ndarray, np.ndarray]:
    """Evaluations to one of the best (…), recall (…, evaluation)."""
    good = scores.top_cells(truth, config.good_share)
    flat = index.reshape(-1, index.shape[-1])
    return scores.evaluations_to(good[index]), scores.recall(flat, truth, config.recall_share).reshape(index.shape)


def dials(run: Run, pools: dict[str, Pool], encoded: dict[str, np.ndarray], config: "Config") -> None:
    """Targets that the histories tell in part: a VAE's latent and the deep kernel against the dial."""
    pool, search = pools["histories"], budget(config)
    assert pool.hidden is not None
    shown, hidden = standardised(pool.targets["smooth"]), standardised(pool.hidden)
    latents = encoded["histories"]
    tables = {"vae": ("gp", deep_kernels_tables.table_of_latents(latents)), "block_dkl": ("blocks", pool.table)}
    needed, recall = (np.empty((len(config.dials), len(tables) + 1, config.seeds)) for _ in range(2))
    quality = np.empty((len(config.dials), config.seeds, len(organisation.NAMES)))
    for place, dial in enumerate(config.dials):
        truth = dial * shown + (1 - dial) * hidden
        chosen = [
            programs.campaigns(kind, table, truth, initial(config), search, config.seed).chosen
            for kind, table in tables.values()
        ]
        needed[place], path = _success(np.stack([*chosen, orders(config)]), truth, config)
        recall[place] = path[..., -1]
        for seed in range(config.seeds):
            quality[place, seed] = organisation.scores(latents[seed][pool.sample], truth[pool.sample], pool.distances)
    run.add("dial", ("dial",), config.dials, "1", "weight of what the histories show in the target", coordinate=True)
    run.add(
        "dial_method", ("dial_method",), np.array([*tables, "random"], dtype=object), "1", "method", coordinate=True
    )
    axes = ("dial", "dial_method", "seed")
    run.add("dial_needed", axes, needed, "1", "evaluations to one of the best")
    run.add("dial_recall", axes, recall, "1", "share of the best found at the end")
    run.add("dial_quality", ("dial", "seed", "score"), quality, "1", "scores of the VAE's latent for the target")


def shares(run: Run, pools: dict[str, Pool], config: "Config") -> None:
    """VAEs whose training sets hold few or many good histories: their latents, and campaigns in them."""
    pool = pools["histories"]
    truth = pool.targets["curl"]
    good = scores.top_cells(truth, 0.1)
    rows = []
    for share in config.shares:
        count = max(1, round(share * config.training))
        for seed in range(config.seeds):
            draw = np.random.default_rng([config.seed, seed, count])
            few, rest = draw.permutation(np.flatnonzero(good)), draw.permutation(np.flatnonzero(~good))
            rows.append(np.concatenate([few[:count], rest[: config.training - count]]))
    key = jax.random.fold_in(jax.random.key(config.seed), 100)
    latents = deep_kernels_vaes.latents(
        run, "shares_vae", key, pool.x, pool.x, np.stack(rows), config.epochs, config.width
    )
    first = np.tile(initial(config), (len(config.shares), 1))
    table = deep_kernels_tables.table_of_latents(latents)
    index = programs.campaigns("gp", table, truth, first, budget(config), config.seed).chosen
    needed, recall = _success(index, truth, config)
    quality = [organisation.scores(one[pool.sample], truth[pool.sample], pool.distances) for one in latents]
    top = pool.sample[good[pool.sample]]
    spread = [np.sqrt(one[top].var(0).sum() / one[pool.sample].var(0).sum()) for one in latents]
    shape = (len(config.shares), config.seeds)
    run.add("share", ("share",), config.shares, "1", "share of good histories in the training set", coordinate=True)
    axes = ("share", "seed")
    run.add("share_needed", axes, needed.reshape(shape), "1", "evaluations to one of the best")
    run.add("share_recall", axes, recall[:, -1].reshape(shape), "1", "share of the best found at the end")
    run.add("share_quality", (*axes, "score"), np.reshape(quality, (*shape, -1)), "1", "scores of the latents")
    run.add("share_spread", axes, np.reshape(spread, shape), "1", "spread of good histories' latents over that of all")
