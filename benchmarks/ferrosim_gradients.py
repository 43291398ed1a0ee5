"""``python -m benchmarks.ferrosim --gradients``: what a gradient through 950 steps costs, each way of taking it.

Loss Σ|seen|² at the end, N = 20, float32. Per trajectory, the gradient with respect to the applied field (to optimise a
history), to two parameters (coupling and depolarization: forward mode can compete) or to everything (applied field,
local field, all parameters). CPU seconds on
one core over those of the rollout alone, in interleaved rounds; memory is what the compiled program says it needs
beyond its arguments, and beside it by how much the process's resident memory rises while it runs.
"""

import contextlib
import ctypes
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.ferrosim_cases import Problem, make_problem
from benchmarks.ferrosim_work import interleaved
from ferro_jax import initial_state, run

WAYS = {
    "applied field": ("adjoint", "checkpoint", "plain"),
    "two parameters": ("adjoint", "checkpoint", "plain", "forward"),
    "everything": ("adjoint", "checkpoint", "plain"),
}
FORWARD = "rollout alone"
TOLERANCE = 1e-3  # between the ways, after 950 steps in float32, of the largest component


def loss_of(problem: Problem, gradient: str) -> Callable[..., jax.Array]:
    setup = problem.setup

    def loss(values: dict[str, jax.Array], applied: jax.Array) -> jax.Array:
        params = setup.params._replace(**{k: v for k, v in values.items() if k in setup.params._fields})
        local, applied = values.get("local", problem.local), values.get("applied", applied)
        start = initial_state(setup.lattice, setup.dtype)
        state, _ = run(problem.key, start, applied, local, params, setup.lattice, gradient=gradient, check=False)
        return (state.visible**2).sum()

    return loss


def with_respect_to(problem: Problem, what: str, applied: jax.Array) -> dict[str, jax.Array]:
    params = problem.setup.params
    if what == "two parameters":
        return {"coupling": params.coupling, "depolarization": params.depolarization}
    if what == "applied field":
        return {"applied": applied}
    return {**params._asdict(), "local": jnp.asarray(problem.local), "applied": applied}


def program(problem: Problem, what: str, way: str | None) -> Callable[[jax.Array], Any]:
    """(batch, time, 2) → the losses, or with a ``way`` (losses, gradients), before compilation."""

    def one(applied: jax.Array) -> Any:
        values, loss = (
            with_respect_to(problem, what, applied),
            partial(loss_of(problem, way or "adjoint"), applied=applied),
        )
        if way is None:
            return loss(values)
        if way == "forward":
            gradient, value = jax.jacfwd(lambda values: (loss(values),) * 2, has_aux=True)(values)
            return value, gradient
        return jax.value_and_grad(loss)(values)

    return jax.vmap(one)


def resident() -> dict[str, int]:
    """Resident bytes now and at most since ``forget_peak``; empty where the system does not tell."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return {}
    return {key: int(kib) * 1024 for key, kib in re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB", status, re.M)}


def forget_peak() -> None:
    """Start the peak of resident memory anew."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


