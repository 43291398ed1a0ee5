"""Rates of the rollout on one core, beside other ways to write it and beside C, and the ground-truth map on all cores.

    python -m benchmarks.simulator.rollout              eight minutes on an idle machine; --smoke: one
    python -m benchmarks.simulator.rollout --all        float64 for more than N = 20: twelve minutes
    python -m benchmarks.simulator.rollout --gradients  time and memory of each way to take a gradient: five minutes

Rates are million site-updates per CPU-second of one core, for N × N lattices and batches of histories, in float32 and
float64, under both presets (`lecture`: grounded, random subsets, clipped force; `physical`: open, synchronous). Ours is
called as a user calls it (``jit(vmap(run))``); beside it stand a C kernel (the practical limit; kernel.c), numba loops,
naive JAX, NumPy and pure Python. A step counts all sites under both updates. All get the same fields and subsets, and
their final states are compared before anything is timed.

Each measurement has a process of its own, pinned to one core before JAX starts. Rounds of all variants are
interleaved, with an untimed call before each timed one; numbers are medians. A program varies by some 15 % from process
to process, depending on where its memory lies, so ratios to C are medians over five processes. Skipped cells say why:
(memory), (time), or (=) where a bigger batch only repeats the loop. Expected on a server core with AVX2: ours
1,300–1,600 in float32 at N = 20, half of that in float64; C 2,900 (synchronous) and 4,800 (random subsets, a quarter of
the work); naive JAX 100–220; pure Python 0.3–0.5. Single histories are bound by overhead and lie near naive JAX.

Writes benchmarks/results/ferrosim-<processor>.json and .md.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from typing import Any

from benchmarks.simulator import gradient_report, report

COLUMNS = {"rounds": 3, "seconds": 0.03, "bound": 0.5}  # planned and largest CPU seconds of a timed call
FULL = {
    "tables": [
        {"dtype": "float32", "sizes": [10, 20, 64, 256], "batches": [1, 64, 1024, 10_000], **COLUMNS},
        {"dtype": "float64", "sizes": [20], "batches": [1, 64, 1024], **COLUMNS},
    ],
    "headline": {"batches": [64, 10_000], "steps": [950, 200], "rounds": 3},
    "map": {"histories": 10_000, "rounds": 3},
    "processes": 5,
}
SMOKE = {
    "tables": [{"dtype": "float32", "sizes": [10], "batches": [8], "rounds": 1, "seconds": 0.002, "bound": 0.1}],
    "headline": {"batches": [8, 16], "steps": [60, 60], "rounds": 1},
    "map": {"histories": 64, "rounds": 1},
    "processes": 1,
}


def work(task: dict) -> Any:
    """Carry out a task in a worker process, pinned to the task's core."""
    if task["core"] is not None:
        os.sched_setaffinity(0, {task["core"]})
    from benchmarks.simulator import gradients, measurements  # only now, because they start JAX

    kinds = {
        "table": measurements.table,
        "headline": measurements.headline,
        "map": measurements.ground_truth_map,
        "gradient": gradients.measure,
    }
    return kinds[task["kind"]](task)


def launch(task: dict, *, devices: int = 1) -> Any:
    """Return the result of a task, measured in a process of its own.

    With one device the process is pinned to one core, with more it is not pinned.
    """
    can_pin = hasattr(os, "sched_getaffinity")
    task = {**task, "core": max(os.sched_getaffinity(0)) if can_pin and devices == 1 else None}
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}"
    environment = {**os.environ, "XLA_FLAGS": flags.strip(), "JAX_PLATFORMS": "cpu"}
    environment["JAX_ENABLE_X64"] = "1" if task.get("dtype") == "float64" else "0"
    command = [sys.executable, "-m", "benchmarks.simulator.rollout", "--worker", json.dumps(task)]
    process = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
    if process.returncode:
        raise SystemExit(f"the worker for {task} failed: see its message above")
    return json.loads(process.stdout.strip().split("\n")[-1])


def progress(what: str, start: float) -> None:
    """Print the seconds since ``start`` and what is being measured."""
    print(f"[{time.perf_counter() - start:4.0f} s] {what}", file=sys.stderr, flush=True)


def measure_all(plan: dict) -> dict:
    """Return all measurements of a plan, with the plan itself."""
    start, data = time.perf_counter(), {"plan": plan, "tables": {}, "headline": []}
    for task in plan["tables"]:
        for preset in ("lecture", "physical"):
            name = f"{preset}, {task['dtype']}"
            progress(f"rates, {name}", start)
            data["tables"][name] = launch({"kind": "table", "preset": preset} | task)
    for n in range(plan["processes"]):
        progress(f"ours against C, process {n + 1} of {plan['processes']}", start)
        data["headline"].append(launch({"kind": "headline", "guards": n == 0} | plan["headline"]))
    progress("the lecture map", start)
    data["map"] = launch({"kind": "map"} | plan["map"], devices=2)
    progress("done", start)
    return data


def report_text(machine: dict, data: dict) -> str:
    """Return the page of tables, as markdown."""
    plan = data["plan"]
    parts = [
        "# FerroSIM rollout: site-updates per CPU-second and core",
        f"`python -m benchmarks.simulator.rollout`, {machine['date']}",
        "\n".join(f"- {key}: {value}" for key, value in machine.items() if key != "date"),
        "## Ours against C, and guards",
        report.headline_table(data["headline"], plan["headline"]["batches"]),
        f"## The lecture map: {plan['map']['histories']:,} histories, N = 20, 950 steps, float32, not pinned",
        report.map_table(data["map"]),
    ]
    for name, rows in data["tables"].items():
        parts += [f"## {name}: million site-updates per CPU-second of one core", report.rate_table(rows)]
    parts.append(
        "(=): a bigger batch only repeats the loop; (memory), (time): skipped. Pure Python is in double precision. "
        "Lanes of C: histories side by side, the fastest of 1, 8, 16, 32, 64 in a trial. Where ours runs for 60 "
        "steps, what a run does once weighs more than in a history of 950."
    )
    return "\n\n".join(parts)


def main() -> None:
    """Measure, print the tables and write them, unless it is a smoke run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--smoke", action="store_true", help="small cells, two processes, no files written")
    parser.add_argument("--all", action="store_true", help="float64 for all lattices and batches")
    parser.add_argument("--gradients", action="store_true", help="reverse and forward mode instead of the rollout")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(work(json.loads(arguments.worker))))
        return
    machine = report.machine()
    if arguments.gradients:
        name, data = "ferrosim-gradients", gradient_report.measure_all(launch, arguments.smoke)
    else:
        plan = SMOKE if arguments.smoke else FULL
        if arguments.all:
            plan = {**plan, "tables": [{**plan["tables"][0], "dtype": dtype} for dtype in ("float32", "float64")]}
        name, data = "ferrosim", measure_all(plan)
    machine["load average after"] = report.load_average()
    text = gradient_report.report_text(machine, data) if arguments.gradients else report_text(machine, data)
    print(text)
    if not arguments.smoke:
        print(f"\nwritten: {report.write(name, machine, data, text).name} and .md")
    if "(failed)" in text:
        raise SystemExit("a way to take gradients failed: see above")


if __name__ == "__main__":
    main()
