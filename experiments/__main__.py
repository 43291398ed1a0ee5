"""List the experiments, one line each: ``python -m experiments``."""

import ast
from pathlib import Path


def listing() -> dict[str, str]:
    """Name and first line of the docstring of every experiment, read without importing anything."""
    lines = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        source = path.read_text()
        if "harness.main(" in source and path.stem not in ("__main__", "harness"):
            lines[path.stem] = (ast.get_docstring(ast.parse(source)) or "").split("\n", 1)[0]
    return lines


if __name__ == "__main__":
    print("python -m experiments.<name> [--help] [--smoke]\n")
    for name, line in listing().items():
        print(f"  {name:<20} {line}")
