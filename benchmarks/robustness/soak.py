"""Disturb small jobs of every kind at random moments, let each go on until it ends, and compare bit for bit.

    python -m benchmarks.robustness.soak --faults 200 --out soak.json
    python -m benchmarks.robustness.soak --minutes 30 --seed 7 --job study --fault kill

Jobs (``jobs``): a session, a resumable campaign, a resumable fit, a study of a process, an experiment with --resume.
Faults (``faults``): kill -9, SIGTERM, Ctrl-C, a full disk, a read-only folder, the clock set back, no more memory, the
same job twice. After a fault the job is started again in its folder, and disturbed again or not, until it has ended.
Counted are jobs that end bit for bit as an undisturbed one, results that differ, NaN in them, items that were said to
be saved and were not there afterwards (lost), jobs that cannot go on (stuck), and hangs: a job that has used no CPU
time for two minutes, or twenty times the usual one. Moments are in CPU time, or at the next change of the folder.
"""

import argparse
import json
import os
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

SETTINGS = {"JAX_ENABLE_X64": "1", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "MPLBACKEND": "Agg"}
JOBS = ("session", "campaign", "fit", "study", "experiment")
IDLE, MOST = 120.0, 20.0  # seconds without CPU time; multiples of a job's CPU time
COUNTS = ("faults", "jobs", "equal", "different", "not finite", "lost", "stuck", "hangs")
LEAST_CPU = 1.0  # seconds in IDLE that show life; threads that wait in a program take some milliseconds


class Usual(NamedTuple):
    """An undisturbed job: the digest of its result, and its CPU seconds."""

    digest: str
    cpu: float
    finite: bool


class Outcome(NamedTuple):
    """How a process ended: exit status, whether a fault befell it, whether it hung, and what it said."""

    status: int
    struck: bool
    hung: bool
    said: Any
    cpu: float


def process(job: str, where: Any, above: Path, usual: Usual | None, fault: str, chance: random.Random) -> Outcome:
    """Run a job in a process, let a fault befall it at a random moment ("": none), and return how it ended."""
    from benchmarks.robustness import children, faults

    begin = partial(children.start, job, where.folder / job, weak=fault == "read-only")
    child = begin(above / f"{job}.events")
    others: list[Any] = []
    moment = chance.uniform(0, 1.05) * usual.cpu if usual and fault else float("inf")
    in_a_save, struck, hung, cpu, alive = chance.random() < 0.5, False, False, 0.0, 0
    seen = 0.0, time.monotonic()
    while (status := children.ended(child)) is None:
        now = children.cpu_of(child)
        cpu = cpu if now is None else now
        if cpu > seen[0] + LEAST_CPU:
            seen = cpu, time.monotonic()
        due = not struck and cpu >= moment
        if due and in_a_save and not alive:
            alive = _entries(where.folder)
        if due and (not in_a_save or _entries(where.folder) != alive):
            struck = True
            if fault == "twice":
                others.append(begin(above / f"{job}.second"))
            else:
                faults.FAULTS[fault](child, where, chance)
        if time.monotonic() - seen[1] > IDLE or (usual and cpu > MOST * usual.cpu):
            hung, status = True, children.end(child)
            break
        time.sleep(0.002 if due and not struck else 0.03)
    for other in others:
        hung |= not _waited(other)
    faults.mend(where)
    return Outcome(int(status or 0), struck, hung, children.said(child), cpu)


def _waited(child: Any) -> bool:
    """Wait for a second process; return whether it ended by itself."""
    from benchmarks.robustness import children

    seen = (0.0, time.monotonic())
    while children.ended(child) is None:
        cpu = children.cpu_of(child) or 0.0
        if cpu > seen[0] + LEAST_CPU:
            seen = cpu, time.monotonic()
        if time.monotonic() - seen[1] > IDLE:
            children.end(child)
            return False
        time.sleep(0.01)
    return True


