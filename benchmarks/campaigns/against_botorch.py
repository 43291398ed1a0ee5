"""Campaigns beside BoTorch's, in one run and from the same starts: CPU seconds, regret, memory.

    python -m benchmarks.campaigns.against_botorch pool     10,000 candidates, 100 random + 500 steps, μ + 10σ, float64:
                                                            about 20 minutes
    python -m benchmarks.campaigns.against_botorch box      Branin-50, Hartmann6-60, Levy4-60, Ackley5-60, LogEI: about
                                                            30 minutes
    python -m benchmarks.campaigns.against_botorch growth   cost of a step and of a refit, n = 100 … 2,000, m = 1e3 …
                                                            1e5: minutes

Each takes ``--smoke``, ``--peers PYTHON`` (an interpreter with the bench extra; without one only our side runs) and
``--out FILE`` for a JSON of everything measured. Our CPU seconds are those of the whole process with all its threads;
BoTorch has one thread. Compilation is timed apart and is not in the seconds of a run, as BoTorch's import is not.
Nothing was tuned on these seeds, landscape and starts: the recipe of ``bo.campaigns.box`` was found on other seeds.
"""

import argparse
import dataclasses
import resource
import tempfile
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import qmc

import bo
from benchmarks import peers
from benchmarks.campaigns.functions import FUNCTIONS
from benchmarks.campaigns.landscape import landscape
from benchmarks.campaigns.seeds import compiled, save, spread
from benchmarks.timing import timed
from bo import problems
from bo.devices import lanes

CHECKPOINTS = (25, 50, 100, 500)
GROWTHS = (0.0, 0.25)  # by which evaluations must have grown for the next fit
INITIAL = {"branin": 5, "hartmann6": 14, "levy4": 10, "ackley5": 12}
PROBLEMS = {
    "branin": problems.branin,
    "hartmann6": problems.hartmann6,
    "levy4": lambda: problems.levy(4),
    "ackley5": lambda: problems.ackley(5),
}


def peak_memory() -> float:
    """Return the largest resident memory of this process so far, GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def pool(options) -> dict:
    """Measure campaigns over the pool, ours and BoTorch's on the first ``--peer-seeds`` of the same starts."""
    side, start, steps = (20, 20, 30) if options.smoke else (100, 100, 500)
    seeds = options.seeds or (4 if options.smoke else 32)
    axis = np.linspace(-10, 10, side)
    x = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    objective = landscape()
    truth = np.asarray(jax.vmap(lambda point: objective(None, point))(jnp.asarray(x)))
    generator = np.random.default_rng(2026)
    initial = np.stack([generator.permutation(len(x))[:start] for _ in range(seeds)])
    python = peers.interpreter(options.peers, ("torch", "botorch"))
    measured = pool_ours(options, x, truth, initial, steps)
    if python is None:
        print("BoTorch: not installed (the bench extra); left out")
        return measured
    number = min(options.peer_seeds, seeds)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "start.npz"
        np.savez(path, x=x, y=truth, initial=initial[:number])
        theirs = peers.call(
            python, "campaigns.botorch_side", "pool", path, "--steps", steps, "--refit", 10, "--seeds", number
        )
    cpu = [seed["cpu_s"] for seed in theirs["seeds"]]
    print(f"BoTorch {theirs['versions']['botorch']}: {spread(cpu)} CPU-s a campaign")
    print(f"ratio of one campaign: {np.median(cpu) / np.median(measured['one_cpu_s']):.1f}")
    for growth, ours in measured["seeds"].items():
        print(f"growth {growth}: ratio of {seeds} seeds {seeds * np.median(cpu) / ours['cpu_s']:.1f}")
        for name, values in theirs["regret_at"].items():
            regret = np.asarray(ours["regret_at"][name])
            print(
                f"  regret after {name} steps: ours {spread(regret)} ({seeds} seeds), {np.median(regret[:number]):.3g} "
                f"on BoTorch's {number}; BoTorch {spread(values)}"
            )
    return measured | {"botorch": theirs}


