"""What runs keep on disk: it comes back as it was, runs no code, and takes little room."""

import io
import json
import pickle
import zipfile
from pathlib import Path

import jax
import numpy as np
import pytest
import xarray

from experiments.lab import saved
from experiments.lab.options import Settings
from experiments.lab.run import Array, Outcome, Run

LINE = Array(("x",), "m", "a line")


def test_what_is_kept_comes_back_as_it_was(tmp_path):
    value = {
        "arrays": [np.arange(6).reshape(2, 3).T, np.float32(0.1), np.array(["é", "b"]), np.array([], bool)],
        "jax": (jax.numpy.arange(3), jax.random.split(jax.random.key(1), 2)),
        "words": np.array([["a", None]], object),
        3: Path("x/y"),
        "record": Outcome({"a": 1.0}, {"b": float("nan"), "c": float("inf")}),
        "array": LINE,
    }
    saved.write(tmp_path / "value.npz", value)
    found = saved.read(tmp_path / "value.npz")
    assert list(found) == list(value) and found[3] == Path("x/y") and found["array"] == LINE
    for a, b in zip(value["arrays"], found["arrays"], strict=True):
        assert a.dtype == b.dtype and type(a) is type(b) and np.array_equal(a, b)
        assert not isinstance(a, np.ndarray) or a.flags["F_CONTIGUOUS"] == b.flags["F_CONTIGUOUS"]
    assert isinstance(found["jax"], tuple) and all(isinstance(x, jax.Array) for x in found["jax"])
    assert np.array_equal(jax.random.key_data(found["jax"][1]), jax.random.key_data(value["jax"][1]))
    assert found["words"].tolist() == [["a", None]] and isinstance(found["record"], Outcome)
    assert np.isnan(found["record"].numbers["b"]) and found["record"].numbers["c"] == float("inf")
    with pytest.raises(TypeError, match="a function cannot be kept"):
        saved.write(tmp_path / "other.npz", {"a": test_what_is_kept_comes_back_as_it_was})
    assert not (tmp_path / "other.npz").exists()


class Malicious:
    """Leave a mark when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def entry(tree):
    return np.frombuffer(json.dumps(tree).encode(), np.uint8)


def test_no_file_that_is_read_runs_code(tmp_path):
    mark, path = tmp_path / "ran", tmp_path / "kept.npz"
    pickled = pickle.dumps(np.array([Malicious(mark)], object))
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|O", "fortran_order": False, "shape": (1,)})
    files = {
        "a pickle": pickled,
        "objects": None,
        "a record of another package": {"record": "subprocess:Popen", "fields": {"args": ["touch", str(mark)]}},
        "a record of Python": {"record": "doctest:TestResults", "fields": {"failed": 0, "attempted": 0}},
        "a function of ours": {"record": "experiments.lab.resuming:end", "fields": {"folder": {"path": str(tmp_path)}}},
        "no such record": {"record": "experiments.lab.run:Array.__new__", "fields": {}},
        "a program": {"record": "experiments.latent_bo.__main__:EXPERIMENT", "fields": {}},
        "no module": {"record": "experiments.lab.nowhere:Array", "fields": {}},
        "an array that is not there": {"numpy": "9"},
        "an unknown entry": {"eval": "1"},
        "a short file": b"PK\x03\x04",
    }
    for name, content in files.items():
        if content is None:
            with zipfile.ZipFile(path, "w") as file:
                file.writestr("tree.npy", header.getvalue() + pickled)
        elif isinstance(content, bytes):
            path.write_bytes(content)
        else:
            np.savez(path, tree=entry(content))
        with pytest.raises(ValueError, match=r"kept.npz cannot be read .* delete it"):
            saved.read(path)
        assert not mark.exists() and tmp_path.is_dir(), name


def test_what_has_a_step_is_saved_in_few_bytes_and_no_value_changes(tmp_path):
    run = Run(tmp_path / "toy" / "now", Settings(), ("all",))
    values = np.random.default_rng(0).normal(0, 0.3, (50, 400)).astype(np.float32)
    line = Array(("x", "t"), "m", "a line", step=2.0**-12)
    run.add("small", values, line)
    run.add("large", 1e3 * values, line)
    run.add("holes", np.where(values > 0, values, np.nan).astype(np.float32), line)
    run.add("exact", values, Array(("x", "t"), "m", "a line"))
    held = run.results.copy(deep=True)
    run.save()
    unpacked = (run.folder / "results.nc").stat().st_size
    run.save(packed=True)
    assert (run.folder / "results.nc").stat().st_size < 0.85 * unpacked
    with xarray.open_dataset(run.folder / "results.nc", engine="h5netcdf") as file:
        assert file.small.encoding["dtype"] == np.int16 and file.large.encoding["dtype"] == np.float32
        for name in held:
            assert file[name].dtype == np.float32
            np.testing.assert_array_equal(file[name], held[name])
        assert file.small.attrs["rounded_to_multiples_of"] == 2.0**-12
    assert 0 < np.abs(held.small - values).max() <= 2.0**-13 and np.array_equal(held.exact, values)
