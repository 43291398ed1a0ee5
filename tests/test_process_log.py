"""The log as people and killed processes leave it: what can be read is used, the rest is named, nothing is lost."""

import math

import pytest

from experiments.process import cells, keeping, log, running, study
from experiments.process.log import Row
from helpers.studies import make_study

HEADER = "id,cell,z1,z2,status,asked,told,outcomes,noise,context,note\n"


def written(folder, *lines):
    """Return the log of lines below the header."""
    (folder / log.FILE).write_text(HEADER + "\n".join(lines))
    return log.read(folder, 2)


def test_a_quote_that_is_not_closed_costs_no_other_row(tmp_path):
    row = "{},3,,,ok,,,cap={},,,"
    cut = '2,4,,,failed,,,,,,"exit status 1: a, b'
    book = written(tmp_path, row.format(1, 1), cut, row.format(3, 3), row.format(4, 4), cut)
    assert [each.id for each in book.rows] == [1, 3, 4]
    assert [note for note in book.notes if "the quote is not closed: not used" in note] == book.notes
    assert [note.split(":")[0] for note in book.notes] == ["line 3", "line 6"]
    log.append(
        tmp_path, book, [Row(5, 3, (), "ok", outcomes={"cap": 5.0}, note='said "no", twice'), Row(6, 3, (), "ok")]
    )
    book = log.read(tmp_path, 2)
    assert [each.id for each in book.rows] == [1, 3, 4, 5, 6] and len(book.notes) == 2
    assert book.rows[3].note == 'said "no", twice'


def test_a_log_with_nan_is_asked_from_as_any_other(tmp_path, monkeypatch):
    candidates = make_study(tmp_path)
    written(tmp_path, "1,3,,,failed,,2026-01-01,cap=nan,,,\n")
    thought = []
    monkeypatch.setattr(running.replay, "replay", lambda *_: None if thought else thought.append(1))
    monkeypatch.setattr(running.replay, "ask", lambda *_: [7] if len(thought) < 2 else pytest.fail("thinks for ever"))
    plan = running.settings.read(tmp_path)
    assert [row.cell for row in running.asked(tmp_path, candidates, plan, None, 1)] == [7]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("inf,3,,,ok,,,cap=1,,,", "id 'inf'"),
        ("1,1e400,,,ok,,,cap=1,,,", "cell '1e400'"),
        ("1e300,3,,,ok,,,cap=1,,,", "id '1e300'"),
        ("nan,3,,,ok,,,cap=1,,,", "id 'nan'"),
        ("1,3,,,ok,,,cap=1,cap=1e200,,", "noise cap=1e"),
        ("1,3,,,ok,,,cap=1,cap=-1,,", "noise cap=-1"),
        ("1,3,,,ok,,,cap=1,,," + "x" * 200_000, "field"),
        ("1,3,,,ok,,,cap=1,,,,,,", "14 cells for 11 columns"),
    ],
)
def test_cells_that_mean_nothing_are_named(tmp_path, line, words):
    book = written(tmp_path, line, "2,3,,,ok,,,cap=1,,,")
    assert [each.id for each in book.rows] == [2]
    assert len(book.notes) == 1 and words in book.notes[0], book.notes


def test_files_that_are_folders_or_cut_are_named(tmp_path):
    (tmp_path / log.FILE).mkdir()
    with pytest.raises(ValueError, match=r"log\.csv cannot be read"):
        log.read(tmp_path, 2)
    make_study(tmp_path)
    data = (tmp_path / study.CANDIDATES).read_bytes()
    (tmp_path / study.CANDIDATES).write_bytes(data[:200])
    with pytest.raises(ValueError, match=r"candidates\.npz cannot be read"):
        study.latents(tmp_path)
    (tmp_path / study.CANDIDATES).write_bytes(data)
    (tmp_path / study.ASKED).write_text("")
    with pytest.raises(ValueError, match="asked"):
        study.write_asked(tmp_path, 1, study.load(tmp_path), 3)


def test_columns_that_are_there_twice_are_named(tmp_path):
    (tmp_path / log.FILE).write_text(HEADER.replace("note", "outcomes") + "1,3,,,ok,,,cap=1,,,cap=2\n")
    book = log.read(tmp_path, 2)
    assert book.rows[0].outcomes == {"cap": 1.0} and "column outcomes twice" in book.notes[0]


def test_outcomes_are_the_same_after_they_were_written(tmp_path):
    numbers = [0.1 + 0.2, 1 / 3, 3.0, 1e-300, 123456789.123456789, math.inf, -0.0]
    outcomes = {f"y{number}": value for number, value in enumerate(numbers)}
    log.append(tmp_path, log.read(tmp_path, 2), [Row(1, 3, (), "ok", outcomes=outcomes)])
    assert log.read(tmp_path, 2).rows[0].outcomes == outcomes
    assert "y2=3 " in (tmp_path / log.FILE).read_text()


