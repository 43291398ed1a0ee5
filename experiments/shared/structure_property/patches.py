"""Spectra from patches of a scan, or patches from spectra: one computation for both directions.

Both experiments go this way: a scan is split by region, baselines and an ensemble of encoder–decoders are trained on
one region and scored on another, the whole field is mapped, and the same model is trained on a leaky random split.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.datasets.plasmonics.scan import REGIONS, Scan
from experiments.lab.run import Run
from experiments.lab.scores import rank_correlation
from experiments.shared.images import fits
from experiments.shared.structure_property import scans as shared
from experiments.shared.structure_property.options import PatchSettings
from models.data import Pair
from models.evaluation import scores
from models.paired.encoder_decoder import EncoderDecoderConfig
from models.training.config import FitConfig

EXAMPLES = ("best", "median", "worst")


def compute(run: "Run", config: PatchSettings, direction: str) -> None:
    """All stages of one direction, as of ``EncoderDecoderConfig``."""
    to_data, to_fits, to_scores, to_leaky = jax.random.split(jax.random.key(config.seed), 4)
    forward = direction == "image_to_spectrum"

    def parts(pair: Pair) -> tuple[Any, Any]:
        return (pair.image, pair.spectrum) if forward else (pair.spectrum, pair.image)

    with run.stage("data"):
        scan = shared.scan_of(to_data, config)
        shared.add_scan(run, scan)
        sets = shared.honest(scan, config)
        run.results.attrs["unit_of_spectra"] = sets.top
        run.record(training_patches=len(shared.flat(sets.training.image)), seeds=config.seeds,
                   test_patches=len(shared.flat(sets.test.image)))  # fmt: skip
    (given, wanted), watched, (new, true) = (parts(pair) for pair in sets[:3])
    mean = shared.flat(wanted).mean(0)
    with run.stage("baselines"):
        others = shared.baselines(given, wanted, watched, new)
        for name, predicted in others.items():
            shared.score(run, name, [predicted] * config.seeds, true, mean)
    with run.stage("ensemble"):
        # a patch told from a spectrum is smooth, a mean over orientations, and each of its 256 pixels costs as much
        # as a channel: one narrow convolution behind the fully connected layer does
        decoder: dict[str, Any] = {"coarser": 4} if forward else {
            "coarser": 2, "decoder_channels": 8, "dilations": (1,),
        }  # fmt: skip
        model = EncoderDecoderConfig(
            (config.patch, config.patch), (len(scan.energy),), direction, channels=(24, 48),
            latent_dim=config.latent_dim, sigma=0.05, **decoder,
        )  # fmt: skip
        fit_config = FitConfig(config.epochs, config.batch_size, learning_rate=3e-3, final_rate=0.02)
        fitted = fits.fit(run, "model", jax.random.split(to_fits, config.seeds), model, _device(sets.training),
                              _device(sets.validation), fit_config)  # fmt: skip
        predicted, _ = _predict(fitted, new)
        shared.score(run, "model", predicted, true, mean)
        run.record(ensemble_nmse=shared.normalised_mse(predicted.mean(0), true, mean))
        for name in others:
            run.record(**{f"over_{name}": run.metrics["model_nmse"] / run.metrics[f"{name}_nmse"]})
    with run.stage("maps"):
        _examples(run, new, true, predicted, others)
        _maps(run, fitted, scan, config, parts, to_scores)
    with run.stage("leaky"):
        _leaky(run, to_leaky, scan, config, model, fit_config, parts)


def _device(pair: Pair) -> Pair:
    return jax.tree.map(jnp.asarray, pair)


def _predict(fitted: fits.Fitted, given: Any) -> tuple[np.ndarray, np.ndarray]:
    """Predictions [seed n …] and codes [seed n latent] of every member for every example."""
    model = fitted.model

    def one(params: Any, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        code = model.encode(params, x).mean
        return model.decode(params, code), code

    every = jax.jit(lambda params, x: jax.lax.map(
        lambda member: jax.lax.map(lambda x: one(member, x), x, batch_size=500), params
    ))  # fmt: skip
    return jax.device_get(every(fitted.params, jnp.asarray(given)))


def _examples(run: "Run", given: Any, true: Any, predicted: np.ndarray, others: dict[str, np.ndarray]) -> None:
    """Test examples of the smallest, the median and the largest relative error of the ensemble's mean, among the
    brighter half of the targets (of dark ones there is nothing to see)."""
    middle, true = predicted.mean(0), np.asarray(true)
    size = np.linalg.norm(shared.flat(true), axis=1)
    relative = np.linalg.norm(shared.flat(middle) - shared.flat(true), axis=1) / np.maximum(size, 1e-9)
    bright = np.flatnonzero(size >= np.median(size))
    order = bright[np.argsort(relative[bright])]
    chosen = order[[0, len(order) // 2, -1]]
    run.add("example", ("example",), np.asarray(EXAMPLES), "1", "how well it is predicted", coordinate=True)
    run.add("example_error", ("example",), relative[chosen], "1", "relative error of the ensemble's mean")
    shapes = {2: ("y_patch", "x_patch"), 1: ("energy",)}
    shown = [("given", np.asarray(given), "what was given"), ("true", true, "truth"),
             ("mean", middle, "mean of the ensemble"), ("std", predicted.std(0), "its spread"),
             *((name, values.reshape(true.shape), name) for name, values in others.items())]  # fmt: skip
    for name, values, text in shown:
        run.add(f"example_{name}", ("example", *shapes[values.ndim - 1]), values[chosen], "1", text)
    spread = shared.flat(predicted.std(0)).mean(1)
    error = np.sqrt(np.mean((shared.flat(middle) - shared.flat(true)) ** 2, 1))
    run.add("test_error", ("test_patch",), error, "1", "root mean square error of the ensemble's mean")
    run.add("test_spread", ("test_patch",), spread, "1", "mean standard deviation between members")
    run.record(spread_error_rank_correlation=float(rank_correlation(spread, error)))


def _maps(run: "Run", fitted: fits.Fitted, scan: Scan, config: PatchSettings, parts: Any, key: jax.Array) -> None:
    """Error, spread and clusters of codes at every point of the field."""
    every, row, column = shared.everywhere(scan, config)
    given, true = parts(every)
    predicted, codes = _predict(fitted, given)
    error = np.sqrt(np.mean((shared.flat(predicted.mean(0)) - shared.flat(true)) ** 2, 1))
    rows, columns = np.unique(row), np.unique(column)
    run.add("map_y", ("map_y",), rows * scan.scale, scan.scale_units, "downwards", coordinate=True)
    run.add("map_x", ("map_x",), columns * scan.scale, scan.scale_units, "to the right", coordinate=True)
    shape = len(rows), len(columns)
    first, second = shared.borders(scan.image.shape[1])
    run.add("borders", ("border",), np.array([first, second]) * scan.scale, scan.scale_units,
            "where the watched and the scored region begin")  # fmt: skip
    run.add("map_error", ("map_y", "map_x"), error.reshape(shape), "1", "root mean square error of the ensemble's mean")
    spread = shared.flat(predicted.std(0)).mean(1)
    run.add("map_spread", ("map_y", "map_x"), spread.reshape(shape), "1", "mean standard deviation between members")
    found = scores.kmeans(key, codes[0], len(REGIONS))
    code = codes[0] - codes[0].mean(0)
    plane = code @ np.linalg.svd(code, full_matrices=False)[2][:2].T
    run.add(
        "map_code", ("map_y", "map_x", "plane"), plane.reshape(*shape, 2), "1", "two principal components of the codes"
    )
    if scan.regions is not None:
        kind = scan.regions[row, column]
        test = column - config.patch // 2 >= second
        found = scores.rename(kind, found, len(REGIONS))
        run.add("map_region", ("map_y", "map_x"), kind.reshape(shape), "1", "kind of the point: " + ", ".join(REGIONS))
        run.record(cluster_accuracy=float(np.mean(found[test] == kind[test])),
                   largest_region_share=float(np.bincount(kind[test]).max() / test.sum()))  # fmt: skip
        for number, name in enumerate(REGIONS):
            own = test & (kind == number)
            if own.any():
                run.record(**{f"error_{name}": float(np.sqrt(np.mean(error[own] ** 2))),
                              f"cluster_recall_{name}": float(np.mean(found[own] == number))})  # fmt: skip
    run.add("map_cluster", ("map_y", "map_x"), found.reshape(shape), "1", "k-means cluster of the first member's codes")


def _leaky(
    run: "Run",
    key: jax.Array,
    scan: Scan,
    config: PatchSettings,
    model: EncoderDecoderConfig,
    fit_config: FitConfig,
    parts: Any,
) -> None:
    """The same model and training, and the nearest neighbour, on patches split at random."""
    generator = np.random.default_rng(np.asarray(jax.random.key_data(key)).tolist())
    sets = shared.leaky(scan, config, generator)
    (given, wanted), watched, (new, true) = (parts(pair) for pair in sets[:3])
    fitted = fits.fit(run, "leaky", jax.random.split(key, 1), model, _device(sets.training),
                          _device(sets.validation), fit_config)  # fmt: skip
    predicted, _ = _predict(fitted, new)
    mean = shared.flat(wanted).mean(0)
    run.record(leaky_nmse=shared.normalised_mse(predicted[0], true, mean))
    nearest = shared.baselines(given, wanted, watched, new)["nearest"]
    run.record(leaky_nearest_nmse=shared.normalised_mse(nearest, true, mean))
