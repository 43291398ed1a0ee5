"""Which tests ran a line of the source, as coverage.py has recorded it while the suite ran.

The quickest and those that ran least else come by turns, because a test made for a line runs little beside it.

Recorded with the package pytest-cov, by ``pytest --cov=ferro_jax --cov=bo --cov=models --cov-context=test --cov-report=
--junitxml=times.xml``. JAX runs Python only while it traces, so a test that calls what an earlier one has compiled is
not recorded. Therefore the other tests of the same files follow.
"""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.etree import ElementTree

UNKNOWN = 5.0  # seconds of a test whose time is not known


class Covered:
    """Tests by the lines that they ran; of a line that runs at import, those that ran where its names are read."""

    def __init__(self, root: Path, recorded: Path, times: Path | None):
        from coverage import CoverageData  # not installed with the project

        self.root, self.data = root, CoverageData(str(recorded))
        self.data.read()
        self.times = _times(times)
        self.lines = Counter(
            test
            for measured in self.data.measured_files()
            for contexts in self.data.contexts_by_lineno(measured).values()
            for test in _tests(contexts)
        )

    def of(self, file: str, line: int, seconds: float) -> tuple[str, ...]:
        """Return tests that ran a line, then others of their files, for so many seconds; at least one, if any did."""
        recorded = self.data.contexts_by_lineno(str(self.root / file))
        tests = {number: _tests(contexts) for number, contexts in recorded.items()}
        found: set[str] = set()
        for lines in _places(ast.parse((self.root / file).read_text()), line):
            found = found or set().union(*(tests.get(number, set()) for number in lines))
        files = {name.split("::")[0] for name in found}
        known = found | {name for name in self.times if name.split("::")[0] in files}
        others = sorted(known - found, key=lambda name: (self._seconds(name), name))
        chosen, total = [], 0.0
        for name in [*self._by_turns(found), *others]:
            if not chosen or total + self._seconds(name) <= seconds:
                chosen.append(name)
                total += self._seconds(name)
        return tuple(chosen)

    def _by_turns(self, tests: set[str]) -> list[str]:
        """Order tests: the quickest, the one that ran the fewest lines, the quickest of the others, and so on."""
        quick = sorted(tests, key=lambda name: (self._seconds(name), name))
        special = sorted(tests, key=lambda name: (self.lines[name], name))
        return list(dict.fromkeys(name for pair in zip(quick, special, strict=True) for name in pair))

    def _seconds(self, name: str) -> float:
        return self.times.get(name, UNKNOWN)


def _tests(contexts: Iterable[str]) -> set[str]:
    """Return the tests of contexts such as "tests/test_a.py::test_b|run"."""
    return {each.rsplit("|", 1)[0] for each in contexts if each}


def _places(tree: ast.Module, line: int) -> Iterator[Iterable[int]]:
    """Yield the line, the head of its statement, and where what the statement defines is run or read."""
    yield (line,)
    around = [node for node in ast.walk(tree) if isinstance(node, ast.stmt) and line in _lines(node)]
    inner = max(around, key=lambda node: (node.lineno, -len(_lines(node))))
    body = getattr(inner, "body", None)
    yield range(_lines(inner).start, body[0].lineno if body else _lines(inner).stop)
    if isinstance(inner, ast.FunctionDef | ast.ClassDef):
        yield range(inner.body[0].lineno, _lines(inner).stop)
    names = {node.id for node in ast.walk(inner) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    yield [
        node.lineno
        for node in ast.walk(tree)
        if (isinstance(node, ast.Name) and node.id in names) or (isinstance(node, ast.Attribute) and node.attr in names)
    ]
    yield range(around[0].lineno, _lines(around[0]).stop)


def _lines(node: ast.stmt) -> range:
    """Return the lines of a statement with its decorators."""
    first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", ()))])
    return range(first, (node.end_lineno or node.lineno) + 1)


def _times(path: Path | None) -> dict[str, float]:
    """Return the seconds of each test, as pytest's JUnit file has them."""
    cases = ElementTree.parse(path).getroot().iter("testcase") if path else ()
    return {
        f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}": float(case.get("time", 0))
        for case in cases
    }
