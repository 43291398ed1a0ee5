"""Tables of the measurements of ``rollout``, as markdown: medians, quartiles and the machine."""

import json
import os
import platform
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benchmarks.simulator.compiler import description

RESULTS = Path(__file__).parents[1] / "results"
VARIANTS = ("ours", "C", "numba", "naive JAX", "NumPy", "Python")


def _cpu_model() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    found = {key: re.search(rf"^{key}\s*: (.*)$", text, re.M) for key in ("model name", "cpu family", "model")}
    name, family, model = (match.group(1).strip() if match else "" for match in found.values())
    return f"{name or platform.machine()} (family {family}, model {model})" if family else name or platform.machine()


def _caches() -> dict[str, str]:
    """Return the sizes of the caches of core 0 where the system tells: {"L2": "512K", ...}."""
    sizes = {}
    for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = ((folder / name).read_text().strip() for name in ("level", "type", "size"))
        if kind != "Instruction":
            sizes[f"L{level}"] = size
    return sizes


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def load_average() -> str:
    """Return the system's load averages over 1, 5 and 15 minutes."""
    return " ".join(f"{value:.1f}" for value in os.getloadavg())


def machine() -> dict[str, Any]:
    """Return processor, system, versions, date and load of this machine."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "caches": ", ".join(f"{level} {size}" for level, size in _caches().items()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{package: _version(package) for package in ("jax", "jaxlib", "numpy", "numba")},
        "compiler": description(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "load average before": load_average(),
    }


def slug(cpu: str) -> str:
    """Return the name of a processor in small letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", cpu.lower()).strip("-")


def spread(values: Iterable[float], digits: int = 2) -> str:
    """Return "median [lower quartile, upper quartile]"."""
    values = list(values)
    if len(values) < 2:
        return f"{values[0]:.{digits}f}"
    low, _, high = quantiles(values, n=4, method="inclusive")
    return f"{median(values):.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def markdown(header: list[str], rows: list[list[str]]) -> str:
    """Return a markdown table whose columns also line up on a terminal."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    line: Callable[[list[str]], str] = lambda row: "| " + " | ".join(f"{c:{w}}" for c, w in zip(row, widths)) + " |"  # noqa: B905, E731
    return "\n".join([line(header), "|" + "|".join("-" * (w + 2) for w in widths) + "|", *map(line, rows)])


def rate(record: dict) -> float:
    """Return million site-updates per CPU-second."""
    return record["updates"] / median(record["seconds"]) / 1e6


def _three(value: float) -> str:
    """Return a number with three digits, without decimals from 100 on."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def rate_table(rows: list[dict]) -> str:
    """Return the table of one preset and dtype: a line for each lattice and batch, a column for each variant."""
    present = {row["variant"] for row in rows}
    names = [name for name in VARIANTS if name in present]
    cells = {(row["size"], row["batch"], row["variant"]): row for row in rows}
    lines = []
    for size, batch in dict.fromkeys((row["size"], row["batch"]) for row in rows):
        here = {name: cells[size, batch, name] for name in names if (size, batch, name) in cells}
        shown = [f"({here[n]['skipped']})" if "skipped" in here[n] else _three(rate(here[n])) for n in here]
        timed = {n: here[n] for n in ("ours", "C") if n in here and "skipped" not in here[n]}
        ratio = f"{rate(timed['ours']) / rate(timed['C']):.2f}" if len(timed) == 2 else ""
        steps, width = (str(here.get(n, {}).get(key, "")) for n, key in (("ours", "steps"), ("C", "width")))
        lines.append([str(size), f"{batch:,}", *shown, ratio, steps, width])
    return markdown(["N", "batch", *names, "ours / C", "steps of ours", "lanes of C"], lines)


def _ratios(processes: list[dict], top: str, bottom: str, per_update: bool = False) -> list[float]:
    """Return the median seconds of ``bottom`` over those of ``top`` in each process, per site-update where jobs
    differ."""

    def cost(process: dict, name: str) -> float:
        return median(process[name]["seconds"]) / (process[name]["updates"] if per_update else 1)

    return [cost(p, bottom) / cost(p, top) for p in processes if top in p and bottom in p]


def headline_table(processes: list[dict], batches: list[int]) -> str:
    """Return the table of medians over processes; each process measures all variants in interleaved rounds."""
    rows = []
    for preset in ("lecture", "physical"):
        for batch in batches:
            ours = [rate(p[f"ours {preset} {batch}"]) for p in processes]
            ratios = _ratios(processes, f"ours {preset} {batch}", f"C {preset} {batch}", per_update=True)
            rows.append([f"{preset}, batch {batch:,}: M site-updates per CPU-second", spread(ours, 0), ""])
            if ratios:
                rows.append([f"{preset}, batch {batch:,}: ours / C", spread(ratios), "≥ 0.55, aim 0.7"])
    small = batches[0]
    steps = f"lecture step, batch {small}, / "
    same = _ratios(processes, "ours lecture synchronous", f"ours lecture {small}")
    rows.append([steps + "synchronous step of the same lattice", spread(same), "≤ 1.3"])
    physical = _ratios(processes, f"ours physical {small}", f"ours lecture {small}")
    rows.append([steps + "physical step", spread(physical), "≤ 1.3"])
    for preset in ("lecture", "physical"):
        guard = _ratios(processes, f"unroll 1 {preset}", f"unroll 2 {preset}")
        rows.append([f"{preset}: time at unroll 2 / unroll 1", spread(guard), "≤ 1 (guard)"])
    return markdown([f"N = 20, float32, {len(processes)} processes", "median [quartiles]", "target"], rows)


def map_table(seconds: dict[str, dict]) -> str:
    """Return the table of CPU and wall seconds of the ground-truth map."""
    rows = [[name, spread(s["cpu"]), spread(s["wall"])] for name, s in seconds.items()]
    two, one = (seconds[f"ours, {n}"] for n in ("two devices", "one device"))
    wall = [a / b for a, b in zip(two["wall"], one["wall"], strict=True)]
    rows.append(["wall, two devices / one (target ≤ 0.6)", "", spread(wall)])
    if "C, 2 threads" in seconds:
        cpu = [a / b for a, b in zip(two["cpu"], seconds["C, 2 threads"]["cpu"], strict=True)]
        rows.append(["CPU, two devices / C on two threads (target ≤ 2)", spread(cpu), ""])
    return markdown(["", "CPU s", "wall s"], rows)


def write(name: str, machine: dict, data: dict, text: str) -> Path:
    """Write ``results/<name>-<processor>.json`` with everything and ``.md`` with the tables; return the first path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}-{slug(machine['cpu'])}.json"
    path.write_text(json.dumps({"machine": machine, **data}, indent=1) + "\n")
    path.with_suffix(".md").write_text(text + "\n")
    return path
