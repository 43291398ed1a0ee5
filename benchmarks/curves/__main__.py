"""Run the benchmark: ``python -m benchmarks.curves``."""

import argparse
import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from benchmarks import curves
from benchmarks.curves import evolution, methods, physics, pools, report
from benchmarks.curves.exercises import EXERCISES
from benchmarks.curves.methods import Measured, Task
from benchmarks.curves.problem import Problem

PROBLEMS = {each.name: partial(lambda each: each, each) for each in EXERCISES} | {
    "lattice_lecture": partial(physics.lattice, "lecture"),
    "lattice_physical": partial(physics.lattice, "physical"),
    "annealing": physics.annealing_problem,
}
TABLE = "battery"
METHODS: dict[str, tuple[str, Callable[..., Measured]]] = {
    "random": ("random generated histories", methods.at_random),
    "vae": ("VAE-BO: 2 latents", methods.over_latent_cells),
    "pca": ("PCA-BO: 2 scores", methods.over_linear_cells),
    "scores": ("PCA-BO: 8 scores in a box", methods.in_scores),
    "splines": ("B-splines: 8 coefficients in a box", methods.in_splines),
    "curves": ("GP on the curve, over the generated histories", partial(methods.over_curves, deep=False)),
    "deep": ("deep kernel, over the generated histories", partial(methods.over_curves, deep=True)),
    "cma": ("CMA-ES on the 8 coefficients", evolution.by_evolution),
    "gradient": ("gradient from a random history", methods.along_gradient),
    "vae_gradient": ("VAE-BO for 30, then gradient", methods.latent_then_gradient),
}
OVER_TABLES = ("random", "vae", "pca")
GRADIENTS = {"gradient": 0, "vae_gradient": methods.FIRST_SHARE}  # evaluations before the gradient


def unsuitable(method: str, problem: str, differentiable: bool) -> str:
    """Return why a method cannot serve a problem, "" where it can."""
    if problem == TABLE and method in ("curves", "deep"):
        return "the model of failures would have 200 lengthscales, one for each sample, which takes minutes a seed"
    if problem == TABLE and method not in OVER_TABLES:
        return "it leaves the table"
    if method in GRADIENTS and not differentiable:
        return "there is no gradient"
    if method == "cma" and not evolution.INSTALLED:
        return 'cma is not installed: pip install -e ".[bench]"'
    return ""


def cell_of(path: Path, run: Callable[[], Measured]) -> Measured:
    """Return what a file of the folder holds, measured first where there is none."""
    if not path.is_file():
        measured = run()
        part = path.with_suffix(".part.npz")
        np.savez(part, **measured._asdict())
        os.replace(part, path)
        print(f"{path.stem}: {measured.running:.1f} CPU-s, compiling {measured.compiling:.1f}", flush=True)
    with np.load(path) as file:
        return Measured(file["values"], float(file["compiling"]), float(file["running"]))


def pools_of(path: Path, make: Callable[[], Any]) -> pools.Pools:
    """Return the pools of a file of the folder, made first where there is none."""
    if not path.is_file():
        pools.save(make(), path)
    return pools.load(path)


def measure(name: str, options: argparse.Namespace) -> report.Measurements:
    """Measure the methods on a problem, and return regrets and costs by the methods' titles."""
    number = [*PROBLEMS, TABLE].index(name)
    of_pools, of_seeds = jax.random.split(jax.random.fold_in(jax.random.key(options.seed), number))
    problem = None if name == TABLE else PROBLEMS[name]()
    if problem is None:
        make = partial(pools.of_table, of_pools, options.table, options.smoke)
    else:
        make = partial(pools.make, of_pools, problem, options.smoke)
    task = Task(problem, pools_of(options.out / f"{name}.pools.npz", make))
    optimum = task.pools.best if problem is None or np.isnan(problem.optimum) else problem.optimum
    keys, found = jax.random.split(of_seeds, options.seeds), {}
    for method in options.methods:
        title, function = METHODS[method]
        if why := unsuitable(method, name, problem is not None and problem.gradient):
            print(f"{name}.{method}: left out, because {why}")
            continue
        run = partial(function, keys, task, options.evaluations)
        measured = cell_of(options.out / f"{name}.{method}.npz", run)
        regret = report.regret_of(measured.values, optimum, task.pools.median)
        found[title] = report.Cell(regret, measured.running)
        if method in GRADIENTS:
            dear = report.at_gradients_cost(regret, min(GRADIENTS[method], options.evaluations // 2))
            found[f"{title}, a gradient counted as 3 evaluations"] = report.Cell(dear, measured.running)
    return report.Measurements(described(problem, task.pools, optimum), found)


def described(problem: Problem | None, made: pools.Pools, optimum: float) -> list[str]:
    """Return what a problem is, what its numbers are, and how good the best candidate of each pool is."""
    about = "charging currents of a battery, a table: 70 % fail" if problem is None else problem.text
    known = "the best of the table" if problem is None else problem.known
    about = f"{about[0].upper()}{about[1:]}. Optimum {optimum:.6g} ({known}), median of the generated histories "
    parts = (("generated histories", made.generated), ("latent cells", made.latent), ("cells of scores", made.linear))
    floors = [
        f"{report.regret_of(np.nanmax(pool.values, keepdims=True)[None], optimum, made.median)[0, 0]:.2g} of the {name}"
        for name, pool in (parts[:1] if problem is None else parts)
    ]
    learned = f"The VAE took {made.learning:.0f} CPU-seconds."
    return [f"{about}{made.median:.4g}. Smallest regret: {', '.join(floors)}. {learned}"]


def keep_settings(options: argparse.Namespace) -> None:
    """Write what all files of the folder have in common; SystemExit where the folder was begun with other settings."""
    options.out.mkdir(parents=True, exist_ok=True)
    settings = {name: getattr(options, name) for name in ("seed", "seeds", "evaluations", "smoke")}
    path = options.out / "settings.json"
    if path.is_file() and (begun := json.loads(path.read_text())) != settings:
        raise SystemExit(f"{options.out} was begun with {begun}, now {settings}: give another folder by --out")
    path.write_text(json.dumps(settings))


def main(argv: list[str] | None = None) -> None:
    """Measure what is not measured yet, and write tables and figure."""
    parser = argparse.ArgumentParser(description=curves.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="folder of the results (runs/curves)")
    parser.add_argument("--problems", nargs="+", choices=[*PROBLEMS, TABLE], default=[*PROBLEMS, TABLE])
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--table", type=Path, help="npz of charging histories with their values")
    parser.add_argument("--record", type=Path, help="a record of docs/results that takes the tables")
    parser.add_argument("--seeds", type=int, default=0, help="default 10")
    parser.add_argument("--evaluations", type=int, default=0, help="default 300")
    parser.add_argument("--seed", type=int, default=0, help="of generated histories and campaigns")
    parser.add_argument("--smoke", action="store_true", help="small: 60 histories, 2 seeds, 30 evaluations")
    options = parser.parse_args(argv)
    options.seeds = options.seeds or (2 if options.smoke else 10)
    options.evaluations = options.evaluations or (30 if options.smoke else 300)
    options.out = options.out or Path("runs/curves_smoke" if options.smoke else "runs/curves")
    keep_settings(options)
    jax.config.update("jax_enable_x64", True)
    if TABLE in options.problems and options.table is None:
        print("battery: left out, because --table was not given (python -m benchmarks.campaigns.failures --help)")
        options.problems.remove(TABLE)
    cells = {name: measure(name, options) for name in options.problems}
    print(report.write(options.out, cells, options.record))


if __name__ == "__main__":
    main()
