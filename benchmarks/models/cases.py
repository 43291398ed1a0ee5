"""Models and images of the parts of ``vae_family``, and pyroVED on the same images."""

import tempfile
from pathlib import Path

import jax
import numpy as np

from benchmarks import peers
from experiments import datasets
from models import Batch, FitConfig, VAEConfig, recipes

RECIPE = FitConfig(epochs=50, batch_size=50, learning_rate=5e-3, warmup=0.025, final_rate=0.05)


def spread(values) -> str:
    """Return "median [smallest, largest]"."""
    return f"{np.median(values):.4g} [{np.min(values):.4g}, {np.max(values):.4g}]"


def members(shape: tuple[int, ...], width: int, classes: int) -> dict[str, tuple[VAEConfig, str | None]]:
    """Return our members of the family by name, each with the name of pyroVED's model of the same task."""
    hidden: dict = {"hidden": (width, width), "likelihood": "bernoulli"}
    known = {"angle_posterior": "gaussian", "angle_std": 1.0, "bins": 1}
    return {
        "plain": (VAEConfig(shape=shape, **hidden), "vae"),
        "invariant": (recipes.invariant(shape, **hidden, **known), "ivae"),
        "invariant, searched": (recipes.invariant(shape, **hidden), "ivae"),
        "joint, searched": (recipes.joint(shape, classes, **hidden), "jivae"),
        "semi-supervised, searched": (recipes.semi_supervised(shape, classes, **hidden), "ssivae"),
    }


def cards(key: jax.Array, name: str, size: int, training: int, held: int):
    """Return the training images and the fresh images of a set of cards."""
    images = datasets.load(key, name, size=size, per_suit=(training + held) // 4)
    return datasets.take(images, slice(0, training)), datasets.take(images, slice(training, None))


def with_labels(images, share: float, key: jax.Array) -> Batch:
    """Return the images as a batch that keeps the labels of a random share of them."""
    return datasets.to_batch(datasets.hide_labels(key, images, share), labels=True)


def peer_on(python: str, kind: str, training, held, labelled: Batch, *arguments, codes: Path | None = None) -> dict:
    """Return the report of pyroVED's model ``kind`` on these images."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.npz"
        known = np.asarray(labelled.label) >= 0
        np.savez(
            path, train=training.x, test=held.x, labels_train=training.label, labels_test=held.label, labelled=known
        )
        extra = ("--out", codes) if codes else ()
        return peers.call(python, "models.pyroved_side", kind, path, *arguments, *extra)
