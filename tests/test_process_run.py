"""Programs that answer, hang, crash and talk nonsense; processes that are killed, and two on one study."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Event

import pytest

from experiments.process import commands, guarding, log, printed, running, study, workers
from experiments.process.config import Run
from experiments.process.log import Row
from helpers.studies import ANSWER, make_study, program

ROOT = Path(__file__).parents[1]
EARLY = "budget = 20\ninitial_points = 19\n"  # random candidates only: nothing has to be compiled
TELLER = """
import sys
from pathlib import Path
from experiments.process import study
from experiments.process.log import Row
for number in range(int(sys.argv[2]), int(sys.argv[3])):
    study.tell(Path(sys.argv[1]), Row(number, None, (), "ok", outcomes={"cap": float(number)}))
    print(number, flush=True)
"""


def run(folder, command, **options):
    """Run a program on a study."""
    commands.execute(Run(folder, command=command, **{"evaluations": 4, "timeout": 30.0, **options}))


def answer_of(command, timeout, history):
    """Run a command on a history; returns its answer."""
    with guarding.guarded() as guard:
        program = workers.Program(workers.words_of(command), timeout, os.environ, Event(), guard)
        return workers.evaluate(program, history, 1)


def is_gone(pid):
    """Return whether a process has ended, within ten seconds."""
    state = Path(f"/proc/{pid}/stat")
    for _ in range(100):
        try:
            if state.read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.1)
    return False


def rows(folder):
    """Return the rows that count, by id."""
    return {row.id: row for row in log.read(folder, 2).answers}


def start(*words):
    """Start Python in a process of its own, its output a file's worth of pipe."""
    return subprocess.Popen([sys.executable, *map(str, words)], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_programs_run_side_by_side_and_a_log_can_go_on(tmp_path, capsys):
    candidates = make_study(tmp_path, EARLY)
    log.append(tmp_path, log.read(tmp_path, 2), [Row(1, 7, (), "asked", asked="1", note="by run")])  # of a killed run
    run(tmp_path, program(tmp_path), workers=3)
    found = rows(tmp_path)
    assert set(found) == {1, 2, 3, 4} and found[1].cell == 7
    assert len({row.cell for row in found.values()}) == 4
    for row in found.values():
        assert row.status == "ok"
        assert row.outcomes["cap"] == pytest.approx(candidates.histories[row.cell].mean(), abs=2e-6)
    run(tmp_path, program(tmp_path), evaluations=2)
    assert len(rows(tmp_path)) == 6


def test_an_answer_is_in_the_log_while_the_next_history_is_chosen(tmp_path, monkeypatch, capsys):
    make_study(tmp_path, EARLY)
    choose, seen = running.asked, []

    def slow(*arguments):
        for _ in range(200 if seen else 0):
            if all(row.status == "ok" for row in rows(tmp_path).values()):
                break
            time.sleep(0.05)
        seen.append({number: row.status for number, row in rows(tmp_path).items()})
        return choose(*arguments)

    monkeypatch.setattr(running, "asked", slow)
    run(tmp_path, program(tmp_path), workers=3, evaluations=3)
    assert seen == [{}, {1: "ok"}, {1: "ok", 2: "ok"}]
    assert capsys.readouterr().out.count(": ok cap=") == 3


def test_programs_that_end_with_the_run_stay_asked(tmp_path):
    make_study(tmp_path, EARLY)
    code = "import sys, time\nif sys.argv[2] == '1': time.sleep(600)\nprint('hello')"
    with pytest.raises(ValueError, match="cannot be read"):
        run(tmp_path, f"{program(tmp_path, code)} {{id}}", workers=2, evaluations=9)
    assert rows(tmp_path)[1].status == "asked"


def test_a_program_that_fails_tells_its_stderr_and_ends_the_run(tmp_path, capsys):
    make_study(tmp_path, EARLY)
    with pytest.raises(ValueError, match="no licence"):
        run(tmp_path, program(tmp_path, "import sys\nprint('cap=1')\nsys.exit('no licence for 1.2')"), patience=2)
    found = rows(tmp_path)
    assert [row.status for row in found.values()] == ["failed", "failed"]
    said = capsys.readouterr()
    assert "no licence" in found[1].note and (said.out + said.err).count("no licence") == 2  # once for each program
    with pytest.raises(ValueError, match="no program"):
        run(tmp_path, "surely-not-there {history}")
    with pytest.raises(ValueError, match=r"no \{history\}"):
        run(tmp_path, "true")


def test_a_program_that_hangs_is_ended_with_what_it_has_started(tmp_path):
    make_study(tmp_path, EARLY)
    child = "import subprocess, time, sys\nprint(subprocess.Popen(['sleep', '600']).pid, file=sys.stderr, flush=True)"
    begin = time.monotonic()
    answer = answer_of(program(tmp_path, f"{child}\ntime.sleep(600)"), 2.0, tmp_path / "1.csv")
    assert answer.status == "failed" and "no answer after 2 s" in answer.note and time.monotonic() - begin < 20
    assert is_gone(int(answer.stderr))


@pytest.mark.parametrize(
    "wrong",
    ['objective = ["cap", "-tmep"]\n' + EARLY, 'objective = "cap"\n' + EARLY + "[limits]\ntmep = { below = 3 }"],
)
def test_a_name_that_no_answer_has_ends_the_run_at_the_first(tmp_path, wrong, capsys):
    make_study(tmp_path, wrong)
    talking = program(tmp_path, "print('cap=1 temp=2')")
    with pytest.raises(ValueError, match="needs tmep, and the program printed cap, temp"):
        run(tmp_path, talking)
    assert [row.outcomes for row in rows(tmp_path).values()] == [{"cap": 1.0, "temp": 2.0}]
    (tmp_path / "study.toml").write_text(wrong.replace("tmep", "temp"))
    run(tmp_path, talking, evaluations=2)
    assert len(rows(tmp_path)) == 3


def test_much_stderr_does_not_stop_a_program(tmp_path):
    candidates = make_study(tmp_path, EARLY)
    talking = program(tmp_path, "import sys\nsys.stderr.write('x' * 1_000_000)\n" + ANSWER)
    path = study.write_asked(tmp_path, 1, candidates, 3)
    assert answer_of(talking, 30.0, path).status == "ok"


def test_a_program_that_cannot_be_started_says_nothing_of_the_process(tmp_path):
    gone = tmp_path / "sim"
    gone.write_text("#!/nowhere/python\n")
    gone.chmod(0o755)
    answer = answer_of(f"{gone} {{history}}", 30.0, tmp_path / "1.csv")
    assert answer.status == "garbage" and "cannot be started" in answer.note


def test_programs_do_not_outlive_a_run_that_is_killed(tmp_path):
    make_study(tmp_path, EARLY)
    code = f"""
import os, subprocess, sys, time
child = subprocess.Popen(["sleep", "600"])
open({str(tmp_path / "pids")!r}, "a").write(f"{{os.getpid()}} {{child.pid}}\\n")
time.sleep(600)
"""
    words = ("-m", "experiments.process", "run", tmp_path, "--command", program(tmp_path, code), "--workers", "2")
    runner = start(*words)
    pids = tmp_path / "pids"
    while runner.poll() is None and (not pids.exists() or len(pids.read_text().splitlines()) < 2):
        time.sleep(0.1)
    runner.kill()
    runner.communicate(timeout=60)
    assert all(is_gone(int(pid)) for pid in pids.read_text().split())


def test_executors_that_are_unknown_or_missing_are_named(tmp_path, monkeypatch):
    make_study(tmp_path, EARLY)
    monkeypatch.setitem(sys.modules, "ray", None)
    for executor, words in (("slurm", "threads or ray"), ("ray", "ferro-jax")):
        with pytest.raises(ValueError, match=words):
            run(tmp_path, program(tmp_path), executor=executor)
    assert not rows(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "nothing"),
        ("done\n", "NAME=VALUE"),
        ("cap=1\ncap=2\n", "twice"),
        ('{"id": 18, "cap": 1}', "id 18"),
        ("id=18 cap=1", "id 18"),
        ('{"cap": "high"}', "no number"),
        ('{"a b": 1}', "name"),
        ("cap=high", "no number"),
        ('{"id": 17}', "no outcome"),
    ],
)
def test_garbage_is_named(text, words):
    with pytest.raises(ValueError, match=words):
        printed.read(text, 17)


