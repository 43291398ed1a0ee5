"""Bounds, clusters and accuracies of the VAE family, beside pyroVED: a part of ``vae_family``."""

import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import peers
from benchmarks.models.cases import RECIPE, cards, members, peer_on, spread, with_labels
from benchmarks.timing import timed
from experiments import datasets
from models import FitConfig, VAEConfig, encode_all, negative_elbo, recipes, restarts, scores, vae


def quality(options) -> dict:
    """Score bounds, clusters and accuracies over fresh seeds, and pyroVED on the first ``--peer-seeds`` of them."""
    python = peers.interpreter(options.peers, ("torch", "pyroved"))
    rows, held = (200, 100) if options.smoke else (2000, 1000)
    sets = [cards(jax.random.key(100 + n), "cards_full", 12, rows, held) for n in range(options.seeds)]
    of_cards = _score(options, sets, members((12, 12), options.width, 4), 4, python)
    sets = []
    for n in range(options.seeds):
        images = datasets.load(jax.random.key(200 + n), "digits")
        order = np.random.default_rng(200 + n).permutation(len(images.x))[: 300 if options.smoke else None]
        cut = len(order) - (100 if options.smoke else 360)
        sets.append((datasets.take(images, order[:cut]), datasets.take(images, order[cut:])))
    flat: dict = {
        "hidden": (options.width, options.width),
        "likelihood": "bernoulli",
        "decoder": "plain",
        "pose": (),
        "bins": 1,
        "angle_posterior": "gaussian",
        "angle_std": 1.0,
    }
    ours = {
        "joint, searched": (recipes.joint((8, 8), 10, **flat), None),
        "semi-supervised, searched": (recipes.semi_supervised((8, 8), 10, **flat), None),
    }
    return {"cards": of_cards, "digits": _score(options, sets, ours, 10, None)}


def _score(options, sets, chosen, classes: int, python: str | None) -> dict:
    """Score the chosen members of the family on pairs of (training images, fresh images)."""
    fit_config = FitConfig(**{**RECIPE.__dict__, "epochs": 2}) if options.smoke else RECIPE
    if sets[0][0].x.shape[1] == 8 and not options.smoke:
        fit_config = FitConfig(**{**RECIPE.__dict__, "epochs": 75})  # 1,437 digits: a little over 2,000 steps
    labelled = [with_labels(training, 0.1, jax.random.key(400 + n)) for n, (training, _) in enumerate(sets)]
    plain = [datasets.to_batch(training) for training, _ in sets]
    measured = {}
    for name, (config, peer) in chosen.items():
        if options.models and name.split(",")[0] not in options.models:
            continue
        data = labelled if config.class_mode == "semi_supervised" else plain
        measured[name] = _score_ours(name, config, data, [held for _, held in sets], fit_config, classes)
        if python and peer and name != "invariant":
            steps = ("--steps", 20 if options.smoke else 2000, "--width", options.width)
            first = slice(options.peer_seeds)
            measured[name]["pyroved"] = _score_peer(python, peer, sets[first], labelled[first], classes, steps)
    return measured


def _score_ours(name: str, config: VAEConfig, data, held_out, fit_config: FitConfig, classes: int) -> dict:
    """Fit one member on each of the batches ``data``, score it on the fresh images ``held_out`` and print a line."""
    model, starts = vae(config), 3 if config.class_mode == "joint" else 1
    searched = config.bins > 1 or config.class_mode in ("joint", "semi_supervised")
    stack = lambda batches: jax.tree.map(lambda *leaves: jnp.stack(leaves), *batches)  # noqa: E731

    def fit_and_encode(seed):
        key, data, test = seed
        to_fit, to_bound = jax.random.split(key)
        params = restarts(to_fit, starts, model, data, fit_config, search=searched).params
        searches = [False, True] if searched else [False]
        bounds = [negative_elbo(to_bound, model, params, test, search=search) for search in searches]
        return bounds, encode_all(model, params, test, 200, search=searched)

    seeds = jax.random.split(jax.random.key(300), len(data)), stack(data), stack(map(datasets.to_batch, held_out))
    (bounds, code), cpu, _ = timed(jax.jit(lambda seeds: jax.lax.map(fit_and_encode, seeds)), seeds)
    row: dict = {"negative_elbo": np.asarray(bounds[0]).tolist(), "cpu_s": cpu}
    line = f"{name:26} −ELBO {spread(bounds[0])}"
    if searched:
        row["negative_elbo_searched"] = np.asarray(bounds[1]).tolist()
        line += f", searched {spread(bounds[1])}"
    truth = [images.label for images in held_out]
    if code.probabilities is not None:
        labels, discovered = np.asarray(code.probabilities).argmax(-1), config.class_mode == "joint"
        row["accuracy"] = [
            scores.clustering_accuracy(t, predicted, classes) if discovered else float(np.mean(t == predicted))
            for t, predicted in zip(truth, labels, strict=True)
        ]
        line += f", {'clustering ' if discovered else ''}accuracy {spread(row['accuracy'])}"
    else:
        row["kmeans"] = [_kmeans(t, z, classes) for t, z in zip(truth, np.asarray(code.mean), strict=True)]
        line += f", k-means on z {spread(row['kmeans'])}"
    print(f"{line} ({cpu:.0f} CPU-s with compilation)", flush=True)
    return row


def _score_peer(python: str, kind: str, sets, labelled, classes: int, steps: tuple) -> list[dict]:
    """Return the reports of pyroVED's model ``kind`` on each pair of images, with k-means on its z; print a line."""
    reports = []
    for (training, held), known in zip(sets, labelled, strict=True):
        with tempfile.TemporaryDirectory() as folder:
            codes = Path(folder) / "codes.npz"
            report = peer_on(python, kind, training, held, known, *steps, codes=codes)
            reports.append(report | {"kmeans": _kmeans(held.label, np.load(codes)["z"], classes)})
    print(
        f"{'  pyroVED ' + kind:26} −ELBO {spread([r['negative_elbo'] for r in reports])}, accuracy "
        f"{[r['accuracy'] for r in reports]}, k-means on z {spread([r['kmeans'] for r in reports])}",
        flush=True,
    )
    return reports


def _kmeans(truth: np.ndarray, z: np.ndarray, classes: int) -> float:
    """Return the clustering accuracy of k-means on the latents."""
    return scores.clustering_accuracy(truth, scores.kmeans(jax.random.key(0), z, classes), classes)
