"""Cost of a pool campaign: 10,000 candidates on a 100 × 100 grid, 100 random + 500 steps, μ + 10σ, float64.

    python -m benchmarks.campaigns.pool_campaign            one campaign, and eight seeds on two host devices
    python -m benchmarks.campaigns.pool_campaign --smoke    the same table from a small one, in seconds
    python -m benchmarks.campaigns.pool_campaign --buckets 2 4 5    the cheapest number of buckets, compilation included
    python -m benchmarks.campaigns.pool_campaign --plain    compiled as any program is

The target is a cheap random landscape about as rough as the FerroSIM map, so that the numbers are those of the campaign
alone. CPU seconds are of the whole process (all threads); wall seconds depend on what else the machine does.
"""

import argparse
import os

from ferro_jax import before_xla

before_xla.add_flag("--xla_force_host_platform_device_count=2")

# isort: split
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec

import bo
from benchmarks.campaigns.landscape import landscape
from benchmarks.timing import timed


def measure(name, compiler, program, *arguments):
    """Print a row of the table: compilation, then the first run (only the thread pool is warm); return (state, info,
    CPU seconds of the run)."""
    compiled, compile_cpu, compile_wall = timed(
        lambda: jax.jit(program, compiler_options=compiler).lower(*arguments).compile()
    )
    (state, info), cpu, wall = timed(compiled, *arguments)
    print(f"{name:34} {compile_cpu:9.1f} {compile_wall:9.1f} {cpu:9.1f} {wall:9.1f} {compile_wall + wall:9.1f}")
    return state, info, cpu


def between_refits(campaign, state, candidates, repeat):
    """Print the CPU seconds of one step at the state's capacity, from a scan of ``repeat`` of them."""

    def advances(key, state):
        keys = jax.random.split(key, repeat)
        return jax.lax.scan(lambda s, k: (campaign.advance(k, s)[0], None), state, keys)[0]

    room = campaign.grow(state, state.chosen.shape[0] + repeat)
    compiled = jax.jit(advances).lower(jax.random.key(1), room).compile()
    compiled(jax.random.key(1), room)
    _, cpu, _ = timed(compiled, jax.random.key(2), room)
    capacity, pool = room.chosen.shape[0], candidates.shape[0]
    flop = 2 * capacity * pool + 2 * capacity**2
    print(
        f"one step between refits at n = {capacity}: {cpu / repeat * 1e3:.2f} CPU-ms for n·m + n² = "
        f"{flop / 2e6:.2f} million multiply-adds: {flop * repeat / cpu / 1e9:.2f} GFLOP/s"
    )


def main():
    """Measure the campaigns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--buckets", type=int, nargs="+", default=[4])
    parser.add_argument("--kernel", default="matern52")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--batched", action="store_true", help="fit the seeds in one batch, not one by one")
    parser.add_argument("--plain", action="store_true", help="compile without bo.compiler_options()")
    parser.add_argument("--skip-one", action="store_true", help="only the vmapped run")
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    compiler = {} if options.plain else bo.compiler_options()

    side = 20 if options.smoke else 100
    axis = jnp.linspace(-10, 10, side)
    candidates = jnp.stack(jnp.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    objective = landscape()
    truth = jax.vmap(lambda x: objective(None, x))(candidates)
    surrogate = bo.gaussian_process(bo.GPConfig(kernel=options.kernel, sequential=not options.batched))
    devices = len(jax.devices())
    mesh = jax.make_mesh((devices,), ("seed",), axis_types=(jax.sharding.AxisType.Auto,))
    keys = jax.random.split(jax.random.key(0), options.seeds)
    print(f"jax {jax.__version__}, {jax.devices()[0].platform} × {devices}, {os.cpu_count()} cores\n")
    print(f"{'':34} {'compile':>19} {'run':>19}")
    print(f"{'':34} {'CPU-s':>9} {'wall s':>9} {'CPU-s':>9} {'wall s':>9} {'sum wall':>9}")

    for buckets in options.buckets:
        budget = (20, 40, 10) if options.smoke else (100, 500, 25)
        config = bo.CampaignConfig(*budget, buckets=buckets)
        campaign = bo.campaign(objective, candidates, surrogate, bo.upper_confidence_bound(10.0), config)
        run = lambda key, c=campaign: bo.run(key, c)  # noqa: E731
        label = f"{buckets} buckets, {sum(budget[:2])} evaluations"
        if not options.skip_one:
            measure(f"one campaign, {label}", compiler, run, keys[0])
        spec = PartitionSpec("seed")
        sharded = jax.shard_map(jax.vmap(run), mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False)
        state, info, cpu = measure(f"{options.seeds} seeds, {label}", compiler, sharded, keys)
        refits = np.asarray(info.refitted)
        regret = float(truth.max()) - np.asarray(info.best)
        print(
            f"  {cpu / options.seeds:.2f} CPU-s a campaign; evaluations of the likelihood per refit "
            f"{np.asarray(info.fit_evaluations)[refits].mean():.1f}; retries {int(np.asarray(info.retries).sum())}"
        )
        print(
            f"  median regret after {budget[0]}, half and all: "
            + ", ".join(f"{np.median(regret[:, i]):.3f}" for i in (budget[0] - 1, sum(budget) // 2, -1))
        )
        print(
            f"  median lengthscale {np.median(np.asarray(state.params.kernel[0]['lengthscale']), axis=0)}, "
            f"noise {np.median(np.asarray(state.params.noise)):.4f}"
        )
    first = jax.tree.map(lambda leaf: leaf[0], state)
    between_refits(campaign, first, candidates, 20 if options.smoke else 100)


if __name__ == "__main__":
    main()
