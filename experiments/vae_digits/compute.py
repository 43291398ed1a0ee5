"""TODO docstring of experiments.vae_digits.compute.compute"""

import jax
import numpy as np
from sklearn.decomposition import PCA

from experiments.lab.run import Run
from experiments.shared.images import fits, judging
from experiments.shared.images.digits import chance, digits, neighbour_accuracy
from experiments.shared.images.fits import Split, record
from experiments.shared.images.judging import true_classes
from experiments.shared.images.options import GREY
from experiments.vae_digits.config import Config
from models.evaluation import scores
from models.vaes.config import VAEConfig


def compute(run: "Run", config: Config) -> None:
    """The VAE, then PCA and pixels."""

    to_data, to_fits, to_scores = jax.random.split(jax.random.key(config.seed), 3)
    with run.stage("data"):
        split = digits(to_data, config)
        fits.add_images(run, split.test, "digits")
        fits.record_size(run, split, config)
        run.record(chance=chance(judging.true_classes(split.test)))
    with run.stage("vae"):
        model = VAEConfig(shape=split.test.x.shape[1:], hidden=config.hidden, **GREY)
        code = judging.study(run, "vae", (to_fits, to_scores), model, split, config, "digits")
        _score(run, "vae", to_scores, np.asarray(code.mean), split)
    with run.stage("baselines"):
        pixels = split.test.x.reshape(len(split.test.x), -1)
        _score(run, "pixels", to_scores, np.broadcast_to(pixels, (config.seeds, *pixels.shape)), split)
        _pca(run, to_scores, split, config)


def _score(run: "Run", name: str, key: "jax.Array", z: np.ndarray, split: "Split") -> None:
    """How well the digit is known from ``z`` [seed n latent]."""

    label = true_classes(split.test)
    record(run, f"{name}_neighbour_accuracy", [neighbour_accuracy(one, label) for one in z], "1",
           "share whose nearest neighbours are of the same digit")  # fmt: skip
    found = [scores.kmeans(one, points, 10) for one, points in zip(jax.random.split(key, len(z)), z, strict=True)]
    record(run, f"{name}_kmeans_accuracy", [scores.clustering_accuracy(label, one, 10) for one in found], "1",
           "k-means on the latents, clusters named to fit best")  # fmt: skip


def _pca(run: "Run", key: "jax.Array", split: "Split", config: Config, shown: int = 12) -> None:
    """Two principal components in units of their own spread. Only k-means has a seed here."""

    shape, seeds = split.test.x.shape[1:], config.seeds
    rule = PCA(2, whiten=True, svd_solver="full").fit(split.training.x.reshape(len(split.training.x), -1))
    z = rule.transform(split.test.x.reshape(len(split.test.x), -1))
    back = rule.inverse_transform(z).reshape(-1, *shape)  # not bounded to 0 … 1: pictures are clipped, the error is not
    rmse = float(np.sqrt(np.mean((back - split.test.x) ** 2)))
    _score(run, "pca", key, np.broadcast_to(z, (seeds, *z.shape)), split)
    record(run, "pca_rmse", np.full(seeds, rmse), "1", "root mean square error of the reconstruction")
    run.add("pca_z", ("pca_fit", "digits_image", "pca_latent"), z[None], "1", "principal components, unit variance")
    run.add("pca_reconstruction_of_x", ("pca_fit", "shown", "row", "column"), np.clip(back[None, :shown], 0, 1), "1",
            "images from two components")  # fmt: skip
    axis = run.results.manifold_axis.to_numpy()
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1)
    decoded = rule.inverse_transform(grid.reshape(-1, 2)).reshape(1, *grid.shape[:2], *shape)
    run.add("pca_manifold", ("pca_panel", "z1", "z2", "row", "column"), np.clip(decoded, 0, 1), "1",
            "images of a grid of components")  # fmt: skip
