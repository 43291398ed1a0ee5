"""Compare methods on several targets of one pool, in static fits and in campaigns: ``dkl_cards``, ``dkl_trajectories``.

Static: some candidates are labelled, and all others are predicted. Campaigns: 100 + 500 evaluations. A method is a kind
of surrogate on a table of the candidates. Scores of seeds are summarised by ``lab.summaries``.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

import bo
from experiments.lab import designs, scores, summaries
from experiments.lab.checkpoints import once
from experiments.lab.run import Array, Outcome
from experiments.lab.scores import standardised
from experiments.shared.deep_kernels import kinds, programs, tables
from experiments.shared.deep_kernels.options import Settings
from experiments.shared.deep_kernels.programs import Searched
from experiments.shared.deep_kernels.tables import Table

PATHS = ("target", "strategy", "seed", "evaluation")
ARRAYS = {
    "target": Array(("target",), "1", "target", coordinate=True),
    "space": Array(("space",), "1", "space of a static fit", coordinate=True),
    "static_score": Array(("target", "space", "seed", "predictive"), "1", "R², NLL, coverage of the 95 %"),
    "static_view": Array(
        ("target", "space", "candidate", "component"),
        "1",
        "first seed: latent, or two principal components of the kernel's embedding",
    ),
    "strategy": Array(("strategy",), "1", "method", coordinate=True),
    "chosen": Array(PATHS, "1", "candidate evaluated"),
    "regret": Array(PATHS, "unit of the target", "largest value minus the best so far"),
    "recall": Array(PATHS, "1", "share of the best found"),
    "film_view": Array(
        ("target", "fit", "candidate", "component"),
        "1",
        "deep kernel, first seed: two principal components of the kernel's embedding after each fit",
    ),
    "film_evaluations": Array(("fit",), "1", "evaluations at each fit"),
}
PREDICTIVE = ("r2", "nll", "coverage")


class Target(NamedTuple):
    """Values of all candidates, their unit, and the share of the best whose recall is scored."""

    values: np.ndarray
    units: str
    share: float


class Method(NamedTuple):
    """How the candidates are searched; its table is that of the same name in ``tables_of``."""

    kind: kinds.Kind
    space: Callable[[Table, Any], np.ndarray]  # (table, what was learned) → the first seed's points


def _units(table: Table, learned: Any) -> np.ndarray:
    return tables.units(table)[0]


def _embedding(table: Table, learned: Any) -> np.ndarray:
    return tables.kernel_embedding(table, 0, {name: leaf[0] for name, leaf in learned.items()})


def _network(table: Table, learned: Any) -> np.ndarray:
    return tables.network_latents(table, jax.tree.map(lambda leaf: leaf[:1], learned))[0]


FILMED = "deep"
METHODS = {
    FILMED: Method(kinds.DEEP_KERNEL, _embedding),
    "vae": Method(kinds.GAUSSIAN_PROCESS, _units),
    "pixels": Method(kinds.GAUSSIAN_PROCESS, _units),
}
STATIC = {**METHODS, "network": Method(kinds.PUBLISHED_DEEP_KERNEL, _network)}


def tables_of(x: np.ndarray, latents: np.ndarray, seed: int, shift: int = 0) -> dict[str, Table]:
    """Return the table of each method of candidates ``x`` (n, *shape) with latents (seed, n, 2) of VAEs.

    Images are neighbours by their least distance over shifts of up to ``shift`` pixels.
    """
    deep = tables.table_of(bo.fit_features(jax.random.key(seed), x, tables.extractors(x.shape[1:], shift)))
    pixels = tables.pick(deep, "raw")
    return {FILMED: deep, "vae": tables.table_of_latents(latents), "pixels": pixels, "network": pixels}


def arrays_of(targets: Mapping[str, Target]) -> dict[str, Array]:
    """Describe all arrays of a study of these targets."""
    return ARRAYS | {
        f"{name}_value": Array(("candidate",), target.units, f"{name} of every candidate")
        for name, target in targets.items()
    }


def orders(candidates: int, config: Settings) -> np.ndarray:
    """Return random orders (seed, evaluation): the baseline, whose first candidates open all campaigns."""
    return designs.orders(config.seed, config.seeds, candidates, max(config.evaluations, config.labelled))


def names_of(names: Mapping[str, Any]) -> np.ndarray:
    """Return names as the values of a coordinate."""
    return np.array(list(names), dtype=object)


@once
def static(by_method: Mapping[str, Table], targets: Mapping[str, Target], config: Settings) -> Outcome:
    """Fit every method to every target and predict what was not labelled.

    Returns R², NLL and coverage of every seed, and the space of the first seed in the plane.
    """
    candidates = by_method[FILMED].rows.shape[1]
    labelled = orders(candidates, config)[:, : config.labelled]
    shape = (len(targets), len(STATIC), config.seeds, len(PREDICTIVE))
    predictive, views, numbers = np.empty(shape), np.empty((*shape[:2], candidates, 2)), {}
    for t, (name, target) in enumerate(targets.items()):
        y = standardised(target.values)
        for m, (method, (kind, space)) in enumerate(STATIC.items()):
            table = by_method[method]
            predicted = programs.static(kind, table, y, labelled, config.network_steps, config.seed)
            for seed in range(config.seeds):
                rest = np.setdiff1d(np.arange(candidates), labelled[seed])
                moments = predicted.mean[seed, rest], predicted.std[seed, rest]
                predictive[t, m, seed] = predictive_scores(y[rest], *moments)
            views[t, m] = view(space(table, predicted.learned))
            for score, values in zip(PREDICTIVE, predictive[t, m].T, strict=True):
                numbers |= summaries.quartiles(f"static_{name}_{method}_{score}", values)
    arrays = {
        "target": names_of(targets),
        "space": names_of(STATIC),
        "static_score": predictive,
        "static_view": views,
        **{f"{name}_value": target.values for name, target in targets.items()},
    }
    return Outcome(arrays, numbers)


def view(points: np.ndarray) -> np.ndarray:
    """Show points (candidate, column) in the plane, each axis centred and of spread 1."""
    flat = tables.plane(points)
    return (flat - flat.mean(0)) / np.maximum(flat.std(0), np.finfo(float).tiny)


def predictive_scores(y: np.ndarray, mean: np.ndarray, std: np.ndarray) -> tuple[float, float, float]:
    """Return R², mean negative log likelihood, and the share of values inside the central 95 %."""
    z = (y - mean) / std
    nll = np.mean(0.5 * z**2 + np.log(std) + 0.5 * np.log(2 * np.pi))
    return float(1 - np.mean((y - mean) ** 2) / np.var(y)), float(nll), float(np.mean(np.abs(z) < 1.96))


@once
def campaigns(
    by_method: Mapping[str, Table], targets: Mapping[str, Target], config: Settings, done: Callable[[], Any]
) -> Outcome:
    """Search every target by every method and at random; ``done`` is called after each set of campaigns.

    Returns regret, recall and evaluations to half of the best, and the deep kernel's space of the first seed after
    every fit.
    """
    candidates = by_method[FILMED].rows.shape[1]
    order = orders(candidates, config)[:, : config.evaluations]
    settings = bo.CampaignConfig(config.initial_points, config.steps, config.refit_every)
    search = programs.Search(settings, config.kappa, config.network_steps)
    initial, films = order[:, : config.initial_points], []
    strategies = {**METHODS, "random": None}
    chosen = np.empty((len(targets), len(strategies), config.seeds, config.evaluations), np.int32)
    chosen[:, -1] = order
    for t, target in enumerate(targets.values()):
        for m, (name, method) in enumerate(METHODS.items()):
            searched = programs.campaigns(method.kind, by_method[name], target.values, initial, search, config.seed)
            chosen[t, m] = searched.chosen
            if name == FILMED:
                films.append(film(by_method[name], searched, config))
            done()
    regret, recall, numbers = np.empty(chosen.shape), np.empty(chosen.shape), {}
    for t, (name, target) in enumerate(targets.items()):
        for m, strategy in enumerate(strategies):
            regret[t, m] = scores.regret(target.values[chosen[t, m]], target.values)
            recall[t, m] = scores.recall(chosen[t, m], target.values, target.share)
            at_end = {
                "regret": regret[t, m, :, -1],
                "recall": recall[t, m, :, -1],
                "evaluations_to_half": scores.evaluations_to(recall[t, m] >= 0.5),
            }
            for score, values in at_end.items():
                numbers |= summaries.quartiles(f"{name}_{strategy}_{score}", values)
    arrays = {
        "strategy": names_of(strategies),
        "chosen": chosen,
        "regret": regret,
        "recall": recall,
        "film_view": np.stack(films),
        "film_evaluations": fits(config),
    }
    sizes = {name: getattr(config, name) for name in ("seeds", "evaluations", "initial_points", "labelled")}
    return Outcome(arrays, {**numbers, **sizes, "candidates": candidates})


def fits(config: Settings) -> np.ndarray:
    """Return the numbers of evaluations after which hyperparameters were fitted."""
    return np.arange(config.initial_points, config.evaluations + 1, config.refit_every)


def film(table: Table, searched: Searched, config: Settings) -> np.ndarray:
    """Return the first seed's embedding after every fit, (fit, candidate, 2), each laid over the one before."""
    frames: list[np.ndarray] = []
    for count in fits(config):
        learned = {name: leaf[0, count - 1] for name, leaf in searched.learned.items()}
        points = tables.plane(tables.kernel_embedding(table, 0, learned))
        frames.append(tables.aligned(points, frames[-1] if frames else points))
    return np.stack(frames)
