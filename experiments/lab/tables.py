"""Write the pages of ``docs/results`` from their JSON records, and ``docs/experiments.md`` from the docstrings.

    python -m experiments.lab.tables            # write the pages anew
    python -m experiments.lab.tables --check    # write nothing; name the pages that differ from their records

A page of results is a list of sections. Each has text, the command that measured it, the commit and the number of
seeds, columns (key → heading, or an object with heading, decimals and unit) and rows (column key → cell). A cell is
text, a number, a list of cells, an object with ``value`` or ``median`` (and ``smallest``, ``largest``, ``decimals``,
``unit``, ``note``), or an object for a goal (``at_most``, ``at_least``, ``aim``, ``reached``). null is a threshold that
was not reached.
"""

import argparse
import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from experiments.lab import benchmark_tables

ROOT = Path(__file__).resolve().parents[2]
BETWEEN = {"": "", "°": ""}  # what stands between a number and its unit; a space where nothing else is said


def decimals_of(value: float | int) -> int:
    """Return the number of decimals that the shortest notation of a number needs."""
    text = f"{value:.12f}".rstrip("0")
    return len(text.split(".")[1])


def number(value: float | int | None, decimals: int | None = None) -> str:
    """Format a number with a true minus sign; without ``decimals`` in its shortest notation; None is "not reached"."""
    if value is None:
        return "not reached"
    if 0 < abs(value) < 1e-4:
        text = f"{value:g}".replace("e-0", "e-")
    else:
        decimals = decimals_of(value) if decimals is None else decimals
        text = f"{value:,.0f}" if decimals == 0 and abs(value) >= 10_000 else f"{value:.{decimals}f}"
    return text.replace("-", "−", 1) if value < 0 else text


def _measured(cell: dict[str, Any], column: dict[str, Any]) -> str:
    """Format a number with its interval, unit and note: ``8.9° [8.7, 8.9] (note)``."""
    middle = next(cell[key] for key in ("value", "median", "more_than", "from") if key in cell)
    pairs = (("smallest", "largest"), ("low", "high"), ("lower_quartile", "upper_quartile"))
    ends = next(([cell[low], cell[high]] for low, high in pairs if low in cell), [])
    decimals = cell.get("decimals", column.get("decimals"))
    unit = cell.get("unit", column.get("unit", ""))
    unit = BETWEEN.get(unit, " ") + unit
    text = number(middle, decimals)
    if "more_than" in cell:
        text = f"more than {text}"
    if "to" in cell:
        text += f"–{number(cell['to'], decimals)}"
    if ends:
        interval = f" [{', '.join(number(end, decimals) for end in ends)}]"
        text = text + unit + interval if unit == "°" else text + interval + unit
    else:
        text += unit
    return f"{text} ({cell['note']})" if "note" in cell else text


def _goal(cell: dict[str, Any]) -> str:
    """Format a goal: ``≥ 0.55, aim 0.7``, and that it was not reached where the record says so."""
    decimals, unit = cell.get("decimals"), cell.get("unit", "")
    unit = BETWEEN.get(unit, " ") + unit
    signs = {"at_most": "≤ ", "at_least": "≥ ", "aim": "aim "}
    parts = [str(cell["text"])] if "text" in cell else []
    for key, sign in signs.items():
        if key in cell:
            parts.append(sign + number(cell[key], decimals) + unit)
    if not cell.get("reached", True):
        parts.append("**not reached**")
    if "note" in cell:
        parts.append(cell["note"])
    return ", ".join(parts)


def show(cell: Any, column: dict[str, Any]) -> str:
    """Format one cell of a table; a missing cell is empty, the cells of a list are divided by slashes."""
    if cell is None or cell == "":
        return ""
    if isinstance(cell, str):
        return cell.replace("|", "\\|")
    if isinstance(cell, list):
        return " / ".join(show(part, column) for part in cell)
    if isinstance(cell, dict):
        goal = {"at_most", "at_least", "aim", "text"} & set(cell)
        return _goal(cell) if goal else _measured(cell, column)
    return _measured({"value": cell}, column)


