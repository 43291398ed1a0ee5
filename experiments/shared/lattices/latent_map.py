"""The map of the main job (``experiments/latent_bo/compute.py``): every decoded history simulated, the best ones again."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import ferro_jax as ferro
from experiments.lab import scores
from experiments.lab.keys import Keys
from experiments.lab.parallel import over_devices
from experiments.lab.run import Run, RunError, advance
from experiments.shared.lattices import setups

MAPS = {
    "lecture": "lecture preset",
    "synchronous": "lecture preset, but all sites move in each step",
    "physical": "physical preset",
}
MAP_CHUNK, SETTLING_CHUNK = 640, 32  # histories per device and call
FIRST_LIMIT = 250  # steps beyond the hold that every settling history gets


class Problem(NamedTuple):
    """The search problem and what it is scored against."""

    latent: np.ndarray  # (cell, z), float64
    curves: np.ndarray  # (cell, time) decoded histories, float32
    inside: np.ndarray  # (cell,) inside the training support
    truth: np.ndarray  # (cell,) target of the lecture preset: for scores only
    physical: np.ndarray  # (cell,) target of the physical preset
    setup: ferro.Setup  # lecture
    synchronous: ferro.Setup  # lecture, but all sites move
    defects: np.ndarray  # (component, row, column) in coercive fields
    subset_key: jax.Array


def ground_truth(run: Run, keys: Keys, cells: tuple[np.ndarray, np.ndarray, np.ndarray]) -> Problem:
    """Simulate every decoded history: lecture preset, the same with all sites moving, physical preset."""
    grid, curves, inside = cells
    lecture, physical = ferro.lecture(jnp.float32), ferro.physical(jnp.float32)
    synchronous = setups.synchronous(lecture)
    # quoted in coercive fields, so the same defects are √2 stronger (model units) under the physical preset
    defects = np.asarray(ferro.random_field(keys["field"], lecture.lattice), np.float32)
    _save_simulated(run, keys["subset"], lecture, physical, defects, curves)

    truths = {}
    with run.progress(3 * len(curves), "history") as bar:
        for number, (name, setup) in enumerate(
            (("lecture", lecture), ("synchronous", synchronous), ("physical", physical))
        ):
            _refuse_unstable(setup, defects, curves)
            told, before = advance(bar), number * len(curves)
            values, residual = _simulate_map(
                setup, keys["subset"], defects, curves, lambda done, told=told, before=before: told(before + done)
            )
            refuse_non_finite(f"simulation of the map ({name})", values)
            truths[name] = values
            run.add(f"target_{name}", ("cell",), values, "model unit", f"sum of |curl P| at the end: {MAPS[name]}")
            if setup.settle is not None:
                run.record(physical_settled_share=np.mean(residual < setup.settle.tolerance))
    truth = truths["lecture"]
    run.record(
        cells=len(truth), map_min=truth.min(), map_median=np.median(truth), map_max=truth.max(),
        **{f"map_p{q}": np.percentile(truth, q) for q in (90, 95, 99)},
        map_max_inside_support=truth[inside].max() if inside.any() else float("nan"),
        top_1_percent_inside_support_share=inside[scores.top_cells(truth, 0.01)].mean(),
        **{
            f"map_correlation_lecture_{name}_inside_support": np.corrcoef(truth[inside], truths[name][inside])[0, 1]
            for name in ("synchronous", "physical") if inside.sum() > 1
        },
        map_correlation_lecture_synchronous=np.corrcoef(truth, truths["synchronous"])[0, 1],
        map_correlation_lecture_physical=np.corrcoef(truth, truths["physical"])[0, 1],
        hold_steps=lecture.hold_steps,
    )  # fmt: skip
    return Problem(grid, curves, inside, truth, truths["physical"], lecture, synchronous, defects, keys["subset"])


def _save_simulated(
    run: Run, key: jax.Array, lecture: ferro.Setup, physical: ferro.Setup, defects: np.ndarray, curves: np.ndarray
) -> None:
    """What anybody needs to simulate the map again without this code."""
    applied = np.asarray(jax.jit(jax.vmap(lambda curve: ferro.applied_field(curve, lecture)[:, 0]))(curves))
    run.add("applied_field", ("cell", "time"), applied, "model unit", "E_x of each step, lecture preset (E_y is 0)")
    masks = np.asarray(ferro.subset_masks(key, applied.shape[1], lecture.lattice)).reshape(applied.shape[1], -1)
    run.add("subset", ("step", "site"), masks, "1", "site (row-major) moves in this step, lecture preset; in step 0 "
            "none does, its sample is the start state's")  # fmt: skip
    for name, setup in (("local_field", lecture), ("local_field_physical", physical)):
        run.add(name, ("component", "row", "column"), setup.coercive_field * defects, "model unit",
                f"random field of the defects, {setup.name} preset; components x and y")  # fmt: skip
        run.record(**{f"{setup.name}_field_unit_model_units": setup.coercive_field})
        run.describe(setup)
    run.results["applied_field"].attrs["physical_preset"] = (
        f"the same times {physical.coercive_field / lecture.coercive_field:.6f}, held until the lattice is at rest"
    )


def _refuse_unstable(setup: ferro.Setup, defects: np.ndarray, curves: np.ndarray) -> None:
    """RunError if the largest decoded field is more than the time step can carry."""
    largest = float(np.abs(curves).max())
    field = np.array([[setup.field_scale * setup.coercive_field * largest, 0.0]])
    state = ferro.initial_state(setup.lattice, setup.dtype)
    try:
        ferro.validate(state, field, setup.coercive_field * defects, setup.params, setup.lattice)
    except ValueError as error:
        raise RunError(
            f"the decoder extrapolates to {largest:.2f} times the largest training field, too much for the "
            f"{setup.name} preset ({error}). Lower --grid-extent, or raise --epochs or --trajectories"
        ) from error


def _simulate_map(
    setup: ferro.Setup, key: jax.Array, defects: np.ndarray, curves: np.ndarray, progress: Callable[[int], None]
) -> tuple[np.ndarray, np.ndarray]:
    """(target, residual rate) of every history.

    Where lanes settle, a chunk takes as long as its slowest: one history in twenty needs many times the steps of the
    others. So all get a short limit first, and those still moving are simulated again, in order of their rates.
    """
    short = setup if setup.settle is None else setup._replace(settle=setup.settle._replace(limit=FIRST_LIMIT))
    values, residual = over_devices(target_of(short, key, defects), MAP_CHUNK)(curves, progress=progress)
    if setup.settle is not None:
        late = np.flatnonzero(~(residual < setup.settle.tolerance))
        late = late[np.argsort(residual[late])]
        if len(late):
            again = over_devices(target_of(setup, key, defects), SETTLING_CHUNK)(curves[late])
            values[late], residual[late] = again
    return values, residual


def target_of(setup: ferro.Setup, key: jax.Array, defects: np.ndarray) -> Callable[[jax.Array], tuple]:
    """``curve -> (target, residual rate)`` under a set-up."""
    local = jnp.asarray(setup.coercive_field * defects, setup.dtype)

    def one(curve: jax.Array) -> tuple[jax.Array, jax.Array]:
        end = ferro.simulate(key, curve, local, setup, check=False)
        return ferro.target(end.state, setup), end.residual

    return one


def refuse_non_finite(what: str, values: np.ndarray, axes: tuple[str, ...] = ("cell",)) -> None:
    """RunError that names the first place where a number is not finite."""
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        place = ", ".join(f"{axis} {number}" for axis, number in zip(axes, bad[0], strict=True))
        raise RunError(f"{what} went non-finite at {place} ({len(bad)} of {np.size(values)} values)")
