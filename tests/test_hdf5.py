"""HDF5 files on which the library loops for ever are refused, in the words of the file, by every reader of them."""

import os
import signal
import struct
import time

import h5py
import numpy as np
import pytest

from experiments.datasets.files.reading import read
from experiments.lab import run
from ferro_jax import hdf5
from models import histories

CURVES = np.random.default_rng(0).uniform(-1, 1, (4, 8))


def written(path, *, unending):
    """Write a file with a text of variable length; in an unending one its size is such that the next text is itself."""
    with h5py.File(path, "w") as file:
        file["curves"] = CURVES
        file["curves"].attrs["quantity"] = "a text of variable length"
    if unending:
        data = bytearray(path.read_bytes())
        at = data.index(b"GCOL") + 16 + 8  # the size of the first object of the heap of texts
        data[at : at + 8] = struct.pack("<Q", 2**64 - 16)
        path.write_bytes(data)
    return path


def test_a_file_that_would_never_be_read_to_its_end_is_refused_by_every_reader(tmp_path):
    bad = written(tmp_path / "results.nc", unending=True)
    for name in ("config.json", "metrics.json"):
        (tmp_path / name).write_text("{}")
    for reader, source in ((read, bad), (histories.read, bad), (run.read, tmp_path)):
        begin = time.process_time()
        with pytest.raises(ValueError, match=r"results.nc is damaged: reading it would not end"):
            reader(source)
        assert time.process_time() - begin < 2
    good = written(tmp_path / "good.h5", unending=False)
    np.testing.assert_array_equal(read(good).values, CURVES)  # by a new process, because the last one has ended


def test_one_process_walks_through_all_files_and_is_started_again_when_it_was_ended(tmp_path):
    files = [written(tmp_path / f"{number}.h5", unending=False) for number in range(3)]
    hdf5.check(files[0])
    pid = hdf5._walkers[os.getpid()].pid
    hdf5.check(files[1])
    assert hdf5._walkers[os.getpid()].pid == pid
    os.kill(pid, signal.SIGTERM)
    hdf5.check(files[2])
    hdf5.check(tmp_path / "not there.h5")  # left to the reader, as are files of another kind
    hdf5.check(tmp_path)
    assert hdf5._walkers[os.getpid()].pid != pid


def test_files_are_read_where_no_process_can_be_started(tmp_path, monkeypatch):
    hdf5._end_all()
    monkeypatch.setattr(hdf5.sys, "executable", str(tmp_path / "no python"))
    np.testing.assert_array_equal(read(written(tmp_path / "a.h5", unending=False)).values, CURVES)
