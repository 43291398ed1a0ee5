"""List the experiments, one line each: ``python -m experiments``."""

import ast
from pathlib import Path


def listing() -> dict[str, str]:
    """Return the name and the first line of the docstring of every experiment, read without importing anything."""
    lines = {}
    for path in sorted(Path(__file__).parent.glob("*/__main__.py")):
        source = (path.parent / "__init__.py").read_text()
        lines[path.parent.name] = (ast.get_docstring(ast.parse(source)) or "").split("\n", 1)[0]
    return lines


if __name__ == "__main__":
    print("python -m experiments.<name> [--help] [--smoke]\n")
    for name, line in listing().items():
        print(f"  {name:<20} {line}")
