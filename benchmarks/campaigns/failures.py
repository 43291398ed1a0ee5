"""Campaigns over pools where 70 % of the evaluations fail, beside random search and two processes written by hand.

    python -m benchmarks.campaigns.failures                     32 landscapes drawn at random, each with a failing
                                                                region of its own: 400 candidates, 5 + 30 evaluations
    python -m benchmarks.campaigns.failures --table TABLE.npz   the table of ``experiments.battery``: the first two
                                                                principal components of its 1,000 charging currents,
                                                                32 seeds; charges above the highest voltage that 30 %
                                                                keep fail as well
    python -m benchmarks.campaigns.failures --smoke

Two processes: one on the values, one on 0 (failed) and 1, both fitted anew before each step; the score is the expected
improvement times the second mean, cut at 0.01 and 0.99. Every method has the same starts. A checkpoint's value is the
best so far in units of the pool's range from the median success (0) to the best (1); a seed without a success counts
as the worst success. ``--out FILE`` saves all that was measured.
"""

import jax
import jax.numpy as jnp
import numpy as np

import bo
from benchmarks.campaigns import seeds
from benchmarks.timing import timed
from experiments.lab.objectives import look_up

FAILING = 0.7
CHECKPOINTS = (10, 15, 20, 25, 30, 35)


def drawn_tables(key, pool, number):
    """Return value and success over the pool for each of ``number`` pairs of random functions."""

    def function(key, lengthscale):
        of_frequency, of_phase, of_weight = jax.random.split(key, 3)
        frequency = jax.random.normal(of_frequency, (pool.shape[1], 200)) / lengthscale
        phase = jax.random.uniform(of_phase, (200,), maxval=2 * jnp.pi)
        return jnp.cos(pool @ frequency + phase) @ jax.random.normal(of_weight, (200,)) / 10

    def table(key):
        of_value, of_success = jax.random.split(key)
        value, fragile = function(of_value, 0.25), function(of_success, 0.4)
        return jnp.where(fragile > jnp.quantile(fragile, FAILING), value, jnp.nan)

    return jax.vmap(table)(jax.random.split(key, number))


def battery_table(path, number):
    """Return pool and values, the same for each of ``number`` seeds; NaN where a charge fails."""
    saved = np.load(path)
    current = saved["current"] - saved["current"].mean(0)
    axes = np.linalg.svd(current, full_matrices=False)[2][:2]
    voltage = np.where(saved["failed"], np.inf, saved["voltage"])
    failed = voltage > np.quantile(voltage, 1 - FAILING)
    value = np.where(failed, np.nan, saved["value"])
    return jnp.asarray(current @ axes.T), jnp.broadcast_to(jnp.asarray(value), (number, value.size))


def campaign_values(pool, config, acquisition, learn):
    """Return the function (key, table, initial) -> values of the evaluations, in order."""

    def values(key, table, initial):
        options = bo.CampaignConfig(config[0], config[1], refit_every=1, learn_failures=learn)
        problem = bo.campaign(look_up(pool, table), pool, bo.gaussian_process(), acquisition, options, initial=initial)
        return bo.run(key, problem)[1].value

    return values


