"""A study run by a program: workers side by side, the next history chosen as soon as one of them is free."""

import sys
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from experiments.process import contexts, evaluations, keeping, log, pools, replay, settings, study, workers
from experiments.process.config import Run
from experiments.process.log import Log, Row
from experiments.process.pools import Pool
from experiments.process.settings import StudySettings
from experiments.process.study import Candidates
from experiments.process.workers import Answer

MINE = "by run"  # note of the rows that a run has asked
MOST_GARBAGE = 3  # answers in a row that cannot be read, after which the command is wrong


class Tally(NamedTuple):
    """What a run has seen so far."""

    done: int = 0
    successes: int = 0
    failures: int = 0
    garbage: int = 0  # in a row


class Kept(NamedTuple):
    """An answer that was written to the log, or words on why it was not."""

    answer: Answer
    refused: str = ""


def run(options: Run, environment: Mapping[str, str]) -> None:
    """Run the study's program, in an environment, up to the budget.

    ValueError where the command is wrong, with what the program wrote to stderr.
    """
    words = workers.words_of(options.command)
    if options.workers < 1 or not options.timeout > 0 or options.patience < 1:
        raise ValueError("--workers and --patience are whole numbers of at least 1, --timeout is a positive time")
    candidates, plan = study.load(options.study), settings.read(options.study)
    contexts.given(plan.context, " ".join(options.context))
    pools.check(options.executor)
    with (
        study.locked(options.study, "run", study.RUN_LOCK, wait=0.0),
        pools.POOLS[options.executor](options, words, environment) as pool,
    ):
        if said := study.other_program(options.study, words):
            print(said, file=sys.stderr)
        follow(options, candidates, pool)


def follow(options: Run, candidates: Candidates, pool: Pool) -> None:
    """Keep the workers busy until the budget is spent."""
    jobs: dict[Future[Kept], Row] = {}
    tally, orphans = Tally(), left_over(options.study, candidates, settings.read(options.study))
    session, key = None, None
    while True:
        plan = settings.read(options.study)
        if session is None or key != plan:
            session, key = replay.session_of(plan, candidates), plan
        while len(jobs) < options.workers:
            if orphans and room(options, plan, candidates, tally, len(jobs)) > 0:
                row = orphans.pop(0)
            else:
                row = next_row(options, plan, candidates, session, tally, len(jobs))
            if row is None:
                break
            assert row.id is not None and row.cell is not None
            history = study.write_asked(options.study, row.id, candidates, row.cell)
            given = dict(contexts.given(plan.context, row.context))
            jobs[kept(options.study, row, pool, pool.submit(history, row.id, given))] = row
        if not jobs:
            return
        for job in wait(jobs, return_when=FIRST_COMPLETED).done:
            tally = told(options, jobs.pop(job), job.result(), tally)


def kept(folder: Path, row: Row, pool: Pool, job: Future) -> Future[Kept]:
    """Return the future of a program's answer in the log.

    The thread that waits for the program writes it, because choosing the next history may take a minute, in which the
    run may be killed.
    """
    result: Future[Kept] = Future()
    job.add_done_callback(partial(keep, folder, row, pool, result))
    return result


def keep(folder: Path, row: Row, pool: Pool, result: Future[Kept], job: Future) -> None:
    """Write the answer of a program that has ended to the log, unless the end of the run has ended it."""
    try:
        answer, refused = pool.answer(job), ""
        if answer.status == "ok" or not pool.ending.is_set():
            status = "withdrawn" if answer.status == "garbage" else answer.status
            refused = keeping.tell(folder, row._replace(status=status, outcomes=answer.outcomes, note=answer.note))
        result.set_result(Kept(answer, refused))
    except BaseException as error:  # a thread has nobody to tell but the main loop
        result.set_exception(error)


def left_over(folder: Path, candidates: Candidates, plan: StudySettings) -> list[Row]:
    """Return rows that a run which was ended has asked and nobody has answered; they are run first.

    Rows that cannot be used, such as those without the context that the study now has, are left out.
    """
    book = log.read(folder, candidates.z.shape[1])
    rows = [row for row in log.settled(book.rows)[0] if row.status == "asked" and row.note == MINE]
    rows = [row for row in rows if row.id is not None and row.cell is not None and row.cell < len(candidates.z)]
    return [row for row in rows if contexts.fits(plan.context, row.context)]


def room(options: Run, plan: Any, candidates: Candidates, tally: Tally, running: int) -> int:
    """Return how many more evaluations may be started."""
    if options.evaluations:
        return options.evaluations - tally.done - running
    book = log.read(options.study, candidates.z.shape[1])
    answered = sum(row.status in ("ok", "failed") for row in log.settled(book.rows)[0])
    return plan.budget - answered - running


