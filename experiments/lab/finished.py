"""List, compare, open and delete the folders of runs. No JAX.

    python -m experiments runs                          # every run below runs/, with size and time
    python -m experiments runs compare RUN RUN          # options and numbers that differ
    python -m experiments runs open RUN                 # its report in the browser
    python -m experiments runs delete RUN [RUN …]       # asks before; --yes does not

``--json`` prints the first two for programs. A run is a folder with config.json and environment.json.
"""

import argparse
import json
import shlex
import shutil
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from experiments.lab import resuming
from ferro_jax.files import whole

MARKS = ("config.json", "environment.json")  # files that every run has from its beginning


class Finished(NamedTuple):
    """What a run's folder says of it: ``seconds`` of wall time (None where it did not end), size in bytes.

    ``resumable`` says whether it was stopped and can go on.
    """

    experiment: str
    folder: str
    seed: int | None
    smoke: bool
    complete: bool
    seconds: float | None
    bytes: int
    resumable: bool = False


def is_run(folder: Path) -> bool:
    """Return whether a folder is that of a run."""
    return all((folder / name).is_file() for name in MARKS)


def read(folder: Path) -> Finished:
    """Return what a run's folder says of it. ValueError where it is no run, or a file is cut short."""
    if not is_run(folder):
        raise ValueError(f"{folder} is no run: it lacks {' or '.join(MARKS)}")
    config, numbers = options_of(folder), numbers_of(folder)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Finished(
        folder.resolve().parent.name,
        str(folder),
        config.get("seed"),
        bool(config.get("smoke")),
        bool(numbers.get("complete")),
        numbers.get("total_wall_s"),
        size,
        (folder / resuming.FOLDER / resuming.BEGUN).is_file(),
    )


def options_of(folder: Path) -> dict[str, Any]:
    """Return the options of a run."""
    return _json(folder / "config.json")


def numbers_of(folder: Path) -> dict[str, Any]:
    """Return the numbers of a run, none where it has not written any."""
    path = folder / "metrics.json"
    return _json(path) if path.is_file() else {}


def _json(path: Path) -> dict[str, Any]:
    """Return a JSON object from a file; ValueError names the file."""
    with whole(path):
        found = json.loads(path.read_text())
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds no JSON object")
    return found


def found_below(runs: Path) -> list[Finished]:
    """Return every run below a folder, oldest first within each experiment; those that cannot be read are left out."""
    found = []
    for folder in sorted(path.parent for path in runs.glob("*/*/config.json")):
        try:
            found.append(read(folder))
        except ValueError:
            continue
    return found


def compare(first: Path, second: Path) -> list[dict[str, Any]]:
    """Return options and numbers of two runs that differ: kind, name, and the value in each (None: it has none)."""
    rows = []
    for kind, of in (("option", options_of), ("number", numbers_of)):
        a, b = of(first), of(second)
        for name in [*a, *(name for name in b if name not in a)]:
            if a.get(name) != b.get(name):
                rows.append({"kind": kind, "name": name, "first": a.get(name), "second": b.get(name)})
    return rows


def delete(folders: Sequence[Path]) -> None:
    """Delete the folders of runs; one may be named twice.

    ValueError names the first that is no run, or that a process computes, before any is deleted.
    """
    for folder in folders:
        if folder.is_symlink() or not is_run(folder):
            raise ValueError(f"{folder} is no run: nothing was deleted")
        if (folder / resuming.FOLDER / resuming.LOCK).is_file():
            with resuming.locked(folder):  # ValueError where somebody computes it
                pass
    for folder in {folder.resolve(): folder for folder in folders}.values():
        if folder.is_dir():  # it may have lain in one that is deleted already
            shutil.rmtree(folder)


