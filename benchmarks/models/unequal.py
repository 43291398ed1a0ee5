"""``models.fit_vae`` with its defaults on data that they were not chosen on: frames of any contrast, rare classes.

    python -m benchmarks.models.unequal frames    20 random frames: collapse, sublattices, angles, what the report says;
                                                  with ``--classes 2`` sublattices are the classes that are found
    python -m benchmarks.models.unequal guesses   the same frames: sublattices by the guesses of two classes that a fit
                                                  begins with, and the groups that a report looks for
    python -m benchmarks.models.unequal rare      10 % labels, 6 % vacancies: accuracy, F1 of every kind, beside a
                                                  support-vector machine on the labelled windows
    python -m benchmarks.models.unequal joint     cards with (669, 695, 67, 41) of the suits, no labels: ARI, beside
                                                  k-means on the features that classes are guessed from

Each takes ``--seeds N``, ``--first N`` (recipes were tuned on seeds below 100), ``--starts N`` and ``--steps N`` of
``fit_vae``, ``--smoke`` and ``--out FILE`` for a JSON of all numbers; frames take ``--normalise`` of ``datasets.cut``.
"""

import argparse
import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from sklearn.metrics import adjusted_rand_score
from sklearn.svm import SVC

import models
from benchmarks.models.frames import drawn, windows
from experiments import datasets
from models import guesses, recipes

COUNTS = (669, 695, 67, 41)  # cards of each suit, in random order of the suits
KINDS = ("A", "B", "vacancy")
UNKNOWN_MUCH = 0.05  # nats about an example in all latents, below which a latent space has collapsed


def frames(seed: int, smoke: bool, options: dict[str, Any]) -> dict[str, Any]:
    """Fit one random frame without classes, and score what its codes tell and what the report says."""
    options = dict(options)
    normalise = options.pop("normalise", "none")
    data = windows(*drawn(seed), seed, 200 if smoke else 600, normalise)
    fitted, cost = _fitted(data.x, seed, options)
    report, codes = fitted.report, fitted.support
    by_class = report.recipe == "joint"
    cluster = np.asarray(codes.label) if by_class else models.scores.kmeans(jax.random.key(0), codes.z, 2)
    errors = models.scores.angle_errors(data.angle, np.asarray(codes.angle), data.sublattice, (data.symmetry,) * 2)
    return {
        "options": data.options,
        "side": data.x.shape[1],
        "sublattices": models.scores.clustering_accuracy(data.sublattice, cluster, 2),
        "angle_deg": float(np.degrees(np.median(np.abs(errors.error)))),
        "information": report.information,
        "told": any("by features" in problem for problem in report.problems),
        "collapsed": max(report.information) < UNKNOWN_MUCH,
        "error": report.error,
        "problems": report.problems,
        "cpu_s": cost,
    }


def guessed(seed: int, smoke: bool, options: dict[str, Any]) -> dict[str, Any]:
    """Guess the sublattices of one random frame, and look for groups, without any training."""
    data = windows(*drawn(seed), seed, 200 if smoke else 600, options.get("normalise", "none"))
    config = recipes.joint(data.x.shape[1:], 2)
    guess = models.guess_classes(jax.random.key(seed), config, data.x)
    group = guesses.groups_of(jax.random.key(seed), config, data.x)
    return {
        "options": data.options,
        "sublattices": models.scores.clustering_accuracy(data.sublattice, guess, 2) if guess.min() >= 0 else 0.0,
        "groups": int(group.max() + 1),
    }