def next_row(options: Run, plan: Any, candidates: Candidates, session: Any, tally: Tally, running: int) -> Row | None:
    """Ask for one more evaluation and write it to the log; None where the budget is spent.

    UsedUpError where no candidate is left and none is running; None while one is.
    """
    if room(options, plan, candidates, tally, running) < 1:
        return None
    try:
        return asked(options.study, candidates, plan, session, 1, " ".join(options.context), MINE)[0]
    except evaluations.UsedUpError:
        if running:
            return None
        raise


def asked(
    folder: Path, candidates: Candidates, plan: Any, session: Any, number: int, context: str = "", note: str = ""
) -> list[Row]:
    """Choose cells to evaluate next, and write their rows to the log and their histories to files.

    The log is not locked while the campaign thinks; where somebody has written to it in the meantime, it thinks anew.
    ValueError for a context of another form than that of the study, for a safe study without its starts, and where too
    few candidates are left.
    """
    latents, given = candidates.z.shape[1], contexts.given(plan.context, context)
    while True:
        book = log.read(folder, latents)
        found = evaluations.read(book, plan, candidates)
        evaluations.check_starts(found, plan)
        evaluations.check_left(found, candidates, given, number)
        cells = replay.ask(replay.replay(session, plan, found.told), number, found.pending, given)
        with study.locked(folder, "ask"):
            if log.content(folder) == book.data:
                return written(folder, candidates, book, cells, context, note)


def written(folder: Path, candidates: Candidates, book: Log, cells: list[int], context: str, note: str) -> list[Row]:
    """Write histories and then rows of cells that are asked, and return the rows."""
    first, time = study.next_id(folder, book.rows), study.now()
    rows = []
    for number, cell in enumerate(cells, first):
        z = tuple(float(value) for value in candidates.z[cell])
        rows.append(Row(number, cell, z, "asked", time, context=context, note=note))
        study.write_asked(folder, number, candidates, cell)
    log.append(folder, book, rows)
    return rows


def told(options: Run, row: Row, found: Kept, tally: Tally) -> Tally:
    """Say an answer, and return the new tally. ValueError where the command or the settings must be wrong."""
    answer = found.answer
    if found.refused:
        print(f"id {row.id}: {found.refused}", file=sys.stderr)
    values = " ".join(f"{name}={value:g}" for name, value in answer.outcomes.items())
    status = f"not in {log.FILE}: {answer.status}" if found.refused else answer.status
    print(f"id {row.id}, cell {row.cell}: {status} {values}{answer.note}", flush=True)
    written = answer.stderr.strip()
    if written and answer.status != "ok" and not answer.note.endswith(written):
        print("  " + written.replace("\n", "\n  "), file=sys.stderr, flush=True)
    if answer.status == "ok":
        check_names(options.study, answer)
    tally = Tally(
        tally.done + (answer.status != "garbage"),
        tally.successes + (answer.status == "ok"),
        tally.failures + (answer.status == "failed"),
        tally.garbage + 1 if answer.status == "garbage" else 0,
    )
    said = f"the last said: {answer.note}"
    if tally.garbage >= MOST_GARBAGE:
        raise ValueError(f"{tally.garbage} answers in a row cannot be read (their rows are withdrawn); {said}")
    if not tally.successes and tally.failures >= options.patience and no_success(options.study):
        raise ValueError(
            f"{tally.failures} evaluations failed and none has succeeded. If the process is that hard, go on with a "
            f"larger --patience; if the command is wrong, delete their rows in log.csv. {said}"
        )
    return tally


def check_names(folder: Path, answer: Answer) -> None:
    """ValueError for a name of the objective or of ``[limits]`` that neither an answer nor any row of the log has."""
    plan, book = settings.read(folder), log.read(folder, study.latents(folder))
    needed = plan.limits.keys() | {name for formula in plan.objectives for name in formula.names}
    known = answer.outcomes.keys() | {name for row in book.rows for name in row.outcomes}
    if missing := sorted(needed - known):
        raise ValueError(
            f"{settings.FILE} needs {', '.join(missing)}, and the program printed {', '.join(answer.outcomes)}: "
            f"correct the name there, or let the program print it. The answer stays in {log.FILE}"
        )


def no_success(folder: Path) -> bool:
    """Return whether no row of the log is a success."""
    return all(row.status != "ok" for row in log.read(folder, study.latents(folder)).rows)