def test_answers_are_read_from_lines_and_from_json():
    assert printed.read("step 3 of 4\ncap = 3.4\ntemp=2e1\nbye\n", 17) == {"cap": 3.4, "temp": 20.0}
    assert printed.read('loading\n{"cap": 3.4, "id": 17}\n', 17) == {"cap": 3.4}
    assert printed.read('{\n"cap": 3}', 17) == {"cap": 3.0}


def test_garbage_withdraws_its_rows_and_ends_the_run(tmp_path, capsys):
    make_study(tmp_path, EARLY)
    with pytest.raises(ValueError, match="cannot be read"):
        run(tmp_path, program(tmp_path, "print('hello')"))
    assert {row.status for row in rows(tmp_path).values()} == {"withdrawn"}


def test_an_answer_given_by_hand_meanwhile_stays(tmp_path, capsys):
    make_study(tmp_path, EARLY)
    code = (
        "import sys\nfrom pathlib import Path\nfrom experiments.process import study\n"
        "from experiments.process.log import Row\n"
        f"study.tell(Path({str(tmp_path)!r}), Row(1, None, (), 'ok', outcomes={{'cap': 7.0}}))\nprint('cap=1')"
    )
    run(tmp_path, f"env PYTHONPATH={ROOT} {program(tmp_path, code)}", evaluations=1)
    assert rows(tmp_path)[1].outcomes == {"cap": 7.0}
    assert "told already" in capsys.readouterr().err


