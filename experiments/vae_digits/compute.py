"""Train the VAE of digits, give it the same scores as PCA and the pixels, and record them."""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float
from sklearn.decomposition import PCA

import models
from experiments.datasets import Images, to_batch
from experiments.lab.checkpoints import once
from experiments.lab.run import Array, Run
from experiments.lab.summaries import record_scores
from experiments.lab.training import fit_and_record
from experiments.shared.images import arrays, fits, judging
from experiments.shared.images.digits import chance, digits
from experiments.shared.images.neighbours import NEIGHBOURS, neighbour_accuracy
from experiments.shared.images.options import GREY
from experiments.vae_digits.config import Config

# To change: describe here what you record, each array once, by its axes, unit and meaning. A score has one value per
# seed: ``record_scores`` keeps all of them in results.nc, and their median, smallest and largest in metrics.json. The
# bounds of the VAE are described in ``judging.SCORES``.
SCORES = judging.SCORES | {
    "neighbour_accuracy": Array(("seed",), "1", "share whose nearest neighbours are of the same class"),
    "kmeans_accuracy": Array(("seed",), "1", "k-means on the latents, clusters named to fit best"),
}
PCA_ARRAYS = {
    "pca_z": Array(("pca_fit", "digits_image", "pca_latent"), "1", "principal components, unit variance"),
    "pca_reconstruction_of_x": Array(("pca_fit", "shown", "row", "column"), "1", "images from two components"),
    "pca_manifold": Array(("pca_panel", "z1", "z2", "row", "column"), "1", "images of a grid of components"),
}


def compute(run: Run, config: Config) -> None:
    """Go through the stages. The harness calls this function; all that is random follows from ``config.seed``.

    ``check(config)`` is called before anything is written, and raises ValueError for data that cannot be used.
    """
    to_data, to_fits, to_scores = jax.random.split(jax.random.key(config.seed), 3)

    # A stage is timed, and its numbers and arrays are on disk when it ends. To change: the data. ``fits.cards`` gives
    # playing cards, ``datasets.load`` any other set; they come as images for training, validation and test.
    with run.stage("data"):
        split = digits(to_data, config)
        run.add_all(*arrays.of_images("digits", split.test))  # a table of descriptions, and values by name
        run.results.attrs.update(arrays.attributes("digits", split.test, own=bool(config.path)))
        run.record(**fits.size(split, config), **chance(split.test))  # plain numbers go to metrics.json

    # To change: the model. ``models.recipes`` has Configs with poses and classes that work for images.
    with run.stage("vae"):
        noise = fits.likelihood(config, split.training, GREY)
        model = models.VAEConfig(shape=split.test.x.shape[1:], hidden=config.hidden, **noise)
        keys = jax.random.split(to_fits, config.seeds)
        training, validation, test = map(to_batch, split)
        fit_config = fits.fit_recipe(config, len(split.training.x))
        fitted = fit_and_record(run, "vae", keys, model, training, validation, fit_config)
        judged = judging.judge(to_scores, fitted, test, config.manifold_points)
        run.add_all(*arrays.of_model("vae", "digits", judged))
        of_latents = score_latents(to_scores, np.asarray(judged.code.mean), split.test)
        record_scores(run, SCORES, judged.scores | of_latents, prefix="vae_")

    # To change: what the model is compared with.
    with run.stage("baselines"):
        pixels = split.test.x.reshape(len(split.test.x), -1)
        components = pca(split, judged.axis)
        run.add_all(PCA_ARRAYS, components.arrays)
        rmse = {"rmse": np.full(config.seeds, components.rmse)}
        for name, z, others in (("pixels", pixels, {}), ("pca", components.z, rmse)):
            repeated = np.broadcast_to(z, (config.seeds, *z.shape))  # only k-means has a seed here
            record_scores(run, SCORES, score_latents(to_scores, repeated, split.test) | others, prefix=f"{name}_")


# The functions below compute and return. Only ``compute`` has the run and records, so that others can use them. What a
# function with ``@once`` returns is kept on disk until the run ends, and ``--resume`` reads it: write that line above
# every function that takes long. ``fit_and_record`` and ``over_devices`` do it themselves.


def check(config: Config) -> None:
    """Raise a ValueError for a user's own images that cannot be used."""
    fits.check_own(config)


@once
def score_latents(key: jax.Array, z: Float[np.ndarray, "seed n latent"], images: Images) -> dict[str, list[float]]:
    """Return how well the class is known from ``z``, one value per seed under names of ``SCORES``.

    Images without a label do not count; without any label there is nothing to return.
    """
    rows, classes = judging.labelled_rows(images), len(images.classes)
    if images.label is None or len(rows) <= NEIGHBOURS:
        return {}
    z, label, keys = z[:, rows], images.label[rows], jax.random.split(key, len(z))
    clusters = [models.scores.kmeans(seed_key, points, classes) for seed_key, points in zip(keys, z, strict=True)]
    return {
        "neighbour_accuracy": [neighbour_accuracy(points, label) for points in z],
        "kmeans_accuracy": [models.scores.clustering_accuracy(label, cluster, classes) for cluster in clusters],
    }


class Components(NamedTuple):
    """Two principal components: the test images in them [n 2], the error of the reconstruction, ``PCA_ARRAYS``."""

    z: Float[np.ndarray, "n 2"]
    rmse: float
    arrays: dict[str, np.ndarray]


@once
def pca(split: fits.Split, axis: Float[np.ndarray, " points"], shown: int = 12) -> Components:
    """Fit two principal components, in units of their own spread, and decode their grid over ``axis`` × ``axis``."""
    shape = split.test.x.shape[1:]
    rule = PCA(2, whiten=True, svd_solver="full").fit(split.training.x.reshape(len(split.training.x), -1))
    z = rule.transform(split.test.x.reshape(len(split.test.x), -1))
    decoded = rule.inverse_transform(z).reshape(-1, *shape)
    rmse = float(np.sqrt(np.mean((decoded - split.test.x) ** 2)))
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1)
    manifold = rule.inverse_transform(grid.reshape(-1, 2)).reshape(1, *grid.shape[:2], *shape)
    # Components are not bounded. Pictures are clipped to the range of the data (digits: 0 … 1), the error above is not.
    ends = split.training.x.min(), split.training.x.max()
    clipped = np.clip(decoded[None, :shown], *ends), np.clip(manifold, *ends)
    return Components(z, rmse, dict(zip(PCA_ARRAYS, (z[None], *clipped), strict=True)))
