"""The best histories of campaigns, improved along the gradient: first in the latent space, then sample by sample."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from experiments.lab import summaries
from experiments.lab.checkpoints import once
from experiments.lab.run import Array, Outcome
from experiments.shared.processes.learning import Candidates
from experiments.shared.processes.records import Process
from experiments.shared.processes.search import Found
from models import histories, latent

STARTS = 8  # campaigns whose best candidate is improved


def arrays_of(process: Process) -> dict[str, Array]:
    """Describe improved histories in the units of a process."""
    control, first = process.control, process.outcomes[0]
    return {
        "start_value": Array(("start",), first.units, "best value that a campaign found"),
        "ascended_value": Array(("start",), first.units, "value after the ascent in the latent space"),
        "refined_value": Array(("start",), first.units, "value after the ascent in the samples that followed"),
        "refined_history": Array(("start", "sample"), control.units, f"{control.name} after both"),
        "refined_duration": Array(("start",), "s", "duration of it"),
    }


@once
def improve(
    simulate: Callable[..., Any],
    learned: histories.Learned,
    candidates: Candidates,
    found: Found,
    process: Process,
    steps: int,
) -> Outcome:
    """Improve the best candidates of the first campaigns by ``steps`` steps in the latent space and as many beyond.

    ``simulate(history, duration)`` returns a record whose ``value`` is maximised. Bounds are the control's.
    """

    def objective(history: jax.Array, duration: jax.Array) -> jax.Array:
        return simulate(history, duration).value

    values = np.where(np.isfinite(found.value), found.value, -np.inf)[:STARTS]
    known = np.isfinite(values.max(1))
    rows = np.take_along_axis(found.row[:STARTS], values.argmax(1)[:, None], 1)[known, 0]
    rows, member = np.unique(rows, return_inverse=True)  # campaigns often end at the same candidate
    ascended = jax.device_get(latent.ascend(objective, learned, candidates.z[rows], steps=steps))
    bounds = (process.control.low, process.control.high)
    refined = [
        latent.refine(objective, history, bounds=bounds, duration=float(duration), steps=steps)
        for history, duration in zip(ascended.histories, ascended.duration, strict=True)
    ]
    ends = {
        "start_value": values.max(1)[known],
        "ascended_value": ascended.value[member],
        "refined_value": np.array([end.value for end in refined])[member],
    }
    arrays = {
        **ends,
        "refined_history": np.stack([end.history for end in refined])[member],
        "refined_duration": np.asarray(ascended.duration)[member],
    }
    numbers = {name: number for end, value in ends.items() for name, number in summaries.spread(end, value).items()}
    return Outcome(arrays, {**numbers, "gradient_steps": steps})
