"""Tables and figure of what was measured."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np

from experiments.lab import scores
from experiments.lab.summaries import quantile
from experiments.lab.tables import table

CHECKPOINTS = (30, 100, 300)
GRADIENT_COSTS = 3  # evaluations, where a gradient is not counted as one


class Cell(NamedTuple):
    """What a method reached on a problem: regret (seed, evaluation), and CPU seconds of all seeds."""

    regret: np.ndarray
    running: float


class Measurements(NamedTuple):
    """What a problem is, in paragraphs, and the cell of each method by its title."""

    text: list[str]
    cells: dict[str, Cell]


def regret_of(values: np.ndarray, optimum: float, median: float) -> np.ndarray:
    """Return the regret of the best value so far, (seed, evaluation); +∞ before the first success."""
    return (optimum - scores.best_so_far(values)) / (optimum - median)


def at_gradients_cost(regret: np.ndarray, begun: int) -> np.ndarray:
    """Return the regret by evaluations where those after the first ``begun`` count as three."""
    gradient = np.repeat(regret[:, begun:], GRADIENT_COSTS, axis=1)
    return np.concatenate([regret[:, :begun], gradient], 1)[:, : regret.shape[1]]


def quartiles(regret: np.ndarray, count: int) -> dict[str, Any] | str:
    """Return median and quartiles over seeds after ``count`` evaluations as a cell of a table of results."""
    if regret.shape[1] < count:
        return ""
    low, middle, high = quantile(regret[:, count - 1], [0.25, 0.5, 0.75])
    digits = 3 if abs(middle) >= 0.001 else 5
    keys = ("median", "lower_quartile", "upper_quartile")
    cell = {key: round(float(value), digits) for key, value in zip(keys, (middle, low, high), strict=True)}
    return cell if np.isfinite(list(cell.values())).all() else "no success in a quarter of the seeds or more"


def sections(problems: Mapping[str, Measurements]) -> list[dict[str, Any]]:
    """Return a section of results for each problem: a row for each method, with regrets and CPU seconds a seed."""
    columns = {"method": "method"} | {str(count): f"after {count}" for count in CHECKPOINTS}
    columns |= {"cpu": {"title": "CPU-s a seed", "decimals": 2}}
    made = []
    for problem, measurements in problems.items():
        rows = []
        for name, cell in measurements.cells.items():
            row = {"method": name} | {str(count): quartiles(cell.regret, count) for count in CHECKPOINTS}
            rows.append(row | {"cpu": round(cell.running / len(cell.regret), 3)})
        heading = problem.replace("_", ", ").capitalize()
        made.append({"heading": heading, "text": measurements.text, "columns": columns, "rows": rows})
    return made


def as_markdown(made: list[dict[str, Any]]) -> str:
    """Return the tables to be read in a terminal."""
    parts = (
        "\n\n".join(["## " + each["heading"], *each["text"], table(each["columns"], each["rows"])]) for each in made
    )
    return "\n\n".join(parts) + "\n"


def draw(problems: Mapping[str, Measurements], path: Path) -> None:
    """Draw the median regret of every method against evaluations, a panel for each problem."""
    rows = -(-len(problems) // 4)
    figure, axes = plt.subplots(
        rows, min(4, len(problems)), figsize=(4.2 * min(4, len(problems)), 3.4 * rows), squeeze=False
    )
    names = list(dict.fromkeys(name for measured in problems.values() for name in measured.cells))
    styles = {name: (f"C{n % 10}", "--" if n >= 10 else "-") for n, name in enumerate(names)}
    for axis in axes.flat[len(problems) :]:
        axis.axis("off")
    for axis, (problem, measured) in zip(axes.flat, problems.items(), strict=False):
        for name, cell in measured.cells.items():
            median = quantile(cell.regret, 0.5, axis=0)
            colour, line = styles[name]
            axis.plot(np.arange(1, len(median) + 1), np.maximum(median, 1e-5), line, color=colour, label=name, lw=1.3)
        axis.set(title=problem, xscale="log", yscale="log", xlabel="evaluations", ylim=(1e-4, 3))
    axes[0, 0].set_ylabel("median regret")
    handles = {
        label: handle for axis in axes.flat for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles, loc="lower center", ncol=5, fontsize=8)
    figure.tight_layout(rect=(0, 0.08, 1, 1))
    figure.savefig(path, dpi=110)
    plt.close(figure)


def into_record(record: Path, made: list[dict[str, Any]]) -> None:
    """Put tables into a record of ``docs/results``: in place of those with the same headings, or at its end."""
    page = json.loads(record.read_text())
    places = {section.get("heading"): place for place, section in enumerate(page["sections"])}
    for each in made:
        if each["heading"] in places:
            page["sections"][places[each["heading"]]].update(each)
        else:
            page["sections"].append(each)
    record.write_text(json.dumps(page, indent=1, ensure_ascii=False) + "\n")


def write(folder: Path, problems: Mapping[str, Measurements], record: Path | None) -> str:
    """Write tables and figure to the folder, the tables to a record as well, and return them as text."""
    made = sections(problems)
    if record is not None:
        into_record(record, made)
    (folder / "tables.json").write_text(json.dumps(made, indent=1, ensure_ascii=False))
    text = as_markdown(made)
    (folder / "tables.md").write_text(text)
    draw(problems, folder / "regret.png")
    return text
