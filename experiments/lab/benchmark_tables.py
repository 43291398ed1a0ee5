"""Sections of the performance page from the measurements committed in ``benchmarks/results``."""

import json
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any


def _machines(folder: Path) -> dict[str, Any]:
    """Return a section that lists the committed measurements of the simulator with the machine they ran on."""
    rows = []
    for path in sorted(folder.glob("ferrosim-*.json")):
        machine = json.loads(path.read_text())["machine"]
        page = path.with_suffix(".md")
        name = path.stem.split("-amd")[0].split("-intel")[0]
        rows.append(
            {
                "name": f"[{name}](../../{page.relative_to(folder.parents[1])})" if page.is_file() else name,
                "cpu": machine["cpu"],
                "cores": machine["cores"],
                "jax": f"{machine['jax']}, jaxlib {machine['jaxlib']}",
                "date": machine["date"],
                "load": machine["load average before"],
            }
        )
    columns = {
        "name": "tables",
        "cpu": "processor",
        "cores": "cores",
        "jax": "JAX",
        "date": "measured",
        "load": "load average before",
    }
    return {"heading": "Committed measurements", "columns": columns, "rows": rows}


def _cost(process: dict[str, Any], name: str) -> float:
    """Return CPU seconds per site update of one variant in one process."""
    return median(process[name]["seconds"]) / process[name]["updates"]


def _shares(path: Path) -> Iterator[dict[str, Any]]:
    """Yield a row for each preset and batch: our rate, and its share of C's, as medians over processes."""
    for name in json.loads(path.read_text())["headline"][0]:
        kind, *job = name.split(" ", 1)
        if kind != "C":
            continue
        processes = json.loads(path.read_text())["headline"]
        preset, batch = job[0].split()
        ours = [_cost(process, f"ours {job[0]}") for process in processes]
        share = [_cost(process, name) / cost for process, cost in zip(processes, ours, strict=True)]
        rate = median(1e-6 / cost for cost in ours)
        yield {
            "preset": f"`{preset}`",
            "batch": int(batch),
            "rate": round(rate),
            "share": round(median(share), 2),
        }


def _gradients(path: Path) -> Iterator[dict[str, Any]]:
    """Yield a row for each preset and batch: time of each way to the gradient over that of the rollout."""
    for job in json.loads(path.read_text())["jobs"]:
        if job["kind"] != "gradient":
            continue
        rollouts = {row["what"]: row["seconds"] for row in job["rows"] if row["way"] == "rollout alone"}
        for row in job["rows"]:
            if row["way"] in ("adjoint", "checkpoint") and row["what"] in ("applied field", "everything"):
                ratios = [a / b for a, b in zip(row["seconds"], rollouts[row["what"]], strict=True)]
                yield {
                    "preset": f"`{job['preset']}`",
                    "batch": job["batch"],
                    "what": row["what"],
                    "way": f"`{row['way']}`",
                    "ratio": round(median(ratios), 2),
                }


def sections(folder: Path) -> list[dict[str, Any]]:
    """Return the sections of all measurements in a folder: machines, share of C's rate, cost of gradients."""
    made = [_machines(folder)]
    for path in sorted(folder.glob("ferrosim-*.json")):
        record = json.loads(path.read_text())
        if "headline" in record:
            columns = {
                "preset": "preset",
                "batch": "batch",
                "rate": "million site updates per CPU-second",
                "share": {"title": "share of the rate of C", "decimals": 2},
            }
            heading = f"Rollout beside C, N = 20, float32 ({record['machine']['cpu']})"
            made.append({"heading": heading, "columns": columns, "rows": list(_shares(path))})
        elif "jobs" in record:
            columns = {
                "preset": "preset",
                "batch": "batch",
                "what": "gradient of",
                "way": "way",
                "ratio": {"title": "CPU time over the rollout", "decimals": 2},
            }
            heading = f"Gradients through 950 steps ({record['machine']['cpu']})"
            made.append({"heading": heading, "columns": columns, "rows": list(_gradients(path))})
    return made
