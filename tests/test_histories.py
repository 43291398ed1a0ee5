"""Histories read from every form of file, and refused in words where they cannot be."""

import h5py
import numpy as np
import pandas
import pytest

from experiments import datasets
from models import histories

LONG = "id,time (s),current [A],T/K\na,0,1,300\na,1,2,301\na,4,5,304\nb,0,1,300\nb,2,2,302\nb,3,5,303\n"


def read(folder, text, encoding="utf-8", **options):
    (folder / "own.csv").write_bytes(text.encode(encoding))
    return histories.read(folder / "own.csv", **options)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("1,2.5,3\n2,3,4.25\n", "utf-8"),
        ("\ufeff# measured today\r\n1;2,5;3\r\n\r\n2;3;4,25\r\n", "utf-8"),
        ("1\t2,5\t3\n2\t3\t4,25\n", "utf-16"),
        ("% a comment\n1 2.5  3\n2 3 4.25\n", "utf-8"),
        ("first,second,third\n1,2.5,3\n2,3,4.25\n", "utf-8"),
        ("id;a;b;c\n-;°C;°C;°C\nx;1;2,5;3\ny;2;3;4,25\n", "cp1252"),
        (",0,1,2\n0,1,2.5,3\n1,2,3,4.25\n", "utf-8"),
        ("x,1,2.5,3\ny,2,3,4.25\n", "utf-8"),
    ],
)
def test_a_row_each_is_read_in_every_dialect(tmp_path, text, encoding):
    found = read(tmp_path, text, encoding, step=0.5)
    np.testing.assert_array_equal(found.values, [[1, 2.5, 3], [2, 3, 4.25]])
    np.testing.assert_array_equal(found.duration, [1, 1])
    assert found.mask is None and found.ids in (("0", "1"), ("x", "y"))
    assert found.units == ("°C" if "°C" in text else "",)


def test_the_column_of_ids_may_have_a_name_of_its_own(tmp_path):
    long, rows = LONG.replace("id,", "batch,"), "x,y,Batch,z\n1,2,a,3\n4,5,b,7\n"
    for one, other in zip(read(tmp_path, long, id_column="batch"), read(tmp_path, LONG), strict=True):
        np.testing.assert_array_equal(one, other)
    last = "time (s),T,batch\n0,1,a\n1,2,a\n0,3,b\n2,5,b\n"
    assert read(tmp_path, last, id_column="batch").ids == ("a", "b")
    found = read(tmp_path, rows, id_column="batch")
    assert found.ids == ("a", "b")
    np.testing.assert_array_equal(found.values, [[1, 2, 3], [4, 5, 7]])
    for text, words in (
        (LONG, "0 columns"),
        (rows.replace("b,7", "a,7"), "repeats"),
        (rows.replace("4,5,b,7", "4,5"), r"line 3: the column Batch is empty or repeats \(\)"),
        ("1,2\n3,4\n", "0 columns"),
    ):
        with pytest.raises(ValueError, match=words):
            read(tmp_path, text, id_column="batch")


@pytest.mark.parametrize("header", ["id,time_s,current", "run,elapsed,temp", "Id,x,y"])
def test_times_of_another_name_are_times_beside_ids_that_repeat(tmp_path, header):
    rows = "a,0,1\na,1,2\na,4,5\nb,0,1\nb,2,2\nb,5,3\n"
    found = read(tmp_path, f"{header}\n{rows}")
    assert found.ids == ("a", "b") and found.names == (header.split(",")[2],) and found.notes == ()
    np.testing.assert_array_equal(found.duration, [4, 5])
    assert len(read(tmp_path, f"{header}\na,0,1\nb,1,2\nc,2,4\n").ids) == 3  # ids that do not repeat


def test_rows_that_may_be_no_histories_are_noted(tmp_path):
    found = read(tmp_path, "piece,elapsed,temp\n1,0,1\n1,1,2\n1,4,5\n2,0,1\n2,2,2\n2,5,3\n")
    assert len(found.ids) == 6 and "piece repeats and elapsed rises" in found.notes[0]
    assert read(tmp_path, "0,0.5,1.5,2\n4,2,0,1\n0,1,2,3\n").notes == ()  # a ramp among others
    with pytest.raises(ValueError, match="line 2: a cell in quotes"):
        read(tmp_path, 'id,a,b\n"x\ny",1,2\nz,3,4\n')


