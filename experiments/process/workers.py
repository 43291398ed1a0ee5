"""One evaluation by a program: started, watched, ended when it hangs, its answer read from what it printed."""

import json
import math
import shlex
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Event
from types import MappingProxyType
from typing import NamedTuple

from experiments.process import cells
from experiments.process.guarding import CANNOT_START, Guard, end_group

AFTER_END = 5.0  # seconds for the pipes of a program that was ended
POLL = 0.2  # seconds between two looks at ``stop``
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

    {history}, {id} and the names of contexts in its words are replaced; ``given`` are the values of the contexts.
    ``stop`` ends it early, and its answer then means nothing. It runs in a session of its own, so that what it has
    started ends with it. Both of its pipes are drained.
    """
    places = {"{history}": str(history.resolve()), "{id}": str(number)}
    for name, value in given.items():
        places[f"{{{name}}}"] = f"{value:.10g}" if isinstance(value, float) else str(value)
    words = program.words
    for place, value in places.items():
        words = [word.replace(place, value) for word in words]
    try:
        child = subprocess.Popen(
            program.guard.words(words),
            stdin=program.guard.pipe,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
            env=dict(program.environment),
        )
    except OSError as error:
        return Answer("garbage", {}, f"the program cannot be started: {error}")
    deadline = time.monotonic() + program.timeout
    while True:
        left = deadline - time.monotonic()
        try:
            out, err = child.communicate(timeout=max(0.0, min(left, POLL)))
            break
        except subprocess.TimeoutExpired:
            if left <= 0 or program.stop.is_set():
                err = end(child)
                program.guard.ended(child.pid)
                return Answer("failed", {}, f"no answer after {program.timeout:g} s", err[-TAIL:])
    end_group(child.pid)  # what it may have left behind
    program.guard.ended(child.pid)
    if child.returncode in CANNOT_START:
        return Answer("garbage", {}, f"the program cannot be started: {err.strip()[-200:]}", err[-TAIL:])
    if child.returncode:
        last = next((line.strip() for line in reversed(err.splitlines()) if line.strip()), "nothing on stderr")
        return Answer("failed", {}, f"exit status {child.returncode}: {last[:200]}", err[-TAIL:])
    try:
        outcomes = read(out, number)
    except ValueError as error:
        return Answer("garbage", {}, str(error), err[-TAIL:])
    status = "failed" if any(not math.isfinite(value) for value in outcomes.values()) else "ok"
    return Answer(status, outcomes, "an outcome is not finite" if status == "failed" else "", err[-TAIL:])


def end(child: subprocess.Popen) -> str:
    """End a program and all that it has started; returns what it wrote to stderr, as far as it can be had."""
    end_group(child.pid)
    try:
        return child.communicate(timeout=AFTER_END)[1]
    except subprocess.TimeoutExpired:  # somebody outside its session holds the pipe
        return ""


def read(text: str, number: int) -> dict[str, float]:
    """Return the outcomes that a program printed: its last line in JSON, or all its lines of the form NAME=VALUE.

    ValueError for an answer without outcomes, with two values for one name, or for another id.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise ValueError("it printed nothing; print a line NAME=VALUE for each outcome")
    found = in_json(text.strip()) or in_json(lines[-1])
    if found is None:
        given = [line for line in lines if cells.PAIR.match(line) and not cells.PAIR.sub("", line).strip(" ;,")]
        found = cells.pairs("the output", " ".join(given))
        if not found:
            raise ValueError(f"it printed no line NAME=VALUE; the last is {lines[-1][:100]!r}")
    answered = found.pop("id", number)
    if answered != number:
        raise ValueError(f"it answered for id {answered:g}, asked was {number}")
    if not found:
        raise ValueError("it printed an id, but no outcome")
    return found


def in_json(text: str) -> dict[str, float] | None:
    """Return the outcomes of an object in JSON, None for other text. ValueError for values that are no numbers."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        return None
    if not isinstance(found, dict):
        return None
    for name, value in found.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise ValueError(f"it gave {name} = {value!r}, which is no number")
        if not cells.NAME.fullmatch(name):
            raise ValueError(f"the outcome {name!r} needs a name of letters, digits and underscores")
    return {name: math.nan if value is None else float(value) for name, value in found.items()}
