"""The forms of loops learned by VAEs, mapped, clustered, and held against fitted parameters."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from sklearn.mixture import GaussianMixture

import models
from experiments.lab import training
from experiments.lab.checkpoints import once
from experiments.lab.run import Outcome
from experiments.lab.summaries import quartiles
from experiments.shared.images.neighbours import neighbour_r2
from experiments.switching_loops.config import Config

HELD_OUT = 0.1  # share of the points
SIGMA = 0.05  # scale of Student's t, in the extent of a loop
CLUSTERS = range(1, 7)
POINTS = 9  # of the manifold, along each latent
LEARNED = ("coercive_up", "coercive_down", "width")  # what the form of a loop tells: not its size or offset


class Forms(NamedTuple):
    """Loops [n step] from their median in units of their extent (from the tenth to the ninetieth percentile), with a
    mask that is 0 for bad samples."""

    x: np.ndarray
    mask: np.ndarray


def forms_of(loops: np.ndarray, bad: np.ndarray) -> Forms:
    """Return the forms of loops [n step], 0 where a sample is bad."""
    known = np.where(bad, np.nan, loops)
    low, middle, high = np.nanquantile(known, [0.1, 0.5, 0.9], axis=-1)[..., None]
    x = (known - middle) / np.where(high > low, high - low, 1)
    return Forms(np.nan_to_num(x).astype(np.float32), (~bad).astype(np.float32))


def learn(
    key: jax.Array, forms: Forms, config: Config, progress: Callable[[int], Any]
) -> tuple[training.Fitted, np.ndarray]:
    """Train a VAE for each seed; returns them with the held-out rows."""
    to_split, to_fits = jax.random.split(key)
    order = np.asarray(jax.random.permutation(to_split, len(forms.x)))
    held = order[: max(8, round(HELD_OUT * len(order)))]
    training_rows = np.setdiff1d(order, held)
    model = models.VAEConfig(
        shape=forms.x.shape[1:],
        hidden=(config.width, config.width),
        activation="gelu",
        likelihood="student_t",
        sigma=SIGMA,
    )
    fit_config = models.FitConfig(
        epochs=config.epochs, batch_size=min(50, len(training_rows)), learning_rate=3e-3, final_rate=0.05
    )
    known, watched = (models.Batch(forms.x[rows], forms.mask[rows]) for rows in (training_rows, held))
    keys = jax.random.split(to_fits, config.seeds)
    return training.fit(keys, model, known, watched, fit_config, progress=progress), held


@once
def encoded(fitted: training.Fitted, forms: Forms) -> np.ndarray:
    """Return posterior means of all loops by every fit, [seed n latent]."""
    batch = models.Batch(forms.x, forms.mask)
    encode = jax.jit(lambda params: jax.lax.map(lambda p: models.encode_all(fitted.model, p, batch).mean, params))
    return np.asarray(encode(fitted.params))


def reconstructed(fitted: training.Fitted, forms: Forms) -> np.ndarray:
    """Return the reconstructions of all loops by every fit, [seed n step]."""
    batch = models.Batch(forms.x, forms.mask)
    both = jax.jit(lambda params: jax.lax.map(lambda p: models.reconstruct_all(fitted.model, p, batch), params))
    return np.asarray(both(fitted.params))


def error_of(forms: Forms, guess: np.ndarray) -> Any:
    """Return the median |residual| over good samples, in the extent of a loop; of a guess [... n step]."""
    return np.nanmedian(np.where(forms.mask > 0, np.abs(guess - forms.x), np.nan), axis=(-2, -1))


def principal(forms: Forms, held: np.ndarray, components: int = 2) -> np.ndarray:
    """Return the held-out loops from principal components of the others; bad samples stand at the others' median."""
    median = median_of_others(forms, held)
    filled = np.where(forms.mask > 0, forms.x, median[None]) - median[None]
    axes = np.linalg.svd(np.delete(filled, held, 0), full_matrices=False)[2][:components]
    return median[None] + filled[held] @ axes.T @ axes


def median_of_others(forms: Forms, held: np.ndarray) -> np.ndarray:
    """Return the median [step] over the good samples of the loops that are not held out."""
    known = np.where(forms.mask > 0, forms.x, np.nan)
    return np.nanmedian(np.delete(known, held, 0), 0)


@once
def judged(
    fitted: training.Fitted, forms: Forms, held: np.ndarray, latents: np.ndarray, parameters: Mapping[str, np.ndarray]
) -> Outcome:
    """Return errors on held-out loops beside the baselines', and what nearest neighbours tell of the parameters."""
    test = Forms(forms.x[held], forms.mask[held])
    guess = reconstructed(fitted, test)
    error = error_of(test, guess)
    middle = median_of_others(forms, held)
    r2 = np.array([[neighbour_r2(z, parameters[name]) for name in LEARNED] for z in latents])
    rows = np.linspace(0, len(held) - 1, min(12, len(held))).astype(int)
    arrays = {
        "vae_error": error,
        "latent_std": latents.std(1),
        "in_latent": r2,
        "parameter": np.array(LEARNED, dtype=object),
        "shown_loop": np.where(test.mask > 0, test.x, np.nan)[rows],
        "shown_fit": guess[0, rows],
    }
    numbers = {
        **quartiles("vae_error", error),
        "pca_error": error_of(test, principal(forms, held)),
        "mean_loop_error": error_of(test, np.broadcast_to(middle, test.x.shape)),
        "used_latents_median": np.median((latents.std(1) > 0.1).sum(-1)),
    }
    for name, values in zip(LEARNED, r2.T, strict=True):
        numbers |= quartiles(f"{name}_in_latent_r2", values)
    return Outcome(arrays, numbers)


@once
def manifold(fitted: training.Fitted, z: np.ndarray) -> dict[str, np.ndarray]:
    """Return loops decoded by the first fit over a grid of quantiles of its latents, and the grid's axes."""
    params = jax.tree.map(lambda leaf: leaf[0], fitted.params)
    axis = np.quantile(z, np.linspace(0.03, 0.97, POINTS), axis=0).T
    grid = np.stack(np.meshgrid(*axis, indexing="ij"), -1).reshape(-1, 2)
    decoded = jax.jit(lambda p, z: models.decode_all(fitted.model, p, z))(params, grid.astype(np.float32))
    return {"manifold": np.asarray(decoded).reshape(POINTS, POINTS, -1), "axis": axis}


@once
def clusters(z: np.ndarray, forms: Forms, seed: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Cluster latents [n 2] by the Gaussian mixture of the smallest BIC, of one to six components.

    Returns the cluster of each loop, most frequent first, the mean loop of each [6 step], NaN where there is none, and
    their number.
    """
    fits = [GaussianMixture(count, n_init=3, random_state=seed).fit(z) for count in CLUSTERS]
    best = min(fits, key=lambda fit: fit.bic(z))
    found = best.predict(z)
    rank = np.argsort(np.argsort(-np.bincount(found, minlength=best.n_components)))
    found = rank[found]
    known = np.where(forms.mask > 0, forms.x, np.nan)
    means = np.full((len(CLUSTERS), forms.x.shape[1]), np.nan)
    for group in np.unique(found):
        means[group] = np.nanmean(known[found == group], 0)
    return found, means, best.n_components
