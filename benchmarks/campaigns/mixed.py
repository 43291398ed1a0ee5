"""Campaigns on mixed inputs beside BoTorch's mixed optimiser, in one run and from the same starts.

    python -m benchmarks.campaigns.mixed --peers PYTHON --out FILE

func2c (two categories, two reals, 50 evaluations) and ackley13 (ten binary inputs, three reals, 80 evaluations), 10
seeds each: log10 of the regret at checkpoints, median and quartiles, and CPU seconds an evaluation. Random search from
the same starts stands beside both. ``--functions func3c`` adds one more; ``--kernel sum`` uses sum and product of the
two kernels instead of the product; ``--peer-report FUNCTION FILE`` reads what ``botorch_mixed`` printed before, instead
of running it. About an hour, most of it BoTorch's; a minute with ``--smoke``.

Nothing was tuned on these functions and starts: kernel, prior and search were chosen on others (docs/decisions).
"""

import argparse
import json
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import qmc

import bo
from benchmarks import peers
from benchmarks.campaigns.mixed_functions import FUNCTIONS, MixedFunction
from benchmarks.campaigns.seeds import compiled, save, spread
from benchmarks.timing import timed

CHECKPOINTS = (20, 30, 40, 50, 60, 80)


def space_of(function: MixedFunction) -> bo.Space:
    """Return the space of a function's columns."""

    def of(n, column):
        if column.kind == "category":
            return bo.category(f"x{n}", list(range(int(column.high) + 1)))
        return (bo.real if column.kind == "real" else bo.integer)(f"x{n}", column.low, column.high)

    return bo.Space([of(n, column) for n, column in enumerate(function.columns)])


def design(function: MixedFunction, seeds: int, first: int = 0) -> np.ndarray:
    """Return scrambled Sobol starts in the units of the columns, (seeds, n, d), from number ``first`` on."""
    low, high = (np.array([getattr(column, edge) for column in function.columns]) for edge in ("low", "high"))
    whole = np.array([column.kind != "real" for column in function.columns])
    cube = np.stack([qmc.Sobol(low.size, seed=3000 + first + n).random(32)[: function.initial] for n in range(seeds)])  # pyright: ignore[reportCallIssue]
    return np.where(whole, np.minimum(np.floor(low + cube * (high - low + 1)), high), low + cube * (high - low))


def at_random(function: MixedFunction, first: np.ndarray, total: int) -> np.ndarray:
    """Return log10 of the regret, (seeds, total), of random points after the starts."""
    low, high = (np.array([getattr(column, edge) for column in function.columns]) for edge in ("low", "high"))
    whole = np.array([column.kind != "real" for column in function.columns])
    cube = np.random.default_rng(5).random((len(first), total - first.shape[1], low.size))
    drawn = np.where(whole, np.minimum(np.floor(low + cube * (high - low + 1)), high), low + cube * (high - low))
    value = function.value(np.concatenate([first, drawn], axis=1))
    return log_regret(function, value)


def log_regret(function: MixedFunction, value: np.ndarray) -> np.ndarray:
    """Return log10 of the regret of the best value so far, not below −16."""
    return np.log10(np.maximum(function.optimum - np.maximum.accumulate(value, axis=1), 1e-16))


def kernel_of(space: bo.Space, form: str) -> str:
    """Return the product of both kernels, or their sum and product."""
    numbers, categories = space.columns("real", "integer"), space.columns("category")
    if form == "product" or not categories:
        return space.kernel()
    return f"matern52{list(numbers)} + hamming{list(categories)} + {space.kernel()}"


