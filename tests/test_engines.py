"""Ray and submitit: workers that are killed, jobs that are preempted, a head that is lost; results as without them.

They need what `make test-engines` installs, which CI runs; elsewhere they are skipped. Their workers compile once, into
one cache.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from experiments.lab.executor import run_jobs
from helpers.engine_jobs import CHUNK, SEEDS, campaigns, items
from helpers.studies import make_study, program
from test_process_run import EARLY, rows, run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # Ray forks beside JAX's threads
    pytest.mark.filterwarnings("ignore::DeprecationWarning:multiprocessing.*"),
]

ROOT = Path(__file__).parents[1]
JOBS = SEEDS // CHUNK
DRIVER = """
import sys
from pathlib import Path

import numpy as np

from experiments.lab.executor import run_jobs
from helpers.engine_jobs import campaigns, items

engine, folder, jobs, fault = sys.argv[1:]
for number, leaves in enumerate(run_jobs(engine, campaigns, items(int(jobs), fault), Path(folder), devices=1)):
    np.savez(Path(folder) / f"{number}.npz", *leaves)
"""


def command(engine, folder, jobs, fault=""):
    """Return the words of a process that runs jobs on an engine, and leaves their results in a folder."""
    return [sys.executable, "-c", DRIVER, engine, str(folder), str(jobs), fault]


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=False):  # the first jobs, where there are fewer
        for ours, theirs in zip(one, other, strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.fixture(scope="module", autouse=True)
def environment(tmp_path_factory):
    """Let workers import what the tests import, and compile once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{ROOT}:{ROOT / 'tests'}")
        patch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path_factory.mktemp("compiled")))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
        yield


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """Return what the jobs give without an engine, in one process."""
    folder = tmp_path_factory.mktemp("local")
    subprocess.run(command("local", folder, JOBS), check=True)
    return [list(np.load(folder / f"{number}.npz").values()) for number in range(JOBS)]


@pytest.fixture(scope="module")
def ray():
    """Start Ray with two workers, and shut it down."""
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield ray
    ray.shutdown()


def test_two_hundred_seeds_over_two_workers_one_of_them_killed_are_as_here(ray, local, tmp_path):
    found = run_jobs("ray", campaigns, items(JOBS, fault="SIGKILL"), tmp_path, devices=1)
    assert (tmp_path / "job-0001" / "half").exists()
    assert_same(found, local)
    assert sum(len(index) for index, *_ in found) == SEEDS


def test_a_lost_head_ends_the_driver_and_its_jobs_go_on_under_another(ray, local, tmp_path):
    environment = {**os.environ, "RAY_gcs_rpc_server_reconnect_timeout_s": "2", "RAY_ADDRESS": "local"}
    with (tmp_path / "log").open("w") as log:
        words = command("ray", tmp_path, 2, "wait")
        driver = subprocess.Popen(words, env=environment, stdout=log, stderr=log)
    try:
        mark = tmp_path / "job-0001" / "half"
        while driver.poll() is None and not mark.exists():
            time.sleep(0.1)
        assert driver.poll() is None, (tmp_path / "log").read_text()
        heads = [pid for pid, name in children_of(driver.pid) if name in ("gcs_server", "raylet")]
        assert len(heads) == 2
        for pid in heads:
            os.kill(pid, signal.SIGKILL)
        assert driver.wait(90) != 0
    finally:
        driver.kill()
        driver.wait()
    assert mark.exists() and not (tmp_path / "job-0001" / "saved-17").exists()
    assert_same(run_jobs("ray", campaigns, items(2, fault="wait"), tmp_path, devices=1), local)


def children_of(pid):
    """Yield the pid and the name of each process that a process has started."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            begin, end = path.read_text().rsplit(")", 1)
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(end.split()[1]) == pid:
            yield int(path.parent.name), begin.partition("(")[2]


@pytest.mark.parametrize(("minutes", "faults"), [(30, ("SIGKILL", "SIGUSR2")), (5, ("SIGUSR2",))])
def test_submitit_goes_on_with_jobs_that_are_killed_preempted_or_out_of_time(local, tmp_path, minutes, faults):
    """SIGUSR2 means that a job is preempted or, in its last ten minutes, that its time is up."""
    pytest.importorskip("submitit")
    work = [(number * CHUNK, fault) for number, fault in enumerate(faults)]
    found = run_jobs("submitit", campaigns, work, tmp_path, devices=1, cluster="local", timeout_min=minutes)
    assert all((tmp_path / f"job-000{number}" / "half").exists() for number in range(len(faults)))
    assert_same(found, local)


def test_ray_runs_programs_as_threads_do(ray, tmp_path, capsys):
    candidates = make_study(tmp_path, EARLY)
    run(tmp_path, program(tmp_path), executor="ray", workers=2)
    for row in rows(tmp_path).values():
        assert row.outcomes["cap"] == pytest.approx(candidates.histories[row.cell].mean(), abs=2e-6)
    run(tmp_path, program(tmp_path, "import time\ntime.sleep(600)"), executor="ray", evaluations=1, timeout=1.0)
    assert "no answer after 1 s" in rows(tmp_path)[5].note
    killing = program(tmp_path, "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)")
    with pytest.raises(ValueError, match="worker was lost"):
        run(tmp_path, killing, executor="ray")