def pool_ours(options, x: np.ndarray, truth: np.ndarray, initial: np.ndarray, steps: int) -> dict:
    """Measure one campaign of ours, up to three times, and all starts ``initial`` (seeds, n) in one program: fitted
    every 25 evaluations, and less often as they grow."""
    (seeds, start), objective = initial.shape, landscape()
    config = bo.CampaignConfig(start, steps, 25 if not options.smoke else 10)
    rule = bo.upper_confidence_bound(10.0)

    def run(key, first, buckets=None, growth=0.0):
        plan = dataclasses.replace(config, buckets=buckets, refit_growth=growth)
        info = bo.run(key, bo.campaign(objective, x, bo.gaussian_process(), rule, plan, initial=first))[1]
        return info.index, info.best, info.z_score

    keys, first = jax.random.split(jax.random.key(7), seeds), jnp.asarray(initial, jnp.int32)
    one, compile_one = compiled(run, keys[0], first[0])
    timed(one, keys[1], first[1])
    alone = [timed(one, keys[n], first[n])[1] for n in range(min(3, seeds))]
    print(f"ours: one campaign {spread(alone)} CPU-s (compilation {compile_one:.1f})", flush=True)
    together = {}
    for growth in GROWTHS:
        many, compile_many = compiled(lanes(partial(run, buckets=4, growth=growth), options.side_by_side), keys, first)
        (_, best, z_score), cpu, wall = timed(many, keys, first)
        regret = truth.max() - np.asarray(best)[:, start - 1 :]
        inside = float((np.abs(np.asarray(z_score)[:, start:]) < 1.96).mean())
        print(
            f"ours: {seeds} seeds, growth {growth}: {cpu:.1f} CPU-s, {wall:.1f} s wall (compilation "
            f"{compile_many:.1f} CPU-s), {peak_memory():.2f} GiB; z-scores within ±1.96: {inside:.1%}",
            flush=True,
        )
        together[str(growth)] = {
            "cpu_s": cpu,
            "wall_s": wall,
            "compile_cpu_s": compile_many,
            "peak_memory_gib": peak_memory(),
            "z_scores_within_1.96": inside,
            "regret_at": {str(n): regret[:, n].tolist() for n in CHECKPOINTS if n <= steps},
        }
    return {"one_cpu_s": alone, "one_compile_cpu_s": compile_one, "seeds": together}


def design(name: str, seeds: int) -> np.ndarray:
    """Return scrambled Sobol starts in the unit cube, (seeds, n, dim)."""
    return np.stack([qmc.Sobol(FUNCTIONS[name].dim, seed=1000 + n).random(16)[: INITIAL[name]] for n in range(seeds)])


def boxes(options) -> dict:
    """Measure every function over ``--seeds`` starts in one program, and BoTorch one start after another."""
    python = peers.interpreter(options.peers, ("torch", "botorch"))
    seeds = options.seeds or (2 if options.smoke else 10)
    starts = {name: design(name, seeds) for name in options.functions}
    measured = {}
    for name, first in starts.items():
        total = INITIAL[name] + 5 if options.smoke else FUNCTIONS[name].evaluations
        row = measured[name] = box_ours(PROBLEMS[name](), first, total)
        each, regret = row["cpu_s_per_evaluation"], np.asarray(row["log10_regret"])
        print(f"{name}: ours {each:.4f} CPU-s an evaluation (compilation {row['compile_cpu_s']:.1f})")
        if python is not None:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "start.npz"
                np.savez(path, **starts)
                more = ("--evaluations", total, "--seeds", seeds, "--fit", options.fit)
                theirs = row["botorch"] = peers.call(python, "campaigns.botorch_side", "box", name, path, *more)
            cost = np.median([seed["cpu_s_per_evaluation"] for seed in theirs["seeds"]])
            print(f"{name}: BoTorch {cost:.3f} CPU-s an evaluation, {cost / each:.1f} times ours")
        for n in sorted({n for n in (20, 30, total) if n <= total}):
            line = f"  log10 regret after {n}: ours {spread(regret[:, n - 1])}"
            if python is not None:
                line += f", BoTorch {spread([seed['log10_regret'][n - 1] for seed in row['botorch']['seeds']])}"
            print(line, flush=True)
    return measured


