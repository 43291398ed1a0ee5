"""The defaults of the image VAEs on data that they were not chosen on: frames of any contrast, rare classes.

    python -m benchmarks.models.unequal frames    20 random frames: collapse, sublattices, angles
    python -m benchmarks.models.unequal rare      10 % labels, 6 % vacancies: accuracy, F1 of every kind, beside a
                                                  support-vector machine on the labelled windows
    python -m benchmarks.models.unequal joint     cards with (669, 695, 67, 41) of the suits, no labels: ARI

Each takes ``--seeds N``, ``--first N`` (recipes were tuned on seeds below 100), ``--smoke`` and ``--out FILE`` for a
JSON of all numbers. Frames are ``experiments.datasets.lattice.frame``s, windows their counts over the largest.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.metrics import adjusted_rand_score
from sklearn.svm import SVC

import models
from benchmarks.models.frames import Windows, drawn, windows
from benchmarks.timing import timed
from experiments import datasets
from models import recipes

COUNTS = (669, 695, 67, 41)  # cards of each suit, in random order of the suits
PIXELS = 200  # of a window that a training step decodes, at most


def frames(seed: int, smoke: bool) -> dict[str, Any]:
    """Fit the invariant recipe to one random frame, and score what it tells."""
    data = windows(*drawn(seed), seed, 200 if smoke else 2000)
    config = recipes.invariant(data.x.shape[1:], data=data.x, hidden=(64, 64), pixels=_share(data))
    (_, params, history), cpu, _ = timed(_fitted, config, data.x, None, seed, smoke)
    checked = models.problems_of(models.vae(config), params, data.x, history)
    code = _codes(config, params, data.x)
    cluster = models.scores.kmeans(jax.random.key(0), np.asarray(code.mean), 2)
    angle = np.asarray(code.pose.angle)
    errors = models.scores.angle_errors(data.angle, angle, data.sublattice, (data.symmetry,) * 2)
    return {
        "options": data.options,
        "sigma": config.sigma,
        "sublattices": models.scores.clustering_accuracy(data.sublattice, cluster, 2),
        "angle_deg": float(np.degrees(np.median(np.abs(errors.error)))),
        "latent_std": checked.latent_std,
        "error_over_noise": checked.error / checked.noise,
        "problems": checked.problems,
        "cpu_s": cpu,
    }


def rare(seed: int, smoke: bool) -> dict[str, Any]:
    """Fit the semi-supervised recipe to windows with few vacancies, a tenth of them labelled."""
    options, side = drawn(seed)
    data = windows(options | {"vacancies": 0.12}, side, seed, 400 if smoke else 3000)
    kind = np.where(data.kind == 3, 2, data.kind)
    training, held = slice(None, 2 * len(kind) // 3), slice(2 * len(kind) // 3, None)
    label = np.full(len(kind[training]), -1)
    for value in range(3):
        of_class = np.flatnonzero(kind[training] == value)
        few = max(3, len(of_class) // 10)
        label[of_class[:few]] = value
    x, test, truth = data.x[training], data.x[held], kind[held]
    config = recipes.semi_supervised(x.shape[1:], 3, data=x, hidden=(64, 64), pixels=_share(data))
    (_, params, _), cpu, _ = timed(_fitted, config, x, label, seed, smoke)
    found = np.asarray(_codes(config, params, test).probabilities).argmax(1)
    known = label >= 0
    machine = SVC(C=100.0).fit(x[known].reshape(known.sum(), -1), label[known]).predict(test.reshape(len(test), -1))
    prior = jax.nn.softmax(params["class_logits"]) if "class_logits" in params else jnp.full(3, 1 / 3)
    return {
        "options": options,
        "frequencies": (np.bincount(kind[training], minlength=3) / len(x)).tolist(),
        "learned_prior": np.asarray(prior).tolist(),
        "cpu_s": cpu,
        **{f"{name}_accuracy": float(np.mean(own == truth)) for name, own in (("vae", found), ("svm", machine))},
        **{f"{name}_f1": _f1(truth, own, 3) for name, own in (("vae", found), ("svm", machine))},
    }


def joint(seed: int, smoke: bool) -> dict[str, Any]:
    """Fit the joint recipe to cards of unequal frequencies: three starts, the held-out bound picks one."""
    counts = np.random.default_rng(seed).permutation([count // (10 if smoke else 1) for count in COUNTS])
    images = datasets.load(jax.random.key(seed), "cards_full", size=12, per_suit=int(max(counts)))
    rows = np.concatenate([np.flatnonzero(images.label == suit)[:count] for suit, count in enumerate(counts)])
    x, label = images.x[rows], images.label[rows]
    config = recipes.joint((12, 12), 4, likelihood="bernoulli", hidden=(64, 64))
    model, fit_config = models.vae(config), _training(config, len(x), smoke)
    start = jax.jit(lambda key, x: models.restarts(key, 3, model, x, fit_config, search=True))
    best, cpu, _ = timed(start, jax.random.key(seed), jnp.asarray(x))
    found = np.asarray(_codes(config, best.params, x).probabilities).argmax(1)
    two = counts[label] > 100
    return {
        "counts": counts.tolist(),
        "ari": adjusted_rand_score(label, found),
        "ari_of_the_frequent": adjusted_rand_score(label[two], found[two]),
        "confusion": models.scores.confusion(label, models.scores.rename(label, found, 4), 4).tolist(),
        "cpu_s": cpu,
    }


def _share(data: Windows) -> float:
    """Return the share of a window's pixels that a training step decodes."""
    return min(1.0, PIXELS / data.x[0].size)


