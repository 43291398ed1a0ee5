"""The log of a study is its only truth: rows as people edit them, replay, locks, formulas."""

import math
import random

import jax
import numpy as np
import pytest

from experiments.process import evaluations, formula, log, main, replay, settings, study, upcoming
from experiments.process.log import Row
from helpers.studies import make_study


def told(folder, *rows):
    """Append rows to the log of a study."""
    log.append(folder, log.read(folder, 2), rows)


def ok(number, cell, value, **others):
    """Return a successful row, told in the order of its number."""
    return Row(number, cell, (), "ok", told=f"2026-01-01T00:00:{number:02}", outcomes={"cap": value}, **others)


def meant(folder):
    """Return what the log of a study says."""
    candidates = study.load(folder)
    return evaluations.read(log.read(folder, 2), settings.read(folder), candidates)


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """A compiled session over the candidates of the tiny study."""
    folder = tmp_path_factory.mktemp("session") / "study"
    candidates = make_study(folder)
    return replay.session_of(settings.read(folder), candidates)


def next_cells(session, folder, number=2):
    """Return the cells that a study would ask next."""
    found, plan = meant(folder), settings.read(folder)
    return replay.ask(replay.replay(session, plan, found.told), number, found.pending)


ROWS = [
    ok(1, 3, 0.2),
    ok(2, 17, 0.9),
    Row(3, 30, (), "failed", told="2026-01-01T00:00:03"),
    ok(4, 20, 1.2),
    ok(5, 9, 0.1),
]


def test_replay_equals_the_live_session_and_the_order_of_rows_means_nothing(tmp_path, session):
    make_study(tmp_path)
    told(tmp_path, *ROWS)
    plan = settings.read(tmp_path)
    live, _ = session.tell_many(
        session.start(jax.random.key(plan.seed)), [3, 17, 30, 20, 9], [0.2, 0.9, None, 1.2, 0.1]
    )
    again = replay.replay(session, plan, meant(tmp_path).told).state
    for one, other in zip(jax.tree.leaves(live.state), jax.tree.leaves(again.state), strict=True):
        np.testing.assert_array_equal(one, other)
    before = next_cells(session, tmp_path)
    lines = (tmp_path / log.FILE).read_text().splitlines()
    random.Random(1).shuffle(rest := lines[1:])
    (tmp_path / log.FILE).write_text("\n".join([lines[0], *rest]))  # the last line without its end
    assert next_cells(session, tmp_path) == before
    assert not set(before) & {3, 17, 30, 20, 9}


def test_the_report_names_what_ask_would_choose(tmp_path, session):
    candidates = make_study(tmp_path)
    told(tmp_path, *ROWS, Row(6, 33, (), "asked"))
    plan, found = settings.read(tmp_path), meant(tmp_path)
    replayed = replay.replay(session, plan, found.told)
    before = (tmp_path / log.FILE).read_bytes()
    cells = upcoming.cells_of(replayed, plan, candidates, found)
    assert list(cells) == next_cells(session, tmp_path, 4) and 33 not in cells
    assert (tmp_path / log.FILE).read_bytes() == before
    rest = [evaluations.Spot(cell) for cell in range(36) if cell not in (3, 17, 30, 20, 9, 2)]
    assert list(upcoming.cells_of(replayed, plan, candidates, found._replace(pending=rest))) == [2]
    assert not upcoming.cells_of(replayed, plan._replace(safe=0.9, initial_points=5), candidates, found).size


def test_rows_rounded_added_and_saved_by_a_spreadsheet_mean_the_same(tmp_path, session):
    make_study(tmp_path)
    told(tmp_path, *ROWS)
    before = next_cells(session, tmp_path)
    z = study.load(tmp_path).z
    lines = ["\ufeffid;cell;z1;z2;status;asked;told;outcomes;noise;context;note"]
    for row in ROWS:
        place = ";".join(f"{value:.2f}" for value in z[row.cell]).replace(".", ",")
        values = " ".join(f"{name}={value}" for name, value in row.outcomes.items()).replace(".", ",")
        lines.append(f"{row.id};;{place};{row.status.upper()};;{row.told};{values};;;by hand")
    (tmp_path / log.FILE).write_bytes("\r\n".join(lines).encode())
    assert meant(tmp_path).notes == []
    assert next_cells(session, tmp_path) == before
    told(tmp_path, ok(6, 2, 0.5))
    assert (tmp_path / log.FILE).read_text("utf-8-sig").splitlines()[-1].count(";") == 10
    assert len(meant(tmp_path).told) == 6


