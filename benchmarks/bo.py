"""Campaigns beside BoTorch's, in one run and from the same starts: CPU seconds, regret, memory.

    python -m benchmarks.bo pool       10,000 candidates, 100 random + 500 steps, μ + 10σ, float64 (about 20 minutes)
    python -m benchmarks.bo box        Branin-50, Hartmann6-60, Levy4-60, Ackley5-60, LogEI (about 30 minutes)
    python -m benchmarks.bo growth     cost of a step and of a refit, n = 100 … 2,000, m = 1e3 … 1e5 (minutes)

Each takes ``--smoke``, ``--peers PYTHON`` (an interpreter with the bench extra; without one only our side runs) and
``--out FILE`` for a JSON of everything measured. Our CPU seconds are those of the whole process with all its threads;
BoTorch has one thread. Compilation is timed apart and not in the run's seconds, as BoTorch's import is not. Seeds,
landscape and starts are those nobody tuned on: the recipe of ``bo.campaigns.box`` was found on other seeds.
"""

import argparse
import json
import resource
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import qmc

from benchmarks import peers
from benchmarks.bo_functions import FUNCTIONS
from benchmarks.campaign import landscape, timed
from bo import problems
from bo.acquisitions.analytic import log_expected_improvement, upper_confidence_bound
from bo.campaigns import running
from bo.campaigns.box import BoxConfig, box
from bo.campaigns.pool import campaign, unit_cube
from bo.campaigns.records import CampaignConfig
from bo.devices import lanes
from bo.surrogates.gp import gaussian_process

CHECKPOINTS = (25, 50, 100, 500)
INITIAL = {"branin": 5, "hartmann6": 14, "levy4": 10, "ackley5": 12}
PROBLEMS = {
    "branin": problems.branin,
    "hartmann6": problems.hartmann6,
    "levy4": lambda: problems.levy(4),
    "ackley5": lambda: problems.ackley(5),
}