@pytest.mark.parametrize("index", [False, True])
@pytest.mark.parametrize("ramps", [False, True])
def test_a_first_row_of_times_as_pandas_writes_it_is_no_history(tmp_path, index, ramps):
    time = np.linspace(0, 5, 250)
    rows = np.random.default_rng(0).normal(size=(20, 250))
    rows = 280 + np.abs(rows).cumsum(1) if ramps else rows
    pandas.DataFrame(rows, columns=[f"{at:.4f}" for at in time]).to_csv(tmp_path / "own.csv", index=index)
    found = histories.read(tmp_path / "own.csv")
    assert found.values.shape == (20, 250) and found.ids == tuple(map(str, range(20)))
    np.testing.assert_allclose(found.duration, 5)
    np.testing.assert_allclose(found.values, rows, rtol=0.01, atol=0.1)  # times are rounded, so they are resampled
    assert len(found.notes) == 1 and "rise from 0 to 5, was taken for the times" in found.notes[0]
    curves = datasets.read(tmp_path / "own.csv")  # decides so too
    assert curves.values.shape == (20, 250) and curves.axes[1].values[-1] == 5


def test_times_above_the_columns_may_be_uneven_named_and_longer_than_a_history(tmp_path):
    text = "time (ms),0.1,0.5,1.5,4\na,1,1,2,3\nb,4,2,0,\n"
    found = read(tmp_path, text, samples=4)
    assert found.ids == ("a", "b") and found.time_unit == "ms"
    np.testing.assert_allclose(found.duration, [3.9, 1.4])
    numbers = "3,4,6\n4,2,0\n1,5,2\n"
    assert len(read(tmp_path, numbers).ids) == 3  # neither from 0 nor in equal steps: a history
    assert read(tmp_path, numbers, header=True).duration.tolist() == [3, 3]
    assert len(read(tmp_path, "x,3,4,5\ny,4,2,0\nz,1,2,3\n").ids) == 3  # the third rises so too


def test_numbers_of_columns_are_no_history_unless_said(tmp_path):
    text = "0,1,2\n4,5,9\n7,8,3\n"
    assert len(read(tmp_path, text).values) == 2 and "header=False" in read(tmp_path, text).notes[0]
    assert len(read(tmp_path, text, header=False).values) == 3


def test_shorter_rows_are_shorter_histories_and_gaps_are_missing(tmp_path):
    found = read(tmp_path, "0,1,2\n0,1,2,3,4\n0,,2,3,4\n5,6,7,,\n", samples=5)
    np.testing.assert_array_equal(found.duration, [2, 4, 4, 2])
    np.testing.assert_allclose(found.values[:2], [[0, 0.5, 1, 1.5, 2], [0, 1, 2, 3, 4]])
    np.testing.assert_array_equal(found.mask, [[1] * 5, [1] * 5, [1, 0, 1, 1, 1], [1] * 5])


def test_the_long_form_has_channels_units_and_durations(tmp_path):
    found = read(tmp_path, LONG)
    assert found.ids == ("a", "b") and found.names == ("current", "T") and found.units == ("A", "K")
    assert found.time_unit == "s" and found.values.shape == (2, 3, 2)
    np.testing.assert_array_equal(found.duration, [4, 3])
    np.testing.assert_allclose(found.values[0, :, 1], [300, 302, 304])  # on equal steps of time
    np.testing.assert_allclose(found.values[1, :, 0], [1, 1.75, 5])


@pytest.mark.parametrize(
    "text", ["1,0,1.5\n1,2,2.5\n2,0,1\n2,1,1\n", "id;t;I\n-;min;A\n1;0;1,5\n1;2;2,5\n2;0;1\n2;1;1\n"]
)
def test_the_long_form_without_a_header_or_with_a_row_of_units(tmp_path, text):
    found = read(tmp_path, text)
    np.testing.assert_array_equal(found.values, [[1.5, 2.5], [1, 1]])
    np.testing.assert_array_equal(found.duration, [2, 1])
    assert found.time_unit == ("min" if "min" in text else "")


