"""Limits, fronts, safety and contexts of a study: what the log means, and what the campaign is told."""

import json
import math

import jax
import numpy as np
import pytest

import bo
from experiments.process import (
    commands,
    contexts,
    evaluations,
    fronts,
    log,
    log_page,
    log_words,
    main,
    replay,
    settings,
    study,
)
from experiments.process.config import Run
from experiments.process.log import Row
from helpers.studies import make_study, program

LIMITED = 'objective = "cap"\nbudget = 8\ninitial_points = 3\n[limits]\ntemp = { below = 50 }\n'
FRONT = 'objective = ["cap", "-temp"]\nbudget = 8\ninitial_points = 3\n'
IN_CONTEXT = 'budget = 8\ninitial_points = 3\n[context]\nday = { low = 0, high = 30 }\nbatch = ["a", "b"]\n'


def ok(number, cell, context="", **outcomes):
    """Return a successful row, told in the order of its number."""
    return Row(number, cell, (), "ok", told=f"2026-01-01T00:00:{number:02}", outcomes=outcomes, context=context)


def told(folder, *rows):
    """Append rows to the log of a study, and return what it then says."""
    log.append(folder, log.read(folder, 2), rows)
    return evaluations.read(log.read(folder, 2), settings.read(folder), study.load(folder))


def said(*words):
    """Return what a command says when it fails."""
    with pytest.raises(SystemExit) as error:
        main([str(word) for word in words])
    return str(error.value)


HOT = [ok(n, 6 * n, cap=float(n), temp=40.0 + 5 * n) for n in range(6)]  # rows of the grid: z1 from −1 to 1


def test_a_broken_limit_is_told_with_its_values_and_the_replay_is_the_live_campaign(tmp_path):
    candidates = make_study(tmp_path, LIMITED.replace("points = 3", "points = 7"))
    found = told(tmp_path, *HOT, Row(7, 35, (), "failed", told="2026-01-02"))
    plan = settings.read(tmp_path)
    session = replay.session_of(plan, candidates)
    state = replay.replay(session, plan, found.told).state
    values = [{"cap": float(n), "temp": 40.0 + 5 * n} for n in range(6)]
    live, _ = session.tell_many(session.start(jax.random.key(0)), [*range(0, 36, 6), 35], [*values, None])
    for one, other in zip(jax.tree.leaves(live.state), jax.tree.leaves(state.state), strict=True):
        np.testing.assert_array_equal(one, other)
    assert state.state.best == 2.0 and state.state.best_index == 12  # 50 keeps the limit, 55 does not
    np.testing.assert_array_equal(np.asarray(state.state.success)[:7], [1, 1, 1, 1, 1, 1, -1])
    asked = int(session.ask(state, numbers=True))
    assert candidates.z[asked, 0] <= 0.3, candidates.z[asked]  # where the limit may hold; the value is largest at 1
    again = evaluations.read(log.read(tmp_path, 2), plan, candidates)
    assert [each.within for each in again.told] == [True, True, True, False, False, False, False]


def test_rows_that_lack_an_outcome_are_used_for_what_they_have(tmp_path, capsys):
    make_study(tmp_path, LIMITED)
    found = told(tmp_path, ok(1, 1, cap=3.0), ok(2, 2, temp=40.0), ok(3, 3, cap=1.0, temp=math.inf), ok(4, 4, cap=1.0))
    assert [each.cell for each in found.told] == [1, 3, 4] and not any(each.within for each in found.told)
    assert math.isnan(found.told[0].others["temp"])
    words = "\n".join(found.notes)
    assert "(id 1): it lacks temp: used for what it has" in words and "(id 2): it lacks cap" in words
    found = told(tmp_path, ok(5, 4, cap=2.0, temp=48.0))  # the same cell again, with the outcome
    both = next(each for each in found.told if each.cell == 4)
    assert both.value == 1.5 and both.others == {"temp": 48.0} and both.within
    told(tmp_path, Row(9, 9, (), "asked"))
    main(["tell", str(tmp_path), "9", "cap=1"])
    assert "without temp" in capsys.readouterr().err
    assert "cap missing" in said("tell", tmp_path, 9, "temp=4", "--replace")


def test_failures_are_counted_by_their_reason_and_notes_follow_the_lines(tmp_path):
    make_study(tmp_path, LIMITED)
    cracked = [Row(n, n, (), "failed", told=f"2026-01-0{9 - n}", note="cracked") for n in (1, 2, 3)]
    by_hand = Row(None, 7, (), "failed", note="cracked")
    found = told(tmp_path, *cracked, by_hand, ok(5, 5, cap=1.0, temp=60.0), ok(6, 99, cap=1.0), ok(4, 98, cap=1.0))
    assert log_words.failures(found, settings.read(tmp_path)) == [
        "id 5 (cell 5): not temp ≤ 50 · cap=1 temp=60",
        "4 times: failed · cracked: id 3 (cell 3), id 2 (cell 2), id 1 (cell 1), added by hand, line 5 (cell 7)",
    ]
    assert [note.split(":")[0] for note in found.notes] == ["line 7 (id 6)", "line 8 (id 4)"]


