"""Predict spectra from patches of a scan, or patches from spectra: one computation for both directions.

A scan is split by region, baselines and an ensemble of encoder–decoders are trained on one region and scored on
another, the whole field is mapped, and the same model is trained on a leaky random split.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.datasets.plasmonics.scan import REGIONS, Scan
from experiments.lab.checkpoints import once
from experiments.lab.run import Array, Outcome
from experiments.lab.scores import rank_correlation
from experiments.lab.training import Fitted
from experiments.shared.structure_property import arrays, scans, scoring
from experiments.shared.structure_property.options import PatchSettings
from experiments.shared.structure_property.scans import Sets
from models import EncoderDecoderConfig, FitConfig, Pair, scores
from models.paired import baselines
from models.paired.baselines import flat, normalised_mse
from models.paired.regions import inside

EXAMPLES = ("best", "median", "worst")
LONG = 20  # passes, from which on the best epoch is kept


class Examples(NamedTuple):
    """What a model is given, and what it is to predict: patches and spectra, or spectra and patches."""

    given: Any
    wanted: Any


class Task(NamedTuple):
    """Examples of one direction to train on, to watch and to score on; ``mean`` (value,) of the training targets."""

    training: Examples
    watched: Examples
    test: Examples
    mean: np.ndarray


def compute(
    config: PatchSettings,
    stage: Callable[[str], AbstractContextManager[None]],
    keep: Callable[[Mapping[str, Array], Outcome], None],
    fit: Callable[..., Fitted],
) -> None:
    """Go through the stages of ``config.direction``.

    ``stage(name)`` surrounds each of them, ``keep(table, outcome)`` records what one returns, and
    ``fit(name, keys, config, training, validation, fit_config)`` trains and records models.
    """
    to_data, to_fits, to_scores, to_leaky = jax.random.split(jax.random.key(config.seed), 4)
    with stage("data"):
        scan = scans.scan_of(to_data, config)
        config = scans.sized(config, scan)
        sets = scans.by_region(scan, config)
        table = arrays.of_patches(scan, is_forward(config))
        keep(table, scans.described(scan, own=bool(config.path)))
        part = scans.regions_of(scan, config).of_points(scan.image.shape)
        keep(table, Outcome({"part": part}, {"patch_points": config.patch}))
        keep(table, sizes(sets, config))
    task = task_of(sets, config)
    with stage("baselines"):
        others = once(baselines.predict)(*task.training, task.watched, task.test.given)
        errors = {name: errors_of([predicted] * config.seeds, task) for name, predicted in others.items()}
        for name, of_seeds in errors.items():
            keep(table, scoring.over_seeds(of_seeds, f"{name}_"))
    model, fit_config = model_of(config, len(scan.energy)), fit_config_of(config)
    with stage("ensemble"):
        fitted = fit("model", jax.random.split(to_fits, config.seeds), model, *on_device(sets), fit_config)
        predicted, _ = predict(fitted, task.test.given)
        errors["model"] = errors_of(predicted, task)
        keep(table, scoring.over_seeds(errors["model"], "model_"))
        keep(table, comparison(predicted, errors, task))
    with stage("maps"):
        keep(table, examples(task.test, predicted, others))
        keep(table, maps(to_scores, fitted, scan, config))
    with stage("leaky"):
        generator = np.random.default_rng(np.asarray(jax.random.key_data(to_leaky)).tolist())
        sets = scans.leaky(scan, config, generator)
        fitted = fit("leaky", jax.random.split(to_leaky, 1), model, *on_device(sets), fit_config)
        keep(table, leaky_scores(fitted, task_of(sets, config)))


def is_forward(config: PatchSettings) -> bool:
    """Say whether spectra are predicted from patches (and not patches from spectra)."""
    return config.direction == "image_to_spectrum"


def sizes(sets: Sets, config: PatchSettings) -> Outcome:
    """Return the numbers of examples, and the unit of the spectra as an attribute."""
    counts = {"training_patches": len(flat(sets.training.image)), "test_patches": len(flat(sets.test.image))}
    return Outcome({}, {**counts, "seeds": config.seeds}, {"unit_of_spectra": sets.top})


def examples_of(pair: Pair, config: PatchSettings) -> Examples:
    """Return pairs as examples of the direction."""
    return Examples(*((pair.image, pair.spectrum) if is_forward(config) else (pair.spectrum, pair.image)))


def task_of(sets: Sets, config: PatchSettings) -> Task:
    """Return the three sets as examples of the direction."""
    training, watched, test = (examples_of(pair, config) for pair in sets[:3])
    return Task(training, watched, test, flat(training.wanted).mean(0))


def errors_of(predicted: Any, task: Task) -> dict[str, list[float]]:
    """Return the ``scoring.SCORES`` of predictions (seed, n, …) of the scored examples."""
    return scoring.errors(predicted, task.test.wanted, task.mean)


def model_of(config: PatchSettings, channels: int) -> EncoderDecoderConfig:
    """Return the Config of the encoder–decoder.

    A patch predicted from a spectrum is smooth, a mean over orientations, and each of its 256 pixels costs as much as a
    channel. One narrow convolution behind the fully connected layer is therefore enough for it.
    """
    wide: dict[str, Any] = {"coarser": 4}
    narrow: dict[str, Any] = {"coarser": 2, "decoder_channels": 8, "dilations": (1,)}
    return EncoderDecoderConfig(
        (config.patch, config.patch),
        (channels,),
        config.direction,
        channels=(24, 48),
        latent_dim=config.latent_dim,
        sigma=0.05,
        **(wide if is_forward(config) else narrow),
    )


def fit_config_of(config: PatchSettings) -> FitConfig:
    """Return how all models are trained.

    Many passes through a small scan could learn it by heart, so those weights are kept that predict the watched region
    best.
    """
    patience = config.epochs if config.epochs > LONG else 0
    return FitConfig(config.epochs, config.batch_size, learning_rate=3e-3, final_rate=0.02, patience=patience)


def on_device(sets: Sets) -> tuple[Pair, Pair]:
    """Return the pairs to train on and to watch as arrays of JAX."""
    return jax.tree.map(jnp.asarray, (sets.training, sets.validation))


@once
def predict(fitted: Fitted, given: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return predictions (seed, n, …) and codes (seed, n, latent) of every member for every example."""
    model = fitted.model

    def predict_one(params: Any, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        code = model.encode(params, x).mean
        return model.decode(params, code), code

    @jax.jit
    def predict_all(params: Any, given: jax.Array) -> tuple[jax.Array, jax.Array]:
        def of_member(member: Any) -> tuple[jax.Array, jax.Array]:
            return jax.lax.map(lambda x: predict_one(member, x), given, batch_size=500)

        return jax.lax.map(of_member, params)

    return jax.device_get(predict_all(fitted.params, jnp.asarray(given)))


def comparison(predicted: np.ndarray, errors: Mapping[str, Mapping[str, Any]], task: Task) -> Outcome:
    """Return the error of the ensemble's mean, and the ratio of the members' error to those of the baselines."""
    median = {name: np.median(of_seeds["nmse"]) for name, of_seeds in errors.items()}
    ratios = {f"over_{name}": median["model"] / error for name, error in median.items() if name != "model"}
    return Outcome({}, {"ensemble_nmse": normalised_mse(predicted.mean(0), task.test.wanted, task.mean), **ratios})


def error_and_spread(predicted: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rms error of the mean of ``predicted`` (seed, n, …) and mean deviation between members, (n,) each."""
    error = np.sqrt(np.mean((flat(predicted.mean(0)) - flat(true)) ** 2, 1))
    return error, flat(predicted.std(0)).mean(1)


def examples(test: Examples, predicted: np.ndarray, others: Mapping[str, np.ndarray]) -> Outcome:
    """Show the smallest, the median and the largest relative error of the ensemble's mean, ``predicted`` (seed, n, …).

    They are chosen among the brighter half of the targets, because dark ones show nothing. Errors and spreads of all
    scored examples are returned too.
    """
    middle, true = predicted.mean(0), np.asarray(test.wanted)
    size = np.linalg.norm(flat(true), axis=1)
    relative = np.linalg.norm(flat(middle) - flat(true), axis=1) / np.maximum(size, 1e-9)
    bright = np.flatnonzero(size >= np.median(size))
    order = bright[np.argsort(relative[bright])]
    chosen = order[[0, len(order) // 2, -1]]
    shown = {"given": np.asarray(test.given), "true": true, "mean": middle, "std": predicted.std(0)}
    shown |= {name: values.reshape(true.shape) for name, values in others.items()}
    error, spread = error_and_spread(predicted, true)
    of_examples = {
        "example": np.asarray(EXAMPLES),
        "example_error": relative[chosen],
        **{f"example_{name}": values[chosen] for name, values in shown.items()},
        "test_error": error,
        "test_spread": spread,
    }
    return Outcome(of_examples, {"spread_error_rank_correlation": float(rank_correlation(spread, error))})


@once
def maps(key: jax.Array, fitted: Fitted, scan: Scan, config: PatchSettings) -> Outcome:
    """Map error, spread and clusters of codes over the field, and score the clusters where regions are known."""
    patches, row, column = scans.everywhere(scan, config)
    given, true = examples_of(patches, config)
    predicted, codes = predict(fitted, given)
    error, spread = error_and_spread(predicted, true)
    rows, columns = np.unique(row), np.unique(column)
    shape = len(rows), len(columns)
    clusters = scores.kmeans(key, codes[0], len(REGIONS))
    code = codes[0] - codes[0].mean(0)
    plane = code @ np.linalg.svd(code, full_matrices=False)[2][:2].T
    known: dict[str, Any] = {}
    numbers: dict[str, float] = {}
    if scan.regions is not None:
        kind = scan.regions[row, column]
        clusters = scores.rename(kind, clusters, len(REGIONS))
        scored = inside(scans.regions_of(scan, config).scored, row, column, config.patch)
        known, numbers = {"map_region": kind.reshape(shape)}, by_kind(kind[scored], clusters[scored], error[scored])
    of_maps = {
        "map_y": rows * scan.scale,
        "map_x": columns * scan.scale,
        "map_error": error.reshape(shape),
        "map_spread": spread.reshape(shape),
        "map_code": plane.reshape(*shape, 2),
        "map_cluster": clusters.reshape(shape),
    }
    return Outcome(of_maps | known, numbers)


def by_kind(kind: np.ndarray, cluster: np.ndarray, error: np.ndarray) -> dict[str, float]:
    """Return how well clusters match the kinds of scored points, and error and recall of every kind; all (point,)."""
    numbers = {
        "cluster_accuracy": float(np.mean(cluster == kind)),
        "largest_region_share": float(np.bincount(kind).max() / len(kind)),
    }
    for number, name in enumerate(REGIONS):
        points = kind == number
        if points.any():
            numbers[f"error_{name}"] = float(np.sqrt(np.mean(error[points] ** 2)))
            numbers[f"cluster_recall_{name}"] = float(np.mean(cluster[points] == number))
    return numbers


def leaky_scores(fitted: Fitted, task: Task) -> Outcome:
    """Return the errors of the model and of the nearest neighbour on patches that were split at random."""
    predicted, _ = predict(fitted, task.test.given)
    nearest = once(baselines.predict)(*task.training, task.watched, task.test.given)["nearest"]
    errors = {"leaky_nmse": predicted[0], "leaky_nearest_nmse": nearest}
    return Outcome({}, {name: normalised_mse(values, task.test.wanted, task.mean) for name, values in errors.items()})
