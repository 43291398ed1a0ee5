"""The programs of ``pairs``, run in the folder of a state of the repository, by names that all states have."""

import json
import os
import sys
import time
from typing import Any

os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=1"

import bo
import ferro_jax as ferro
import models

# isort: split
import jax
import jax.numpy as jnp

SMOKE = "smoke" in sys.argv


def campaign() -> tuple[Any, Any]:
    """Return the reference campaign: a grid of 100 × 100, 100 random points and 500 steps, μ + 10σ, float64."""
    axis = jnp.linspace(-10, 10, 20 if SMOKE else 100, dtype=jnp.float64)
    pool = jnp.stack(jnp.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    config = bo.CampaignConfig(*((20, 40, 10) if SMOKE else (100, 500, 25)), buckets=4)
    problem = bo.campaign(
        lambda key, x: jnp.sin(x[0]) * jnp.cos(0.7 * x[1]) + 0.1 * x[0],
        pool,
        bo.gaussian_process(bo.GPConfig()),
        bo.upper_confidence_bound(10.0),
        config,
    )
    return lambda key: bo.run(key, problem)[1].value, jax.random.key(0)


def lattice_map() -> tuple[Any, Any]:
    """Return the map of the lecture's preset, in single precision."""
    setup = ferro.lecture(jnp.float32)
    curve_key, field_key, subset_key = jax.random.split(jax.random.key(0), 3)
    curves = ferro.damped_oscillation(curve_key, 256 if SMOKE else 10_000).curves.astype(jnp.float32)
    local = ferro.random_field(field_key, setup.lattice, coercive_field=setup.coercive_field).astype(jnp.float32)
    target = lambda curve: ferro.target(ferro.simulate(subset_key, curve, local, setup).state, setup)  # noqa: E731
    return jax.vmap(target), curves


def epoch() -> tuple[Any, Any]:
    """Return one epoch of the VAE of the main job on its 7,500 histories."""
    curves = ferro.damped_oscillation(jax.random.key(1), 600 if SMOKE else 7500).curves.astype(jnp.float32)
    model, config = models.vae(models.VAEConfig()), models.FitConfig(epochs=1)
    return lambda data: models.fit(jax.random.key(2), model, data, config)[1].train["loss"], curves


def main() -> None:
    """Compile the programs, tell their names, then run what is asked for and answer its CPU seconds."""
    jax.config.update("jax_enable_x64", True)
    programs = {"campaign": campaign(), "map": lattice_map(), "epoch": epoch()}
    compiled = {name: (jax.jit(run).lower(x).compile(), x) for name, (run, x) in programs.items()}
    print(json.dumps(list(programs)), flush=True)
    for line in sys.stdin:
        run, x = compiled[line.strip()]
        before = time.process_time()
        jax.block_until_ready(run(x))
        print(json.dumps(time.process_time() - before), flush=True)


if __name__ == "__main__":
    main()