def box_ours(problem: problems.Problem, first: np.ndarray, total: int) -> dict:
    """Measure our campaigns on a function from the starts ``first`` (seeds, n, dim) to ``total`` evaluations."""
    seeds, number = first.shape[:2]
    config = bo.BoxConfig(initial_points=number, steps=total - number)
    bounds = jnp.tile(jnp.array([0.0, 1.0]), (problem.dim, 1))
    rule = bo.log_expected_improvement()

    def run(key, points):
        campaign = bo.box(problem.objective, bounds, bo.gaussian_process(), rule, config, initial=points)
        return bo.run(key, campaign)[1].best

    keys = jax.random.split(jax.random.key(11), seeds)
    program, compile_cpu = compiled(jax.vmap(run), keys, jnp.asarray(first))
    timed(program, jax.random.split(jax.random.key(12), seeds), jnp.asarray(first))
    best, cpu, _ = timed(program, keys, jnp.asarray(first))
    return {
        "cpu_s_per_evaluation": cpu / (seeds * config.steps),
        "compile_cpu_s": compile_cpu,
        "log10_regret": np.log10(np.maximum(problem.optimum - np.asarray(best), 1e-16)).tolist(),
    }


def growth(options) -> dict:
    """Measure the CPU-ms of a step between refits and the CPU-s of conditioning on n observations, over a pool of m."""
    numbers, sizes = ((50, 100), (1000,)) if options.smoke else ((100, 500, 1000, 2000), (1_000, 10_000, 100_000))
    surrogate, objective, rows = bo.gaussian_process(), landscape(), []
    repeat, rule = 5 if options.smoke else 20, bo.upper_confidence_bound(10.0)
    print(f"{'n':>6} {'m':>8} {'step, CPU-ms':>14} {'condition, CPU-s':>18} {'GFLOP/s of the step':>20}")
    for m in sizes:
        x = jax.random.uniform(jax.random.key(m), (m, 2), minval=-10, maxval=10)
        for n in (n for n in numbers if n < m):
            campaign = bo.campaign(objective, x, surrogate, rule, bo.CampaignConfig(n, repeat, repeat))
            state, _ = jax.jit(campaign.init)(jax.random.key(0))

            def steps(key, state, campaign=campaign, room=n + repeat):
                advance = lambda carry, key: (campaign.advance(key, carry)[0], None)  # noqa: E731
                return jax.lax.scan(advance, campaign.grow(state, room), jax.random.split(key, repeat))[0].best

            condition = jax.jit(lambda data, params, x=x: surrogate.condition(params, data, x).mean)
            cube = bo.unit_cube(x, x.dtype)
            program, _ = compiled(steps, jax.random.key(0), state)
            timed(program, jax.random.key(0), state)
            step = min(timed(program, jax.random.key(k), state)[1] for k in range(3)) / repeat
            timed(condition, state.data, state.params, cube)
            conditioning = timed(condition, state.data, state.params, cube)[1]
            rate = (2 * n * m + 2 * n * n) / step / 1e9
            print(f"{n:6d} {m:8d} {step * 1e3:14.2f} {conditioning:18.2f} {rate:20.2f}", flush=True)
            rows.append({"n": n, "m": m, "step_cpu_ms": step * 1e3, "condition_cpu_s": conditioning})
    return {"growth": rows}


def main(argv=None):
    """Carry out one part and write its JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("pool", "box", "growth"))
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--seeds", type=int, default=0, help="default 32 on the pool, 10 on boxes")
    parser.add_argument("--peer-seeds", type=int, default=3, help="BoTorch's campaigns over the pool")
    parser.add_argument("--side-by-side", type=int, default=1, help="our campaigns over the pool that advance together")
    parser.add_argument("--functions", nargs="+", choices=sorted(PROBLEMS), default=list(PROBLEMS))
    parser.add_argument("--fit", choices=("warm", "cold"), default="warm", help="BoTorch's refits on boxes")
    parser.add_argument("--out", type=Path)
    peers.add_option(parser)
    options = parser.parse_args(argv)
    jax.config.update("jax_enable_x64", True)
    measured = {"pool": pool, "box": boxes, "growth": growth}[options.part](options)
    save(options.out, measured)


if __name__ == "__main__":
    main()