@contextlib.contextmanager
def memory_given_back() -> Iterator[None]:
    """Under glibc, blocks from 64 KiB on go back to the system when they are freed, inside this; from 32 MiB after."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    threshold = -3  # M_MMAP_THRESHOLD
    if mallopt:
        mallopt(threshold, 64 << 10)
    yield
    if mallopt:
        mallopt(threshold, 32 << 20)


def rise_while(call: Callable[[], Any]) -> int | None:
    forget_peak()
    before = resident()
    jax.block_until_ready(call())
    after = resident()
    return after["VmHWM"] - before["VmRSS"] if after else None


def measure(task: dict) -> list[dict]:
    """One preset and batch, in a process of its own. A way that fails does not hide the others: its row says so."""
    problem = make_problem(task["preset"], "float32", 20, task["steps"], task["batch"])
    applied = jnp.asarray(np.moveaxis(problem.applied, 2, 0))
    return [row for what, ways in WAYS.items() for row in compare(problem, applied, what, ways, task["rounds"])]


def compare(problem: Problem, applied: jax.Array, what: str, ways: tuple[str, ...], rounds: int) -> list[dict]:
    rows, programs = [], {}
    for way in (None, *ways):
        try:
            programs[way or FORWARD] = jax.jit(program(problem, what, way)).lower(applied).compile()
        except Exception:
            traceback.print_exc()
            rows.append({"what": what, "way": way, "failed": traceback.format_exc(limit=1).strip().split("\n")[-1]})
    calls = {name: partial(compiled, applied) for name, compiled in programs.items()}
    with memory_given_back():
        rises = {name: rise_while(call) for name, call in calls.items()}
    gradients = {name: jax.block_until_ready(call())[1] for name, call in calls.items() if name != FORWARD}
    seconds = interleaved(calls, rounds)
    for name, compiled in programs.items():
        memory = compiled.memory_analysis()
        row = {"what": what, "way": name, "seconds": seconds[name], "resident rise": rises[name]}
        row["bytes"] = memory.temp_size_in_bytes + memory.output_size_in_bytes
        if name != FORWARD:
            row["difference"] = float(difference(problem, gradients[name], gradients["checkpoint"]))
            if not row["difference"] < TOLERANCE:
                raise AssertionError(
                    f"{name} differs from checkpoint by {row['difference']:.1e} of the largest component"
                )
        rows.append(row)
    return rows


def difference(problem: Problem, ours: dict[str, jax.Array], theirs: dict[str, jax.Array]) -> float:
    """The largest, relative to the largest component of an array's gradient. Parameters are compared together, as
    change for one relative change: that of dt alone is rounding where a trajectory ends at rest."""
    groups: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for key in ours:
        scale = getattr(problem.setup.params, key, 1.0)
        pair = np.asarray(ours[key] * scale), np.asarray(theirs[key] * scale)
        groups.setdefault("params" if hasattr(problem.setup.params, key) else key, []).append(pair)
    return max(max(np.abs(a - b).max() for a, b in g) / max(np.abs(b).max() for _, b in g) for g in groups.values())


def measure_all(launch: Callable[..., Any], smoke: bool) -> dict:
    steps, rounds = (64, 1) if smoke else (950, 5)
    jobs = [(preset, batch) for preset in ("lecture", "physical") for batch in ((2,) if smoke else (1, 64))]
    data: dict[str, Any] = {"steps": steps, "jobs": []}
    for preset, batch in jobs:
        task = {"kind": "gradient", "preset": preset, "batch": batch, "steps": steps, "rounds": rounds}
        data["jobs"].append({**task, "rows": launch(task)})
    return data


def report_text(machine: dict, data: dict) -> str:
    from benchmarks.ferrosim_report import markdown, spread

    mebibytes: Callable[[int | None], str] = lambda count: "" if count is None else f"{count / 2**20:.1f}"  # noqa: E731
    lines = []
    for job in data["jobs"]:
        for row in job["rows"]:
            if "failed" in row:
                lines.append([job["preset"], str(job["batch"]), row["what"], row["way"], "(failed)", "", "", ""])
                continue
            forward = next(r for r in job["rows"] if r["what"] == row["what"] and r["way"] == FORWARD)
            ratio = [a / b for a, b in zip(row["seconds"], forward["seconds"], strict=True)]
            milliseconds = spread((1e3 * s for s in row["seconds"]), 1)
            memory = [mebibytes(row["bytes"]), mebibytes(row["resident rise"])]
            lines.append(
                [job["preset"], str(job["batch"]), row["what"], row["way"], milliseconds, spread(ratio), *memory]
            )
    header = ["preset", "batch", "gradient of", "way", "CPU ms", "over forward", "program MiB", "resident MiB"]
    return "\n\n".join(
        [
            f"# Gradients through {data['steps']} steps of FerroSIM: time over the rollout, memory",
            f"`python -m benchmarks.ferrosim --gradients`, {machine['date']}, N = 20, float32, one core",
            "\n".join(f"- {key}: {value}" for key, value in machine.items() if key != "date"),
            markdown(header, lines),
        ]
    )
