"""What each command of a study does."""

import os
import sys
import warnings
from importlib import import_module
from typing import Any

from experiments.lab import runtime
from experiments.process import cells, contexts, log, settings, study
from experiments.process.config import Ask, Learn, Report, Run, Tell
from experiments.process.log import Row


def execute(options: Any) -> None:
    """Carry out one command. ValueError says in words what is wrong and what to change."""
    {Learn: learn, Ask: ask, Tell: tell, Run: run, Report: report}[type(options)](options)


def part(name: str) -> Any:
    """Import a module of the study that needs JAX, after XLA has been set up. Telling needs none."""
    os.environ.setdefault("MPLBACKEND", "Agg")  # files only: no window, no display needed
    runtime.start()
    return import_module(f"experiments.process.{name}")


def learn(options: Learn) -> None:
    """Learn the family of a file's histories, and decode candidates."""
    folder = options.study
    new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"{folder} cannot be made ({error})") from error
    if (folder / log.FILE).exists() and (folder / study.CANDIDATES).exists():
        raise ValueError(f"{folder} holds a log over the cells of its family: learn the new one in another folder")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the problems of the family are said below
        try:
            with study.locked(folder, "learn", study.RUN_LOCK, wait=0.0):
                candidates = part("learning").learn(options)
        except ValueError:
            study.discard(folder, new=new)
            raise
    path = settings.write_first(folder)
    for problem in candidates.problems:
        print(f"problem: {problem}", file=sys.stderr)
    print(f"{len(candidates.own)} histories learned, {len(candidates.z)} candidates in {folder}; objective: {path}")


def ask(options: Ask) -> None:
    """Ask for histories to run next."""
    if options.n < 1:
        raise ValueError(f"-n is {options.n}; ask for at least 1 history")
    candidates, plan = study.load(options.study), settings.read(options.study)
    context = " ".join(options.context)
    contexts.given(plan.context, context)
    running = part("running")
    session = part("replay").session_of(plan, candidates)
    rows = running.asked(options.study, candidates, plan, session, options.n, context)
    say_notes(part("evaluations").read(log.read(options.study, candidates.z.shape[1]), plan, candidates).notes)
    for row in rows:
        print(f"id {row.id}: cell {row.cell}, {options.study / study.ASKED / f'{row.id}.csv'}")


def say_notes(notes: list[str]) -> None:
    """Say what of the log could not be used."""
    for note in notes:
        print(f"{log.FILE}: {note}", file=sys.stderr)


def tell(options: Tell) -> None:
    """Tell what a history gave."""
    if options.failed and options.withdrawn:
        raise ValueError("--failed and --withdrawn exclude each other")
    plan = settings.read(options.study)
    outcomes = cells.pairs("the outcomes", " ".join(options.outcomes))
    noise = cells.deviations(" ".join(options.noise))
    status = "failed" if options.failed else "withdrawn" if options.withdrawn else "ok"
    needed = {name for formula in plan.objectives for name in formula.names}
    if status == "ok" and not outcomes:
        raise ValueError(f"tell {options.study} {options.id} NAME=VALUE …, or --failed, or --withdrawn")
    if status == "ok" and (missing := sorted(needed - outcomes.keys())):
        raise ValueError(f"{', '.join(missing)} missing, which the objective of {settings.FILE} needs")
    if status == "ok" and (bad := [name for name, value in outcomes.items() if not abs(value) < float("inf")]):
        raise ValueError(f"{', '.join(bad)} is not finite: an experiment that failed is told with --failed")
    if stray := noise.keys() - outcomes.keys():
        raise ValueError(f"noise of {', '.join(sorted(stray))}, which is not among the outcomes")
    context = " ".join(options.context)
    if context:
        contexts.given(plan.context, context)
    row = Row(options.id, None, (), status, outcomes=outcomes, noise=noise, context=context, note=options.note)
    row = study.tell(options.study, row, replace=options.replace)
    print(f"id {row.id}, cell {row.cell}: {row.status} {log.cell_of(row, 'outcomes')}".rstrip())
    if unknown := sorted(plan.limits.keys() - outcomes.keys()) if status == "ok" else []:
        print(f"without {', '.join(unknown)} it is used for what it has, but never among the best", file=sys.stderr)
    try:
        contexts.given(plan.context, row.context)
    except ValueError as error:
        print(f"{error}: the row is not used until it is told again with --context", file=sys.stderr)


def run(options: Run) -> None:
    """Run the study by a program or by a JAX function."""
    if bool(options.command) == bool(options.objective):
        raise ValueError('give --command "python sim.py {history}" or --objective MODULE:FUNCTION, one of the two')
    study.load(options.study)
    if options.command:
        environment = dict(os.environ)  # before that of this process is changed for its own JAX
        part("running").run(options, environment)
        print(f"report: python -m experiments.process report {options.study}")
    else:
        print(f"report: {part('campaigns').run(options)}")


def report(options: Report) -> None:
    """Write the report of the study."""
    study.load(options.study)
    page, notes = part("log_page").write(options.study)
    say_notes(notes)
    print(f"report: {page}")