def test_a_safe_study_needs_rows_that_keep_the_limits(tmp_path):
    make_study(tmp_path, "safe = 0.9\n" + LIMITED)
    told(tmp_path, *HOT[1:])
    assert "initial_points = 3, and the log holds 2" in said("ask", tmp_path)
    evaluations.check_starts(told(tmp_path, HOT[0]), settings.read(tmp_path))


def test_a_front_of_the_log_is_that_of_the_campaign_and_grows(tmp_path):
    make_study(tmp_path, FRONT)
    found = told(tmp_path, ok(1, 1, cap=1.0, temp=1.0), ok(2, 2, cap=2.0, temp=2.0), ok(3, 3, cap=1.0, temp=3.0))
    points = np.array([[each.value, each.others["-temp"]] for each in found.told])
    np.testing.assert_array_equal(points, [[1, -1], [2, -2], [1, -3]])
    counted = np.ones(3, bool)
    reference = fronts.reference_of(points, counted)
    np.testing.assert_array_equal(fronts.rows_of(points, counted), [0, 1])
    np.testing.assert_allclose(fronts.growth(points, counted, np.array([0.0, -3.0])), [2.0, 3.0, 3.0])
    np.testing.assert_array_equal(reference, [1, -3])
    cloud = np.random.default_rng(0).uniform(size=(40, 3))
    grown = fronts.growth(cloud, cloud[:, 0] > 0.1, np.zeros(3))
    assert grown[-1] == pytest.approx(bo.hypervolume(cloud[cloud[:, 0] > 0.1], np.zeros(3)))
    spec = replay.outcomes_of(settings.read(tmp_path))
    assert spec is not None and spec.objectives == ("cap", "-temp")


def test_contexts_are_read_checked_and_kept_apart(tmp_path, capsys):
    make_study(tmp_path, IN_CONTEXT)
    plan = settings.read(tmp_path)
    assert contexts.given(plan.context, "batch=b; day = 3,5") == (("day", 3.5), ("batch", "b"))
    for text in (
        "",
        "day=3",
        "day=3 batch=c",
        "day=x batch=a",
        "day=3 batch=a hour=4",
        "monday",
        "day=1 day=2 batch=a",
    ):
        with pytest.raises(ValueError, match="context|number"):
            contexts.given(plan.context, text)
    rows = (ok(1, 4, "day=1 batch=a", cap=1.0), ok(2, 4, "day=2 batch=a", cap=3.0), ok(3, 4, "batch=a day=1", cap=2.0))
    found = told(tmp_path, *rows, ok(4, 5, "monday", cap=1.0), Row(5, 6, (), "asked", context="day=9 batch=b"))
    assert [(each.spot.given[0][1], each.value) for each in found.told] == [(1.0, 1.5), (2.0, 3.0)]
    assert found.pending == [evaluations.Spot(6, (("day", 9.0), ("batch", "b")))]
    assert "not of the form day=NUMBER batch=a|b: not used" in "\n".join(found.notes)
    assert "not of the form" in said("ask", tmp_path)
    assert "not of the form" in said("run", tmp_path, "--command", program(tmp_path), "--context", "day=3")
    main(["tell", str(tmp_path), "5", "cap=4"])
    assert told(tmp_path).told[-1].spot.given == (("day", 9.0), ("batch", "b"))  # that in which it was asked
    main(["tell", str(tmp_path), "5", "cap=4", "--replace", "--context", "day=10", "batch=b"])
    assert told(tmp_path).told[-1].spot.given[0] == ("day", 10.0)
    make_study(tmp_path / "free", "budget = 8\ninitial_points = 7\n")
    commands.execute(commands.Ask(tmp_path / "free", context=("monday,", "Anna")))
    assert log.read(tmp_path / "free", 2).rows[0].context == "monday, Anna"


@pytest.mark.slow
def test_a_candidate_is_asked_once_in_a_context(tmp_path, capsys):
    candidates = make_study(tmp_path, IN_CONTEXT)
    near = np.argsort(np.linalg.norm(candidates.z - 0.2, axis=1))
    rows = [ok(n, int(cell), "day=1 batch=a", cap=-float(n)) for n, cell in enumerate(near[:33], 1)]
    told(tmp_path, *rows)
    for day in ("day=1", "day=1", "day=2"):  # the second is asked while the first is pending
        commands.execute(commands.Ask(tmp_path, context=(day, "batch=a")))
    *today, tomorrow = [row.cell for row in log.read(tmp_path, 2).answers if row.status == "asked"]
    assert len({*near[:33], *today}) == 35
    assert tomorrow in near[:8]  # the best of one day may be measured on another
    words = "of 36 candidates 1 are neither told nor pending at day=1 batch=a, and 2 asked for"
    assert words in said("ask", tmp_path, "-n", "2", "--context", "day=1", "batch=a")
    command = ["run", tmp_path, "--command", program(tmp_path), "--evaluations", "9", "--context", "day=1", "batch=a"]
    assert "of 36 candidates 0 are" in said(*command)
    assert len(told(tmp_path).told) == 34  # the last one that was left has been run
    told(tmp_path, ok(99, 21, "day=2 batch=a", cap=1.0), ok(100, 21, "day=2 batch=a", cap=3.0))
    page = log_page.write(tmp_path)[0].read_text()
    assert "36 of 8 evaluations, which count as 35 (" in page and "latent space: none. " in page


