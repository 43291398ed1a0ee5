"""Four evaluations at a time beside one at a time: progress after the same number of evaluations.

    python -m benchmarks.campaigns.batches            Branin and Hartmann's function of six inputs, 32 seeds: 3 minutes
    python -m benchmarks.campaigns.batches --smoke

The points of a batch are asked together (``bo.batch.run``, which is ``lab.ask(state, 4)`` of a session): each as if
those before it had been observed at their expectation. Both have the same starts, log EI over the unit cube, and a fit
after each evaluation or batch. Progress after n evaluations is (best − best start) / (optimum − best start); its ratio
is of the seeds' medians. Because the progress of both ends at 1, the evaluations to 99 % of the way are compared as
well: those of the sequential campaign over those of the batch, of the medians, whole batches counted.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import bo
from benchmarks.campaigns import seeds
from bo.problems import Problem

BATCH = 4
PROBLEMS = {"Branin": (bo.problems.branin(), 5, 40), "Hartmann-6": (bo.problems.hartmann6(), 14, 60)}


def campaign_of(problem: Problem, initial: int, steps: int, q: int):
    """Return the function (key, starts) -> values in the order of their evaluation."""
    bounds, config = jnp.tile(jnp.array([0.0, 1.0]), (problem.dim, 1)), bo.BoxConfig(initial, steps)

    def values(key, starts):
        rule = bo.log_expected_improvement()
        campaign = bo.box(problem.objective, bounds, bo.gaussian_process(), rule, config, initial=starts)
        _, info = bo.run(key, campaign) if q == 1 else bo.batch.run(key, campaign, q)
        return info.value

    return values


def progress(values: np.ndarray, initial: int, optimum: float) -> np.ndarray:
    """Return the share of the way from the best start to the optimum after each evaluation, (seeds, evaluations)."""
    best = np.maximum.accumulate(values, axis=1)
    start = best[:, initial - 1 : initial]
    return np.maximum(best - start, 0) / (optimum - start)


def evaluations_to(share: np.ndarray, initial: int, q: int, level: float = 0.99) -> np.ndarray:
    """Return the evaluations after the starts until ``level`` is reached, whole batches counted.

    Where it is not reached, one more than were made.
    """
    reached, made = share >= level, share.shape[1] - initial
    first = np.argmax(reached, axis=1) - initial + 1
    return np.where(reached.any(axis=1), np.ceil(first / q) * q, made + 1)


def main(argv=None):
    """Run both campaigns and random search on every seed of both functions and print the table."""
    options = seeds.parser(__doc__).parse_args(argv)
    jax.config.update("jax_enable_x64", True)
    number = 2 if options.smoke else options.seeds
    keys, generator = jax.random.split(jax.random.key(options.seed), number), np.random.default_rng(options.seed)
    measured = {}
    for name, (problem, initial, full) in PROBLEMS.items():
        steps = BATCH if options.smoke else full
        points = generator.random((number, initial + steps, problem.dim))
        drawn = np.asarray(jax.vmap(jax.vmap(lambda x, of=problem.objective: of(None, x)))(jnp.asarray(points)))
        shares = {"random": progress(drawn, initial, problem.optimum)}
        row: dict[str, Any] = {"initial": initial}
        measured[name] = row
        for method, q in (("one at a time", 1), (f"{BATCH} at a time", BATCH)):
            program = campaign_of(problem, initial, steps, q)
            values, cpu, compile_cpu = seeds.over_seeds(program, keys, jnp.asarray(points[:, :initial]))
            print(f"{name}, {method}: {cpu:.0f} CPU-s, compilation {compile_cpu:.0f} CPU-s", flush=True)
            shares[method] = progress(values, initial, problem.optimum)
        each = {"random": 1, "one at a time": 1, f"{BATCH} at a time": BATCH}
        row["evaluations"] = {method: evaluations_to(share, initial, each[method]) for method, share in shares.items()}
        for method, share in shares.items():
            row[method] = share[:, initial - 1 :]
            print(f"  {method:14} evaluations to 99 %: {seeds.spread(row['evaluations'][method])}")
        for done in range(BATCH, steps + 1, BATCH):
            at = {method: share[:, initial + done - 1] for method, share in shares.items()}
            ratio = np.median(at[f"{BATCH} at a time"]) / np.median(at["one at a time"])
            print(f"  after {done:2}: ratio {ratio:.3f}; " + ", ".join(f"{m} {seeds.spread(v)}" for m, v in at.items()))
    seeds.save(options.out, measured)


if __name__ == "__main__":
    main()
