"""The VAE family beside pyroVED, on the same images, at the same width and number of steps.

    python -m benchmarks.vae cost        CPU seconds per 1,000 images and epoch at 12, 24 and 48 pixels; an ensemble
    python -m benchmarks.vae quality     12 × 12 cards and 8 × 8 digits, 2,000 steps, five fresh seeds (a quarter hour)
    python -m benchmarks.vae angle       24 × 24 cards: recovered angles, with shear within ±1° and ±20°

Each takes ``--smoke``, ``--peers PYTHON`` (an interpreter with the bench extra; without one only our side runs) and
``--out FILE`` for a JSON of all numbers. Every seed draws its own images, initial weights and 1,000 images to be scored
on; recipes were tuned on other seeds. −ELBO is in nats per image with every weight at 1 ("searched": at the bins and
classes that decode best). A joint run is three vmapped restarts, of which the bound on rows held out from its training
set picks one. CPU seconds are of all our threads, compilation apart; pyroVED runs on one thread.
"""

import argparse
import json
import tempfile
from pathlib import Path

import bo  # noqa: F401 (sets NPROC and BLAS threads, before JAX starts)

# isort: split
import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import peers
from benchmarks.campaign import timed
from experiments import datasets
from models import recipes, scores
from models.ensemble import fit_ensemble, restarts
from models.latent import encode_all, negative_elbo
from models.training import FitConfig, fit
from models.types import Batch
from models.vae import VAEConfig, vae

RECIPE = FitConfig(epochs=50, batch_size=50, learning_rate=5e-3, warmup=0.025, final_rate=0.05)
SYMMETRY = (1, 1, 2, 1)  # of datasets.cards.SUITS: a diamond looks the same after half a turn


def spread(values) -> str:
    return f"{np.median(values):.4g} [{np.min(values):.4g}, {np.max(values):.4g}]"


def members(shape: tuple[int, ...], width: int, classes: int) -> dict[str, tuple[VAEConfig, str | None]]:
    """Our members of the family by name, with pyroVED's model of the same task."""
    hidden: dict = {"hidden": (width, width)}
    known = {"angle_posterior": "gaussian", "angle_std": 1.0, "bins": 1}
    return {
        "plain": (VAEConfig(shape=shape, likelihood="bernoulli", **hidden), "vae"),
        "invariant": (recipes.invariant(shape, **hidden, **known), "ivae"),
        "invariant, searched": (recipes.invariant(shape, **hidden), "ivae"),
        "joint, searched": (recipes.joint(shape, classes, **hidden), "jivae"),
        "semi-supervised, searched": (recipes.semi_supervised(shape, classes, **hidden), "ssivae"),
    }


