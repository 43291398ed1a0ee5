"""Programs that leave children behind, print without end, or print what is no answer."""

import json
import math
import os
import signal
import time
from threading import Event

import pytest

from experiments.process import draining, guarding, printed, workers
from helpers.studies import program


def answer_of(command, history, timeout=20.0):
    """Run a command on a history; returns its answer."""
    with guarding.guarded() as guard:
        started = workers.Program(workers.words_of(command), timeout, os.environ, Event(), guard)
        return workers.evaluate(started, history, 1)


@pytest.mark.parametrize("own_session", [False, True])
def test_a_child_that_holds_the_pipe_does_not_hold_the_answer(tmp_path, own_session):
    code = f"""
import subprocess, sys
print("cap=3", flush=True)
child = subprocess.Popen(["sleep", "60"], start_new_session={own_session})
print(child.pid, file=sys.stderr)
"""
    begin = time.monotonic()
    answer = answer_of(program(tmp_path, code), tmp_path / "1.csv")
    if own_session:
        os.kill(int(answer.stderr), signal.SIGKILL)
    assert answer.status == "ok" and answer.outcomes == {"cap": 3.0} and time.monotonic() - begin < 15


def test_a_program_that_prints_much_costs_no_memory_and_its_last_lines_count(tmp_path, monkeypatch):
    monkeypatch.setattr(draining, "MOST", 100_000)
    code = "for line in range(200_000): print('line', line)\nprint('cap=3')"
    assert answer_of(program(tmp_path, code), tmp_path / "1.csv").outcomes == {"cap": 3.0}
    kept = []
    monkeypatch.setattr(printed, "read", lambda text, number: kept.append(text) or {"cap": 1.0})
    answer_of(program(tmp_path, code), tmp_path / "1.csv")
    assert len(kept[0]) < 210_000 and kept[0].startswith("line ")
    endless = "import sys\nwhile True: sys.stdout.write('x' * 65536)"
    answer = answer_of(program(tmp_path, endless), tmp_path / "1.csv", 0.5)
    assert answer.status == "failed" and "no answer after 0.5 s" in answer.note


def test_places_in_the_path_of_a_study_stay(tmp_path):
    folder = tmp_path / "{id} {day}"
    words = workers.filled(["sim", "--at={history}", "{id}:{day}:{other}"], folder / "1.csv", 1, {"day": 2.5})
    assert words == ["sim", f"--at={folder.resolve() / '1.csv'}", "1:2.5:{other}"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"cap": 1' + "0" * 400 + "}", "too large"),
        ('{"cap": 1' + "0" * 5000 + "}", "digits|too large"),
        ('{"cap": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested"),
        ('{"cap": ' * 100_000, "nested"),
        ('{"cap": 1, "cap": 2}', "twice"),
        ('{"cap": 1, "temp": 3}\n{"cap": 2}', "twice"),
        ('{"\u00b5": 1, "\u03bc": 2}', "twice"),
        ('{"cap": {"a": 1}}', "no number"),
        ("Note: done\nWarning: foo", "no line NAME=VALUE"),
    ],
)
def test_answers_that_mean_nothing_are_garbage(text, words):
    with pytest.raises(ValueError, match=words):
        printed.read(text, 1)


def test_remarks_and_progress_beside_an_answer_are_neither_outcomes_nor_garbage():
    assert printed.read("Warning: foo\ncap=3\nNote: done\nSee: a=3\n", 1) == {"cap": 3.0}
    assert printed.read("cap: 3\ntemp: 2e1", 1) == {"cap": 3.0, "temp": 20.0}
    assert printed.read('{"step": 1}\n{"step": [2]}\n{"cap": 3, "temp": 4}\n{"cap": 3, "x": 1}', 1) == {
        "cap": 3.0,
        "x": 1.0,
    }
    assert math.isnan(printed.read(json.dumps({"cap": math.nan}), 1)["cap"])
