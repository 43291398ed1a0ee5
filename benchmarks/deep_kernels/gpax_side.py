"""gpax's side of ``comparison``: its deep kernel ``viDKL`` on the same data and splits.

    python -m benchmarks.deep_kernels.gpax_side TASK.npz [--seeds N] [--steps 1000]

Runs where gpax is, and imports nothing of ours but ``benchmarks.peers``. gpax 0.1.8 needs an older JAX than we do, an
environment of its own: ``pip install gpax==0.1.8 numpyro==0.15.3 jax==0.4.31 jaxlib==0.4.31 dm-haiku==0.0.13
"numpy<2" "flax<0.10" "optax<0.2.4" "chex<0.1.90"`` (0.1.9 does not import with numpyro 0.22). TASK.npz and the output
are those of ``gpytorch_side``. Settings are gpax's defaults: MLP to two latents with priors on its weights, RBF with
log-normal priors, point estimates by SVI, 1,000 Adam steps at 0.005; its predictions include noise. Double precision.
CPU seconds of the process with its compilation, which every new model repeats.
"""

import argparse
import json
import sys
import time

import gpax
import jax
import numpy as np

from benchmarks.peers import versions


def fitted(seed: int, train, test, steps: int) -> dict[str, float]:
    """Return the scores of a fit to one split, and its CPU seconds."""
    start = time.process_time()
    model = gpax.viDKL(train[0].shape[1], 2, kernel="RBF")
    to_fit, to_predict = jax.random.split(jax.random.PRNGKey(seed))
    model.fit(to_fit, *train, num_steps=steps, step_size=0.005, print_summary=False, progress_bar=False)
    mean, variance = (np.asarray(part) for part in model.predict(to_predict, test[0]))
    std = np.sqrt(np.maximum(variance, 1e-12))
    z = (test[1] - mean) / std
    return {
        "rmse": float(np.sqrt(np.mean((test[1] - mean) ** 2))),
        "nll": float(np.mean(0.5 * z**2 + np.log(std) + 0.5 * np.log(2 * np.pi))),
        "coverage": float(np.mean(np.abs(z) < 1.96)),
        "cpu_s": time.process_time() - start,
    }


def main() -> None:
    """Fit every split and print the JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("task")
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--steps", type=int, default=1000)
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    given = np.load(options.task)
    rows = []
    for seed, (train, test) in enumerate(zip(given["train"], given["test"], strict=True)):
        if options.seeds is not None and seed >= options.seeds:
            break
        parts = [(given["x"][each], given["y"][each]) for each in (train, test)]
        rows.append(fitted(seed, *parts, options.steps))
        print(f"seed {seed} done", file=sys.stderr, flush=True)
    print(json.dumps({"methods": {"gpax viDKL": rows}, "versions": versions("gpax", "jax", "numpyro", "numpy")}))


if __name__ == "__main__":
    main()