def table(columns: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """Format a markdown table. ValueError names a row with a cell that belongs to no column."""
    heads = {key: head if isinstance(head, dict) else {"title": head} for key, head in columns.items()}
    lines = ["| " + " | ".join(show(head["title"], {}) for head in heads.values()) + " |", "|---" * len(heads) + "|"]
    for row in rows:
        if unknown := set(row) - set(heads):
            raise ValueError(f"{unknown} in {row} is no column: the table has {', '.join(heads)}")
        lines.append("| " + " | ".join(show(row.get(key), head) for key, head in heads.items()) + " |")
    return "\n".join(lines)


def _section(section: dict[str, Any]) -> Iterator[str]:
    """Yield the paragraphs of one section: heading, text, how it was measured, table, text after it."""
    if "heading" in section:
        yield f"## {section['heading']}"
    yield from section.get("text", [])
    facts = [f"`{section['command']}`"] if "command" in section else []
    facts += [f"{name}: {section[name]}" for name in ("seeds", "numbers") if name in section]
    facts += [f"as of commit {section['commit']}"] if "commit" in section else []
    if facts:
        yield ("Measured by " if "command" in section else "As recorded: ") + "; ".join(facts) + "."
    if "rows" in section:
        yield table(section["columns"], section["rows"])
    yield from section.get("after", [])


def results_page(path: Path) -> str:
    """Return the markdown of one page of results from its JSON file."""
    page = json.loads(path.read_text())
    note = f"<!-- Written by `python -m experiments.lab.tables` from {path.name}: edit that file. -->"
    parts = [note, f"# {page['title']}", *page.get("about", [])]
    sections = [*page["sections"]]
    if page.get("benchmarks"):
        sections += benchmark_tables.sections(ROOT / page["benchmarks"])
    for section in sections:
        parts += _section(section)
    return "\n\n".join(parts) + "\n"


def described(path: Path) -> dict[str, str]:
    """Return question, command, time and expectation of an experiment from its docstring."""
    doc = ast.get_docstring(ast.parse(path.read_text())) or ""
    question = doc.split("\n", 1)[0]
    commands = [line.strip() for line in doc.splitlines() if line.startswith("    python -m")]
    first = commands[0].split("#") if commands else [""]
    paragraphs = [" ".join(paragraph.split()) for paragraph in doc.split("\n\n")]
    expected = [paragraph[paragraph.index("Expected") :] for paragraph in paragraphs if "Expected" in paragraph]
    return {
        "question": question,
        "command": "\n".join(commands),
        "job": first[1].strip() if len(first) > 1 else "",
        "expected": " ".join(expected),
    }


def experiments_page(root: Path) -> str:
    """Return the markdown list of all experiments, read from their docstrings without importing anything."""
    packages = [path.parent for path in sorted((root / "experiments").glob("*/__main__.py"))]
    texts = {package.name: described(package / "__init__.py") for package in packages}
    records = {path.stem: path.read_text() for path in sorted((root / "docs/results").glob("*.json"))}
    parts = [
        "<!-- Written by `python -m experiments.lab.tables` from the docstrings of the packages: edit those. -->",
        "# Experiments",
        "`python -m experiments.<name>` runs one and leaves figures, numbers and a report in `runs/`. Each takes "
        "`--help`, `--smoke` (a small job), `--replot FOLDER` and `--resume FOLDER`; "
        "`process`, for a process of your own, has commands "
        "over a folder instead.",
        table(
            {"name": "experiment", "question": "what it asks", "job": "the full job"},
            [
                {"name": f"[{name}](#{name})", "question": doc["question"], "job": doc["job"]}
                for name, doc in texts.items()
            ],
        ),
    ]
    for name, doc in texts.items():
        parts += [f"## {name}", doc["question"], f"```bash\n{doc['command']}\n```"]
        parts += [doc["expected"]] if doc["expected"] else []
        ends = "`", '"', " "
        pages = [page for page, text in records.items() if any(f"experiments.{name}{end}" in text for end in ends)]
        parts += ["Results: " + ", ".join(f"[{page}](results/{page}.md)" for page in pages)] if pages else []
    return "\n\n".join(parts) + "\n"


def pages(root: Path = ROOT) -> dict[Path, str]:
    """Return path and text of every page that is written by this command."""
    written = {path.with_suffix(".md"): results_page(path) for path in sorted((root / "docs/results").glob("*.json"))}
    written[root / "docs/experiments.md"] = experiments_page(root)
    return written


def main() -> None:
    """Write the pages, or name those that differ from their records."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a page differs from its record")
    check = parser.parse_args().check
    if not (ROOT / "docs/results").is_dir():
        raise SystemExit("docs/results is not there: run this command in a checkout of the repository")
    changed = {path: text for path, text in pages().items() if not path.is_file() or path.read_text() != text}
    for path, text in changed.items():
        print(path.relative_to(ROOT))
        if not check:
            path.write_text(text)
    if check and changed:
        raise SystemExit("these pages differ from their records: run python -m experiments.lab.tables")


if __name__ == "__main__":
    main()
