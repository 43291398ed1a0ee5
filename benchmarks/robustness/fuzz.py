"""Give every reader files that are not whole, and count what comes of them.

    python -m benchmarks.robustness.fuzz                        # 10,000 files over all readers
    python -m benchmarks.robustness.fuzz --reader csv --count 500 --seed 3 --keep failing/

A reader (``readers``) must refuse a file by ValueError, or OSError where it is missing, whose text names the file or
its folder; or return an answer. Anything else fails: another error, an end of the process, a warning of NumPy's of
numbers that cannot be right, more than 2 s of CPU time or 1 GB of memory. A binary file that was cut must be refused or
give what the whole one gives. Files come from whole ones by ``mutations``: cut, bits flipped, blocks swapped, headers
with other types and huge sizes, deep JSON, NaN, text that is not UTF-8, another ending, a folder in place of a file.
"""

import argparse
import os
import pickle
import random
import resource
import shutil
import signal
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.robustness import mutations
from experiments.lab.runtime import cache_folder

SECONDS, BYTES = 2.0, 1 << 30
START, PATIENCE = 900, 120  # seconds until the whole files are written, and for one file
GOOD = ("refused", "answered")
STRUCTURAL = ("another ending", "a folder", "missing")
ENDINGS = (".npy", ".npz", ".h5", ".nc", ".tif", ".csv", ".dm4", ".mat", ".gz", "")


class Verdict(NamedTuple):
    """What came of a file: a word, ``detail`` of the failure, and which file was changed how."""

    word: str
    detail: str
    change: str


def changed(whole: Path, target: Path, chance: random.Random, only: str = "*") -> tuple[Path, str, bool]:
    """Copy a whole file or folder, one file of it changed; return the copy, what was done, and whether it was cut."""
    shutil.copytree(whole.parent, target)
    copy = target / whole.name
    files = sorted(path for path in (copy.rglob(only) if copy.is_dir() else [copy]) if path.is_file())
    file = chance.choice(files)
    how = chance.choice(STRUCTURAL) if chance.random() < 0.06 else ""
    if how == "missing" or (how == "another ending" and copy.is_dir()):
        file.unlink()
        return copy, f"{file.relative_to(target)}: missing", False
    if how == "another ending":
        other = copy.with_suffix(chance.choice(ENDINGS))
        copy.rename(other)
        return other, f"{other.name}: {how}", False
    if how == "a folder":
        file.unlink()
        file.mkdir()
        return copy, f"{file.relative_to(target)}: a folder", False
    names, data = mutations.mutated(file.read_bytes(), file.suffix, chance)
    file.write_bytes(data)
    return copy, f"{file.relative_to(target)}: {names}", names in ("cut", "cut_short", "empty")


def judged(read: Callable[[Path], Any], copy: Path, answer: Any, cut: bool) -> tuple[str, str]:
    """Read a file, and return a word on what came of it with details."""
    begin, whole_folder = time.process_time(), copy.is_dir()
    word, detail = "answered", ""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            found = read(copy)
            if cut and not same(found, answer):
                word, detail = "cut, but answered", repr(found)[:300]
        except MemoryError as error:
            word, detail = "memory", repr(error)[:300]
        except Exception as error:
            named = (str(copy) if whole_folder else copy.name) in str(error)
            allowed = isinstance(error, ValueError | OSError) or type(error).__name__ == "RunError"
            word = "refused" if named and allowed else "not named" if allowed else "another error"
            detail = f"{type(error).__name__}: {str(error)[:300]}"
    spoilt = [str(each.message) for each in said if issubclass(each.category, RuntimeWarning)]
    if word == "answered" and spoilt:
        word, detail = "spoilt numbers", spoilt[0]
    seconds = time.process_time() - begin
    return ("slow", f"{seconds:.1f} s, {word} {detail}") if seconds > SECONDS else (word, detail)


def same(one: Any, other: Any) -> bool:
    """Return whether two answers hold the same arrays and words (a source or a path may differ)."""
    if isinstance(one, np.ndarray) or hasattr(one, "__array__"):
        a, b = np.asarray(one), np.asarray(other)
        return a.shape == b.shape and a.dtype == b.dtype and (a.tobytes() == b.tobytes() or a.dtype.hasobject)
    if isinstance(one, dict):
        return isinstance(other, dict) and one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(same, one, other))
    return True


