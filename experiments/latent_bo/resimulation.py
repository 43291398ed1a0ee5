"""TODO docstring of experiments.latent_bo.compute.resimulation"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import ferro_jax as ferro
from experiments.lab.keys import Keys
from experiments.lab.run import Run
from experiments.shared.lattices.latent_map import Problem

HOLDS = (50, 100, 200, 1000)


def honesty(run: Run, keys: Keys, problem: Problem) -> None:
    """The best and middling cells of all campaigns again: other subsets, longer holds, all sites moving."""
    cells, values = (run.results[name].to_numpy().ravel() for name in ("chosen_cell", "chosen_value"))
    cells, first = np.unique(cells, return_index=True)
    order = np.argsort(values[first])[::-1]
    count = min(16, len(cells) // 2)
    middle = len(order) // 2 - count // 2
    groups = {"best": cells[order[:count]], "middle": cells[order[middle : middle + count]]}
    curves = jnp.asarray(problem.curves[np.concatenate(list(groups.values()))])

    longest = HOLDS[-1]
    variants = {
        "same_subsets": (problem.setup, keys["subset"]),
        "other_subsets": (problem.setup, keys["other_subset"]),
        "synchronous": (problem.synchronous, keys["subset"]),
    }
    held, ends = {}, {}
    for name, (setup, key) in variants.items():
        longer = setup._replace(hold_steps=longest)
        local = jnp.asarray(setup.coercive_field * problem.defects, setup.dtype)

        def watch(key: jax.Array, curve: jax.Array, setup: Any = longer, local: jax.Array = local) -> Any:
            seen = ferro.simulate(
                key, curve, local, setup, observe=lambda state: ferro.target(state, setup), check=False
            )
            short = ferro.simulate(key, curve, local, setup._replace(hold_steps=problem.setup.hold_steps), check=False)
            return seen.observations[setup.drive_steps - 1 :], short.state.visible

        curl, end = jax.jit(jax.vmap(watch, in_axes=(None, 0)))(key, curves)
        held[name], ends[name] = np.asarray(curl), np.asarray(end)
    run.add("hold", ("hold",), np.arange(longest + 1), "1", "steps after the field stops", coordinate=True)
    run.add("variant", ("variant",), np.array(list(variants), dtype=object), "1", "how it was simulated again", True)
    for number, (group, chosen) in enumerate(groups.items()):
        rows = slice(number * count, (number + 1) * count)
        stacked = np.stack([held[name][rows] for name in variants])
        run.add(f"honesty_{group}_cell", ("member",), chosen, "1", f"cells of the group: {group}")
        run.add(f"honesty_{group}", ("variant", "member", "hold"), stacked, "model unit",
                f"sum of |curl P| while the field is held, group: {group}")  # fmt: skip
        for name in variants:
            means = held[name][rows].mean(0)
            run.record(**{f"honesty_{group}_{name}_hold{hold}_mean": means[hold] for hold in HOLDS})
        run.record(**{f"honesty_{group}_physical_mean": problem.physical[chosen].mean()})
    for name, hold in (("same_subsets", HOLDS[0]), ("same_subsets", longest), ("synchronous", HOLDS[0])):
        gap = held[name][:count, hold].mean() - held[name][count:, hold].mean()
        run.record(**{f"honesty_best_minus_middle_{name}_hold{hold}": gap})
    difference = held["same_subsets"][:, HOLDS[0]] - held["other_subsets"][:, HOLDS[0]]
    run.record(honesty_subset_seed_rms_difference=np.sqrt(np.mean(difference**2)), best_cell=int(groups["best"][0]))
    for name, label in (("same_subsets", "best"), ("synchronous", "best_synchronous")):
        state, setup = ends[name][0], problem.setup
        curl = ferro.curl(jnp.asarray(state), setup.curl_boundary, setup.curl_x_axis)
        run.add(f"{label}_polarization", ("component", "row", "column"), state, "model unit", f"{name}: final P")
        run.add(f"{label}_curl", ("row", "column"), curl, "model unit", f"{name}: final curl of P")