def test_rows_that_cannot_be_used_are_named_and_cost_no_other(tmp_path):
    make_study(tmp_path)
    told(tmp_path, *ROWS)
    with open(tmp_path / log.FILE, "a") as file:
        file.write("7,99,,,ok,,,cap=1,,,\n")  # no such cell
        file.write("8,5,,,done,,,cap=1,,,\n")  # no such status
        file.write("9,5,,,ok,,,cap=much,,,\n")
        file.write("10,5,,,ok,,,temp=3,,,\n")  # the objective needs cap
        file.write("11,,7,7,ok,,,cap=1,,,\n")  # far from every cell
        file.write("1,3,,,ok,,2026-01-02,cap=0.25,,,\n")  # answered again, later
        file.write("12,17,,,ok,,2026-01-03,cap=1.1,,,\n")  # cell 17 a second time
        file.write("13,4,-0.6,")  # cut off
    found = meant(tmp_path)
    assert [each.cell for each in found.told] == [3, 17, 30, 20, 9]  # an answer told again keeps its place
    values = dict(zip([each.cell for each in found.told], [each.value for each in found.told], strict=True))
    assert values[3] == 0.25 and values[17] == pytest.approx(1.0) and math.isnan(values[30])
    words = "\n".join(found.notes)
    for part in (
        "cell 99",
        "'done'",
        "'much'",
        "lacks cap",
        "near z",
        "id 1 was answered 2 times",
        "cell 17 was",
        "line 14",
    ):
        assert part in words, words
    told(tmp_path, ok(14, 6, 0.7))  # the line that was cut off is ended first
    assert 6 in [each.cell for each in meant(tmp_path).told]


def test_limits_noise_and_formulas(tmp_path):
    text = (
        'objective = "cap - 0.1 * max(temp - 45, 0)"\nbudget = 8\ninitial_points = 3\n[limits]\ntemp = { below = 50 }\n'
    )
    make_study(tmp_path, text)
    warm, hot = {"cap": 3.0, "temp": 47.0}, {"cap": 9.0, "temp": 51.0}
    row = Row(1, 1, (), "ok", told="1", outcomes=warm, noise={"cap": 0.3, "temp": 1.0})
    told(tmp_path, row, row._replace(id=2, cell=2, told="2", outcomes=hot))
    good, beyond = meant(tmp_path).told
    assert good.value == pytest.approx(2.8) and good.noise == pytest.approx(0.09 + 0.01) and good.within
    assert beyond.value == pytest.approx(8.4) and beyond.others == {"temp": 51.0} and not beyond.within
    assert math.isnan(formula.evaluate(formula.parse("log(a) / b"), {"a": -1.0, "b": 0.0}))
    for text in ("__import__('os')", "a.b", "a[0]", "(lambda: 1)()", "a if b else c", "max(*a)", "x := 1", "'a'", ""):
        with pytest.raises(ValueError, match="formula"):
            formula.parse(text)


def test_several_outcomes_need_a_formula(tmp_path):
    make_study(tmp_path, "budget = 8\ninitial_points = 3\n")
    told(tmp_path, ok(1, 1, 1.0), Row(2, 2, (), "ok", told="2", outcomes={"cap": 1.0, "temp": 2.0}))
    with pytest.raises(ValueError, match="what to maximise"):
        meant(tmp_path)


def run(*words):
    """Run a command of a study; returns what it says when it fails."""
    with pytest.raises(SystemExit) as error:
        main([str(word) for word in words])
    return str(error.value)