def _clear(folder: Path) -> None:
    """Make an empty folder for a job."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _entries(folder: Path) -> int:
    """Return a number that changes when files of a folder come and go."""
    return hash(tuple(name for _, folders, files in os.walk(folder) for name in (*folders, *files)))


class Disturbed(NamedTuple):
    """One job through all its faults: their names, what it came to, and words on what went wrong."""

    job: str
    faults: list[str]
    counts: Counter
    words: list[str]


def disturbed(
    job: str, names: Sequence[str], where: Any, above: Path, usual: Usual, chance: random.Random
) -> Disturbed:
    """Begin a job, disturb it, and let it go on until it has ended."""
    _clear(where.folder / job)
    counts, words, befell, kept = Counter(jobs=1), [], [], set()
    while True:
        fault = chance.choice(names) if not befell or chance.random() < 0.5 else ""
        found = process(job, where, above, usual, fault, chance)
        if found.struck:
            befell.append(fault)
            counts["faults"] += 1
        if found.hung:
            counts["hangs"] += 1
            words.append(f"hang after {fault or 'no fault'}")
        lost = set() if found.said.found is None else kept - set(found.said.found)
        if lost:
            counts["lost"] += len(lost)
            words.append(f"lost {sorted(lost)} after {befell}")
            kept -= lost
        kept |= set(found.said.kept)
        if found.said.digest:
            name = "equal" if found.said.digest == usual.digest else "different"
            counts[name] += 1
            counts["not finite"] += usual.finite and not found.said.finite
            words += [f"another result after {befell}"] * (name == "different")
            return Disturbed(job, befell, counts, words)
        if not found.struck and not found.hung:
            counts["stuck"] += 1
            text = (above / f"{job}.txt").read_text()[-2000:]
            return Disturbed(job, befell, counts, [*words, f"cannot go on after {befell}: {text}"])


def undisturbed(job: str, where: Any, above: Path) -> Usual:
    """Run a job twice without any fault, so that the second finds its compiled programs; both must agree."""
    runs = []
    for _ in range(2):
        _clear(where.folder / job)
        runs.append(process(job, where, above, None, "", random.Random(0)))
        if not runs[-1].said.digest:
            raise SystemExit(f"{job} does not end by itself: {(above / f'{job}.txt').read_text()[-3000:]}")
    if runs[0].said.digest != runs[1].said.digest:
        raise SystemExit(f"{job} gives two results without any fault")
    return Usual(runs[1].said.digest, runs[1].cpu, runs[1].said.finite)


def soak(given: argparse.Namespace, above: Path) -> dict[str, Any]:
    """Disturb jobs until there are enough faults, or the time is over; return the counts."""
    from benchmarks.robustness import children, faults

    children.prepare()
    names = [given.fault] if given.fault else list(faults.FAULTS)
    kinds = [given.job] if given.job else list(JOBS)
    found: list[Disturbed] = []
    with faults.place(above) as where:
        usual = {job: undisturbed(job, where, above) for job in kinds}
        print(", ".join(f"{job} {each.cpu:.1f} CPU-s" for job, each in usual.items()), flush=True)
        begin = time.monotonic()
        while sum(each.counts["faults"] for each in found) < given.faults:
            if time.monotonic() - begin > 60 * given.minutes:
                break
            number, job = len(found), kinds[len(found) % len(kinds)]
            chance = random.Random(f"{given.seed} {number}")
            found.append(disturbed(job, names, where, above, usual[job], chance))
            if found[-1].words:
                print(f"job {number}, {job}: {'; '.join(found[-1].words)}", flush=True)
            if given.out:
                given.out.write_text(json.dumps(summary(found, given, where.small), indent=2))
        return summary(found, given, where.small)


def summary(found: Sequence[Disturbed], given: argparse.Namespace, small: bool) -> dict[str, Any]:
    """Return counts by job and in all, faults by their names, and what went wrong."""
    kinds = sorted({each.job for each in found})
    by_job = {job: sum((each.counts for each in found if each.job == job), Counter()) for job in kinds}
    total = sum(by_job.values(), Counter())
    return {
        "seed": given.seed,
        "disk": "a tmpfs that is filled" if small else "RLIMIT_FSIZE",
        "total": {name: total[name] for name in COUNTS},
        "jobs": {job: {name: counts[name] for name in COUNTS} for job, counts in by_job.items()},
        "faults": dict(Counter(fault for each in found for fault in each.faults)),
        "words": [f"job {number}, {each.job}: {word}" for number, each in enumerate(found) for word in each.words],
    }


def table(numbers: dict[str, Any]) -> str:
    """Return the counts as a table of text."""
    rows = {**numbers["jobs"], "all": numbers["total"]}
    lines = [f"{'':<12}" + "".join(f"{name:>11}" for name in COUNTS)]
    lines += [f"{job:<12}" + "".join(f"{counts[name]:>11}" for name in COUNTS) for job, counts in rows.items()]
    faults = ", ".join(f"{name} {count}" for name, count in sorted(numbers["faults"].items()))
    return "\n".join([*lines, f"faults: {faults}; full disk: {numbers['disk']}", *numbers["words"]])


def main() -> None:
    """Print the table of a soak; exit status 1 where anything was lost, differed, hung or could not go on."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=200, help="end after so many faults")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="or after so many minutes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--job", default="", help="only this job")
    parser.add_argument("--fault", default="", help="only this fault")
    parser.add_argument("--out", type=Path, help="JSON, written after each job")
    given = parser.parse_args()
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)  # before JAX is imported, which reads them then
    from experiments.lab import runtime

    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(runtime.cache_folder()))
    with tempfile.TemporaryDirectory(prefix="soak-") as above:
        numbers = soak(given, Path(above))
    print(table(numbers))
    if any(numbers["total"][name] for name in COUNTS[3:]):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
