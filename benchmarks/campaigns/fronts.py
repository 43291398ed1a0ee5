"""Fronts of two objectives: the share of the true hypervolume after some evaluations, beside random search.

    python -m benchmarks.campaigns.fronts            two problems, 10 random + 50 evaluations, 32 seeds: 4 minutes
    python -m benchmarks.campaigns.fronts --problems DTLZ2 --refit-starts 1
    python -m benchmarks.campaigns.fronts --smoke

Branin–Currin  the pair of BoTorch's test functions, two inputs, 30 × 30 candidates, reference (18, 6)
DTLZ2          of Deb et al. 2002 with three inputs and two objectives, 11³ candidates, reference (1.1, 1.1)

Both are minimised by their authors and maximised here with the sign reversed. The truth is the hypervolume of the whole
pool. Hyperparameters are fitted after every fifth evaluation, with ``--refit-starts`` fresh starts each time
(``bo.GPConfig``). Nothing was tuned on these problems.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import bo
from benchmarks.campaigns import seeds
from experiments.lab.objectives import look_up

INITIAL, STEPS = 10, 50
CHECKPOINTS = (20, 30, 40, 50, 60)
RULES = {"random weights": bo.random_scalarisation, "expected hypervolume": bo.hypervolume_improvement}


class Problem(NamedTuple):
    """A pool with two objectives to be maximised, and the point above which their volume counts."""

    candidates: jax.Array  # F["pool dim"]
    values: jax.Array  # F["pool 2"]
    reference: tuple[float, float]


def branin_currin(side: int) -> Problem:
    """Return Branin's function, and Currin's exponential one (Currin et al. 1988), on a grid of the unit square."""
    pool = bo.problems.grid(2, side)
    x, y = pool.T
    branin = jax.vmap(lambda point: bo.problems.branin().objective(None, point))(pool)
    damping = jnp.where(y > 0, 1 - jnp.exp(-1 / (2 * jnp.where(y > 0, y, 1))), 1)
    currin = damping * (2300 * x**3 + 1900 * x**2 + 2092 * x + 60) / (100 * x**3 + 500 * x**2 + 4 * x + 20)
    return Problem(pool, jnp.stack([branin, -currin], 1), (-18.0, -6.0))


def dtlz2(side: int) -> Problem:
    """Return DTLZ2 on a grid of the unit cube: an arc of radius 1 where the last two inputs are 0.5."""
    pool = bo.problems.grid(3, side)
    radius, angle = 1 + jnp.sum((pool[:, 1:] - 0.5) ** 2, axis=1), jnp.pi / 2 * pool[:, 0]
    return Problem(pool, -jnp.stack([radius * jnp.cos(angle), radius * jnp.sin(angle)], 1), (-1.1, -1.1))


def campaign_of(problem: Problem, rule: str, steps: int, refit_starts: int):
    """Return the function (key, initial) -> candidates in the order of their evaluation."""
    config = bo.CampaignConfig(INITIAL, steps, refit_every=5)
    outcomes, surrogate = bo.Outcomes(("first", "second")), bo.gaussian_process(bo.GPConfig(refit_starts=refit_starts))

    def indices(key, initial):
        first, second = problem.values.T
        objective = look_up(problem.candidates, {"first": first, "second": second})
        campaign = bo.campaign(
            objective, problem.candidates, surrogate, RULES[rule](), config, initial=initial, outcomes=outcomes
        )
        return bo.run(key, campaign)[1].index

    return indices


def shares(problem: Problem, index: np.ndarray, checkpoints: list[int]) -> np.ndarray:
    """Return the share of the pool's hypervolume that the evaluations so far have, (seeds, checkpoints)."""
    values = np.asarray(problem.values)
    truth = bo.hypervolume(values, problem.reference)
    volumes = [[bo.hypervolume(values[row[:n]], problem.reference) for n in checkpoints] for row in index]
    return np.array(volumes) / truth


def main(argv=None):
    """Run both rules on every seed of both problems and print the table."""
    parser = seeds.parser(__doc__)
    parser.add_argument("--problems", nargs="+", choices=("Branin–Currin", "DTLZ2"), default=("Branin–Currin", "DTLZ2"))
    parser.add_argument("--refit-starts", type=int, default=0)
    options = parser.parse_args(argv)
    jax.config.update("jax_enable_x64", True)
    number, steps = (2, 10) if options.smoke else (options.seeds, STEPS)
    problems = {
        "Branin–Currin": branin_currin(8 if options.smoke else 30),
        "DTLZ2": dtlz2(5 if options.smoke else 11),
    }
    checkpoints = [n for n in CHECKPOINTS if n <= INITIAL + steps]
    generator, measured = np.random.default_rng(options.seed), {}
    keys = jax.random.split(jax.random.key(options.seed), number)
    for name in options.problems:
        problem = problems[name]
        pool = problem.candidates.shape[0]
        drawn = np.stack([generator.permutation(pool)[: INITIAL + steps] for _ in range(number)]).astype(np.int32)
        row = measured[name] = {"checkpoints": checkpoints, "random": shares(problem, drawn, checkpoints)}
        for rule in RULES:
            program = campaign_of(problem, rule, steps, options.refit_starts)
            index, cpu, compile_cpu = seeds.over_seeds(program, keys, jnp.asarray(drawn[:, :INITIAL]))
            print(f"{name}, {rule}: {cpu:.0f} CPU-s, compilation {compile_cpu:.0f} CPU-s", flush=True)
            row[rule] = shares(problem, index, checkpoints)
        print(f"{name}: share of the hypervolume of {pool} candidates after {checkpoints} evaluations, {number} seeds")
        for method in ("random", *RULES):
            print(f"  {method:20} " + ", ".join(seeds.spread(column) for column in row[method].T))
    seeds.save(options.out, measured)


if __name__ == "__main__":
    main()