def cards(key: jax.Array, name: str, size: int, training: int, held: int):
    """(training images, fresh images) of a set of cards."""
    images = datasets.load(key, name, size=size, per_suit=(training + held) // 4)
    return datasets.take(images, slice(0, training)), datasets.take(images, slice(training, None))


def with_labels(images, share: float, key: jax.Array) -> Batch:
    return datasets.to_batch(datasets.hide_labels(key, images, share), labels=True)


def cost(options) -> dict:
    """Training, per 1,000 images and epoch; an epoch of ours includes the look at its (few) held-out images."""
    python = peers.interpreter(options.peers, ("torch", "pyroved"))
    sizes = {12: 200} if options.smoke else {12: 1000, 24: 500, 48: 200}
    found: dict = {}
    print(f"{'pixels':>6} {'':26} {'ours':>8} {'pyroVED':>8} {'ratio':>6} {'compilation':>12}   CPU-s")
    for size, rows in sizes.items():
        training, held = cards(jax.random.key(3), "cards_full", size, rows, 100)
        data, labelled = datasets.to_batch(training), with_labels(training, 0.1, jax.random.key(4))
        how = FitConfig(epochs=2 if options.smoke else 4, batch_size=50, validation_fraction=0.05)
        images = how.epochs * 50 * ((rows - round(0.05 * rows)) // 50)
        for name, (config, peer) in members((size, size), 128, 4).items():
            if options.models and name.split(",")[0] not in options.models:
                continue
            given = labelled if config.class_mode == "semi_supervised" else data
            program = jax.jit(lambda key, given, config=config, how=how: fit(key, vae(config), given, how)[0])
            executable, compilation, _ = timed(lambda p=program, g=given: p.lower(jax.random.key(0), g).compile())
            timed(executable, jax.random.key(1), given)
            ours = np.median([timed(executable, jax.random.key(n), given)[1] for n in range(3)]) * 1000 / images
            entry = found[f"{name}, {size}"] = {"cpu_s": ours, "compilation_cpu_s": compilation}
            line = f"{size:6d} {name:26} {ours:8.3f}"
            if python and peer:
                theirs = _peer(python, peer, training, held, labelled, "--epochs", 2)
                entry["pyroved"] = theirs
                line += f" {theirs['cpu_s_per_1000_images']:8.3f} {ours / theirs['cpu_s_per_1000_images']:6.2f}"
            print(f"{line} {compilation:12.1f}", flush=True)
    found["ensemble"] = _ensemble(options)
    return found


def _ensemble(options) -> dict:
    """Eight joint members, 12 × 12, width 64, 1,000 images: one program against one fit after another."""
    training, _ = cards(jax.random.key(5), "cards_full", 12, 1000, 100)
    data, how = datasets.to_batch(training), FitConfig(epochs=2 if options.smoke else 30, batch_size=50)
    model = vae(recipes.joint((12, 12), 4, hidden=(64, 64)))
    keys = jax.random.split(jax.random.key(0), 8)
    one = jax.jit(lambda key: fit(key, model, data, how)[0]).lower(keys[0]).compile()
    many = jax.jit(lambda keys: fit_ensemble(keys, model, data, how)[0]).lower(keys).compile()
    timed(one, keys[0]), timed(many, keys)
    (_, single, _), (_, together, _) = timed(one, keys[1]), timed(many, keys)
    print(
        f"ensemble of 8 joint members, {how.epochs} epochs: {together:.1f} CPU-s in one program, "
        f"8 × {single:.1f} = {8 * single:.1f} one after another"
    )
    return {"together_cpu_s": together, "single_cpu_s": single, "epochs": how.epochs}


def _peer(python: str, kind: str, training, held, labelled: Batch, *arguments, codes: Path | None = None) -> dict:
    """pyroVED's ``kind`` on these images."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.npz"
        known = np.asarray(labelled.label) >= 0
        np.savez(
            path, train=training.x, test=held.x, labels_train=training.label, labels_test=held.label, labelled=known
        )
        extra = ("--out", codes) if codes else ()
        return peers.call(python, "vae_peers", kind, path, *arguments, *extra)


def quality(options) -> dict:
    """Bounds, clusters and accuracies over fresh seeds; pyroVED on the first ``--peer-seeds`` of the same images."""
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
        "joint, searched": (recipes.joint((8, 8), 10, balance_weight=0.0, **flat), None),
        "semi-supervised, searched": (recipes.semi_supervised((8, 8), 10, **flat), None),
    }
    found["digits"] = _judge(options, sets, ours, 10, None)
    return found


def _judge(options, sets, chosen, classes: int, python: str | None) -> dict:
    how = FitConfig(**{**RECIPE.__dict__, "epochs": 2}) if options.smoke else RECIPE
    if sets[0][0].x.shape[1] == 8 and not options.smoke:
        how = FitConfig(**{**RECIPE.__dict__, "epochs": 75})  # 1,437 digits: 2,000 steps and a little
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
            params = restarts(to_fit, starts, model, data, how, search=searched).params
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
                    result = _peer(python, peer, training, held, known, *steps, codes=Path(folder) / "codes.npz")
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
    """Mean |error| per suit in degrees, with an offset fitted per suit and with one for all, and branches."""
    size, rows, epochs = (12, 200, 2) if options.smoke else (24, 2000, options.epochs)
    how = FitConfig(**{**RECIPE.__dict__, "epochs": epochs})
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
            found = restarts(key, 3, model, data, how, search=True)
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


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("cost", "quality", "angle"))
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--peer-seeds", type=int, default=1, help="pyroVED's runs of each model for the quality")
    parser.add_argument("--models", nargs="+", help="plain invariant joint semi-supervised; all by default")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--cases", type=int, nargs="+", choices=(1, 2, 3), default=(1, 2, 3),
                        help="for the angle: shear ±1°, ±20°, ±20° with shear in the pose")  # fmt: skip
    parser.add_argument("--epochs", type=int, default=50, help="for the angle, 40 steps each")
    parser.add_argument("--out", type=Path)
    peers.add_option(parser)
    options = parser.parse_args(argv)
    if options.smoke:
        options.seeds = min(options.seeds, 2)
    found = {"cost": cost, "quality": quality, "angle": angle}[options.part](options)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
