"""What a trained VAE is judged by: bounds, codes, classes, manifolds, and what its latents tell of known factors."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from scipy.spatial import KDTree

from experiments import datasets
from experiments.datasets import Images
from experiments.lab.run import Run
from experiments.shared.images.fits import Fitted, Split, fit, fit_recipe, record
from experiments.shared.images.options import VaeSettings
from models.data import Batch, count
from models.evaluation import latent, scores
from models.evaluation.traversal import linear_axis, manifold
from models.types import Code, Params
from models.vaes.config import VAEConfig
from models.vaes.model import decode_code


def true_classes(images: Images) -> Int[np.ndarray, " n"]:
    """The label of every image; ValueError where one is missing."""
    if images.label is None or (images.label < 0).any():
        raise ValueError(f"scores of classes need the label of every image, which this set lacks: {images.source}")
    return images.label


def name_classes(
    truth: Int[np.ndarray, " n"], probabilities: Float[np.ndarray, "n classes"]
) -> tuple[Int[np.ndarray, " classes"], Int[np.ndarray, " n"]]:
    """What each discovered class is to be called, the true class that it matches best (one each), and the class of
    every image under that name."""
    found, classes = probabilities.argmax(1), probabilities.shape[1]
    counts = scores.confusion(truth, found, classes)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    names = rows[np.argsort(columns)]
    return names, names[found]


def add_classes(
    run: Run, name: str, images: Images, probabilities: Float[np.ndarray, "seed n classes"], *, known: bool
) -> None:
    """Accuracy per seed, of classes as they are (``known``) or named to fit best; the confusion of each seed."""
    truth = true_classes(images)
    every = [name_classes(truth, values) for values in probabilities]
    classes = probabilities.shape[2]
    names = np.tile(np.arange(classes), (len(every), 1)) if known else np.stack([names for names, _ in every])
    found = np.take_along_axis(names, probabilities.argmax(2), 1)
    record(run, f"{name}_accuracy", (found == truth[None]).mean(1), "1", "share of images in the right class")
    run.add(f"{name}_confusion", ("seed", "true_class", "found_class"),
            np.stack([scores.confusion(truth, row, classes) for row in found]), "1",
            "number of images: true class, class found")  # fmt: skip
    run.add(f"{name}_name_of_class", ("seed", f"{name}_class"), names, "1", "true class that each class stands for")


def judge(run: Run, key: jax.Array, fitted: Fitted, test: Batch, name: str, shown: int = 12) -> Code:
    """Codes of fresh images for every seed, angles and classes searched by decoding them; −ELBO without and with that
    search, the error of the reconstruction; latents, poses, classes and ``shown`` reconstructions as arrays.

    ``name`` is the data set's, as of ``add_images``.
    """
    model, config = fitted.model, fitted.config
    searched = config.bins > 1 or config.class_mode in ("semi_supervised", "joint")
    candidates = config.bins * (config.classes if config.class_mode in ("semi_supervised", "joint") else 1)
    chunk = max(1, min(count(test), 20_000_000 // (candidates * math.prod(config.grid) * config.hidden[-1])))

    def one(key: jax.Array, params: Params, data: Batch) -> tuple[Code, dict[str, jax.Array], jax.Array]:
        code = latent.encode_all(model, params, data, chunk, search=searched)
        terms = latent.evaluate(key, model, params, data, 2, chunk=chunk)
        if searched:
            terms["negative_elbo_searched"] = latent.negative_elbo(
                key, model, params, data, samples=1, search=True, chunk=chunk
            )
        first = jax.tree.map(lambda leaf: leaf[:shown], code)
        return code, terms, jax.vmap(decode_code, (None, None, 0))(model, params, first)

    def every(key: jax.Array, params: Params, data: Batch) -> tuple[Code, dict[str, jax.Array], jax.Array]:
        return jax.lax.map(lambda params: one(key, params, data), params)

    code, terms, pictures = jax.device_get(jax.jit(every)(key, fitted.params, test))
    for term in ("negative_elbo", "negative_elbo_searched", "reconstruction", "kl"):
        if term in terms:
            record(
                run, f"{fitted.name}_{term}_nats", terms[term], "nats per image", f"held-out {term.replace('_', ' ')}"
            )
    record(run, f"{fitted.name}_rmse", terms["rmse_mean"], "1", "root mean square error of the reconstruction")
    _add_code(run, fitted.name, code, name)
    pixels = ("row", "column", "channel")[: len(config.shape)]
    run.add(f"{fitted.name}_reconstruction_of_x", ("seed", "shown", *pixels), pictures, "1", "reconstructed images")
    return code


def study(
    run: Run,
    name: str,
    keys: tuple[jax.Array, jax.Array],
    config: VAEConfig,
    images: Split,
    settings: VaeSettings,
    data: str,
    *,
    labels: bool = False,
) -> Code:
    """A variant from images to manifolds: fit ``settings.seeds`` models (first key), ``judge`` them on the test images
    (second key), decode their latent grids. With ``labels`` the models are told the classes."""
    training, validation, test = (datasets.to_batch(part, labels=labels) for part in images)
    seeds = jax.random.split(keys[0], settings.seeds)
    fitted = fit(run, name, seeds, config, training, validation, fit_recipe(settings))
    code = judge(run, keys[1], fitted, test, data)
    add_manifolds(run, fitted, settings.manifold_points)
    return code


def _add_code(run: Run, name: str, code: Code, data: str) -> None:
    axes = ("seed", f"{data}_image")
    run.add(f"{name}_z", (*axes, f"{name}_latent"), code.mean, "1", "posterior mean of the content")
    for component, units in (("angle", "rad"), ("scale", "log"), ("shear", "rad")):
        if getattr(code.pose, component) is not None:
            run.add(f"{name}_{component}", axes, getattr(code.pose, component), units, f"latent {component}")
    if code.pose.shift is not None:
        run.add(f"{name}_shift", (*axes, "axis"), code.pose.shift, "half-widths", "latent shift (right, up)")
    if code.probabilities is not None:
        run.add(f"{name}_probabilities", (*axes, f"{name}_class"), code.probabilities, "1", "q(class | image)")


def add_manifolds(run: Run, fitted: Fitted, points: int, reach: float = 2.0) -> None:
    """Decoded grids over the first two latents of the first seed's model, within ± ``reach``, upright and centred; one
    for every class of a model that has classes."""
    axis = linear_axis(points, -reach, reach)
    first = jax.tree.map(lambda leaf: leaf[0], fitted.params)
    at = jnp.zeros(fitted.config.latent_dim, jnp.float32)

    def one(params: Params, label: Any) -> jax.Array:
        return manifold(fitted.model, params, (axis, axis), at=at, label=label)[1]

    labels = list(range(fitted.config.classes)) or [None]
    decoded = jax.jit(lambda params: jnp.stack([one(params, label) for label in labels]))(first)
    pixels = ("row", "column", "channel")[: len(fitted.config.shape)]
    run.add(f"{fitted.name}_manifold", (f"{fitted.name}_panel", "z1", "z2", *pixels), decoded, "1",
            "decoded latent grid of the first seed")  # fmt: skip
    run.add("manifold_axis", ("z1",), axis, "1", "latent coordinate of the decoded grids")


def neighbour_r2(z: np.ndarray, target: np.ndarray, neighbours: int = 10) -> float:
    """How well a number is known from where an image lies in a latent space: R² of the mean over its nearest
    neighbours, itself left out. Below zero: worse than the mean of all."""

    near = np.asarray(KDTree(z).query(z, k=neighbours + 1)[1])[:, 1:]
    return 1 - float(np.mean((target - target[near].mean(1)) ** 2) / np.var(target))
