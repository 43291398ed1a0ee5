"""Change one thing in the source at a time, and count how many of the changes the tests notice.

    pip install cosmic-ray
    python -m benchmarks.robustness.mutants --count 300 --minutes 60 --out mutants.json
    python -m benchmarks.robustness.mutants --count 300 --first 150 --end 300 --out second.json    # beside --end 150
    python -m benchmarks.robustness.mutants --count 300 --coverage .coverage --times times.xml    # see covered.py
    python -m benchmarks.robustness.mutants --count 300 --only 17 --tests tests/test_bo_gp.py
    python -m benchmarks.robustness.mutants --scores first.json second.json

A mutant is one change that cosmic-ray makes in one place (a number, an operator, a comparison, a condition, a loop),
drawn among all places of ``ferro_jax``, ``bo`` and ``models`` but annotations. It is tested in a copy of the tree until
a test fails or ``--seconds`` of tests have passed: with ``--coverage`` by the tests that ran its line, quick and
special ones by turns (``covered``); else, and where no test is recorded, by the test files of its package that lead to
the changed module by imports, the nearest first (``mutant_tests``). A mutant is killed where a test fails that passes
without it, or where the tests need more than four times their seconds and a minute. Everything else has survived, also
what slower tests would have killed. The score has Wilson's interval of 95 %.
"""

import argparse
import ast
import difflib
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.robustness.covered import Covered
from benchmarks.robustness.mutant_tests import Tests

ROOT = Path(__file__).parents[2]
PACKAGES = ("ferro_jax", "bo", "models")
COPIED = (*PACKAGES, "experiments", "tests", "benchmarks", "docs", "pyproject.toml", "README.md", "CHANGELOG.md")
PAIRS = (
    "Add_Sub Sub_Add Mul_Div Div_Mul Pow_Mul FloorDiv_Div Mod_Mul BitAnd_BitOr BitOr_BitAnd LShift_RShift RShift_LShift"
)
COMPARED = "Lt_LtE LtE_Lt Gt_GtE GtE_Gt Lt_Gt Gt_Lt Eq_NotEq NotEq_Eq Is_IsNot IsNot_Is"
OPERATORS = (
    *(f"ReplaceBinaryOperator_{pair}" for pair in PAIRS.split()),
    *(f"ReplaceComparisonOperator_{pair}" for pair in COMPARED.split()),
    *("ReplaceUnaryOperator_Delete_USub", "ReplaceUnaryOperator_Delete_Not", "AddNot", "NumberReplacer"),
    *("ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "ReplaceAndWithOr", "ReplaceOrWithAnd", "ExceptionReplacer"),
    *("ReplaceBreakWithContinue", "ReplaceContinueWithBreak", "ZeroIterationForLoop"),
)
_TIMES = [1_700_000_000]  # of the files written last
FAILED = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - |$)", re.M)


class Mutant(NamedTuple):
    """A change: the file, cosmic-ray's operator, which of its occurrences there, and the line."""

    file: str
    operator: str
    occurrence: int
    line: int


class Verdict(NamedTuple):
    """What came of a mutant: a word, the test that noticed it, CPU seconds, the test files, the lines changed."""

    word: str
    test: str
    cpu_s: float
    tests: tuple[str, ...]
    change: str


def places(path: Path) -> list[Mutant]:
    """Return every change that can be made in a file, but those in annotations."""
    plugins, tree = import_module("cosmic_ray.plugins"), import_module("cosmic_ray.ast").get_ast(path.read_text())
    annotated, nodes = _annotations(path), list(_nodes(tree))
    found = []
    for name in OPERATORS:
        operator, occurrence = plugins.get_operator(f"core/{name}")(), 0
        for node in nodes:
            for (line, column), _ in operator.mutation_positions(node):
                marker = getattr(node.parent, "type", "") in ("parameters", "lambdef")  # * and / between parameters
                if not marker and not any(begin <= (line, column) < end for begin, end in annotated):
                    found.append(Mutant(str(path.relative_to(ROOT)), name, occurrence, line))
                occurrence += 1
    return found


def _nodes(node: Any) -> Any:
    """Yield a node and all below it, in cosmic-ray's order."""
    yield node
    for child in getattr(node, "children", ()):
        yield from _nodes(child)


def _annotations(path: Path) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return where the annotations of a file begin and end."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        for name in ("annotation", "returns"):
            each = getattr(node, name, None)
            if isinstance(each, ast.expr):
                found.append(((each.lineno, each.col_offset), (each.end_lineno or 0, each.end_col_offset or 0)))
    return found


def sample(count: int, seed: int) -> list[Mutant]:
    """Draw mutants: a place (line and kind) with equal chances, then one change there."""
    by_place: dict[tuple, list[Mutant]] = {}
    for path in sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        if path.name != "__init__.py":
            for each in places(path):
                by_place.setdefault((each.file, each.line, each.operator.split("_")[0]), []).append(each)
    chance = random.Random(seed)
    chosen = chance.sample(sorted(by_place), min(count, len(by_place)))
    print(f"{len(by_place)} places of {sum(map(len, by_place.values()))} changes", flush=True)
    return [chance.choice(by_place[place]) for place in chosen]


