"""Print the numbers of several finished runs of one experiment: median, smallest and largest over the runs.

python -m experiments.lab.across_runs runs/latent_bo/*            # every number
python -m experiments.lab.across_runs runs/latent_bo/* --only honesty_best regret
"""

import argparse
import json
from pathlib import Path
from statistics import median

from experiments.lab.run import RunError


def table(folders: list[Path], only: list[str]) -> list[tuple[str, float, float, float, int]]:
    """Return (name, median, smallest, largest, count of runs) of every number whose name contains a word of ``only``.

    A number that was not finite in a run is left out there. RunError names a run that is not finished.
    """
    values: dict[str, list[float]] = {}
    for folder in folders:
        path = folder / "metrics.json"
        metrics = json.loads(path.read_text()) if path.is_file() else {}
        if not metrics.get("complete"):
            raise RunError(f"{folder} is not a finished run: leave it out, or run it again")
        for name, value in metrics.items():
            if value is not None and (not only or any(word in name for word in only)):
                values.setdefault(name, []).append(float(value))
    return [(name, median(v), min(v), max(v), len(v)) for name, v in values.items() if name != "complete"]


def main() -> None:
    """Print the table of the runs named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", help="folders of finished runs")
    parser.add_argument(
        "--only", nargs="+", default=[], help="words; numbers are shown whose names contain one of them"
    )
    options = parser.parse_args()
    try:
        rows = table(options.folders, options.only)
    except RunError as error:
        raise SystemExit(str(error)) from error
    print(f"{'number':<62}{'median':>12}{'smallest':>12}{'largest':>12}{'runs':>6}")
    for name, middle, low, high, count in rows:
        print(f"{name:<62}{middle:>12.5g}{low:>12.5g}{high:>12.5g}{count:>6}")


if __name__ == "__main__":
    main()
