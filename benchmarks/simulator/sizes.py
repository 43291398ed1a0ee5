"""The rollout and its gradient at every size of lattice: ours, naive JAX and C, in one table.

    python -m benchmarks.simulator.sizes            # writes docs/results/lattice_sizes.json
    python -m benchmarks.simulator.sizes --smoke    # two small cells, nothing written

For lattices of 10 to 512 sites a side and 1 to 1,000 histories side by side: CPU milliseconds of one history of 950
steps, from fewer steps where 950 would take too long. Ours is called as a user calls it (``jit(vmap(run))``), naive JAX
is vmapped rolls and masks in chunks of 64 lanes, C the kernel of ``rollout``. All get the same fields and subsets, and
their final states are compared before anything is timed. Rounds are interleaved; numbers are medians of them, on one
core. Then the gradients of single histories over their own rollouts and over naive JAX's gradients, and what a pool of
16 threads costs.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import ferro_jax as ferro
from benchmarks.simulator import c_kernel, measurements, plain_rollouts, report
from benchmarks.simulator.cases import Problem, longest, make_problem
from benchmarks.simulator.compiler import compiler

PAGE = Path(__file__).resolve().parents[2] / "docs" / "results" / "lattice_sizes.json"
SIZES, BATCHES = (10, 20, 32, 64, 128, 256, 512), (1, 4, 16, 64, 1000)
MOST_SITES = 1 << 20  # sites × lanes of a cell
UPDATES = 1e7  # site-updates of a timed call
ROUNDS = 5


def steps_for(preset: str, size: int, batch: int) -> int:
    """Return an even number of steps that take well below a second, at most 950 and as many as have tables."""
    most = 950 if preset == "physical" else longest(size)
    return max(16, min(most, int(UPDATES / size**2 / batch)) // 2 * 2)


def value_and_gradient(problem: Problem, naive: bool) -> Callable[[], Any]:
    """Return a compiled function for Σ|curl| of one history and its gradient with respect to the field."""
    setup, local = problem.setup, jnp.asarray(problem.local)
    moves = None if problem.moves is None else jnp.asarray(problem.moves)
    applied = jnp.asarray(problem.applied[..., 0])

    def target(applied: jax.Array) -> jax.Array:
        if naive:
            return ferro.sum_abs_curl(plain_rollouts.naive_rollout(setup, moves, local, applied)[1])
        start = ferro.initial_state(setup.lattice, setup.dtype)
        end, _ = ferro.run(problem.key, start, applied, local, setup.params, setup.lattice, check=False)
        return ferro.sum_abs_curl(end.visible)

    program = jax.jit(jax.value_and_grad(target)).lower(applied).compile()
    return lambda: program(applied)


def cell(preset: str, dtype: str, size: int, batch: int) -> dict[str, Any]:
    """Return the milliseconds of a history by each way, {way: median}, with the steps that were timed."""
    steps = steps_for(preset, size, batch)
    problem = make_problem(preset, dtype, size, steps, batch)
    calls = {"ours": measurements.prepare_ours(problem), "naive": plain_rollouts.prepare_naive(problem)}
    if compiler():
        calls["C"] = c_kernel.prepare(problem)
    results = {name: call() for name, call in calls.items()}
    theirs = np.asarray(results["naive"][1])
    worst = float(np.abs(np.asarray(results["ours"][1]) - theirs).max() / np.abs(theirs).max())
    if not worst < measurements.TOLERANCE[dtype]:
        raise AssertionError(f"{preset}, N = {size}, batch {batch}: ours and naive differ by {worst:.1e} of max |p|")
    seconds = measurements.interleaved(calls, ROUNDS)
    ms = {name: 1e3 * median(values) * 950 / steps / batch for name, values in seconds.items()}
    return {"preset": preset, "dtype": dtype, "size": size, "batch": batch, "steps": steps, **ms}


def gradient(preset: str, size: int) -> dict[str, Any]:
    """Return the milliseconds of value and gradient of one history, ours and naive, and of our rollout."""
    steps = steps_for(preset, size, 4)
    problem = make_problem(preset, "float32", size, steps, 1)
    calls = {"rollout": measurements.prepare_ours(problem), "ours": value_and_gradient(problem, naive=False)}
    if size <= 256:  # naive reverse mode keeps every step
        calls["naive"] = value_and_gradient(problem, naive=True)
    results = {name: jax.block_until_ready(call()) for name, call in calls.items()}
    if "naive" in results:
        expected = np.asarray(results["naive"][1])
        np.testing.assert_allclose(results["ours"][1], expected, atol=2e-3 * np.abs(expected).max())
    seconds = measurements.interleaved(calls, ROUNDS)
    ms = {name: 1e3 * median(values) * 950 / steps for name, values in seconds.items()}
    return {"preset": preset, "size": size, "steps": steps, **ms}


def of_pool(threads: int) -> float:
    """Return the CPU milliseconds of 64 histories of ``physical`` in a process with so many threads."""
    command = [sys.executable, "-m", "benchmarks.simulator.sizes", "--pool"]
    environment = {**os.environ, "NPROC": str(threads)}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout.split()[-1])


def pool_worker() -> float:
    """Return what ``of_pool`` asks for, in the process that was made for it."""
    call = measurements.prepare_ours(make_problem("physical", "float32", 20, 950, 64))
    return 1e3 * median(measurements.interleaved({"ours": call}, 9)["ours"])


def page(machine: dict[str, str], cells: list[dict], gradients: list[dict], pool: list[list[float]]) -> dict[str, Any]:
    """Return the record of the page."""
    facts = {"command": "python -m benchmarks.simulator.sizes", "numbers": f"medians of {ROUNDS} interleaved rounds"}
    ratio = {"title": "ours over C", "decimals": 2}, {"title": "ours over naive", "decimals": 2}
    columns = {
        "size": "N",
        "batch": "histories",
        **{name: {"title": f"{name}, CPU-ms", "decimals": 2} for name in ("ours", "C", "naive")},
        "of_c": ratio[0],
        "of_naive": ratio[1],
        "steps": "steps timed",
    }
    sections = []
    for preset, dtype in dict.fromkeys((row["preset"], row["dtype"]) for row in cells):
        rows = [row for row in cells if (row["preset"], row["dtype"]) == (preset, dtype)]
        shown = [
            {key: row[key] for key in ("size", "batch", "ours", "C", "naive", "steps") if key in row}
            | {"of_naive": row["ours"] / row["naive"]}
            | ({"of_c": row["ours"] / row["C"]} if "C" in row else {})
            for row in rows
        ]
        slower = sum(row["ours"] > row["naive"] for row in rows)
        after = [f"Goal: never slower than naive JAX. Slower in {slower} of {len(rows)} cells."]
        heading = f"One history of 950 steps, `{preset}`, {dtype}"
        sections.append({"heading": heading, **facts, "columns": columns, "rows": shown, "after": after})
    ms = {name: {"title": f"{name}, CPU-ms", "decimals": 1} for name in ("rollout", "ours", "naive")}
    columns = {
        "preset": "preset",
        "size": "N",
        **ms,
        "over": {"title": "ours over our rollout", "decimals": 1},
        "goal": "goal",
        "of_naive": {"title": "ours over naive", "decimals": 2},
        "steps": "steps timed",
    }
    goals = {64: 4.5, 128: 4.5, 256: 5.5, 512: 8.0}
    rows = [
        {k: row[k] for k in ("preset", "size", "rollout", "ours", "naive", "steps") if k in row}
        | {"over": row["ours"] / row["rollout"]}
        | ({"of_naive": row["ours"] / row["naive"]} if "naive" in row else {})
        | ({"goal": _at_most(row["ours"] / row["rollout"], goals[row["size"]])} if row["size"] in goals else {})
        for row in gradients
    ]
    sections.append({"heading": "Value and gradient of one history", **facts, "columns": columns, "rows": rows})
    one, many = (median(values) for values in pool)
    rows = [
        {"what": "64 histories of `physical`, N = 20, one thread, CPU-ms", "value": {"value": one, "decimals": 1}},
        {"what": "the same, 16 threads", "value": {"value": many, "decimals": 1}},
        {"what": "ratio", "value": {"value": many / one, "decimals": 2}, "goal": _at_most(many / one, 1.3)},
    ]
    columns = {"what": "what", "value": "value", "goal": "goal"}
    numbers = f"medians of {len(pool[0])} processes, in turn"
    sections.append({"heading": "A pool of threads", **facts, "numbers": numbers, "columns": columns, "rows": rows})
    about = "; ".join(f"{name}: {value}" for name, value in machine.items())
    return {"title": "The lattice at every size", "about": [f"One core. {about}."], "sections": sections}


def _at_most(value: float, goal: float) -> dict[str, Any]:
    return {"at_most": goal} if value <= goal else {"at_most": goal, "reached": False}


def main() -> None:
    """Measure and write the record, from which ``python -m experiments.lab.tables`` writes the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--smoke", action="store_true", help="two small cells, nothing written")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="lattices of N × N sites")
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES, help="histories side by side")
    parser.add_argument("--pool", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.pool:
        print(pool_worker())
        return
    sizes, batches = ((10,), (1, 4)) if options.smoke else (options.sizes, options.batches)
    jax.config.update("jax_enable_x64", True)
    machine = report.machine()
    pool = [[of_pool(threads) for threads in (1, 16)] for _ in range(1 if options.smoke else 3)]
    cells, gradients = [], []
    for preset in ("physical", "lecture"):
        for size in sizes:
            for batch in batches:
                for dtype in ("float32", "float64") if size in (20, 64) and batch in (1, 64) else ("float32",):
                    if size**2 * batch <= MOST_SITES:
                        cells.append(cell(preset, dtype, size, batch))
                        print(cells[-1], file=sys.stderr, flush=True)
            gradients.append(gradient(preset, size))
            print(gradients[-1], file=sys.stderr, flush=True)
    cells.sort(key=lambda row: (row["dtype"], row["preset"] != "physical"))
    machine["load average after"] = report.load_average()
    record = page(machine, cells, gradients, [list(values) for values in zip(*pool, strict=True)])
    if options.smoke:
        print(json.dumps(record, indent=1))
    else:
        PAGE.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")
        print(f"written: {PAGE.name}; now python -m experiments.lab.tables")


if __name__ == "__main__":
    main()
