"""The source of this project as syntax trees, read and walked once for all tests of the layout."""

import ast
from collections import defaultdict
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


@cache
def tree(path: Path) -> ast.Module:
    """Syntax tree of a file."""
    return ast.parse(path.read_text())


@cache
def nodes(path: Path) -> dict[type, list]:
    """All nodes of a file's syntax tree, by their type."""
    found: dict[type, list] = defaultdict(list)
    for node in ast.walk(tree(path)):
        found[type(node)].append(node)
    return found


@cache
def files(*packages: str) -> list[Path]:
    """All Python files of the packages."""
    return [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]


def is_name(node: ast.AST, name: str) -> bool:
    """Whether a node is this name."""
    return isinstance(node, ast.Name) and node.id == name
