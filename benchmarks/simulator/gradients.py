"""Time and memory of gradients through 950 steps, for ``python -m benchmarks.simulator.rollout --gradients``.

The loss is the sum of the squared visible field at the end, N = 20, float32. For each history the gradient is taken
with respect to the applied field (to optimise a history), to two parameters (coupling and depolarization, where forward
mode can compete), to everything (applied field, local field, all parameters), to the field where the loss reads the
mean polarization after every step, or to the factors of the bonds. CPU seconds are those on one core, in
rounds interleaved with the rollout alone; memory is what the compiled program says it needs beyond its arguments, and
the rise of the process's resident memory while it runs.
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

import ferro_jax as ferro
from benchmarks.simulator.cases import Problem, make_problem
from benchmarks.simulator.gradient_report import ROLLOUT_ALONE
from benchmarks.simulator.measurements import interleaved

WAYS = {
    "applied field": ("adjoint", "checkpoint", "plain"),
    "two parameters": ("adjoint", "checkpoint", "plain", "forward"),
    "everything": ("adjoint", "checkpoint", "plain"),
    "field, observed": ("adjoint", "checkpoint"),
    "bonds": ("adjoint", "checkpoint"),
}
TOLERANCE = 1e-3  # largest difference between the ways after 950 steps in float32, over the largest component


def loss_of(problem: Problem, what: str, gradient: str) -> Callable[..., jax.Array]:
    """Return the loss as a function of (values to differentiate by name, applied field (time, 2))."""
    setup = problem.setup
    observe = (lambda state: ferro.mean_polarization(state.visible)) if what == "field, observed" else None

    def loss(values: dict[str, jax.Array], applied: jax.Array) -> jax.Array:
        params = setup.params._replace(**{k: v for k, v in values.items() if k in setup.params._fields})
        local, applied = values.get("local", problem.local), values.get("applied", applied)
        start = ferro.initial_state(setup.lattice, setup.dtype)
        options: dict[str, Any] = {"bonds": values.get("bonds"), "observe": observe, "gradient": gradient}
        state, observed = ferro.run(problem.key, start, applied, local, params, setup.lattice, check=False, **options)
        return (state.visible**2).sum() if observe is None else (observed**2).sum()

    return loss


def with_respect_to(problem: Problem, what: str, applied: jax.Array) -> dict[str, jax.Array]:
    """Return the values to differentiate with respect to, by name."""
    params = problem.setup.params
    if what == "two parameters":
        return {"coupling": params.coupling, "depolarization": params.depolarization}
    if what in ("applied field", "field, observed"):
        return {"applied": applied}
    if what == "bonds":
        return {"bonds": ferro.random_bonds(problem.key, problem.setup.lattice, 0.1)}
    return {**params._asdict(), "local": jnp.asarray(problem.local), "applied": applied}


def program(problem: Problem, what: str, way: str | None) -> Callable[[jax.Array], Any]:
    """Return a function from applied fields (batch, time, 2) to losses, or to (losses, gradients) with a ``way``."""

    def of_history(applied: jax.Array) -> Any:
        values = with_respect_to(problem, what, applied)
        loss = partial(loss_of(problem, what, way or "adjoint"), applied=applied)
        if way is None:
            return loss(values)
        if way == "forward":
            gradient, value = jax.jacfwd(lambda values: (loss(values),) * 2, has_aux=True)(values)
            return value, gradient
        return jax.value_and_grad(loss)(values)

    return jax.vmap(of_history)


def resident() -> dict[str, int]:
    """Return the resident bytes now (VmRSS) and at most since ``forget_peak`` (VmHWM); empty where the system does not
    tell."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return {}
    return {key: int(kib) * 1024 for key, kib in re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB", status, re.M)}


def forget_peak() -> None:
    """Reset the peak of resident memory."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


@contextlib.contextmanager
def memory_given_back() -> Iterator[None]:
    """Have glibc give blocks of 64 KiB and more back to the system when they are freed; afterwards those of 32 MiB."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    threshold = -3  # M_MMAP_THRESHOLD
    if mallopt:
        mallopt(threshold, 64 << 10)
    yield
    if mallopt:
        mallopt(threshold, 32 << 20)


def rise_while(call: Callable[[], Any]) -> int | None:
    """Return the bytes by which resident memory rises while the call runs, None where the system does not tell."""
    forget_peak()
    before = resident()
    jax.block_until_ready(call())
    after = resident()
    return after["VmHWM"] - before["VmRSS"] if after else None


def measure(task: dict) -> list[dict]:
    """Return the rows of one preset and batch, in a process of its own. A way that fails has a row that says so."""
    problem = make_problem(task["preset"], "float32", 20, task["steps"], task["batch"])
    applied = jnp.asarray(np.moveaxis(problem.applied, 2, 0))
    return [row for what, ways in WAYS.items() for row in compare(problem, applied, what, ways, task["rounds"])]


def compare(problem: Problem, applied: jax.Array, what: str, ways: tuple[str, ...], rounds: int) -> list[dict]:
    """Return a row for the rollout alone and for each way to take the gradient; raise where two ways disagree."""
    rows, programs = [], {}
    for way in (None, *ways):
        try:
            programs[way or ROLLOUT_ALONE] = jax.jit(program(problem, what, way)).lower(applied).compile()
        except Exception:
            traceback.print_exc()
            rows.append({"what": what, "way": way, "failed": traceback.format_exc(limit=1).strip().split("\n")[-1]})
    calls = {name: partial(compiled, applied) for name, compiled in programs.items()}
    with memory_given_back():
        rises = {name: rise_while(call) for name, call in calls.items()}
    gradients = {name: jax.block_until_ready(call())[1] for name, call in calls.items() if name != ROLLOUT_ALONE}
    seconds = interleaved(calls, rounds)
    for name, compiled in programs.items():
        memory = compiled.memory_analysis()
        row = {"what": what, "way": name, "seconds": seconds[name], "resident rise": rises[name]}
        row["bytes"] = memory.temp_size_in_bytes + memory.output_size_in_bytes
        if name != ROLLOUT_ALONE:
            row["difference"] = float(difference(problem, gradients[name], gradients["checkpoint"]))
            if not row["difference"] < TOLERANCE:
                raise AssertionError(
                    f"{name} differs from checkpoint by {row['difference']:.1e} of the largest component"
                )
        rows.append(row)
    return rows


def difference(problem: Problem, ours: dict[str, jax.Array], theirs: dict[str, jax.Array]) -> float:
    """Return the largest difference of two gradients, relative to the largest component of each array's gradient.

    Parameters are compared together, as change for one relative change, because the derivative with respect to dt alone
    is rounding where a history ends at rest.
    """
    groups: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for key in ours:
        scale = getattr(problem.setup.params, key, 1.0)
        pair = np.asarray(ours[key] * scale), np.asarray(theirs[key] * scale)
        groups.setdefault("params" if hasattr(problem.setup.params, key) else key, []).append(pair)
    return max(max(np.abs(a - b).max() for a, b in g) / max(np.abs(b).max() for _, b in g) for g in groups.values())
