"""The measurements of one worker process of ``rollout``, which has pinned itself and set its environment before."""

import dataclasses
import importlib.util
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

import ferro_jax as ferro
from benchmarks.simulator import c_kernel, cases, plain_rollouts
from benchmarks.simulator.cases import Problem, Variant, make_problem
from benchmarks.simulator.compiler import compiler
from ferro_jax.engine.kernel import rollout
from ferro_jax.engine.subsets import make_schedule
from ferro_jax.engine.terms import Inputs

MOST_BYTES = 6e9  # of all copies that a variant makes of inputs and states
TOLERANCE = {"float32": 1e-4, "float64": 1e-10}  # of max |p|


def prepare_ours(problem: Problem) -> Callable[[], Any]:
    """Return the package's rollout as a user calls it: ``jit(vmap(run))``."""
    setup = problem.setup
    applied = jnp.asarray(np.moveaxis(problem.applied, 2, 0))

    def of_history(applied: jax.Array, local: jax.Array) -> Any:
        start = ferro.initial_state(setup.lattice, setup.dtype)
        state, _ = ferro.run(problem.key, start, applied, local, setup.params, setup.lattice, check=False)
        return state.polarization, state.visible

    program = jax.jit(jax.vmap(of_history, in_axes=(0, None))).lower(applied, problem.local).compile()
    return lambda: program(applied, problem.local)


def variants() -> list[Variant]:
    """Return the variants that this machine can run."""
    fast = [Variant("ours", prepare_ours, False, 6e8, fewest=60)]
    if compiler():
        fast.append(Variant("C", c_kernel.prepare, True, 1e9, fewest=60))
    if importlib.util.find_spec("numba"):
        from benchmarks.simulator import numba_loops

        fast.append(Variant("numba", numba_loops.prepare, True, 4e8))
    return [
        *fast,
        Variant("naive JAX", plain_rollouts.prepare_naive, False, 1e8),
        Variant("NumPy", plain_rollouts.prepare_numpy, True, 3e7),
        Variant("Python", plain_rollouts.prepare_python, True, 3e5, fewest=4, most_batch=1),
    ]


def cpu_seconds(call: Callable[[], Any], repeats: int = 1) -> float:
    """Return the CPU seconds of one call, after an untimed one."""
    jax.block_until_ready(call())
    start = time.process_time()
    for _ in range(repeats):
        jax.block_until_ready(call())
    return (time.process_time() - start) / repeats


def interleaved(calls: dict[str, Callable[[], Any]], rounds: int, least: float = 0.02) -> dict[str, list[float]]:
    """Return the CPU seconds of each call in each round.

    Calls shorter than ``least`` seconds are repeated to fill them. Each must have been called before.
    """
    once = {}
    for name, call in calls.items():
        start = time.process_time()
        jax.block_until_ready(call())
        once[name] = time.process_time() - start
    repeats = {name: max(1, int(least / max(seconds, 1e-6))) for name, seconds in once.items()}
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            seconds[name].append(cpu_seconds(call, repeats[name]))
    return seconds


def planned_steps(variant: Variant, size: int, batch: int, seconds: float, bound: float) -> int:
    """Return the number of steps that take about ``seconds``, 0 if there is time for too few to measure a rate.

    At least ``variant.fewest`` or as many of them as ``bound`` seconds allow, because the first two steps of a run cost
    more under the random-subset update.
    """
    step = size**2 * batch / variant.rate * (2 if size >= 256 else 1)  # slower outside the cache
    steps = round(max(seconds / step, min(variant.fewest, bound / step)))
    return 0 if steps < min(10, variant.fewest) else min(cases.longest(size), steps)


def why_not(steps: int, size: int, batch: int, dtype: str, variant: Variant) -> str | None:
    """Return what the table says in place of a number, None if the cell is measured."""
    bytes_of_a_state = 2 * size**2 * batch * jnp.dtype(dtype).itemsize
    if batch > variant.most_batch:
        return "="
    if 10 * bytes_of_a_state > MOST_BYTES:
        return "memory"
    return "time" if steps == 0 else None


def check(name: str, variant: Variant, problem: Problem, out: Any) -> float:
    """Return the largest difference to the reference (C, or else NumPy) over the first and the last 16 lanes.

    It is relative to max |p|; AssertionError where it is more than rounding.
    """
    chosen = np.unique(np.r_[: min(16, problem.batch), max(0, problem.batch - 16) : problem.batch])
    few = problem._replace(applied=np.ascontiguousarray(problem.applied[:, :, chosen]))
    reference = c_kernel.rollout(few, 8)() if compiler() else plain_rollouts.prepare_numpy(few)()
    worst = 0.0
    for ours, theirs in zip(out, reference, strict=True):
        picked = np.asarray(ours)[..., chosen] if variant.batch_last else np.moveaxis(np.asarray(ours)[chosen], 0, -1)
        worst = max(worst, float(np.abs(picked - theirs).max() / np.abs(theirs).max()))
    if not worst < TOLERANCE[problem.local.dtype.name]:
        raise AssertionError(f"{name} differs from the reference by {worst:.1e} of max |p|")
    return worst


