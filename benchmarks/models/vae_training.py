"""The default VAE fit at full size, over seeds: bound and error on fresh curves, CPU and wall seconds.

    python -m benchmarks.models.vae_training    (one to two minutes; --smoke: a few seconds)

Every seed draws its own 7,500 training curves, initial weights and 4,000 fresh curves that are in neither the training
nor the validation split. −ELBO is in nats per curve, averaged over eight posterior samples each; RMSE is that of the
reconstruction through the posterior mean, on noisy curves (noise 0.020). The program is compiled once, and that is
printed apart. CPU seconds are those of this process, over all its threads. ``GFLOP/s`` counts the matrix products of
the training steps alone (three per weight and example: forward, gradient of the weights, gradient of the inputs) per
CPU second.
``--activation``, ``--epochs``, ``--batch-size`` and ``--learning-rate`` override the defaults; ``--paper`` sets those
of arXiv 2206.12435 (tanh, 75 epochs, batch 64, constant rate 1e-3), whose final −ELBO is −1171.6.
"""

import argparse
import itertools
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import ferro_jax as ferro
from benchmarks.timing import timed
from models import FitConfig, VAEConfig, evaluate, fit, vae


def show(label: str, values: Any) -> None:
    """Print a row of the table."""
    print(label.rjust(6), *(f"{value:15.4g}" if abs(value) < 1 else f"{value:15.2f}" for value in values), flush=True)


def matrix_flops(model_config: VAEConfig, config: FitConfig, rows: int) -> float:
    """Return the floating-point operations of the matrix products of a whole training."""
    encoder = (model_config.shape[0], *model_config.hidden, 2 * model_config.latent_dim)
    decoder = (model_config.latent_dim, *model_config.hidden[::-1], model_config.shape[0])
    weights = sum(a * b for sizes in (encoder, decoder) for a, b in itertools.pairwise(sizes))
    training = rows - round(config.validation_fraction * rows)
    first = encoder[0] * encoder[1]  # the gradient with respect to the data is not needed
    return 2 * (3 * weights - first) * config.epochs * (training // config.batch_size) * config.batch_size


def main() -> None:
    """Train over the seeds and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="600 curves, 3 epochs, 2 seeds")
    parser.add_argument("--paper", action="store_true", help="the paper's recipe instead of the default one")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=1000)
    parser.add_argument("--form", choices=("cos", "sin"), default="cos")
    parser.add_argument("--activation")
    for name, kind in (("epochs", int), ("batch-size", int), ("learning-rate", float)):
        parser.add_argument(f"--{name}", type=kind)
    options = parser.parse_args()

    model_config, config, curves, held, seeds = VAEConfig(), FitConfig(), 7500, 4000, options.seeds
    if options.paper:
        model_config = replace(model_config, activation="tanh")
        config = replace(config, epochs=75, batch_size=64, learning_rate=1e-3, schedule="constant", warmup=0.0)
    if options.smoke:
        config, curves, held, seeds = replace(config, epochs=3), 600, 200, 2
    given = {name: getattr(options, name) for name in ("epochs", "batch_size", "learning_rate")}
    config = replace(config, **{name: value for name, value in given.items() if value is not None})
    if options.activation is not None:
        model_config = replace(model_config, activation=options.activation)
    model = vae(model_config)
    print(model_config, config, f"{curves} curves, {held} fresh ones, form {options.form}", sep="\n", flush=True)

    def draw(key: jax.Array, n: int) -> jax.Array:
        return ferro.damped_oscillation(key, n, form=options.form).curves

    train = jax.jit(lambda key, data: fit(key, model, data, config))
    score = jax.jit(lambda key, params, data: evaluate(key, model, params, data))
    shape = jax.ShapeDtypeStruct((curves, model_config.shape[0]), jnp.float32)
    train, compile_cpu, compile_wall = timed(lambda: train.lower(jax.random.key(0), shape).compile())
    print(f"compilation: {compile_cpu:.1f} CPU-s, {compile_wall:.1f} s")

    columns = ("−ELBO", "KL", "RMSE", "training −ELBO", "CPU-s", "wall s", "GFLOP/s")
    print("seed".rjust(6), *(name.rjust(15) for name in columns))
    flops, rows = matrix_flops(model_config, config, curves), []
    for seed in range(options.first_seed, options.first_seed + seeds):
        to_data, to_fresh, to_fit, to_score = jax.random.split(jax.random.key(seed), 4)
        (params, history), cpu, wall = timed(train, to_fit, draw(to_data, curves))
        quality = score(to_score, params, draw(to_fresh, held))
        if not bool(history.finite[-1]):
            print(f"seed {seed}: training went non-finite in epoch {int(np.argmin(history.finite)) + 1}")
        last = float(history.train["loss"][-1])
        terms = (float(quality[name]) for name in ("negative_elbo", "kl", "rmse_mean"))
        rows.append((*terms, last, cpu, wall, flops / cpu / 1e9))
        show(str(seed), rows[-1])
    for name, summary in (("median", np.median), ("min", np.min), ("max", np.max)):
        show(name, summary(np.asarray(rows), axis=0))


if __name__ == "__main__":
    main()
