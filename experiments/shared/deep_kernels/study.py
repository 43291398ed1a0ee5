"""What ``dkl_cards`` and ``dkl_trajectories`` have in common: a static fit and campaigns for each of several targets.

Static: some candidates are labelled, all others are predicted. Active: 100 + 500 evaluations. Both in the space of
pixels, in a VAE's latent, and with the block deep kernel of ``dkl_runs``; static also with the lecture's network.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from bo.campaigns.records import CampaignConfig
from bo.features.base import fit_features
from experiments.lab import designs, scores
from experiments.lab.run import Run
from experiments.lab.scores import standardised
from experiments.shared.deep_kernels import programs
from experiments.shared.deep_kernels import tables as deep_kernels_tables
from experiments.shared.deep_kernels.options import METHODS, STATIC, Settings
from experiments.shared.deep_kernels.programs import Found
from experiments.shared.deep_kernels.tables import Table


class Target(NamedTuple):
    """Values of all candidates, their unit, and the share of the best whose recall is scored."""

    values: "np.ndarray"
    units: str
    share: float


def tables(x: "np.ndarray", latents: "np.ndarray", seed: int) -> "dict[str, Table]":
    """The candidates (n, *shape) as each method sees them; ``latents`` (seed, n, 2) of VAEs."""

    found = fit_features(jax.random.key(seed), x, deep_kernels_tables.extractors(x.shape[1:]))
    deep = deep_kernels_tables.table_of(found)
    pixels = deep_kernels_tables.pick(deep, "raw")
    return {"deep": deep, "vae": deep_kernels_tables.table_of_latents(latents), "pixels": pixels, "network": pixels}


def orders(candidates: int, config: Settings) -> "np.ndarray":
    """Random orders (seed, evaluation): the baseline, whose first candidates open all campaigns."""

    return designs.orders(config.seed, config.seeds, candidates, max(config.evaluations, config.labelled))


def static(run: "Run", spaces: "Mapping[str, Table]", targets: Mapping[str, Target], config: Settings) -> None:
    """Fits of every target and method: R², NLL and coverage of all that was not labelled; the spaces of the first
    seed in two dimensions."""

    candidates = spaces["deep"].rows.shape[1]
    labelled = orders(candidates, config)[:, : config.labelled]
    shape = (len(targets), len(STATIC), config.seeds)
    scores, views = np.empty((*shape, 3)), np.empty((*shape[:2], candidates, 2))
    for t, (name, target) in enumerate(targets.items()):
        y = standardised(target.values)
        for m, (method, kind) in enumerate(STATIC.items()):
            mean, std, learned = programs.static(kind, spaces[method], y, labelled, config.network_steps, config.seed)
            for seed in range(config.seeds):
                rest = np.setdiff1d(np.arange(candidates), labelled[seed])
                scores[t, m, seed] = _predictive(y[rest], mean[seed, rest], std[seed, rest])
            views[t, m] = _view(kind, spaces[method], learned)
            for s, what in enumerate(("r2", "nll", "coverage")):
                _record(run, f"static_{name}_{method}_{what}", scores[t, m, :, s])
    run.add("target", ("target",), np.array(list(targets), dtype=object), "1", "target", coordinate=True)
    run.add("space", ("space",), np.array(list(STATIC), dtype=object), "1", "space of a static fit", coordinate=True)
    run.add("static_score", ("target", "space", "seed", "predictive"), scores, "1", "R², NLL, coverage of the 95 %")
    run.add("static_view", ("target", "space", "candidate", "component"), views, "1",
            "first seed: latent, or two principal components of the kernel's embedding")  # fmt: skip
    for name, target in targets.items():
        run.add(f"{name}_value", ("candidate",), target.values, target.units, f"{name} of every candidate")


def _view(kind: str, table: "Table", learned: Any) -> "np.ndarray":
    """The first seed's space in the plane, of spread 1."""

    if kind == "paper":
        first = jax.tree.map(lambda leaf: leaf[:1], learned)
        points = deep_kernels_tables.network_latents(table, first)[0]
    elif kind == "blocks":
        points = deep_kernels_tables.kernel_embedding(table, 0, {name: leaf[0] for name, leaf in learned.items()})
    else:
        points = deep_kernels_tables.units(table)[0]
    flat = deep_kernels_tables.plane(points)
    return (flat - flat.mean(0)) / np.maximum(flat.std(0), np.finfo(float).tiny)