def ours(function: MixedFunction, first: np.ndarray, total: int, form: str) -> dict:
    """Measure our campaigns from the starts ``first``, (seeds, n, d), to ``total`` evaluations."""
    seeds, number = first.shape[:2]
    space, config = space_of(function), bo.BoxConfig(initial_points=number, steps=total - number)
    surrogate = bo.gaussian_process(bo.GPConfig(kernel=kernel_of(space, form)))
    shape = jax.ShapeDtypeStruct((), jnp.float64)

    def objective(key, x):
        del key
        return jax.pure_callback(
            lambda x: np.asarray(function.value(np.asarray(x))), shape, x, vmap_method="sequential"
        )

    def run(key, points):
        campaign = bo.box(objective, space, surrogate, bo.log_expected_improvement(), config, initial=points)
        return bo.run(key, campaign)[1].x

    program, compile_cpu = compiled(jax.vmap(run), jax.random.split(jax.random.key(1), seeds), jnp.asarray(first))
    x, cpu, _ = timed(program, jax.random.split(jax.random.key(17), seeds), jnp.asarray(first))
    return {
        "cpu_s_per_evaluation": cpu / (seeds * config.steps),
        "compile_cpu_s": compile_cpu,
        "log10_regret": log_regret(function, function.value(np.asarray(x))).tolist(),
    }


def theirs(options, name: str, starts: dict[str, np.ndarray], total: int) -> dict | None:
    """Return BoTorch's report on a function, from a file or from a process of its own; None without either."""
    for given, path in options.peer_report:
        if given == name:
            return json.loads(Path(path).read_text().splitlines()[-1])
    python = peers.interpreter(options.peers, ("torch", "botorch"))
    if python is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "start.npz"
        np.savez(path, **starts)  # pyright: ignore[reportArgumentType]
        more = ("--evaluations", total, "--optimiser", options.optimiser)
        return peers.call(python, "campaigns.botorch_mixed", name, path, *more)


def main(argv=None):
    """Measure every function, print the table and write its JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--seeds", type=int, default=0, help="default 10")
    parser.add_argument("--first", type=int, default=0, help="number of the first start")
    parser.add_argument("--functions", nargs="+", choices=sorted(FUNCTIONS), default=["func2c", "ackley13"])
    parser.add_argument("--kernel", choices=("product", "sum"), default="product")
    parser.add_argument("--optimiser", choices=("exhaustive", "alternating"), default="alternating", help="BoTorch's")
    parser.add_argument("--peer-report", nargs=2, action="append", default=[], metavar=("FUNCTION", "FILE"))
    parser.add_argument("--out", type=Path)
    peers.add_option(parser)
    options = parser.parse_args(argv)
    jax.config.update("jax_enable_x64", True)
    measured, seeds = {}, options.seeds or (2 if options.smoke else 10)
    starts = {name: design(FUNCTIONS[name], seeds, options.first) for name in options.functions}
    for name, first in starts.items():
        function = FUNCTIONS[name]
        total = function.initial + 3 if options.smoke else function.evaluations
        row = measured[name] = {"ours": ours(function, first, total, options.kernel)}
        row["random"] = {"log10_regret": at_random(function, first, total).tolist()}
        if (botorch := theirs(options, name, starts, total)) is not None:
            row["botorch"] = botorch
        print(f"{name}: ours {row['ours']['cpu_s_per_evaluation']:.3f} CPU-s an evaluation")
        if botorch is not None:
            cost = np.median([seed["cpu_s_per_evaluation"] for seed in botorch["seeds"]])
            print(f"{name}: BoTorch ({botorch['optimiser']}) {cost:.3f} CPU-s an evaluation")
        regrets = {who: np.asarray(side["log10_regret"]) for who, side in row.items() if who != "botorch"}
        if botorch is not None:
            regrets["BoTorch"] = np.asarray([seed["log10_regret"] for seed in botorch["seeds"]])
        for n in sorted({n for n in (*CHECKPOINTS, total) if function.initial < n <= total}):
            each = ", ".join(f"{who} {spread(values[:, n - 1])}" for who, values in regrets.items())
            print(f"  log10 regret after {n}: {each}", flush=True)
    save(options.out, measured)


if __name__ == "__main__":
    main()
