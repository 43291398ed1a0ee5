"""Bounds, clusters, accuracies and angles of the VAE family, beside pyroVED: parts of ``vae_family``."""

import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import peers
from benchmarks.models.cases import RECIPE, cards, members, peer_on, spread, with_labels
from benchmarks.timing import timed
from experiments import datasets
from models import FitConfig, encode_all, negative_elbo, recipes, restarts, scores, vae

SYMMETRY = (1, 1, 2, 1)  # of datasets.cards.SUITS: a diamond looks the same after half a turn


def quality(options) -> dict:
    """Score bounds, clusters and accuracies over fresh seeds, and pyroVED on the first ``--peer-seeds`` of them."""
    python = peers.interpreter(options.peers, ("torch", "pyroved"))
    found, width = {}, options.width
    rows, held = (200, 100) if options.smoke else (2000, 1000)
    sets = [cards(jax.random.key(100 + n), "cards_full", 12, rows, held) for n in range(options.seeds)]
    found["cards"] = _judge(options, sets, members((12, 12), width, 4), 4, python)
    sets = []
    for n in range(options.seeds):
        images = datasets.load(jax.random.key(200 + n), "digits")
        order = np.random.default_rng(200 + n).permutation(len(images.x))[: 300 if options.smoke else None]
        cut = len(order) - (100 if options.smoke else 360)
        sets.append((datasets.take(images, order[:cut]), datasets.take(images, order[cut:])))
    flat: dict = {
        "hidden": (width, width),
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
    found["digits"] = _judge(options, sets, ours, 10, None)
    return found


def _judge(options, sets, chosen, classes: int, python: str | None) -> dict:
    fit_config = FitConfig(**{**RECIPE.__dict__, "epochs": 2}) if options.smoke else RECIPE
    if sets[0][0].x.shape[1] == 8 and not options.smoke:
        fit_config = FitConfig(**{**RECIPE.__dict__, "epochs": 75})  # 1,437 digits: 2,000 steps and a little
    keys = jax.random.split(jax.random.key(300), len(sets))
    labelled = [with_labels(training, 0.1, jax.random.key(400 + n)) for n, (training, _) in enumerate(sets)]
    plain, fresh = ([datasets.to_batch(part) for part in column] for column in zip(*sets, strict=True))
    stack = lambda batches: jax.tree.map(lambda *leaves: jnp.stack(leaves), *batches)  # noqa: E731
    found = {}
    for name, (config, peer) in chosen.items():
        if options.models and name.split(",")[0] not in options.models:
            continue
        model, starts = vae(config), 3 if config.class_mode == "joint" else 1
        given = stack(labelled if config.class_mode == "semi_supervised" else plain)
        searched = config.bins > 1 or config.class_mode in ("joint", "semi_supervised")

        def one(key, data, test, model=model, starts=starts, searched=searched):
            to_fit, to_bound = jax.random.split(key)
            params = restarts(to_fit, starts, model, data, fit_config, search=searched).params
            bounds = [
                negative_elbo(to_bound, model, params, test, search=s) for s in ([False, True] if searched else [False])
            ]
            return bounds, encode_all(model, params, test, 200, search=searched)

        (bounds, code), cpu, _ = timed(
            jax.jit(lambda *a, one=one: jax.lax.map(lambda b: one(*b), a)), keys, given, stack(fresh)
        )
        truth = [held.label for _, held in sets]
        entry: dict = {"negative_elbo": np.asarray(bounds[0]).tolist(), "cpu_s": cpu}
        line = f"{name:26} −ELBO {spread(bounds[0])}"
        if searched:
            entry["negative_elbo_searched"] = np.asarray(bounds[1]).tolist()
            line += f", searched {spread(bounds[1])}"
        if code.probabilities is not None:
            labels = np.asarray(code.probabilities).argmax(-1)
            named = config.class_mode == "joint"
            rate = [
                scores.clustering_accuracy(t, f, classes) if named else float(np.mean(t == f))
                for t, f in zip(truth, labels, strict=True)
            ]
            entry["accuracy"] = rate
            line += f", {'clustering ' if named else ''}accuracy {spread(rate)}"
        else:
            rate = [
                scores.clustering_accuracy(t, scores.kmeans(jax.random.key(0), z, classes), classes)
                for t, z in zip(truth, np.asarray(code.mean), strict=True)
            ]
            entry["kmeans"] = rate
            line += f", k-means on z {spread(rate)}"
        print(f"{line} ({cpu:.0f} CPU-s with compilation)", flush=True)
        if python and peer and name != "invariant":
            steps = ("--steps", 20 if options.smoke else 2000, "--width", options.width)
            theirs = []
            for (training, held), known in list(zip(sets, labelled, strict=True))[: options.peer_seeds]:
                with tempfile.TemporaryDirectory() as folder:
                    result = peer_on(python, peer, training, held, known, *steps, codes=Path(folder) / "codes.npz")
                    z = np.load(Path(folder) / "codes.npz")["z"]
                result["kmeans"] = scores.clustering_accuracy(
                    held.label, scores.kmeans(jax.random.key(0), z, classes), classes
                )
                theirs.append(result)
            entry["pyroved"] = theirs
            print(
                f"{'  pyroVED ' + peer:26} −ELBO {spread([r['negative_elbo'] for r in theirs])}, accuracy "
                f"{[r['accuracy'] for r in theirs]}, k-means on z {spread([r['kmeans'] for r in theirs])}",
                flush=True,
            )
        found[name] = entry
    return found


def angle(options) -> dict:
    """Score the recovered angles: mean |error| of each suit in degrees, with an offset fitted to each suit or one for
    all, and how the errors fall into branches (angles that differ by a symmetry)."""
    size, rows, epochs = (12, 200, 2) if options.smoke else (24, 2000, options.epochs)
    fit_config = FitConfig(**{**RECIPE.__dict__, "epochs": epochs})
    found = {}
    cases = {
        "shear ±1°": ("cards_rotated", ("angle", "shift")),
        "shear ±20°": ("cards_full", ("angle", "shift")),
        "shear ±20°, affine pose": ("cards_full", ("angle", "shift", "shear")),
    }
    for name, (which, pose) in [list(cases.items())[n - 1] for n in options.cases]:
        config = recipes.invariant((size, size), pose=pose, hidden=(options.width, options.width))
        model, runs = vae(config), []

        @jax.jit
        def run(key, data, test, model=model):
            found = restarts(key, 3, model, data, fit_config, search=True)
            return encode_all(model, found.params, test, 100, search=True)

        for seed in range(options.seeds):
            training, held = cards(jax.random.key(500 + seed), which, size, rows, 100 if options.smoke else 1000)
            code, cpu, _ = timed(run, jax.random.key(600 + seed), datasets.to_batch(training), datasets.to_batch(held))
            estimate, true = np.asarray(code.pose.angle), held.factors["angle"]
            own = scores.angle_errors(true, estimate, held.label, SYMMETRY)
            shared = scores.angle_errors(true, estimate, held.label, SYMMETRY, common_offset=True)
            first = [scores.branches(own.error[held.label == k], SYMMETRY[k])[0] for k in range(4)]
            runs.append(
                {
                    "per_suit_deg": np.degrees(own.mean).tolist(),
                    "common_offset_deg": np.degrees(shared.mean).tolist(),
                    "largest_branch_share": [b.share for b in first],
                    "spread_in_branch_deg": [float(np.degrees(b.spread)) for b in first],
                    "cpu_s": cpu,
                }
            )
            print(f"  seed {seed}: {np.round(runs[-1]['per_suit_deg'], 1)} ({cpu:.0f} CPU-s)", flush=True)
        found[name] = runs
        print(f"{name}: suits {', '.join(held.classes)}")
        for what in ("per_suit_deg", "common_offset_deg", "largest_branch_share", "spread_in_branch_deg"):
            middle = np.median([run[what] for run in runs], axis=0)
            print(f"  {what.replace('_', ' '):24} median of {len(runs)} seeds {np.round(middle, 2)}", flush=True)
    return found
