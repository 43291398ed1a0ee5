"""The plan of the measurements of ``gradients`` and the table of their results; without JAX."""

from collections.abc import Callable
from typing import Any

from benchmarks.simulator.report import markdown, spread

ROLLOUT_ALONE = "rollout alone"


def measure_all(launch: Callable[..., Any], smoke: bool) -> dict:
    """Return the measurements of both presets at batch 1 and 64, each from ``launch(task)``."""
    steps, rounds = (64, 1) if smoke else (950, 5)
    jobs = [(preset, batch) for preset in ("lecture", "physical") for batch in ((2,) if smoke else (1, 64))]
    data: dict[str, Any] = {"steps": steps, "jobs": []}
    for preset, batch in jobs:
        task = {"kind": "gradient", "preset": preset, "batch": batch, "steps": steps, "rounds": rounds}
        data["jobs"].append({**task, "rows": launch(task)})
    return data


def report_text(machine: dict, data: dict) -> str:
    """Return the page of the table, as markdown."""
    lines = []
    for job in data["jobs"]:
        for row in job["rows"]:
            if "failed" in row:
                lines.append([job["preset"], str(job["batch"]), row["what"], row["way"], "(failed)", "", "", ""])
                continue
            forward = next(r for r in job["rows"] if r["what"] == row["what"] and r["way"] == ROLLOUT_ALONE)
            ratio = [a / b for a, b in zip(row["seconds"], forward["seconds"], strict=True)]
            milliseconds = spread((1e3 * s for s in row["seconds"]), 1)
            memory = [_mebibytes(row["bytes"]), _mebibytes(row["resident rise"])]
            lines.append(
                [job["preset"], str(job["batch"]), row["what"], row["way"], milliseconds, spread(ratio), *memory]
            )
    header = ["preset", "batch", "gradient of", "way", "CPU ms", "over forward", "program MiB", "resident MiB"]
    return "\n\n".join(
        [
            f"# Gradients through {data['steps']} steps of FerroSIM: time over the rollout, memory",
            f"`python -m benchmarks.simulator.rollout --gradients`, {machine['date']}, N = 20, float32, one core",
            "\n".join(f"- {key}: {value}" for key, value in machine.items() if key != "date"),
            markdown(header, lines),
        ]
    )


def _mebibytes(count: int | None) -> str:
    return "" if count is None else f"{count / 2**20:.1f}"