def _training(config: models.VAEConfig, rows: int, smoke: bool) -> models.FitConfig:
    """Return the recipe's training, two epochs of it for a smoke test."""
    return recipes.training(config, rows, **({"epochs": 2} if smoke else {}))


def _fitted(config: models.VAEConfig, x: np.ndarray, label: np.ndarray | None, seed: int, smoke: bool):
    """Fit one VAE; returns the model, its parameters and its history."""
    model, fit_config = models.vae(config), _training(config, len(x), smoke)
    batch = models.Batch(jnp.asarray(x), label=None if label is None else jnp.asarray(label))
    model.check(batch)
    run = jax.jit(lambda key, batch: models.fit(key, model, batch, fit_config))
    return model, *run(jax.random.key(seed), batch)


def _codes(config: models.VAEConfig, params: Any, x: np.ndarray) -> models.Code:
    """Encode all examples with the search."""
    model = models.vae(config)
    return jax.jit(lambda params, x: models.encode_all(model, params, x, 200, search=True))(params, jnp.asarray(x))


def _f1(truth: np.ndarray, found: np.ndarray, classes: int) -> list[float]:
    """Return 2 |both| / (|true| + |found|) of every class."""
    counts = models.scores.confusion(truth, found, classes)
    return (2 * counts.diagonal() / np.maximum(counts.sum(0) + counts.sum(1), 1)).tolist()


PARTS: dict[str, Callable[[int, bool], dict[str, Any]]] = {"frames": frames, "rare": rare, "joint": joint}


def main(argv=None):
    """Carry out one part and write its JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=tuple(PARTS))
    parser.add_argument("--seeds", type=int, help="20 for frames, 5 for the others")
    parser.add_argument("--first", type=int, default=100)
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(argv)
    count = options.seeds or (2 if options.smoke else 20 if options.part == "frames" else 5)
    rows = []
    for seed in range(options.first, options.first + count):
        rows.append({"seed": seed} | PARTS[options.part](seed, options.smoke))
        print({name: value for name, value in rows[-1].items() if name != "options"}, flush=True)
        if options.out:
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(json.dumps(rows, indent=1))
    numbers = [name for name, value in rows[0].items() if isinstance(value, float)]
    print("medians:", {name: round(float(np.median([row[name] for row in rows])), 4) for name in numbers})


if __name__ == "__main__":
    main()