def test_a_program_gets_the_context(tmp_path, capsys):
    make_study(tmp_path, "budget = 8\ninitial_points = 7\n[context]\nday = { low = 0, high = 9 }\n")
    code = "import sys\nprint('cap=' + sys.argv[2])"
    command = f"{program(tmp_path, code)} {{day}}"
    commands.execute(Run(tmp_path, command=command, evaluations=1, timeout=30.0, context=("day=3.5",)))
    row = log.read(tmp_path, 2).answers[0]
    assert row.outcomes == {"cap": 3.5} and row.context == "day=3.5"


@pytest.mark.slow
def test_drift_is_learned_and_the_best_place_of_the_day_is_asked(tmp_path):
    candidates = make_study(tmp_path, "budget = 30\ninitial_points = 3\n[context]\nday = { low = 0, high = 10 }\n")
    rng, rows = np.random.default_rng(0), []
    for number in range(1, 31):
        day, cell = rng.uniform(0, 8), int(rng.integers(36))
        value = -((candidates.z[cell, 0] - (0.25 * day - 1)) ** 2)
        rows.append(ok(number, cell, f"day={day:.2f}", cap=float(value)))
    found, plan = told(tmp_path, *rows), settings.read(tmp_path)
    session = replay.session_of(plan, candidates)
    replayed = replay.replay(session, plan, found.told)
    early, late = (replay.ask(replayed, 1, [], (("day", day),))[0] for day in (0.0, 8.0))
    assert candidates.z[early, 0] <= -0.6 and candidates.z[late, 0] >= 0.6
    page, notes = log_page.write(tmp_path)
    assert "context" in page.read_text() and notes == found.notes


@pytest.mark.slow
def test_the_page_of_a_front_shows_undominated_histories(tmp_path):
    make_study(tmp_path, FRONT.replace("budget = 8", "budget = 10") + "[limits]\ntemp = { below = 2 }\n")
    code = """
import sys
time, value = zip(*(map(float, line.split(",")) for line in open(sys.argv[1]).read().split()[1:]))
print("cap=%.6f temp=%.6f" % (value[0] - value[-1] ** 2, (value[0] + 1) ** 2))
"""
    commands.execute(Run(tmp_path, command=program(tmp_path, code), timeout=30.0))
    page, _ = log_page.write(tmp_path)
    numbers = json.loads((page.parent / "metrics.json").read_text())
    found = told(tmp_path)
    points = np.array([[each.value, each.others["-temp"]] for each in found.told])
    front = fronts.rows_of(points, np.array([each.within for each in found.told]))
    assert numbers["front_size"] == len(front) and numbers["evaluations"] == 10
    html = page.read_text()
    assert "on the front" in html and all(f"<td>{found.told[row].row.id}</td>" in html for row in front)
    for name in ("convergence", "front", "best_histories", "map", "outcomes", "calibration"):
        assert (page.parent / f"{name}.png").stat().st_size > 5000


@pytest.mark.slow
def test_a_safe_study_breaks_no_limit_from_starts_that_come_near_it(tmp_path):
    text = LIMITED.replace("budget = 8\ninitial_points = 3", "budget = 12\ninitial_points = 6").replace("50", "60")
    candidates = make_study(tmp_path, "safe = 0.95\n" + text)
    rows = [ok(n, cell, cap=float(candidates.z[cell].sum()), temp=50 * float(candidates.z[cell, 0]) + 40)
            for n, cell in enumerate((0, 5, 6, 12, 18, 13), 1)]  # fmt: skip
    told(tmp_path, *rows)
    code = """
import sys
time, value = zip(*(map(float, line.split(",")) for line in open(sys.argv[1]).read().split()[1:]))
print("cap=%.6f temp=%.6f" % (value[-1], 50 * value[0] + 40))
"""
    commands.execute(Run(tmp_path, command=program(tmp_path, code), timeout=30.0))
    found = told(tmp_path)
    assert len(found.told) == 12 and all(each.within for each in found.told)
    assert max(each.value for each in found.told) == pytest.approx(1.2)  # of z1 ≤ 0.2: the best that keeps the limit