def rare(seed: int, smoke: bool, options: dict[str, Any]) -> dict[str, Any]:
    """Fit windows with few vacancies, a tenth of each kind labelled (three at least), and score the other windows."""
    frame, side = drawn(seed)
    data = windows(frame | {"vacancies": 0.12}, side, seed, 400 if smoke else 3000)
    kind = np.where(data.kind == 3, 2, data.kind)
    training, held = slice(None, 2 * len(kind) // 3), slice(2 * len(kind) // 3, None)
    label = np.full(len(kind[training]), "", dtype=object)
    for value, name in enumerate(KINDS):
        of_class = np.flatnonzero(kind[training] == value)
        label[of_class[: max(3, len(of_class) // 10)]] = name
    x, test, truth = data.x[training], data.x[held], kind[held]
    fitted, cost = _fitted(x, seed, options, labels=label, classes=KINDS)
    found = np.asarray(fitted.encode(test).label)
    known = label != ""
    machine = SVC(C=100.0).fit(
        x[known].reshape(known.sum(), -1) / x.max(), [KINDS.index(name) for name in label[known]]
    )
    by_machine = machine.predict(test.reshape(len(test), -1) / x.max())
    return {
        "options": frame,
        "frequencies": (np.bincount(kind[training], minlength=3) / len(x)).tolist(),
        "labelled": [int((label == name).sum()) for name in KINDS],
        "problems": fitted.report.problems,
        "cpu_s": cost,
        **{f"{name}_accuracy": float(np.mean(own == truth)) for name, own in (("vae", found), ("svm", by_machine))},
        **{f"{name}_vacancies_f1": _f1(truth, own)[2] for name, own in (("vae", found), ("svm", by_machine))},
        **{f"{name}_f1": _f1(truth, own) for name, own in (("vae", found), ("svm", by_machine))},
    }


def joint(seed: int, smoke: bool, options: dict[str, Any]) -> dict[str, Any]:
    """Fit cards of unequal frequencies, and score the classes that are found."""
    counts = np.random.default_rng(seed).permutation([count // (10 if smoke else 1) for count in COUNTS])
    images = datasets.load(jax.random.key(seed), "cards_full", size=12, per_suit=int(max(counts)))
    suits = np.asarray(images.label)
    rows = np.concatenate([np.flatnonzero(suits == suit)[:count] for suit, count in enumerate(counts)])
    x, label = images.x[rows], suits[rows]
    fitted, cost = _fitted(x, seed, options, classes=4)
    found = np.asarray(fitted.support.label)
    features = guesses.features_of(recipes.joint(x.shape[1:], 4), x)
    frequent = counts[label] > counts.max() / 2
    return {
        "counts": counts.tolist(),
        "ari": adjusted_rand_score(label, found),
        "ari_of_the_frequent": adjusted_rand_score(label[frequent], found[frequent]),
        "kmeans_ari": adjusted_rand_score(label, models.scores.kmeans(jax.random.key(seed), features, 4)),
        "confusion": models.scores.confusion(label, models.scores.rename(label, found, 4), 4).tolist(),
        "problems": fitted.report.problems,
        "cpu_s": cost,
    }


def _fitted(x: np.ndarray, seed: int, options: dict[str, Any], **known: Any) -> tuple[models.Fitted, float]:
    """Fit a stack and return the fit with its cost in CPU seconds; its warnings are in the report."""
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        fitted = models.fit_vae(x, seed=seed, progress=False, **known, **options)
    return fitted, time.process_time() - began


def _f1(truth: np.ndarray, found: np.ndarray) -> list[float]:
    """Return 2 |both| / (|true| + |found|) of every kind."""
    counts = models.scores.confusion(truth, found, len(KINDS))
    return (2 * counts.diagonal() / np.maximum(counts.sum(0) + counts.sum(1), 1)).tolist()


PARTS: dict[str, Callable[..., dict[str, Any]]] = {"frames": frames, "guesses": guessed, "rare": rare, "joint": joint}


def main(argv=None):
    """Carry out one part and write its JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=tuple(PARTS))
    parser.add_argument("--seeds", type=int, help="20 for frames, 5 for the others")
    parser.add_argument("--first", type=int, default=100)
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--steps", type=int, help="of the optimiser; 2,000 unless given")
    parser.add_argument("--classes", type=int, help="of fit_vae, for frames")
    parser.add_argument("--normalise", default="none", help="of the windows of frames")
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(argv)
    count = options.seeds or (2 if options.smoke else 20 if options.part in ("frames", "guesses") else 5)
    fit = {"starts": 1, "steps": 40} if options.smoke else {"starts": options.starts, "steps": options.steps}
    if options.part in ("frames", "guesses"):
        fit |= {"normalise": options.normalise} | ({"classes": options.classes} if options.classes else {})
    rows = []
    for seed in range(options.first, options.first + count):
        rows.append({"seed": seed} | PARTS[options.part](seed, options.smoke, fit))
        print({name: value for name, value in rows[-1].items() if name != "options"}, flush=True)
        if options.out:
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(json.dumps(rows, indent=1))
    numbers = [name for name, value in rows[0].items() if isinstance(value, float)]
    print("medians:", {name: round(float(np.median([row[name] for row in rows])), 4) for name in numbers})


if __name__ == "__main__":
    main()
