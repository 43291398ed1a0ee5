"""What a GPU gains: rollouts, gradients, the fused kernel, a campaign over seeds and a VAE, each beside the CPU.

    python -m benchmarks.gpu            # a few minutes; writes benchmarks/results/gpu-<name of the GPU>.json
    python -m benchmarks.gpu --smoke    # tiny jobs on the CPU alone, nothing written

Each device has a process of its own, because JAX chooses kernels for the device it starts on. Numbers are wall seconds
of a call after a first one, which compiles; the median of three. It has not run on a GPU yet: nobody here has one.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import jax
import jax.numpy as jnp

import bo
import ferro_jax as ferro
from benchmarks.campaigns.landscape import landscape
from benchmarks.simulator import fused_kernel
from experiments import datasets
from models import FitConfig, fit, recipes, vae

RESULTS = Path(__file__).parent / "results"
Job = Callable[[], Any]


def of_histories(setup: ferro.Setup, lanes: int, gradient: bool) -> Job:
    """Return Σ|curl| of so many histories, or the gradients with respect to their curves."""
    key, lattice = jax.random.key(0), setup.lattice
    local = ferro.random_field(key, lattice, coercive_field=setup.coercive_field).astype(setup.dtype)
    curves = ferro.damped_oscillation(jax.random.key(1), lanes).curves[:, : setup.drive_steps]

    def target(curve: jax.Array) -> jax.Array:
        return ferro.target(ferro.simulate(key, curve, local, setup, check=False).state, setup)

    program = jax.jit(jax.vmap(jax.grad(target) if gradient else target))
    return lambda: program(curves)


def fused(lanes: int, steps: int) -> Job:
    """Return the rollout in the fused kernel of ``simulator.fused_kernel``; on a CPU it would be interpreted."""
    lattice = ferro.Lattice((20, 20))
    local = ferro.random_field(jax.random.key(0), lattice).astype(jnp.float32)
    applied = (10 * jax.random.normal(jax.random.key(1), (lanes, steps, 2))).astype(jnp.float32)
    program = jax.jit(fused_kernel.runs(lattice, applied, local, interpret=False)[1])
    return lambda: program(applied)


def campaign(seeds: int, side: int, budget: tuple[int, int, int]) -> Job:
    """Return campaigns of μ + 10σ over a grid, one per seed, side by side."""
    axis = jnp.linspace(-10, 10, side)
    candidates = jnp.stack(jnp.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    surrogate = bo.gaussian_process(bo.GPConfig(sequential=False))
    config = bo.CampaignConfig(*budget)
    made = bo.campaign(landscape(), candidates, surrogate, bo.upper_confidence_bound(10.0), config)
    program = jax.jit(jax.vmap(lambda key: bo.run(key, made)[1].best))
    keys = jax.random.split(jax.random.key(0), seeds)
    return lambda: program(keys)


def vae_epochs(images: int, epochs: int) -> Job:
    """Return the training of an invariant VAE on images of cards."""
    data = datasets.to_batch(datasets.load(jax.random.key(3), "cards_full", size=48, per_suit=images // 4))
    model = vae(recipes.invariant((48, 48)))
    config = FitConfig(epochs=epochs, batch_size=50)
    program = jax.jit(lambda key: fit(key, model, data, config)[0])
    return lambda: program(jax.random.key(0))


def jobs(smoke: bool, on_gpu: bool) -> dict[str, Callable[[], Job]]:
    """Return name → function that prepares the job."""
    physical, lecture = ferro.physical()._replace(settle=None), ferro.lecture()
    if smoke:
        physical, lecture = (setup._replace(drive_steps=20, hold_steps=2) for setup in (physical, lecture))
    found: dict[str, Callable[[], Job]] = {}
    for setup in (physical, lecture):
        for lanes in (2,) if smoke else (64, 1024, 10_000):
            found[f"rollout, {setup.name}, {lanes} histories"] = lambda s=setup, n=lanes: of_histories(s, n, False)
        for lanes in (2,) if smoke else (64, 1024):
            found[f"gradient, {setup.name}, {lanes} histories"] = lambda s=setup, n=lanes: of_histories(s, n, True)
    if on_gpu:
        found |= {f"fused kernel, {n} lattices": lambda n=n: fused(n, 950) for n in (64, 1024, 10_000)}
    found["campaigns, 8 seeds"] = lambda: campaign(2, 6, (5, 3, 5)) if smoke else campaign(8, 50, (50, 100, 25))
    found["VAE, 2 epochs of 2,000 images"] = lambda: vae_epochs(100, 1) if smoke else vae_epochs(2000, 2)
    return found


def measure(smoke: bool) -> dict[str, Any]:
    """Return the device and the seconds of each job on it."""
    device, seconds = jax.devices()[0], {}
    for name, prepare in jobs(smoke, device.platform == "gpu").items():
        job = prepare()
        times = []
        for _ in range(4):
            begin = time.perf_counter()
            jax.block_until_ready(job())
            times.append(time.perf_counter() - begin)
        seconds[name] = median(times[1:])
        print(f"{device.device_kind}: {name}: {seconds[name]:.3g} s (first call {times[0]:.3g} s)", file=sys.stderr)
    return {"device": device.device_kind, "platform": device.platform, "seconds": seconds}


def on(platform: str, smoke: bool) -> dict[str, Any]:
    """Return what ``measure`` returns in a process that starts JAX on the platform."""
    command = [sys.executable, "-m", "benchmarks.gpu", "--worker", *["--smoke"] * smoke]
    done = subprocess.run(
        command, env={**os.environ, "JAX_PLATFORMS": platform}, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> None:
    """Measure both devices, print the table and write it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--smoke", action="store_true", help="tiny jobs on the CPU alone, nothing written")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        jax.config.update("jax_enable_x64", True)  # for the campaigns; the other jobs are in single precision
        print(json.dumps(measure(options.smoke)))
        return
    if options.smoke:
        print(json.dumps(on("cpu", True), indent=1))
        return
    try:
        gpu = on("cuda", False)  # first, because without a card it ends at once
    except subprocess.CalledProcessError as error:
        raise SystemExit(
            "JAX found no GPU: install jax[cuda12] on a machine with a card (--smoke needs none)"
        ) from error
    cpu = on("cpu", False)
    print(f"{'':44} {'CPU, s':>10} {gpu['device']:>20} {'ratio':>8}")
    for name, seconds in gpu["seconds"].items():
        before = cpu["seconds"].get(name)
        print(f"{name:44} {before or float('nan'):10.3g} {seconds:20.3g} {(before or float('nan')) / seconds:8.1f}")
    path = RESULTS / f"gpu-{re.sub('[^a-z0-9]+', '-', gpu['device'].lower())}.json"
    path.write_text(json.dumps({"cpu": cpu, "gpu": gpu}, indent=1) + "\n")
    print(f"written: {path.name}")


if __name__ == "__main__":
    main()