def two_processes(pool, config):
    """Return the function (key, table, initial) -> values of the loop written by hand."""
    start, steps = config
    cube = (pool - pool.min(0)) / (pool.max(0) - pool.min(0))
    gp = bo.gaussian_process()

    def fitted(key, x, y, mask):
        data = bo.observations(x, jnp.where(mask, y, 0), mask)
        return gp.predict(gp.init(key, data), data, cube)

    def step(key, table, asked, count):
        x, y = cube[asked], table[asked]
        evaluated = jnp.arange(start + steps) < count
        good = evaluated & jnp.isfinite(y)
        value, success = fitted(key, x, y, good), fitted(key, x, good.astype(float), evaluated)
        best = jnp.max(jnp.where(good, y, -jnp.inf))
        best = jnp.where(jnp.isfinite(best), best, jnp.min(value.mean))
        z = (value.mean - best) / value.std
        gain = value.std * (jax.scipy.stats.norm.pdf(z) + z * jax.scipy.stats.norm.cdf(z))
        score = gain * jnp.clip(success.mean, 0.01, 0.99)
        visited = jnp.zeros(cube.shape[0], bool).at[jnp.where(evaluated, asked, -1)].set(evaluated, mode="drop")
        return jnp.argmax(jnp.where(visited, -jnp.inf, score)).astype(asked.dtype)

    def values(key, table, initial):
        asked = jnp.zeros(start + steps, jnp.int32).at[:start].set(initial)

        def turn(count, asked):
            return asked.at[count].set(step(jax.random.fold_in(key, count), table, asked, count))

        return table[jax.lax.fori_loop(start, start + steps, turn, asked)]

    return values


def best_so_far(values, tables):
    """Return the best value after each evaluation in units of the pool's range from the median success to the best."""
    values, tables = np.asarray(values), np.asarray(tables)
    low, middle, high = (np.nanquantile(tables, level, axis=1)[:, None] for level in (0, 0.5, 1))
    best = np.maximum.accumulate(np.where(np.isnan(values), low, values), axis=1)
    return (best - middle) / (high - middle)


def main():
    """Run every method on every seed and print the table."""
    parser = seeds.parser(__doc__)
    parser.add_argument("--table", help="npz of charging histories instead of the drawn landscapes")
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    number = 2 if options.smoke else options.seeds
    config = (5, 5) if options.smoke else (5, 30)
    of_tables, of_runs, of_starts = jax.random.split(jax.random.key(options.seed), 3)
    if options.table:
        pool, tables = battery_table(options.table, number)
    else:
        pool = bo.problems.grid(2, 20)
        tables = drawn_tables(of_tables, pool, number)
    starts = jax.vmap(lambda key: jax.random.choice(key, pool.shape[0], (config[0],), replace=False))(
        jax.random.split(of_starts, number)
    ).astype(jnp.int32)
    improvement, bound = bo.log_expected_improvement(), bo.upper_confidence_bound(2.0)
    methods = {
        "random": campaign_values(pool, config, bo.at_random(), False),
        "log EI, failures ignored": campaign_values(pool, config, improvement, False),
        "μ + 2σ, failures ignored": campaign_values(pool, config, bound, False),
        "log EI": campaign_values(pool, config, improvement, True),
        "μ + 2σ": campaign_values(pool, config, bound, True),
        "Thompson": campaign_values(pool, config, bo.thompson(), True),
        "two processes by hand": two_processes(pool, config),
    }
    failing = np.isnan(np.asarray(tables)).mean()
    print(f"{failing:.0%} of {pool.shape[0]} candidates fail; {number} seeds; median [quartiles]")
    checkpoints = [count for count in CHECKPOINTS if count <= sum(config)]
    print(f"{'after evaluations':28}" + "".join(f"{count:>24}" for count in checkpoints) + "   failed  CPU-s")
    report = {}
    for name, method in methods.items():
        program = jax.jit(lambda *arguments, method=method: jax.lax.map(lambda each: method(*each), arguments))
        values, cpu, _ = timed(program, jax.random.split(of_runs, number), tables, starts)
        best = best_so_far(values, tables)
        quartiles = [np.quantile(best[:, count - 1], [0.25, 0.5, 0.75]) for count in checkpoints]
        failed = float(np.isnan(np.asarray(values)).sum(1).mean())
        row = "".join(f"{middle:8.3f} [{low:6.3f},{high:6.3f}]" for low, middle, high in quartiles)
        print(f"{name:28}{row}   {failed:6.1f} {cpu:6.0f}", flush=True)
        report[name] = {"best": best.tolist(), "failed": failed}
    seeds.save(options.out, report)


if __name__ == "__main__":
    main()
