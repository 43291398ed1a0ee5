"""List the experiments, ``python -m experiments``; look after runs (``runs``); print a guide (``guide``)."""

import ast
import sys
from pathlib import Path


def listing() -> dict[str, str]:
    """Return the name and the first line of the docstring of every experiment, read without importing anything."""
    lines = {}
    for path in sorted(Path(__file__).parent.glob("*/__main__.py")):
        source = (path.parent / "__init__.py").read_text()
        lines[path.parent.name] = (ast.get_docstring(ast.parse(source)) or "").split("\n", 1)[0]
    return lines


def main(argv: list[str]) -> None:
    """Print the list, or what the first word of ``argv`` asks for."""
    if argv == ["guide"]:
        print((Path(__file__).parent / "lab/guide.md").read_text(), end="")
    elif argv[:1] == ["runs"]:
        from experiments.lab import finished  # only here, because the list must not wait for it

        finished.main(argv[1:])
    elif argv and argv[0] not in ("-h", "--help"):
        given = " ".join(argv)
        raise SystemExit(f"experiments: {given!r} is no command: runs, guide, or python -m experiments.<name>")
    else:
        print("python -m experiments.<name> [--help] [--smoke]\n")
        for name, line in listing().items():
            print(f"  {name:<20} {line}")
        print("\npython -m experiments runs     list, compare, open and delete runs")
        print("python -m experiments guide    one page for programs and assistants")


if __name__ == "__main__":
    main(sys.argv[1:])