def lines_of(runs: Sequence[Finished]) -> list[str]:
    """Return a table of runs as lines of text."""
    lines = [f"{'experiment':<24}{'seed':>6}{'size':>10}{'time':>10}  {'state':<12}folder"]
    for run in runs:
        state = ("small" if run.smoke else "full") + (", cut" * (run.resumable or not run.complete))
        time = "–" if run.seconds is None else f"{run.seconds:.0f} s"
        seed = "–" if run.seed is None else run.seed
        lines.append(f"{run.experiment:<24}{seed:>6}{run.bytes / 1e6:>7.1f} MB{time:>10}  {state:<12}{run.folder}")
    lines.append(f"{len(runs)} run{'s' * (len(runs) != 1)}, {sum(run.bytes for run in runs) / 1e6:.0f} MB")
    for run in runs:
        if run.resumable:
            lines.append(f"to go on: python -m experiments.{run.experiment} --resume {shlex.quote(run.folder)}")
    return lines


def lines_of_comparison(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return a comparison as lines of text, numbers with their difference."""
    lines = [f"{'':<8}{'name':<54}{'first':>16}{'second':>16}{'change':>14}"]
    for row in rows:
        values = row["first"], row["second"]
        numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
        change = f"{values[1] - values[0]:+.4g}" if numbers else ""
        first, second = (_short(value) for value in values)
        lines.append(f"{row['kind']:<8}{row['name']:<54}{first:>16}{second:>16}{change:>14}")
    return lines if rows else ["nothing differs"]


def _short(value: Any) -> str:
    """Return a value in at most 15 characters."""
    text = "–" if value is None else f"{value:.5g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 15 else text[:14] + "…"


def main(argv: Sequence[str]) -> None:
    """Run one of the commands. Leaves by SystemExit in words where a folder is no run."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments runs", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", nargs="?", default="list", choices=("list", "compare", "open", "delete"))
    parser.add_argument("folders", nargs="*", type=Path, help="folders of runs; of `list` the folder above them")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--yes", action="store_true", help="delete without asking")
    given = parser.parse_intermixed_args(argv)
    try:
        _do(given, parser)
    except ValueError as error:
        raise SystemExit(f"runs: {error}") from None


def _do(given: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Do what was asked."""
    folders = given.folders
    if given.command == "list":
        if missing := [above for above in folders if not above.is_dir()]:
            raise ValueError(f"there is no folder {missing[0]}")
        if runs := [above for above in folders if is_run(above)]:
            raise ValueError(f"{runs[0]} is a run: give the folder above its experiment")
        found = [run for above in folders or [Path("runs")] for run in found_below(above)]
        print(json.dumps([run._asdict() for run in found], indent=2) if given.json else "\n".join(lines_of(found)))
    elif given.command == "compare":
        if len(folders) != 2:
            parser.error("compare takes two runs")
        for folder in folders:
            read(folder)
        rows = compare(*folders)
        print(json.dumps(rows, indent=2) if given.json else "\n".join(lines_of_comparison(rows)))
    elif given.command == "open":
        if len(folders) != 1:
            parser.error("open takes one run")
        report = folders[0] / "report.html"
        if not folders[0].is_dir():
            raise ValueError(f"there is no folder {folders[0]}")
        if not report.is_file():
            raise ValueError(f"{folders[0]} has no report.html: it has not ended; --replot draws what there is")
        webbrowser.open(report.resolve().as_uri())
        print(report)
    else:
        if not folders:
            parser.error("delete takes the runs to delete")
        size = sum(read(folder).bytes for folder in folders) / 1e6
        what = f"{len(folders)} run{'s' * (len(folders) > 1)}"
        if not (given.yes or _agreed(f"delete {what}, {size:.1f} MB? [y/N] ")):
            raise ValueError("nothing was deleted; --yes deletes without asking")
        delete(folders)
        print(f"{what} deleted, {size:.1f} MB")


def _agreed(question: str) -> bool:
    """Return whether somebody answers y; nobody does where there is no terminal."""
    try:
        return input(question).strip().lower() == "y"
    except EOFError:
        return False