def table(task: dict) -> list[dict]:
    """Return a row for every cell of one preset and dtype.

    Rows are {size, batch, variant, steps, updates, seconds, difference} or {size, batch, variant, skipped}.
    """
    preset, dtype, rows, known = task["preset"], task["dtype"], [], variants()
    for size in task["sizes"]:
        for batch in task["batches"]:
            calls, records = {}, {}
            plan = {v: planned_steps(v, size, batch, task["seconds"], task["bound"]) for v in known}
            skipped = {v: why_not(steps, size, batch, dtype, v) for v, steps in plan.items()}
            todo = [v for v in plan if skipped[v] is None]
            rows += [
                {"size": size, "batch": batch, "variant": v.name, "skipped": why} for v, why in skipped.items() if why
            ]
            if not todo:
                continue
            for v in todo:
                problem = make_problem(preset, dtype, size, plan[v], batch, max(task["batches"]))
                call = v.prepare(problem)
                difference = check(f"{v.name}, {preset}, {dtype}, {size}, {batch}", v, problem, call())
                records[v.name] = {"steps": plan[v], "updates": problem.updates, "difference": difference}
                records[v.name] |= {"width": call.width} if v.name == "C" else {}
                calls[v.name] = call
            measured = interleaved(calls, task["rounds"])
            for name, seconds in measured.items():
                rows.append({"size": size, "batch": batch, "variant": name, **records[name], "seconds": seconds})
    return rows


def _direct(problem: Problem, unroll: int) -> Callable[[], Any]:
    """Return a call of the kernel itself at a given unroll."""
    setup, sites = problem.setup, problem.setup.lattice.sites
    zero = jnp.zeros((2, sites, 1), setup.dtype)
    params = jax.tree.map(lambda leaf: jnp.reshape(leaf, (1,)), setup.params)
    inputs = Inputs(
        polarization=zero,
        visible=zero,
        projected=zero,
        applied=jnp.asarray(problem.applied),
        local_field=jnp.asarray(problem.local).reshape(2, sites, 1),
        params=params,
        bonds=None,
        closed_over=[],
    )
    schedule = None if problem.moves is None else make_schedule(problem.key, 0, problem.steps, setup.lattice)
    return partial(jax.jit(partial(rollout, lattice=setup.lattice, unroll=unroll)), schedule, inputs)


def headline(task: dict) -> dict[str, dict]:
    """Return {name: {updates or 0, seconds}} of ours and C in float32 at N = 20, under both updates.

    With ``guards`` also of the ``lecture`` lattice updated synchronously, and of the kernel with scan unroll 1 and 2.
    """
    calls, updates = {}, {}
    known = {v.name: v for v in variants() if v.name in ("ours", "C")}
    for preset in ("lecture", "physical"):
        for batch, steps in zip(task["batches"], task["steps"], strict=True):
            problem = make_problem(preset, "float32", 20, steps, batch, max(task["batches"]))
            for name, variant in known.items():
                label = f"{name} {preset} {batch}"
                calls[label], updates[label] = variant.prepare(problem), problem.updates
                check(label, variant, problem, calls[label]())
        if task["guards"]:
            calls |= guards(make_problem(preset, "float32", 20, task["steps"][0], task["batches"][0]))
    measured = interleaved(calls, task["rounds"])
    return {name: {"updates": updates.get(name, 0), "seconds": seconds} for name, seconds in measured.items()}


def guards(problem: Problem) -> dict[str, Callable[[], Any]]:
    """Return the calls that show whether the unrolled scan and the random subsets are as fast as they should be."""
    setup = problem.setup
    calls = {f"unroll {unroll} {setup.name}": _direct(problem, unroll) for unroll in (1, 2)}
    if problem.moves is not None:
        lattice = dataclasses.replace(setup.lattice, update="synchronous")
        all_move = problem._replace(setup=setup._replace(lattice=lattice), moves=None)
        calls[f"ours {setup.name} synchronous"] = prepare_ours(all_move)
    return calls


def _map_in_c(problem: Problem, threads: int) -> Callable[[], np.ndarray]:
    width = c_kernel.fastest_width(problem)
    call = c_kernel.rollout(problem, width, threads)

    def targets() -> np.ndarray:
        _, (x, y) = call()
        along_row = np.roll(y, -1, 0) - np.roll(y, 1, 0)
        return np.abs(along_row - np.roll(x, -1, 1) + np.roll(x, 1, 1)).sum((0, 1)) / 2

    return targets


def ground_truth_map(task: dict) -> dict[str, dict]:
    """Return the seconds of the ground-truth map, from curves to Σ|curl|: {variant: {cpu, wall}}, lists over rounds."""
    histories = task["histories"]
    problem = make_problem("lecture", "float32", 20, 950, histories)
    setup, local = problem.setup, jnp.asarray(problem.local)
    curves = ferro.damped_oscillation(jax.random.key(1), histories).curves
    assert np.array_equal(jax.jit(partial(ferro.applied_field, setup=setup))(curves[0]), problem.applied[:, :, 0])

    def ours(curves: jax.Array) -> jax.Array:
        return jax.vmap(lambda c: ferro.target(ferro.simulate(problem.key, c, local, setup).state, setup))(curves)

    mesh, lanes = Mesh(np.array(jax.devices()[:2]), ("lanes",)), PartitionSpec("lanes")
    both = jax.jit(jax.shard_map(ours, mesh=mesh, in_specs=lanes, out_specs=lanes, check_vma=False))
    calls = {"ours, two devices": partial(both, curves), "ours, one device": partial(jax.jit(ours), curves)}
    if compiler():
        calls |= {f"C, {n} thread{'s' * (n > 1)}": _map_in_c(problem, n) for n in (2, 1)}
    results = {name: np.asarray(call()) for name, call in calls.items()}
    for name, values in results.items():
        np.testing.assert_allclose(values, results["ours, one device"], rtol=0, atol=1e-2, err_msg=name)
    seconds: dict[str, dict] = {name: {"cpu": [], "wall": []} for name in calls}
    for _ in range(task["rounds"]):
        for name, call in calls.items():
            cpu, wall = time.process_time(), time.perf_counter()
            jax.block_until_ready(call())
            seconds[name]["cpu"].append(time.process_time() - cpu)
            seconds[name]["wall"].append(time.perf_counter() - wall)
    return seconds