def test_tell_checks_what_it_is_told(tmp_path, capsys):
    make_study(tmp_path)
    told(tmp_path, Row(1, 3, (), "asked", asked="1"), Row(2, 4, (), "asked", asked="1"))
    main(["tell", str(tmp_path), "1", "cap=3.4", "temp=20", "--noise", "cap=0.1"])
    main(["tell", str(tmp_path), "2", "temp=90", "--failed"])
    before = (tmp_path / log.FILE).read_bytes()
    assert "never asked" in run("tell", tmp_path, 9, "cap=1")
    assert "told already" in run("tell", tmp_path, 1, "cap=1")
    assert "cap missing" in run("tell", tmp_path, 1, "temp=1")
    assert "--failed" in run("tell", tmp_path, 1, "cap=nan")
    assert "name=value" in run("tell", tmp_path, 1, "3.4")
    assert "no study yet" in run("ask", tmp_path / "elsewhere")
    assert (tmp_path / log.FILE).read_bytes() == before
    main(["tell", str(tmp_path), "1", "cap=3.6", "--replace"])
    first, second = sorted(meant(tmp_path).told, key=lambda each: each.cell)
    assert first.value == 3.6 and math.isnan(second.value) and second.row.outcomes == {"temp": 90.0}


def test_a_deleted_row_gives_its_number_to_no_other(tmp_path):
    candidates = make_study(tmp_path)
    study.write_asked(tmp_path, 17, candidates, 3)
    assert study.next_id(tmp_path, []) == 18
    lines = (tmp_path / "asked/17.csv").read_text().splitlines()
    assert lines[0] == "time,value" and len(lines) == 6 and lines[-1].startswith("10,")


def test_settings_say_which_line_to_change(tmp_path):
    make_study(tmp_path)
    assert settings.read(tmp_path) == settings.read(tmp_path)  # a run compiles its session anew where they differ
    for text, words in (
        ("budget = 1.5", "budget"),
        ("budget = 5\ninitial_points = 5", "initial_points"),
        ('objective = "3 + 4"', "names no outcome"),
        ('acquisition = "best"', "acquisition"),
        ("[limits]\ntemp = 45", "temp"),
        ("[limits]\ntemp = { below = 1, above = 2 }", "temp"),
        ("[limits]\ntemp = { below = inf }", "temp"),
        ("[limits]\ntemp = { below = true }", "temp"),
        ("limits = 3", "table"),
        ('[limits]\n"max temp" = { below = 1 }', "letters"),
        ("[limits]\ntemp = { below = 1 }\ncap = { above = 1 }", "say what to maximise"),
        ("safe = 0.9", "limits"),
        ("safe = 1\n[limits]\ntemp = { below = 1 }", "probability"),
        ("safe = true\n[limits]\ntemp = { below = 1 }", "probability"),
        ('objective = ["a", "b", "c", "d"]', "4 formulas"),
        ('objective = ["a", "a"]', "twice"),
        ('objective = ["a", 3]', "quotation"),
        ('objective = ["a", "b"]\nacquisition = "log_ei"', "several objectives"),
        ('acquisition = "hypervolume"', "one objective"),
        ("context = 3", "table"),
        ("[context]\nday = { low = 3, high = 0 }", "day"),
        ("[context]\nday = { low = 0 }", "day"),
        ('[context]\nbatch = ["a"]', "two different"),
        ('[context]\nbatch = ["a", "b c"]', "words"),
        ('[context]\nz1 = ["a", "b"]', "another name"),
        ("buget = 3", "buget"),
        ("objective = cap", "cannot be read"),
    ):
        (tmp_path / settings.FILE).write_text(text)
        with pytest.raises(ValueError, match=words):
            settings.read(tmp_path)


def test_gaps_of_the_file_are_filled_along_straight_lines(tmp_path):
    candidates = make_study(tmp_path)
    ramp = np.broadcast_to(np.linspace(0, 1, candidates.own.shape[1]), candidates.own.shape)
    known = np.ones(ramp.shape, bool)
    known[0, 2:4] = known[1, -2:] = False
    filled = study.filled(candidates._replace(own=np.where(known, ramp, 0), known=known))
    np.testing.assert_allclose(filled[0], ramp[0])
    np.testing.assert_allclose(filled[1], [*ramp[1, :-2], ramp[1, -3], ramp[1, -3]])