def peak_memory() -> float:
    """Largest resident memory of this process so far, GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def compiled(program, *arguments):
    """(executable, CPU seconds its compilation took)."""
    executable, cpu, _ = timed(lambda: jax.jit(program).lower(*arguments).compile())
    return executable, cpu


def spread(values) -> str:
    low, middle, high = np.quantile(np.asarray(values), [0.25, 0.5, 0.75])
    return f"{middle:.3g} [{low:.3g}, {high:.3g}]"


def pool(options) -> dict:
    """One campaign, then ``--seeds`` in one program, then BoTorch on the first ``--peer-seeds`` of the same starts."""
    side, start, steps = (20, 20, 30) if options.smoke else (100, 100, 500)
    seeds = options.seeds or (4 if options.smoke else 32)
    axis = np.linspace(-10, 10, side)
    x = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    objective = landscape()
    truth = np.asarray(jax.vmap(lambda point: objective(None, point))(jnp.asarray(x)))
    generator = np.random.default_rng(2026)
    initial = np.stack([generator.permutation(len(x))[:start] for _ in range(seeds)])
    config = CampaignConfig(start, steps, 25 if not options.smoke else 10)

    def run(key, first):
        problem = campaign(objective, x, gaussian_process(), upper_confidence_bound(10.0), config, initial=first)
        info = running.run(key, problem)[1]
        return info.index, info.best, info.z_score

    keys, first = jax.random.split(jax.random.key(7), seeds), jnp.asarray(initial, jnp.int32)
    one, compile_one = compiled(run, keys[0], first[0])
    timed(one, keys[1], first[1])
    alone = [timed(one, keys[n], first[n])[1] for n in range(min(3, seeds))]
    many, compile_many = compiled(lanes(run, options.side_by_side), keys, first)
    (_, best, z_score), cpu, wall = timed(many, keys, first)
    regret = truth.max() - np.asarray(best)[:, start - 1 :]
    inside = np.abs(np.asarray(z_score)[:, start:]) < 1.96
    found = {
        "one_cpu_s": alone,
        "one_compile_cpu_s": compile_one,
        "seeds": seeds,
        "seeds_cpu_s": cpu,
        "seeds_wall_s": wall,
        "seeds_compile_cpu_s": compile_many,
        "peak_memory_gib": peak_memory(),
        "z_scores_within_1.96": float(inside.mean()),
        "regret_at": {str(n): regret[:, n].tolist() for n in CHECKPOINTS if n <= steps},
    }
    print(f"ours: one campaign {spread(alone)} CPU-s (compilation {compile_one:.1f})")
    print(
        f"ours: {seeds} seeds {cpu:.1f} CPU-s, {wall:.1f} s wall (compilation {compile_many:.1f} CPU-s), "
        f"{found['peak_memory_gib']:.2f} GiB; z-scores within ±1.96: {inside.mean():.1%}"
    )
    python = peers.interpreter(options.peers, ("torch", "botorch"))
    if python is None:
        print("BoTorch: not installed (the bench extra); left out")
        return found
    number = min(options.peer_seeds, seeds)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "start.npz"
        np.savez(path, x=x, y=truth, initial=initial[:number])
        theirs = peers.call(python, "bo_peers", "pool", path, "--steps", steps, "--refit", 10, "--seeds", number)
    found["botorch"] = theirs
    per_run = np.median([seed["cpu_s"] for seed in theirs["seeds"]])
    print(f"BoTorch {theirs['versions']['botorch']}: {spread([s['cpu_s'] for s in theirs['seeds']])} CPU-s a campaign")
    print(f"ratio: one campaign {per_run / np.median(alone):.1f}, {seeds} seeds {seeds * per_run / cpu:.1f}")
    for name, values in theirs["regret_at"].items():
        same = np.asarray(found["regret_at"][name])
        print(
            f"regret after {name} steps: ours {spread(same)} ({seeds} seeds), {np.median(same[:number]):.3g} on "
            f"BoTorch's {number}; BoTorch {spread(values)}"
        )
    return found


def design(name: str, seeds: int) -> np.ndarray:
    """Scrambled Sobol starts in the unit cube, [seeds, n, dim]."""
    return np.stack([qmc.Sobol(FUNCTIONS[name].dim, seed=1000 + n).random(16)[: INITIAL[name]] for n in range(seeds)])


def boxes(options) -> dict:
    """Every function over ``--seeds`` starts in one program; BoTorch one start after another."""
    python = peers.interpreter(options.peers, ("torch", "botorch"))
    seeds = options.seeds or (2 if options.smoke else 10)
    starts = {name: design(name, seeds) for name in options.functions}
    found = {}
    for name, first in starts.items():
        total = INITIAL[name] + 5 if options.smoke else FUNCTIONS[name].evaluations
        problem = PROBLEMS[name]()
        config = BoxConfig(initial_points=first.shape[1], steps=total - first.shape[1])
        bounds = jnp.tile(jnp.array([0.0, 1.0]), (problem.dim, 1))

        def run(key, points, problem=problem, bounds=bounds, config=config):
            search = box(
                problem.objective, bounds, gaussian_process(), log_expected_improvement(), config, initial=points
            )
            return running.run(key, search)[1].best

        keys = jax.random.split(jax.random.key(11), seeds)
        executable, compile_cpu = compiled(jax.vmap(run), keys, jnp.asarray(first))
        timed(executable, jax.random.split(jax.random.key(12), seeds), jnp.asarray(first))
        best, cpu, _ = timed(executable, keys, jnp.asarray(first))
        regret = np.log10(np.maximum(problem.optimum - np.asarray(best), 1e-16))
        each = cpu / (seeds * config.steps)
        found[name] = {
            "cpu_s_per_evaluation": each,
            "compile_cpu_s": compile_cpu,
            "log10_regret": regret.tolist(),
        }
        shown = sorted({n for n in (20, 30, total) if n <= total})
        print(f"{name}: ours {each:.4f} CPU-s an evaluation (compilation {compile_cpu:.1f})")
        if python is not None:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "start.npz"
                np.savez(path, **starts)
                theirs = peers.call(
                    python,
                    "bo_peers",
                    "box",
                    name,
                    path,
                    "--evaluations",
                    total,
                    "--seeds",
                    seeds,
                    "--fit",
                    options.fit,
                )
            found[name]["botorch"] = theirs
            cost = np.median([seed["cpu_s_per_evaluation"] for seed in theirs["seeds"]])
            print(f"{name}: BoTorch {cost:.3f} CPU-s an evaluation, {cost / each:.1f} times ours")
        for n in shown:
            line = f"  log10 regret after {n}: ours {spread(regret[:, n - 1])}"
            if python is not None:
                line += f", BoTorch {spread([seed['log10_regret'][n - 1] for seed in theirs['seeds']])}"
            print(line, flush=True)
    return found


def growth(options) -> dict:
    """CPU-ms of a step between refits, and CPU-s of conditioning on n observations, over a pool of m."""
    numbers, sizes = ((50, 100), (1000,)) if options.smoke else ((100, 500, 1000, 2000), (1_000, 10_000, 100_000))
    surrogate, objective, found = gaussian_process(), landscape(), []
    print(f"{'n':>6} {'m':>8} {'step, CPU-ms':>14} {'condition, CPU-s':>18} {'GFLOP/s of the step':>20}")
    for m in sizes:
        x = jax.random.uniform(jax.random.key(m), (m, 2), minval=-10, maxval=10)
        for n in (n for n in numbers if n < m):
            repeat = 5 if options.smoke else 20
            search = campaign(objective, x, surrogate, upper_confidence_bound(10.0), CampaignConfig(n, repeat, repeat))
            state, _ = jax.jit(search.init)(jax.random.key(0))

            def steps(key, state, search=search, room=n + repeat, repeat=repeat):
                advance = lambda carry, key: (search.advance(key, carry)[0], None)  # noqa: E731
                return jax.lax.scan(advance, search.grow(state, room), jax.random.split(key, repeat))[0].best

            condition = jax.jit(lambda data, params, x=x: surrogate.condition(params, data, x).mean)
            cube = unit_cube(x, x.dtype)
            executable, _ = compiled(steps, jax.random.key(0), state)
            timed(executable, jax.random.key(0), state)
            step = min(timed(executable, jax.random.key(k), state)[1] for k in range(3)) / repeat
            timed(condition, state.data, state.params, cube)
            again = timed(condition, state.data, state.params, cube)[1]
            rate = (2 * n * m + 2 * n * n) / step / 1e9
            print(f"{n:6d} {m:8d} {step * 1e3:14.2f} {again:18.2f} {rate:20.2f}", flush=True)
            found.append({"n": n, "m": m, "step_cpu_ms": step * 1e3, "condition_cpu_s": again})
    return {"growth": found}


def main(argv=None):
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
    found = {"pool": pool, "box": boxes, "growth": growth}[options.part](options)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
