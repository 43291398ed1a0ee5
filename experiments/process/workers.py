"""One evaluation by a program: started, watched, ended when it hangs, its answer read from what it printed."""

import math
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from threading import Event
from types import MappingProxyType
from typing import NamedTuple

from experiments.process import printed
from experiments.process.draining import Pipes
from experiments.process.guarding import CANNOT_START, Guard, end_group

TAIL = 2000  # characters of stderr that are kept
NO_CONTEXT: Mapping[str, object] = MappingProxyType({})


class Answer(NamedTuple):
    """What became of a program: status ok, failed or, where nothing can be said of the process, garbage."""

    status: str
    outcomes: dict[str, float]
    note: str
    stderr: str = ""


class Program(NamedTuple):
    """A program that evaluates histories: its words, its seconds, its environment, what ends it early, its guard."""

    words: list[str]
    timeout: float
    environment: Mapping[str, str]
    stop: Event
    guard: Guard


def words_of(command: str) -> list[str]:
    """Return the words of a command. ValueError for one that is empty, names no program or has no {history}."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ValueError(f"--command {command!r} cannot be read: {error}") from error
    if not words:
        raise ValueError('--command is empty; give a program, such as "python sim.py {history}"')
    if shutil.which(words[0]) is None:
        raise ValueError(f"--command: there is no program {words[0]!r}")
    if not any("{history}" in word or "{id}" in word for word in words):
        raise ValueError(f"--command {command!r} has no {{history}}, so the program would not know what to run")
    return words


def evaluate(program: Program, history: Path, number: int, given: Mapping[str, object] = NO_CONTEXT) -> Answer:
    """Run a program on one history, for ``timeout`` seconds at most, and return its answer.

    ``given`` are the values of the contexts. ``stop`` ends it early, and its answer then means nothing. It runs in a
    session of its own, so that what it has started ends with it. Both of its pipes are drained.
    """
    try:
        child = subprocess.Popen(
            program.guard.words(filled(program.words, history, number, given)),
            stdin=program.guard.pipe,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env=dict(program.environment),
        )
    except OSError as error:
        return Answer("garbage", {}, f"the program cannot be started: {error}")
    pipes = Pipes(child)
    ended = pipes.follow(program.timeout, program.stop.is_set)
    end_group(child.pid)  # with what it may have left behind
    program.guard.ended(child.pid)
    out, err = pipes.finish()
    if not ended:
        return Answer("failed", {}, f"no answer after {program.timeout:g} s", err[-TAIL:])
    if child.returncode in CANNOT_START:
        return Answer("garbage", {}, f"the program cannot be started: {err.strip()[-200:]}", err[-TAIL:])
    if child.returncode:
        last = next((line.strip() for line in reversed(err.splitlines()) if line.strip()), "nothing on stderr")
        return Answer("failed", {}, f"exit status {child.returncode}: {last[:200]}", err[-TAIL:])
    try:
        outcomes = printed.read(out, number)
    except ValueError as error:
        return Answer("garbage", {}, str(error), err[-TAIL:])
    status = "failed" if any(not math.isfinite(value) for value in outcomes.values()) else "ok"
    return Answer(status, outcomes, "an outcome is not finite" if status == "failed" else "", err[-TAIL:])


def filled(words: list[str], history: Path, number: int, given: Mapping[str, object]) -> list[str]:
    """Return the words of a command with {history}, {id} and the names of contexts replaced.

    All in one pass, because the path of a history may itself hold such a place.
    """
    places = {"history": str(history.resolve()), "id": str(number)}
    for name, value in given.items():
        places[name] = f"{value:.10g}" if isinstance(value, float) else str(value)
    place = re.compile("{(" + "|".join(map(re.escape, places)) + ")}")
    return [place.sub(lambda found: places[found[1]], word) for word in words]
