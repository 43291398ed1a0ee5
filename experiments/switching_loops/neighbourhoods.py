"""What the domain image shows around a point: loops predicted from it, and campaigns that choose the next point."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from scipy.ndimage import median_filter

import bo
import models
from experiments.datasets.loops import log_area
from experiments.lab import designs, scores, training
from experiments.lab.checkpoints import once
from experiments.lab.run import Outcome
from experiments.lab.summaries import quartiles
from experiments.shared.deep_kernels import kinds, programs, tables, vaes
from experiments.shared.deep_kernels.tables import Table
from experiments.switching_loops.config import Config
from experiments.switching_loops.forms import Forms
from models.paired import baselines

BEFORE = 3  # steps of the sweep whose median is the domain image: the bias has hardly risen
TRAINING = 0.65  # share of the columns; the rest is scored
WATCHED = 0.1  # share of the training patches by which the baselines choose their penalty
GOOD = 0.95  # share of the largest area that counts as found
STRATEGIES = ("deep", "latents", "patches", "position", "random")


class Points(NamedTuple):
    """The points whose loops are known: row and column of each [n], and the patch of the domain image [n side side]."""

    row: np.ndarray
    column: np.ndarray
    patch: np.ndarray


def domain_image(response: np.ndarray, bad: np.ndarray) -> np.ndarray:
    """Return the response before the sweep [ny nx]; where its samples are bad, the median of the neighbours."""
    first = np.where(bad, np.nan, response)[..., :BEFORE]
    known = np.asarray(np.isfinite(first).any(-1))
    image = np.nanmedian(np.where(known[..., None], first, 0.0), axis=-1)
    calm = np.where(known, image, np.median(image[known]))
    return np.where(known, image, median_filter(calm, 3))


def points_of(image: np.ndarray, kept: np.ndarray, side: int) -> Points:
    """Return the kept points with patches of the image in units of its spread, outliers cut; edges are mirrored."""
    low, middle, high = np.quantile(image, [0.05, 0.5, 0.95])
    scaled = np.clip((image - middle) / ((high - low) or 1), -1.5, 1.5)
    half = side // 2
    padded = np.pad(scaled, half, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side))
    row, column = np.nonzero(kept)
    return Points(row, column, windows[row, column].astype(np.float32))


@once
def image_to_loop(key: jax.Array, points: Points, forms: Forms, columns: int, config: Config) -> Outcome:
    """Predict the forms of loops from patches: an encoder–decoder beside nearest patch and ridge, scored elsewhere.

    The scan is split by columns; no patch of the one part reaches into the other.
    """
    border, half = round(TRAINING * columns), config.patch // 2
    left, right = points.column < border - half, points.column >= border + half
    watched = left & (np.random.default_rng(config.seed).random(len(left)) < WATCHED)
    parts = {"training": left & ~watched, "watched": watched, "test": right}
    measured = np.where(forms.mask > 0, forms.x, np.nan)
    median = np.nanmedian(measured[parts["training"]], 0)  # not of all: the scored loops must not fill the others
    x = np.where(np.isnan(measured), median[None], measured).astype(np.float32)
    pairs = {name: models.Pair(points.patch[rows], x[rows]) for name, rows in parts.items()}
    model = models.EncoderDecoderConfig(
        (config.patch, config.patch), x.shape[1:], "image_to_spectrum", latent_dim=4, sigma=0.2
    )
    fit_config = models.FitConfig(
        epochs=config.epochs,
        batch_size=min(50, int(parts["training"].sum())),
        learning_rate=2e-3,
        final_rate=0.05,
        patience=10,
    )
    fitted = training.fit(key[None], model, pairs["training"], pairs["watched"], fit_config)

    def predict(image: jax.Array) -> jax.Array:
        return models.predict(key, fitted.model, fitted.params, image).mean

    guess = {"model": np.asarray(jax.jit(jax.vmap(predict))(pairs["test"].image))}
    known, shown, test = (pairs[name] for name in ("training", "watched", "test"))
    guess |= baselines.predict(known.image, known.spectrum, (shown.image, shown.spectrum), test.image)
    good = forms.mask[parts["test"]] > 0
    mean = np.asarray(known.spectrum).mean(0)
    true = np.where(good, np.asarray(test.spectrum), mean[None])
    scored = {name: np.where(good, values, mean[None]) for name, values in guess.items()}
    errors = {name: baselines.normalised_mse(values, true, mean) for name, values in scored.items()}
    each = np.abs(guess["model"] - true).mean(1)
    order = np.argsort(each)[[0, len(each) // 2, -1]]
    arrays = {"predicted_loop": guess["model"][order], "true_loop": np.asarray(test.spectrum)[order]}
    return Outcome(arrays, {f"image_to_loop_{name}_nmse": error for name, error in errors.items()})


@once
def campaigns(key: jax.Array, points: Points, area: np.ndarray, config: Config, done: Callable[[], Any]) -> Outcome:
    """Search by every strategy for loops of the largest area, by its logarithm; ``done`` is called after each."""
    value = log_area(area)
    order = designs.orders(config.seed, config.seeds, len(area), config.evaluations)
    settings = bo.CampaignConfig(config.initial_points, config.steps, config.refit_every)
    search = programs.Search(settings, config.kappa, 0)
    chosen = {"random": order}
    for name, (kind, table) in _methods(key, points, config).items():
        initial = order[:, : config.initial_points]
        chosen[name] = programs.campaigns(kind, table, value, initial, search, config.seed).chosen
        done()
    picks = np.stack([chosen[name] for name in STRATEGIES])
    best = np.stack([scores.best_so_far(area[each]) for each in picks]) / area.max()
    recall = np.stack([scores.recall(each, area, config.share) for each in picks])
    numbers: dict[str, Any] = {"points": len(area), "evaluations": config.evaluations}
    for name, of_best, of_recall in zip(STRATEGIES, best, recall, strict=True):
        numbers |= quartiles(f"{name}_best_share", of_best[:, -1])
        numbers |= quartiles(f"{name}_recall", of_recall[:, -1])
        numbers |= quartiles(f"{name}_evaluations_to_good", scores.evaluations_to(of_best >= GOOD))
    names = np.array(STRATEGIES, dtype=object)
    return Outcome({"strategy": names, "chosen": picks, "best_share": best, "recall": recall}, numbers)


def _methods(key: jax.Array, points: Points, config: Config) -> dict[str, tuple[kinds.Kind, Table]]:
    """Return kind of surrogate and table of the strategies that learn.

    The VAE of the latents is trained on patches alone; nothing of a loop that was not measured is used.
    """
    place = np.stack([points.row, points.column], -1).astype(float)
    place = place[None] / max(place.max(), 1.0)
    deep = tables.table_of(bo.fit_features(key, points.patch, tables.extractors(points.patch.shape[1:])))
    flat = points.patch.reshape(len(points.patch), -1)
    rows = np.broadcast_to(np.arange(len(flat)), (config.seeds, len(flat)))
    fitted = vaes.fit(key, flat, flat[:200], rows, max(2, config.epochs // 5), config.width)
    return {
        "deep": (kinds.DEEP_KERNEL, deep),
        "latents": (kinds.GAUSSIAN_PROCESS, tables.table_of_latents(vaes.means(fitted, flat))),
        "patches": (kinds.GAUSSIAN_PROCESS, tables.pick(deep, "raw")),
        "position": (kinds.GAUSSIAN_PROCESS, tables.table_of_latents(place)),
    }
