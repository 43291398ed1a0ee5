"""Handwritten digits in two latents: where a VAE puts them, what a grid there looks like, and the same by PCA.

    python -m experiments.vae_digits            # scikit-learn's 8 × 8 digits, five seeds: about a minute
    python -m experiments.vae_digits --smoke    # a small one
    python -m experiments.vae_digits --mnist DIRECTORY --epochs 20 --width 128    # 28 × 28, from your own files

A VAE that knows nothing but the images; the figures show its latents in the digits' colours and the decoded latent
grid. Held out are −ELBO (Gaussian of σ = 0.2, nats per image), the error of the reconstruction, and how well the
digit is known from the latents: by the majority of an image's ten nearest neighbours, and by k-means into ten
clusters named to fit best. PCA to the same two dimensions, and the pixels themselves, are scored alike.
Sources: arXiv 1312.6114, the lecture's digits. Expected numbers: see the README's table.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from experiments import harness
from experiments.digit_runs import GREY, DigitSettings

if TYPE_CHECKING:
    import jax

    from experiments.harness import Run
    from experiments.vae_runs import Split


@dataclass(frozen=True)
class Config(DigitSettings):
    """Options of the VAE of digits."""

    epochs: int = 100
    manifold_points: int = 15


SMOKE = Config(smoke=True, count=400, held_out=100, watched=30, epochs=3, seeds=2, width=16, manifold_points=7)
STAGES = ("data", "vae", "baselines", "figures")


def compute(run: "Run", config: Config) -> None:
    """The VAE, then PCA and pixels."""
    import jax

    from experiments import vae_runs, vae_scores
    from experiments.digit_runs import chance, digits
    from models.config import VAEConfig

    to_data, to_fits, to_scores = jax.random.split(jax.random.key(config.seed), 3)
    with run.stage("data"):
        split = digits(to_data, config)
        vae_runs.add_images(run, split.test, "digits")
        vae_runs.record_size(run, split, config)
        run.record(chance=chance(vae_scores.true_classes(split.test)))
    with run.stage("vae"):
        model = VAEConfig(shape=split.test.x.shape[1:], hidden=config.hidden, **GREY)
        code = vae_scores.study(run, "vae", (to_fits, to_scores), model, split, config, "digits")
        _score(run, "vae", to_scores, np.asarray(code.mean), split)
    with run.stage("baselines"):
        pixels = split.test.x.reshape(len(split.test.x), -1)
        _score(run, "pixels", to_scores, np.broadcast_to(pixels, (config.seeds, *pixels.shape)), split)
        _pca(run, to_scores, split, config)


def _score(run: "Run", name: str, key: "jax.Array", z: np.ndarray, split: "Split") -> None:
    """How well the digit is known from ``z`` [seed n latent]."""
    import jax

    from experiments.digit_runs import neighbour_accuracy
    from experiments.vae_runs import record
    from experiments.vae_scores import true_classes
    from models import scores

    label = true_classes(split.test)
    record(run, f"{name}_neighbour_accuracy", [neighbour_accuracy(one, label) for one in z], "1",
           "share whose nearest neighbours are of the same digit")  # fmt: skip
    found = [scores.kmeans(one, points, 10) for one, points in zip(jax.random.split(key, len(z)), z, strict=True)]
    record(run, f"{name}_kmeans_accuracy", [scores.clustering_accuracy(label, one, 10) for one in found], "1",
           "k-means on the latents, clusters named to fit best")  # fmt: skip


def _pca(run: "Run", key: "jax.Array", split: "Split", config: Config, shown: int = 12) -> None:
    """Two principal components in units of their own spread. Only k-means has a seed here."""
    from sklearn.decomposition import PCA

    from experiments.vae_runs import record

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


EXPERIMENT = harness.Experiment(
    "vae_digits", __doc__ or "", Config, SMOKE, STAGES, compute, "experiments.figures.vae_digits"
)

if __name__ == "__main__":
    harness.main(EXPERIMENT)
