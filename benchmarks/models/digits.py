"""Classes of 28 × 28 digits without labels, beside pyroVED on the same images and steps: a part of ``vae_family``."""

import jax
import numpy as np

from benchmarks import peers
from benchmarks.models.cases import RECIPE, peer_on, spread, with_labels
from benchmarks.timing import timed
from experiments import datasets
from experiments.shared.images.digits import joint_model
from experiments.shared.images.options import BINARY
from models import FitConfig, class_probabilities, restarts, scores, vae

STARTS = 1  # pyroVED has one too


def digits(options) -> dict:
    """Score joint models of upright digits over seeds, each with a split of its own, and count CPU seconds of training.

    A run of ours is ``STARTS`` starts, of which the bound on rows held out from its training set picks one; all of them
    are in its cost. pyroVED has one start a seed, on the first ``--peer-seeds`` seeds.
    """
    python = peers.interpreter(options.peers, ("torch", "pyroved"))
    images = datasets.load(jax.random.key(0), "digits", set="mnist")
    rows, held, steps = (300, 100, 20) if options.smoke else (4000, 1000, 2000)
    per_epoch = round((1 - RECIPE.validation_fraction) * rows) // RECIPE.batch_size
    fit_config = FitConfig(**{**RECIPE.__dict__, "epochs": round(steps / per_epoch), "learning_rate": 2e-3})
    config = joint_model(images, 10, (options.width,) * 2, BINARY)
    model = vae(config)

    def train(key: jax.Array, data) -> dict:
        return restarts(key, STARTS, model, data, fit_config, search=True).params

    def classes(params: dict, test) -> jax.Array:
        single = jax.tree.map(lambda leaf: leaf[None], params)
        return class_probabilities(model, single, test, chunk=100, search=True)[0].argmax(-1)

    ours, theirs, executable = [], [], None
    for seed in range(options.seeds):
        order = np.random.default_rng(700 + seed).permutation(len(images.x))
        training, test = datasets.take(images, order[:rows]), datasets.take(images, order[rows : rows + held])
        data, key = datasets.to_batch(training), jax.random.key(800 + seed)
        executable = executable or jax.jit(train).lower(key, data).compile()
        params, cpu, _ = timed(executable, key, data)
        found = np.asarray(jax.jit(classes)(params, datasets.to_batch(test)))
        ours.append({"accuracy": scores.clustering_accuracy(test.label, found, 10), "cpu_s": cpu})
        print(f"seed {seed}: ours {ours[-1]['accuracy']:.3f}, {cpu:.0f} CPU-s", flush=True)
        if python and seed < options.peer_seeds:
            arguments = ("--steps", steps, "--width", options.width, "--seed", seed)
            labelled = with_labels(training, 0.1, jax.random.key(900 + seed))
            theirs.append(peer_on(python, "jvae", training, test, labelled, *arguments))
            print(f"        pyroVED {theirs[-1]['accuracy']:.3f}, {theirs[-1]['cpu_s']:.0f} CPU-s", flush=True)
    for name, runs in (("ours", ours), ("pyroVED", theirs)):
        if runs:
            cost = spread([run["cpu_s"] for run in runs])
            print(f"{name}: accuracy {spread([run['accuracy'] for run in runs])}, {cost} CPU-s a run, {steps} steps")
    return {"ours": ours, "pyroved": theirs, "steps": steps}
