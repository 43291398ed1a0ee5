"""Files that are not whole are refused by name or read right, and disturbed jobs end as if nothing had been."""

import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.robustness import fuzz, jobs
from benchmarks.robustness.readers import READERS
from ferro_jax import trees
from helpers.compilation import user_environment

ROOT = Path(__file__).parent.parent
QUICK = ("npy", "npz", "hdf5", "netcdf", "tif", "csv", "own stack", "scan npy", "study log", "study settings",
         "study candidates", "kept result", "begun run", "run listed")  # fmt: skip


pytestmark = pytest.mark.usefixtures("as_users_run")


def test_what_a_job_keeps_is_looked_for_where_it_is_saved(tmp_path):
    assert jobs._newest(tmp_path) == -1
    trees.save(tmp_path, 3, {"x": np.zeros(2)})
    assert jobs._newest(tmp_path) == 3


@pytest.mark.parametrize("name", QUICK)
def test_a_file_that_is_not_whole_is_refused_by_name_or_read(tmp_path, name):
    reader = READERS[name]
    (tmp_path / "whole").mkdir()
    whole = reader.make(tmp_path / "whole")
    answer = reader.read(whole)
    for number in range(20):
        chance = random.Random(f"{name} {number}")
        copy, change, cut = fuzz.changed(whole, tmp_path / str(number), chance, reader.only)
        word, detail = fuzz.judged(reader.read, copy, answer, cut and not reader.text)
        assert word in fuzz.GOOD, f"{number} {change}: {word}: {detail}"


def run(module, *words):
    command = [sys.executable, "-W", "ignore", "-m", f"benchmarks.robustness.{module}", *words]
    done = subprocess.run(command, cwd=ROOT, env=user_environment(), capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_every_reader_refuses_what_is_not_whole():
    lines = run("fuzz", "--count", "540").splitlines()
    assert len(lines) == len(READERS) + 2 and sum(map(int, lines[-1].split()[1:])) == 540


@pytest.mark.slow
@pytest.mark.parametrize("job", ["session", "study", "fit"])
def test_a_disturbed_job_ends_as_one_that_was_not(job):
    faults, jobs, equal, *bad = map(int, run("soak", "--faults", "4", "--job", job).splitlines()[2].split()[1:])
    assert faults >= 4 and jobs == equal and not any(bad)