def test_two_processes_do_not_write_at_once(tmp_path, capsys):
    make_study(tmp_path, EARLY)
    with (
        study.locked(tmp_path, "ask"),
        pytest.raises(ValueError, match=rf"process {os.getpid()} \(ask"),
        study.locked(tmp_path, "tell", wait=0.0),
    ):
        pass
    with study.locked(tmp_path, "run", study.RUN_LOCK), pytest.raises(ValueError, match="is being written"):
        run(tmp_path, program(tmp_path))
    asked = [Row(number, number, (), "asked") for number in range(1, 31)]
    log.append(tmp_path, log.read(tmp_path, 2), asked)
    tellers = [start("-c", TELLER, tmp_path, first, first + 15) for first in (1, 16)]
    assert [teller.communicate(timeout=60) and teller.returncode for teller in tellers] == [0, 0]
    assert [rows(tmp_path)[number].outcomes for number in range(1, 31)] == [{"cap": float(n)} for n in range(1, 31)]


def test_a_teller_that_is_killed_loses_nothing_it_has_told(tmp_path):
    make_study(tmp_path, EARLY)
    log.append(tmp_path, log.read(tmp_path, 2), [Row(number, 1, (), "asked") for number in range(1, 400)])
    teller = start("-c", TELLER, tmp_path, 1, 400)
    assert teller.stdout is not None and teller.stdout.readline()
    time.sleep(0.3)
    teller.kill()
    said = [1, *map(int, teller.communicate(timeout=60)[0].split())]
    book = log.read(tmp_path, 2)
    told = {row.id: row.outcomes for row in book.rows if row.status == "ok"}
    assert said[-1] < 399 and book.notes == []
    assert all(told[number] == {"cap": float(number)} for number in said)
    study.tell(tmp_path, Row(399, None, (), "ok", outcomes={"cap": 1.0}))  # its lock is free


def test_a_run_that_is_killed_goes_on_with_what_it_had_asked(tmp_path, capsys):
    make_study(tmp_path, EARLY)
    one_is_quick = f"""
import time
from pathlib import Path
try:
    Path({str(tmp_path / "quick")!r}).touch(exist_ok=False)
except FileExistsError:
    time.sleep(2)
"""
    slow = program(tmp_path, one_is_quick + ANSWER)
    words = ("-m", "experiments.process", "run", tmp_path, "--command", slow, "--workers", "2", "--evaluations", "12")
    runner = start(*words)
    assert runner.stdout is not None and runner.stdout.readline().startswith("id ")
    runner.send_signal(signal.SIGKILL)
    rest = runner.communicate(timeout=60)[0]
    before = rows(tmp_path)
    waiting = [row for row in before.values() if row.status == "asked"]
    assert waiting and sum(row.status == "ok" for row in before.values()) >= 1 + rest.count("ok cap")
    run(tmp_path, program(tmp_path), evaluations=len(waiting))
    after = rows(tmp_path)
    assert after.keys() == before.keys() and all(row.status == "ok" for row in after.values())
    assert all(after[number].outcomes == row.outcomes for number, row in before.items() if row.status == "ok")
