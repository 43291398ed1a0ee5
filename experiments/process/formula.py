"""Formulas over outcomes, such as "cap - 0.1 * max(temp - 45, 0)": read once, evaluated without Python's ``eval``."""

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from experiments.process.cells import MOST, name_of

LONGEST = 500  # characters
DEEPEST = 200  # levels of the tree, such as brackets within brackets and terms of a sum
OPERATORS: dict[type, Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "min": min,
    "max": max,
    "abs": abs,
    "sqrt": math.sqrt,
    "exp": math.exp,
    "log": math.log,
}
OF_SEVERAL = ("min", "max")  # the others take one argument


@dataclass(frozen=True)
class Formula:
    """A formula as text, its tree, and the names of the outcomes it needs. Formulas of the same text are equal."""

    text: str
    tree: ast.expr = field(compare=False, repr=False)
    names: frozenset[str]


def parse(text: str) -> Formula:
    """Return a formula. ValueError for anything but numbers, names, + - * / **, min, max, abs, sqrt, exp and log."""
    text = name_of(text.strip())
    if len(text) > LONGEST:
        raise ValueError(f"the formula has {len(text)} characters; give {LONGEST} at most")
    try:
        tree = ast.parse(text, mode="eval").body
        deep = depth(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"the formula {text!r} cannot be read: {error}") from error
    if deep > DEEPEST:
        raise ValueError(f"the formula {text!r} is nested {deep} deep; give {DEEPEST} at most")
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and id(node) not in called:
            names.add(node.id)
        elif not _allowed(node):
            part = ast.unparse(node) if isinstance(node, ast.expr) else type(node).__name__
            raise ValueError(
                f"the formula {text!r} holds {part!r}: use numbers, names of outcomes, + - * / ** and "
                f"{', '.join(FUNCTIONS)} (min and max of two or more values, the others of one)"
            )
    return Formula(text, tree, frozenset(names))


def depth(node: ast.AST) -> int:
    """Return the number of levels of a tree."""
    return 1 + max(map(depth, ast.iter_child_nodes(node)), default=0)


def _allowed(node: ast.AST) -> bool:
    """Return whether a node of a tree may stand in a formula."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, int | float) and not isinstance(node.value, bool) and abs(node.value) < MOST
    if isinstance(node, ast.Call):
        if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS or node.keywords:
            return False
        return len(node.args) > 1 if node.func.id in OF_SEVERAL else len(node.args) == 1
    if isinstance(node, ast.Name):
        return node.id in FUNCTIONS
    return isinstance(node, ast.BinOp | ast.UnaryOp | ast.Load) or type(node) in OPERATORS


def evaluate(
    formula: Formula, values: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]] = FUNCTIONS
) -> Any:
    """Return the formula's value at the outcomes; those of jax.numpy as ``functions`` for traced values.

    Numbers that cannot be computed (1 / 0, log of −1) are NaN. KeyError for a missing outcome.
    """

    def value(node: ast.expr) -> Any:
        if isinstance(node, ast.Constant):
            return float(node.value)  # pyright: ignore[reportArgumentType]  (checked by parse)
        if isinstance(node, ast.Name):
            return values[node.id]
        if isinstance(node, ast.Call):
            return functions[ast.unparse(node.func)](*map(value, node.args))
        if isinstance(node, ast.UnaryOp):
            return OPERATORS[type(node.op)](value(node.operand))
        assert isinstance(node, ast.BinOp)
        return OPERATORS[type(node.op)](value(node.left), value(node.right))

    try:
        result = value(formula.tree)
    except (ArithmeticError, ValueError):
        return math.nan
    return math.nan if isinstance(result, complex) else result


def variance(formula: Formula, values: Mapping[str, float], deviations: Mapping[str, float]) -> float:
    """Return the variance of the formula's value from the standard deviations of its outcomes, to first order."""
    total = 0.0
    for name in formula.names & deviations.keys():
        ends = [evaluate(formula, {**values, name: values[name] + sign * deviations[name]}) for sign in (-1, 1)]
        half = (ends[1] - ends[0]) / 2
        total += half * half  # ∞ and not an error where it is too large
    return total if math.isfinite(total) else 0.0