def _predictive(y: "np.ndarray", mean: "np.ndarray", std: "np.ndarray") -> tuple[float, float, float]:

    z = (y - mean) / std
    nll = np.mean(0.5 * z**2 + np.log(std) + 0.5 * np.log(2 * np.pi))
    return float(1 - np.mean((y - mean) ** 2) / np.var(y)), float(nll), float(np.mean(np.abs(z) < 1.96))


def _record(run: "Run", name: str, values: "np.ndarray") -> None:
    """Median and quartiles over seeds; a number and infinity have no mean between them."""

    rule = "linear" if np.isfinite(values).all() else "higher"
    for end, value in zip(("_q25", "", "_q75"), np.quantile(values, [0.25, 0.5, 0.75], method=rule), strict=True):
        run.record(**{f"{name}{end}": value})


def campaigns(run: "Run", spaces: "Mapping[str, Table]", targets: Mapping[str, Target], config: Settings) -> None:
    """Campaigns of every target and method: regret, recall, evaluations to half of the best; the deep kernel's space
    of the first seed after every fit."""

    candidates = spaces["deep"].rows.shape[1]
    order = orders(candidates, config)[:, : config.evaluations]
    settings = CampaignConfig(config.initial_points, config.steps, config.refit_every, buckets=2)
    search = programs.Search(settings, config.kappa, config.network_steps)
    names = (*METHODS, "random")
    chosen = np.empty((len(targets), len(names), config.seeds, config.evaluations), np.int32)
    chosen[:, -1] = order
    regret, recall = (np.empty(chosen.shape) for _ in range(2))
    films = []
    with run.progress(len(targets) * len(METHODS), "set of campaigns") as bar:
        for t, target in enumerate(targets.values()):
            for m, (method, kind) in enumerate(METHODS.items()):
                initial = order[:, : config.initial_points]
                found = programs.campaigns(kind, spaces[method], target.values, initial, search, config.seed)
                chosen[t, m] = found.chosen
                if kind == "blocks":
                    films.append(_film(spaces[method], found, config))
                bar.update(1)
    for t, (name, target) in enumerate(targets.items()):
        for m, method in enumerate(names):
            regret[t, m] = scores.regret(target.values[chosen[t, m]], target.values)
            recall[t, m] = scores.recall(chosen[t, m], target.values, target.share)
            _record(run, f"{name}_{method}_regret", regret[t, m, :, -1])
            _record(run, f"{name}_{method}_recall", recall[t, m, :, -1])
            _record(run, f"{name}_{method}_evaluations_to_half", scores.evaluations_to(recall[t, m] >= 0.5))
    axes = ("target", "strategy", "seed", "evaluation")
    run.add("strategy", ("strategy",), np.array(names, dtype=object), "1", "method", coordinate=True)
    run.add("chosen", axes, chosen, "1", "candidate evaluated")
    run.add("regret", axes, regret, "unit of the target", "largest value minus the best so far")
    run.add("recall", axes, recall, "1", "share of the best found")
    run.add("film_view", ("target", "fit", "candidate", "component"), np.stack(films), "1",
            "deep kernel, first seed: two principal components of the kernel's embedding after each fit")  # fmt: skip
    run.add("film_evaluations", ("fit",), _fits(config), "1", "evaluations at each fit")
    run.record(seeds=config.seeds, evaluations=config.evaluations, initial_points=config.initial_points,
               candidates=candidates, labelled=config.labelled)  # fmt: skip


def _fits(config: Settings) -> "np.ndarray":
    """Evaluations after which hyperparameters were fitted."""

    return np.arange(config.initial_points, config.evaluations + 1, config.refit_every)


def _film(table: "Table", found: "Found", config: Settings) -> "np.ndarray":
    """(fit, candidate, 2): each laid over the one before."""

    frames: list[np.ndarray] = []
    for count in _fits(config):
        learned = {name: leaf[0, count - 1] for name, leaf in found.learned.items()}
        points = deep_kernels_tables.plane(deep_kernels_tables.kernel_embedding(table, 0, learned))
        frames.append(deep_kernels_tables.aligned(points, frames[-1] if frames else points))
    return np.stack(frames)