def test_the_answer_told_last_counts_however_a_spreadsheet_writes_times(tmp_path):
    row = "{},3,,,ok,,{},cap={},,,"
    book = written(
        tmp_path,
        row.format(1, "2.12.2026 9:05", 2),
        row.format(1, "29.11.2026 10:00", 1),
        row.format(2, "2026-11-29T10:00:00.500", 2),
        row.format(2, "2026-11-29 10:00", 1),
        row.format(3, "2026-11-29T10:00:00", 1),
        row.format(3, "", 2),
        row.format(4, "2026-11-29T10:00:00", 1),
        row.format(4, "yesterday", 2),
        row.format(5, "30.11.26", 2),
        row.format(6, "2026-11-30T01:00:00+00:00", 2),
    )
    counted, notes = log.settled(book.rows)
    assert {each.id: each.outcomes["cap"] for each in counted} == dict.fromkeys(range(1, 7), 2.0)
    assert [each.id for each in counted[:4]] == [1, 2, 3, 4]  # the first answers came at the same time
    assert sum("missing or cannot be read" in note for note in notes) == 2 and len(notes) == 4
    assert cells.time_of("31.2.2026") is None and cells.time_of("11/29/2026") is None


def test_a_correction_keeps_the_place_of_what_it_corrects(tmp_path):
    make_study(tmp_path)
    rows = [Row(n, 3 * n, (), "asked") for n in range(1, 5)]
    log.append(tmp_path, log.read(tmp_path, 2), rows)
    study.tell(tmp_path, Row(4, None, (), "withdrawn"))  # no value: nothing was chosen with it
    for number in (1, 2, 3, 4):
        study.tell(tmp_path, Row(number, None, (), "ok", outcomes={"cap": float(number)}))
    for status, outcomes in (("failed", {}), ("ok", {"cap": 20.0})):
        study.tell(tmp_path, Row(2, None, (), status, outcomes=outcomes), replace=True)
        counted = log.read(tmp_path, 2).answers
        assert [each.id for each in counted] == [1, 2, 3, 4] and counted[1].status == status
    assert counted[1].outcomes == {"cap": 20.0}
    book = log.read(tmp_path, 2)
    assert log.settled(book.rows[::-1])[0] == counted


def test_rows_that_contradict_each_other_are_named(tmp_path):
    book = written(tmp_path, "1,3,,,asked,,,cap=1,,,", "2,3,,,asked,,,,,,", "2,4,,,asked,,,,,,", "2,,,,ok,,,cap=1,,,")
    counted, notes = log.settled(book.rows)
    assert {each.id: each.cell for each in counted} == {1: 3, 2: 3}
    assert notes == [
        "line 2 (id 1): status asked, but it has outcomes: set ok",
        "id 2 was asked for several cells: that of line 3 (id 2) counts",
    ]


def test_a_name_has_one_spelling():
    assert cells.pairs("it", "\u00b5=1") == {"\u03bc": 1.0}
    with pytest.raises(ValueError, match="twice"):
        cells.pairs("it", "\u00b5=1 \u03bc=2")


def test_an_answer_that_cannot_be_logged_is_kept_beside_the_log(tmp_path, monkeypatch):
    make_study(tmp_path)
    monkeypatch.setattr(keeping, "PAUSES", (0.0, 0.0))
    row = Row(1, 3, (0.5, 0.25), "ok", asked="1", outcomes={"cap": 1 / 3}, note="by run")
    log.append(tmp_path, log.read(tmp_path, 2), [row._replace(status="asked", outcomes={})])
    text = (tmp_path / log.FILE).read_text()
    (tmp_path / log.FILE).write_text("id,status\n")  # without the outcomes
    said = keeping.tell(tmp_path, row)
    assert "no column outcomes" in said and keeping.UNLOGGED in said
    (tmp_path / log.FILE).write_text(text)
    assert keeping.tell(tmp_path, row) == "" and "told already" in keeping.tell(tmp_path, row)
    (tmp_path / keeping.UNLOGGED).rename(tmp_path / log.FILE)
    kept = log.read(tmp_path, 2).rows
    assert [each._replace(told="", line=0) for each in kept] == [row]
    (tmp_path / keeping.UNLOGGED).mkdir()
    monkeypatch.setattr(study, "tell", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(ValueError, match="cap=0.333.* in no file: .*disk full"):
        keeping.tell(tmp_path, row)


def test_answers_count_in_their_order_when_the_clock_was_set_back(tmp_path, monkeypatch):
    candidates = make_study(tmp_path)
    clock = ["2026-10-25T03:00:00.000"]
    monkeypatch.setattr(study, "now", lambda: clock[-1])
    asked = [Row(id, id, tuple(candidates.z[id]), "asked", "2026-10-24T12:00:00.000") for id in (1, 2)]
    log.append(tmp_path, log.read(tmp_path, 2), asked)
    told = [study.tell(tmp_path, Row(2, None, (), "ok", outcomes={"cap": 2.5}))]
    clock.append("2026-10-25T02:10:00.000")
    told.append(study.tell(tmp_path, Row(1, None, (), "ok", outcomes={"cap": 1.5})))
    replaced = study.tell(tmp_path, Row(2, None, (), "ok", outcomes={"cap": 7.0}), replace=True)
    assert [row.told[11:] for row in (*told, replaced)] == ["03:00:00.000", "03:00:00.001", "03:00:00.002"]
    assert [(row.id, row.outcomes["cap"]) for row in log.read(tmp_path, 2).answers] == [(2, 7.0), (1, 1.5)]
