"""Judge trained VAEs on test images: bounds, codes, reconstructions, classes, decoded latent grids."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment

import models
from experiments.datasets import Images
from experiments.lab.checkpoints import once
from experiments.lab.run import Array
from experiments.lab.training import Fitted
from models.data import count
from models.types import Params

SHOWN = 12  # reconstructions kept for figures
REACH = 2.0  # latent grids go from −REACH to REACH
SCORES = {
    "negative_elbo_nats": Array(("seed",), "nats per image", "held-out negative elbo"),
    "negative_elbo_searched_nats": Array(("seed",), "nats per image", "held-out negative elbo searched"),
    "reconstruction_nats": Array(("seed",), "nats per image", "held-out reconstruction"),
    "kl_nats": Array(("seed",), "nats per image", "held-out kl"),
    "rmse": Array(("seed",), "1", "root mean square error of the reconstruction"),
    "accuracy": Array(("seed",), "1", "share of images in the right class"),
}


class Judged(NamedTuple):
    """What the test images say of trained models; all but the latent grid have a leading axis of seeds.

    ``scores`` are vectors under names of ``SCORES``; ``reconstructions`` those of the first images. The latent grid is
    the first seed's, one for each class, decoded at ``axis`` × ``axis`` of the first two latents, the others at 0.
    """

    code: models.Code
    scores: dict[str, Float[np.ndarray, " seed"]]
    reconstructions: Float[np.ndarray, "seed shown *shape"]
    axis: Float[np.ndarray, " points"]
    manifold: Float[np.ndarray, "class points points *shape"]


class Classes(NamedTuple):
    """Classes of test images: share in the right class, confusion [true, discovered], true class of each class."""

    accuracy: Float[np.ndarray, " seed"]
    confusion: Int[np.ndarray, "seed class class"]
    names: Int[np.ndarray, "seed class"]


def candidates(config: models.VAEConfig) -> int:
    """Return how many angles and classes are decoded in the search for a code; 1 for a model without a search."""
    return config.bins * (config.classes if config.class_mode in ("semi_supervised", "joint") else 1)


@once
def judge(key: jax.Array, fitted: Fitted, test: models.Batch, manifold_points: int) -> Judged:
    """Encode, score and reconstruct test images with every model, and decode the latent grid of the first.

    Angles and classes are searched by decoding them; −ELBO is given without and, where there is one, with that search.
    """
    model, config = fitted.model, fitted.config
    searched = candidates(config) > 1
    chunk = max(1, min(count(test), 20_000_000 // (candidates(config) * math.prod(config.grid) * config.hidden[-1])))

    def judge_one(
        key: jax.Array, params: Params, data: models.Batch
    ) -> tuple[models.Code, dict[str, jax.Array], jax.Array]:
        code = models.encode_all(model, params, data, chunk, search=searched)
        terms = models.evaluate(key, model, params, data, 2, chunk=chunk)
        if searched:
            terms["negative_elbo_searched"] = models.negative_elbo(
                key, model, params, data, samples=1, search=True, chunk=chunk
            )
        first = jax.tree.map(lambda leaf: leaf[:SHOWN], code)
        return code, terms, jax.vmap(models.decode_code, (None, None, 0))(model, params, first)

    def judge_all(
        key: jax.Array, params: Params, data: models.Batch
    ) -> tuple[models.Code, dict[str, jax.Array], jax.Array]:
        return jax.lax.map(lambda member: judge_one(key, member, data), params)

    code, terms, reconstructions = jax.device_get(jax.jit(judge_all)(key, fitted.params, test))
    bounds = ("negative_elbo", "negative_elbo_searched", "reconstruction", "kl")
    of_seeds = {f"{term}_nats": terms[term] for term in bounds if term in terms} | {"rmse": terms["rmse_mean"]}
    return Judged(code, of_seeds, reconstructions, *latent_grid(fitted, manifold_points))


def latent_grid(fitted: Fitted, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Decode a grid of the first model's first two latents, upright and centred.

    Returns the axis [points] and the images [class points points *shape]; a model without classes has one grid.
    """
    axis = models.linear_axis(points, -REACH, REACH)
    first = jax.tree.map(lambda leaf: leaf[0], fitted.params)
    centre = jnp.zeros(fitted.config.latent_dim, jnp.float32)
    labels = list(range(fitted.config.classes)) or [None]

    def grids(params: Params) -> jax.Array:
        return jnp.stack(
            [models.manifold(fitted.model, params, (axis, axis), at=centre, label=label)[1] for label in labels]
        )

    return np.asarray(axis), np.asarray(jax.jit(grids)(first))


def true_classes(images: Images) -> Int[np.ndarray, " n"]:
    """Return the label of every image; ValueError where one is missing."""
    if images.label is None or (images.label < 0).any():
        raise ValueError(f"scores of classes need the label of every image, which this set lacks: {images.source}")
    return images.label


def labelled_rows(images: Images) -> Int[np.ndarray, " rows"]:
    """Return the indices of the images whose label is known."""
    return np.flatnonzero(images.label >= 0) if images.label is not None else np.zeros(0, int)


def name_classes(
    truth: Int[np.ndarray, " n"], probabilities: Float[np.ndarray, "n classes"]
) -> tuple[Int[np.ndarray, " classes"], Int[np.ndarray, " n"]]:
    """Name every discovered class after the true class that it matches best, one each.

    Returns the true class of every discovered one, and the class of every image under that name.
    """
    discovered, classes = probabilities.argmax(1), probabilities.shape[1]
    counts = models.scores.confusion(truth, discovered, classes)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    names = rows[np.argsort(columns)]
    return names, names[discovered]


def judge_classes(images: Images, probabilities: Float[np.ndarray, "seed n classes"], *, known: bool) -> Classes | None:
    """Compare the likeliest class of every image with the true one, where it is known, for every seed.

    Classes are taken as they are where the model knows their names, and are otherwise named to fit best. None where no
    image has a label.
    """
    rows = labelled_rows(images)
    if images.label is None or not len(rows):
        return None
    truth, probabilities, classes = images.label[rows], probabilities[:, rows], probabilities.shape[2]
    as_they_are = np.tile(np.arange(classes), (len(probabilities), 1))
    names = as_they_are if known else np.stack([name_classes(truth, member)[0] for member in probabilities])
    named = np.take_along_axis(names, probabilities.argmax(2), 1)
    confusion = np.stack([models.scores.confusion(truth, row, classes) for row in named])
    return Classes((named == truth[None]).mean(1), confusion, names)
