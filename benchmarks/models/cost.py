"""CPU seconds of training the VAE family, beside pyroVED: a part of ``vae_family``."""

import jax
import numpy as np

from benchmarks import peers
from benchmarks.models.cases import cards, members, peer_on, with_labels
from benchmarks.timing import timed
from experiments import datasets
from models import FitConfig, fit, fit_ensemble, recipes, vae


def cost(options) -> dict:
    """Measure training, per 1,000 images and epoch; an epoch of ours includes scoring its (few) held-out images."""
    python = peers.interpreter(options.peers, ("torch", "pyroved"))
    sizes = {12: 200} if options.smoke else {12: 1000, 24: 500, 48: 200}
    measured: dict = {}
    print(f"{'pixels':>6} {'':26} {'ours':>8} {'pyroVED':>8} {'ratio':>6} {'compilation':>12}   CPU-s")
    for size, rows in sizes.items():
        training, held = cards(jax.random.key(3), "cards_full", size, rows, 100)
        data, labelled = datasets.to_batch(training), with_labels(training, 0.1, jax.random.key(4))
        fit_config = FitConfig(epochs=2 if options.smoke else 4, batch_size=50, validation_fraction=0.05)
        images = fit_config.epochs * 50 * ((rows - round(0.05 * rows)) // 50)
        for name, (config, peer) in members((size, size), 128, 4).items():
            if options.models and name.split(",")[0] not in options.models:
                continue
            given = labelled if config.class_mode == "semi_supervised" else data
            program = jax.jit(
                lambda key, given, config=config, fit_config=fit_config: fit(key, vae(config), given, fit_config)[0]
            )
            executable, compilation, _ = timed(lambda p=program, g=given: p.lower(jax.random.key(0), g).compile())
            timed(executable, jax.random.key(1), given)
            ours = np.median([timed(executable, jax.random.key(n), given)[1] for n in range(3)]) * 1000 / images
            entry = measured[f"{name}, {size}"] = {"cpu_s": ours, "compilation_cpu_s": compilation}
            line = f"{size:6d} {name:26} {ours:8.3f}"
            if python and peer:
                theirs = peer_on(python, peer, training, held, labelled, "--epochs", 2)
                entry["pyroved"] = theirs
                line += f" {theirs['cpu_s_per_1000_images']:8.3f} {ours / theirs['cpu_s_per_1000_images']:6.2f}"
            print(f"{line} {compilation:12.1f}", flush=True)
    return measured | {"ensemble": _ensemble(options)}


def _ensemble(options) -> dict:
    """Measure eight joint members, 12 × 12, width 64, 1,000 images, in one program and in one fit after another."""
    training, _ = cards(jax.random.key(5), "cards_full", 12, 1000, 100)
    data, fit_config = datasets.to_batch(training), FitConfig(epochs=2 if options.smoke else 30, batch_size=50)
    model = vae(recipes.joint((12, 12), 4, hidden=(64, 64), likelihood="bernoulli"))
    keys = jax.random.split(jax.random.key(0), 8)
    one = jax.jit(lambda key: fit(key, model, data, fit_config)[0]).lower(keys[0]).compile()
    many = jax.jit(lambda keys: fit_ensemble(keys, model, data, fit_config)[0]).lower(keys).compile()
    timed(one, keys[0]), timed(many, keys)
    (_, single, _), (_, together, _) = timed(one, keys[1]), timed(many, keys)
    print(
        f"ensemble of 8 joint members, {fit_config.epochs} epochs: {together:.1f} CPU-s in one program, "
        f"8 × {single:.1f} = {8 * single:.1f} one after another"
    )
    return {"together_cpu_s": together, "single_cpu_s": single, "epochs": fit_config.epochs}