def judged(mutant: Mutant, tree: Path, files: tuple[str, ...], limit: float, sound: dict[str, bool]) -> Verdict:
    """Make a change in the copied tree, let tests look at it for ``limit`` CPU seconds, and undo it."""
    path, whole = tree / mutant.file, (ROOT / mutant.file).read_text()
    operator = import_module("cosmic_ray.plugins").get_operator(f"core/{mutant.operator}")()
    changed = import_module("cosmic_ray.mutating").mutate_code(whole, operator, mutant.occurrence)
    change = "\n".join(line for line in difflib.ndiff(whole.splitlines(), changed.splitlines()) if line[:1] in "+-")
    if not files:
        return Verdict("no test", "", 0.0, files, change)
    _write(path, changed)
    try:
        code, output, cpu = tested(tree, files, limit)
    finally:
        _write(path, whole)
    if code == 0:
        return Verdict("survived", "", cpu, files, change)
    if code == -signal.SIGXCPU:
        return Verdict("timeout", "", cpu, files, change)
    test = found[1] if (found := FAILED.search(output)) else files[0]
    if test not in sound:
        sound[test] = tested(tree, (test,), limit)[0] == 0
    return Verdict("killed" if sound[test] else "unsound test", test, cpu, files, change)


def tested(tree: Path, tests: tuple[str, ...], limit: float) -> tuple[int, str, float]:
    """Run tests in the copied tree until one fails; return the exit status, what they print, and CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "pytest", "-x", "-n", "0", "--tb=no", "-p", "no:cacheprovider", "-rfE", *tests]
    process = subprocess.run(
        command,
        cwd=tree,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (int(limit), int(limit) + 5)),
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return process.returncode, process.stdout + process.stderr, cpu


def _write(path: Path, text: str) -> None:
    """Write a source file with a time of its own, because compiled modules are found by the time and size of theirs."""
    path.write_text(text)
    _TIMES.append(_TIMES[-1] + 2)
    os.utime(path, (_TIMES[-1], _TIMES[-1]))


def score(verdicts: list[Verdict]) -> str:
    """Return the counts, and the share of killed mutants with Wilson's interval."""
    counts = Counter(verdict.word for verdict in verdicts)
    killed, n, z = counts["killed"] + counts["timeout"], len(verdicts) - counts["unsound test"], 1.96
    middle, width = (killed + z * z / 2) / (n + z * z), z * (killed * (1 - killed / n) + z * z / 4) ** 0.5 / (n + z * z)
    return f"{dict(counts)}: {killed} of {n} killed, {killed / n:.3f} [{middle - width:.3f}, {middle + width:.3f}]"


def main() -> None:
    """Judge mutants until they are done or the time is up; print those that survive, and the score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=300, help="mutants to draw")
    parser.add_argument("--first", type=int, default=0, help="leave out the mutants before this one")
    parser.add_argument("--end", type=int, default=10**9, help="leave out this mutant and those after it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no mutant after so many minutes")
    parser.add_argument("--seconds", type=float, default=60.0, help="of tests for each mutant, as --times has them")
    parser.add_argument("--times", type=Path, help="what `pytest --junitxml` has written; else each file counts 15 s")
    parser.add_argument("--coverage", type=Path, help="coverage.py's data of the suite with a context for each test")
    parser.add_argument("--only", type=int, nargs="*", help="numbers of the mutants to judge, by --tests")
    parser.add_argument("--tests", nargs="*", default=[], help="test files, in place of those that lead to the module")
    parser.add_argument("--out", type=Path, default=Path("mutants.json"))
    parser.add_argument("--scores", type=Path, nargs="+", help="judge nothing: print the score of these files together")
    given = parser.parse_args()
    if given.scores:
        saved = [each for path in given.scores for each in json.loads(path.read_text())]
        print(score([Verdict(**verdict) for _, _, verdict in saved]))
        return
    mutants, tests, sound = sample(given.count, given.seed), Tests(ROOT, given.times), {}
    covered = Covered(ROOT, given.coverage, given.times) if given.coverage else None
    end, done = time.monotonic() + 60 * given.minutes, []
    with tempfile.TemporaryDirectory(prefix="mutants-") as above:
        tree = _copied(Path(above))
        for number in given.only or range(given.first, min(given.end, len(mutants))):
            if time.monotonic() > end:
                break
            mutant, chosen = mutants[number], tuple(given.tests)
            if covered and not chosen:
                chosen = covered.of(mutant.file, mutant.line, given.seconds)
            chosen = chosen or tests.of(mutant.file, given.seconds)
            verdict = judged(mutant, tree, chosen, 4 * given.seconds + 60, sound)
            print(number, mutant, verdict.word, f"{verdict.cpu_s:.0f} s", len(chosen), verdict.test, flush=True)
            if verdict.word == "survived":
                print(verdict.change, flush=True)
            done.append((number, mutant, verdict))
            given.out.write_text(json.dumps([[n, m._asdict(), v._asdict()] for n, m, v in done], indent=1))
    print(score([verdict for _, _, verdict in done]))


def _copied(above: Path) -> Path:
    """Copy what tests need to a folder, and let its processes keep what they compile."""
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, above / name)
    os.environ["PYTHONPATH"] = str(above)
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(above / "compiled"))
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    return above


if __name__ == "__main__":
    main()