def test_a_known_function_is_resampled_to_unit_time_and_gaps_are_not_invented(tmp_path):
    rng = np.random.default_rng(0)
    rows = ["id,t,x"]
    for name, duration in (("a", 3.0), ("b", 7.0), ("c", 5.0)):
        time = np.sort(np.concatenate([[0, 1], rng.uniform(size=400)])) * duration
        rows += [f"{name},{at},{np.sin(5 * at / duration)}" for at in time if name != "c" or not 1 < at < 2]
    rows += ["c,1.5,"]
    rows[1:] = sorted(rows[1:], key=lambda row: (row[0], float(row.split(",")[1])))
    found = read(tmp_path, "\n".join(rows))
    unit = np.linspace(0, 1, 200)
    assert found.values.shape == (3, 200)
    np.testing.assert_allclose(found.values[:2], np.tile(np.sin(5 * unit), (2, 1)), atol=3e-3)
    np.testing.assert_allclose(found.duration, [3, 7, 5])
    inside = (unit > 0.2 + 0.01) & (unit < 0.4 - 0.01)
    assert found.mask is not None and not found.mask[2][inside].any() and found.mask[2][~inside].mean() > 0.95
    assert not found.values[~np.asarray(found.mask, bool)].any()


def test_arrays_are_read_from_npy_npz_and_hdf5(tmp_path):
    values = np.random.default_rng(0).normal(size=(4, 30, 2))
    values[1, 3, 0] = np.nan
    np.save(tmp_path / "a.npy", values)
    found = histories.read(tmp_path / "a.npy")
    np.testing.assert_allclose(found.values[0], values[0].astype(np.float32))
    assert list(found.duration) == [29] * 4  # counted in steps
    assert list(histories.from_arrays(np.nan_to_num(values)).duration) == [29] * 4
    assert found.mask is not None and found.mask.sum() == found.mask.size - 1
    np.savez(tmp_path / "a.npz", curves=values[..., 1], duration=np.arange(1.0, 5))
    np.testing.assert_array_equal(histories.read(tmp_path / "a.npz").duration, [1, 2, 3, 4])
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["run/curves"], file["run/other"] = values[..., 1], values[..., 1] + 1
        file["run/time"] = np.linspace(0, 2, 30) ** 2
        file["run/curves"].attrs["units"], file["run/time"].attrs["units"] = "V/m", "s"
    found = histories.read(tmp_path / "a.h5", dataset="run/curves", samples=40)
    assert found.values.shape == (4, 40) and found.units == ("V/m",) and found.time_unit == "s"
    np.testing.assert_allclose(found.duration, 4)
    with pytest.raises(ValueError, match="dataset="):
        histories.read(tmp_path / "a.h5")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("# only a comment\n", "empty"),
        ("id,t,a\n", "header but no data"),
        ("1,2,3\n", "1 history, expected 2"),
        ("1,2,3\n1,2,3\n", "alike"),
        ("1,2,3\n,,\n4,5,6\n", "line 2: history 1 has no value"),
        ("1,2,3\n1,oops,3\n1,1,1\n", "line 2, column 2: 'oops'"),
        ("1,2,3\n1,inf,3\n1,1,1\n", "line 2, column 2: an infinite"),
        ("id,t,a,b\n1,0,1,2\n1,1,2,3\n2,0,1,\n2,1,2,\n", "history 2 has no value in channel 2"),
        ("id,t,a,b\n1,0,1,2\n1,1,2,3\n2,0,1\n", "line 4 has 3 cells, expected 4"),
        ("id,t,a\n1,0,1\n1,1,2\n2,1,3\n2,0,1\n", "history 2: its times do not rise, 1 is followed by 0"),
        ("id,t,a\n1,0,1\n1,,2\n2,1,3\n2,2,1\n", "missing time"),
        ("id,t,a\n1,0,1\n1,1,2\n2,1,3\n", "history 2 has 1 value"),
        ("id,t,a\n-,s\n1,0,1\n1,1,2\n", "row of units has 2 cells"),
        ("id,t,a\n1,0,1\n-,s,A\n1,1,2\n", "row of units belongs directly below"),
        ("-,s,A\nid,t,a\n1,0,1\n1,1,2\n", "row of units above the header"),
        ("t,h1,h2\n0,1,2\n1,3,4\n", "transpose"),
    ],
)
def test_what_cannot_be_learned_from_is_refused_in_words(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.arange(5.0), "One history"),
        (np.zeros((3, 2, 50)), "channels seem to come first"),
        (np.array([["a", "b"], ["c", "d"]]), "real numbers"),
        (np.array([[1.0, np.inf], [1, 2]]), "infinite"),
        (np.array([[1.0, 2], [np.nan, np.nan]]), "history 1 has no value"),
    ],
)
def test_arrays_of_another_form_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        histories.from_arrays(values)
