"""Campaigns with a limit on a second outcome, beside random search and a campaign that does not know the limit.

    python -m benchmarks.campaigns.limits            5 safe starts + 24 evaluations, 32 seeds: 3 minutes
    python -m benchmarks.campaigns.limits --smoke

oven    a value with its best where the temperature, linear in both inputs, is too high: at most 15 °C
film    a perovskite film (``experiments.shared.processes.annealing``) held at one of 20 temperatures for one of 20
        durations: the largest grains of which at most 2 % are decomposed. The decomposed share grows by orders of
        magnitude and is learned as it is
film, logarithm    the same, where the outcome is the logarithm of the decomposed share

All methods begin at the same five random candidates among the safer half of those that keep the limit, and score by
log EI; hyperparameters are fitted after each evaluation. A method has found the optimum if its best value within the
limit comes within 1 % of the range of the values within the limit. A violation is one of the 24 evaluations after the
starts that exceeds the limit. No number was chosen by these problems, but the level below which a campaign asks last
(``bo.campaigns.chances.LEAST``) was one half when they were measured before; the logarithm was added after the share
itself had been measured.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import bo
from benchmarks.campaigns import seeds
from experiments.lab.objectives import look_up
from experiments.shared.processes import annealing

STARTS, STEPS = 5, 24
SAFE = (0.95, 0.99)


class Table(NamedTuple):
    """A pool with its values and what an outcome exceeds its limit by, negative within the limit."""

    candidates: jax.Array  # F["pool 2"]
    value: jax.Array  # F["pool"]
    excess: jax.Array  # F["pool"]


def oven(side: int) -> Table:
    """Return the oven: value sin 4x + cos 5y, temperature 50x + 10y of at most 15."""
    pool = bo.problems.grid(2, side)
    x, y = pool.T
    return Table(pool, jnp.sin(4 * x) + jnp.cos(5 * y), 50 * x + 10 * y - 15)


def film(side: int) -> Table:
    """Return the annealed film: grains in µm, decomposed share of at most 0.02; 60 to 190 °C, 60 s to 3,600 s."""
    celsius, log_seconds = jnp.meshgrid(jnp.linspace(60, 190, side), jnp.linspace(jnp.log(60), jnp.log(3600), side))
    pool = jnp.stack([celsius.ravel(), log_seconds.ravel()], 1)
    end = jax.vmap(lambda x: annealing.simulate(jnp.full(100, x[0]), jnp.exp(x[1])))(pool)
    return Table(pool, end.grain, end.decomposed - 0.02)


def film_logarithm(side: int) -> Table:
    """Return the annealed film with the limit on log10 of the decomposed share."""
    table = film(side)
    return table._replace(excess=jnp.log10((table.excess + 0.02) / 0.02))


PROBLEMS = {"oven": oven, "film": film, "film, logarithm": film_logarithm}


def safer_half(table: Table) -> np.ndarray:
    """Return the candidates that keep the limit by more than the median of all that keep it."""
    excess = np.asarray(table.excess)
    return np.flatnonzero(excess <= np.median(excess[excess <= 0]))


def campaign_of(outcomes: bo.Outcomes, steps: int):
    """Return the function (key, starts, table) -> candidates in the order of their evaluation."""
    config = bo.CampaignConfig(STARTS, steps, refit_every=1)

    def indices(key, starts, table):
        objective = look_up(table.candidates, {"value": table.value, "excess": table.excess})
        rule = bo.log_expected_improvement()
        problem = bo.campaign(
            objective, table.candidates, bo.gaussian_process(), rule, config, initial=starts, outcomes=outcomes
        )
        return bo.run(key, problem)[1].index

    return indices


def at_random(generator: np.random.Generator, starts: np.ndarray, pool: int, steps: int) -> np.ndarray:
    """Return random candidates without repeats after the starts, (seeds, evaluations)."""
    rows = []
    for first in starts:
        rest = np.setdiff1d(np.arange(pool), first)
        rows.append(np.concatenate([first, generator.permutation(rest)[:steps]]))
    return np.stack(rows)


def judged(table: Table, index: np.ndarray) -> dict[str, np.ndarray]:
    """Return of each seed whether it found the optimum, its regret in % of the range, and its violations."""
    value, within = np.asarray(table.value), np.asarray(table.excess) <= 0
    best = np.max(np.where(within[index], value[index], -np.inf), axis=1)
    regret = 100 * (value[within].max() - best) / np.ptp(value[within])
    return {"found": regret <= 1, "regret_percent": regret, "violations": (~within[index[:, STARTS:]]).sum(axis=1)}


def main(argv=None):
    """Run every method on every seed of all problems and print the table."""
    options = seeds.parser(__doc__).parse_args(argv)
    jax.config.update("jax_enable_x64", True)
    side, number, steps = (8, 2, 4) if options.smoke else (20, options.seeds, STEPS)
    limits = {"excess": bo.Limit(below=0.0)}
    methods = {
        "limit not known": bo.Outcomes("value", record=("excess",)),
        "limit": bo.Outcomes("value", limits=limits),
    } | {f"limit, safe={level}": bo.Outcomes("value", limits=limits, safe=level) for level in SAFE}
    generator = np.random.default_rng(options.seed)
    tables, starts = {name: make(side) for name, make in PROBLEMS.items()}, {}
    for name, table in tables.items():
        starts[name] = np.stack(
            [generator.choice(safer_half(table), STARTS, replace=False).astype(np.int32) for _ in range(number)]
        )
    keys = jax.random.split(jax.random.key(options.seed), number)
    stacked = jax.tree.map(lambda *leaves: jnp.repeat(jnp.stack(leaves), number, axis=0), *tables.values())
    first, every = jnp.asarray(np.concatenate(list(starts.values()))), jnp.concatenate([keys] * len(tables))
    indices = {
        "random": np.concatenate([at_random(generator, each, side**2, steps) for each in starts.values()]),
    }
    measured = {name: {} for name in tables}
    for method, outcomes in methods.items():
        index, cpu, compile_cpu = seeds.over_seeds(campaign_of(outcomes, steps), every, first, stacked)
        print(f"{method}: {cpu:.0f} CPU-s, compilation {compile_cpu:.0f} CPU-s", flush=True)
        indices[method] = index
    for place, (name, table) in enumerate(tables.items()):
        within = np.asarray(table.excess) <= 0
        print(f"{name}: {within.mean():.0%} of {within.size} candidates keep the limit, {number} seeds")
        for method, index in indices.items():
            row = measured[name][method] = judged(table, index[place * number : (place + 1) * number])
            print(
                f"  {method:20} found {row['found'].mean():4.0%}, regret {seeds.spread(row['regret_percent'])} %, "
                f"violations {seeds.spread(row['violations'])} of {steps}"
            )
    seeds.save(options.out, measured)


if __name__ == "__main__":
    main()
