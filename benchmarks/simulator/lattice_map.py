"""The ground-truth map, 10,000 histories × 400 sites × 950 steps: ours against a plain vmapped rollout.

    python -m benchmarks.simulator.lattice_map            (about two minutes; --smoke: a few seconds)

Lecture preset, float32, the same histories and subsets for all. ``naive`` is what one writes first: arrays in their
natural layout, shifted neighbours, a mask of the moving sites at every step, ``lax.scan`` under ``jax.vmap``, histories
in chunks of 64 (in one piece it is slower still). It simulates ``--naive-share`` of the histories in each round and is
scaled up in the table. Rounds of all variants are interleaved; the table has the median over rounds of CPU seconds
(this process, all threads) and of wall seconds, and the ratio of CPU seconds to ours.
"""

import argparse
import os
import time
from collections.abc import Callable
from statistics import median

from ferro_jax import before_xla

before_xla.add_flag("--xla_force_host_platform_device_count=2")

# isort: split
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh, PartitionSpec

import ferro_jax as ferro
from benchmarks.simulator.plain_rollouts import naive_rollout

SETUP = ferro.lecture(jnp.float32)


def naive(masks: Array, local_field: Array, curve: Array) -> Array:
    """Return Σ|curl| at the end of one history, from the formulas as they stand."""
    _, visible = naive_rollout(SETUP, masks, local_field, ferro.applied_field(curve, SETUP))
    return ferro.sum_abs_curl(visible, SETUP.curl_boundary, SETUP.curl_x_axis)


def programs(local: Array, subset_key: Array) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
    """Return our program and the naive one: functions from curves to targets."""
    masks = ferro.subset_masks(subset_key, SETUP.drive_steps + SETUP.hold_steps, SETUP.lattice)

    def ours(curves: Array) -> Array:
        return jax.vmap(lambda c: ferro.target(ferro.simulate(subset_key, c, local, SETUP).state, SETUP))(curves)

    def plain(curves: Array) -> Array:
        return jax.lax.map(lambda curve: naive(masks, local, curve), curves, batch_size=64)

    return ours, plain


def main() -> None:
    """Measure all variants and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--histories", type=int, default=10_000)
    parser.add_argument("--naive-share", type=float, default=0.2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--smoke", action="store_true", help="256 histories, one round")
    arguments = parser.parse_args()
    histories, rounds = (256, 1) if arguments.smoke else (arguments.histories, arguments.rounds)
    share = 64 * max(1, round(histories * arguments.naive_share / 64))

    curve_key, field_key, subset_key = jax.random.split(jax.random.key(0), 3)
    curves = ferro.damped_oscillation(curve_key, histories).curves
    local = ferro.random_field(field_key, SETUP.lattice, coercive_field=SETUP.coercive_field).astype(SETUP.dtype)
    ours, plain = programs(local, subset_key)

    variants: dict[str, tuple[Callable[[Array], Array], int]] = {
        "naive vmap and roll": (jax.jit(plain), share),
        "ours, one device": (jax.jit(ours), histories),
    }
    if len(jax.devices()) >= 2:
        mesh, lanes = Mesh(np.array(jax.devices()[:2]), ("lanes",)), PartitionSpec("lanes")
        even = histories - histories % 2
        sharded = jax.jit(jax.shard_map(ours, mesh=mesh, in_specs=lanes, out_specs=lanes, check_vma=False))
        variants["ours, two devices"] = (sharded, even)

    results, cpu, wall = {}, {}, {}
    for name, (function, count) in variants.items():
        start = time.perf_counter()
        results[name] = np.asarray(function(curves[:count]))
        print(f"{name}: compiled and run once in {time.perf_counter() - start:.1f} s", flush=True)
    for _ in range(rounds):
        for name, (function, count) in variants.items():
            cpu_start, wall_start = time.process_time(), time.perf_counter()
            function(curves[:count]).block_until_ready()
            scale = histories / count
            cpu.setdefault(name, []).append(scale * (time.process_time() - cpu_start))
            wall.setdefault(name, []).append(scale * (time.perf_counter() - wall_start))

    reference = results["ours, one device"]
    updates = histories * SETUP.lattice.sites * (SETUP.drive_steps + SETUP.hold_steps)
    print(f"\n{histories} histories, {updates:.3g} site-updates, {jax.default_backend()}, {os.cpu_count()} cores")
    print(f"{'':22}{'CPU-s':>9}{'wall-s':>9}{'CPU ratio':>11}{'M site-updates/CPU-s':>22}{'max |Δ target|':>16}")
    for name, (_, count) in variants.items():
        seconds = median(cpu[name])
        ratio = median(a / b for a, b in zip(cpu[name], cpu["ours, one device"], strict=True))
        difference = np.abs(results[name] - reference[:count]).max()
        scaled = f"  (scaled from {count})" if count < histories else ""
        print(
            f"{name:22}{seconds:9.2f}{median(wall[name]):9.2f}{ratio:11.2f}{updates / seconds / 1e6:22.0f}"
            f"{difference:16.1e}{scaled}"
        )


if __name__ == "__main__":
    main()