def _work(given: argparse.Namespace, above: Path, pipe: int, first: int) -> None:
    """Judge files from number ``first`` on, and write each verdict to a pipe; a process of its own does this."""
    from benchmarks.robustness.readers import READERS  # here, because it starts XLA, which no fork survives

    names = [given.reader] if given.reader else list(READERS)
    out = os.fdopen(pipe, "wb", buffering=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wholes = {name: _whole(READERS[name].make, above / "whole" / name.replace(" ", "-")) for name in names}
        answers = {name: READERS[name].read(path) for name, path in wholes.items()}
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * os.sysconf("SC_PAGE_SIZE") + BYTES, resource.RLIM_INFINITY))
    for number in range(first, given.count):
        name = names[number % len(names)]
        chance, target = random.Random(f"{given.seed} {name} {number}"), above / "now"
        shutil.rmtree(target, ignore_errors=True)
        copy, change, cut = changed(wholes[name], target, chance, READERS[name].only)
        out.write(pickle.dumps(("begun", name, change)))
        word, detail = judged(READERS[name].read, copy, answers[name], cut and not READERS[name].text)
        if word not in GOOD:
            _keep(given, target, name, number)
        out.write(pickle.dumps(("done", name, Verdict(word, detail, change))))


def _whole(make: Callable[[Path], Path], folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / ".made"
    if not mark.exists():
        mark.write_text(make(folder).name)
    found = next(path for path in folder.rglob(mark.read_text()))
    mark_of = mark.read_text()
    assert found.name == mark_of
    return found


def fuzz(given: argparse.Namespace, above: Path) -> list[tuple[str, Verdict]]:
    """Judge ``given.count`` files in a process that is started again when it ends or hangs."""
    found: list[tuple[str, Verdict]] = []
    while len(found) < given.count:
        ours, theirs = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.close(ours)
                _work(given, above, theirs, len(found))
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(0)
        os.close(theirs)
        name, change = _followed(pid, ours, found)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if name:
            _keep(given, above / "now", name, len(found))
            word = "hang" if code == -signal.SIGKILL else "crash"
            _note(found, name, Verdict(word, f"exit {code}", change))
        elif len(found) < given.count:
            raise SystemExit("the process that reads ended before it read anything")
    return found


def _followed(pid: int, pipe: int, found: list) -> tuple[str, str]:
    """Take verdicts from a pipe until it ends; return the reader, and the change, of a file that has no verdict."""
    waiting, patience = ("", ""), START
    signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))
    with os.fdopen(pipe, "rb") as file:
        while True:
            signal.alarm(patience)
            try:
                kind, name, said = pickle.load(file)
            except EOFError:
                signal.alarm(0)
                return waiting
            patience = PATIENCE
            waiting = (name, said) if kind == "begun" else ("", "")
            if kind == "done":
                _note(found, name, said)


def _note(found: list, name: str, verdict: Verdict) -> None:
    """Take a verdict; print one that fails."""
    if verdict.word not in GOOD:
        print(f"{name} {len(found)} ({verdict.change}): {verdict.word}: {verdict.detail}", flush=True)
    found.append((name, verdict))


def _keep(given: argparse.Namespace, source: Path, name: str, number: int) -> None:
    """Keep what a reader failed on, under its name, the seed and its number."""
    if given.keep:
        target = given.keep / f"{name.replace(' ', '-')}-{given.seed}-{number}"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)


def table(found: list[tuple[str, Verdict]]) -> str:
    """Return the number of every outcome of each reader."""
    counts = Counter((name, verdict.word) for name, verdict in found)
    words = [*GOOD, *sorted({word for _, word in counts} - {*GOOD})]
    names = list(dict.fromkeys(name for name, _ in found))
    lines = [f"{'reader':<18}" + "".join(f"{word:>18}" for word in words)]
    lines += [f"{name:<18}" + "".join(f"{counts[name, word]:>18}" for word in words) for name in names]
    total = Counter(verdict.word for _, verdict in found)
    return "\n".join([*lines, f"{'all':<18}" + "".join(f"{total[word]:>18}" for word in words)])


def main() -> None:
    """Print the table of outcomes; exit status 1 where a reader failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000, help="files in all")
    parser.add_argument("--reader", default="", help="only this reader")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for the files on which a reader failed")
    given = parser.parse_args()
    os.environ.setdefault("JAX_ENABLE_X64", "1")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache_folder()))
    with tempfile.TemporaryDirectory(prefix="fuzz-") as above:
        found = fuzz(given, Path(above))
    print(table(found))
    if any(verdict.word not in GOOD for _, verdict in found):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
