"""Seeds over devices and over processes: the same numbers as on one."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
import xarray

import bo
from experiments.lab import runtime
from experiments.lab.parallel import over_devices
from helpers import small_campaign
from helpers.compilation import user_environment

ROOT = Path(__file__).parent.parent
PROBLEM = small_campaign.build()
EXPERIMENT = {
    "__init__.py": "",
    "figures.py": "PANELS = ()",
    "summary.html.j2": "",
    "compute.py": """
import jax
import bo
from experiments.lab.parallel import over_devices
from experiments.lab.run import Array, RunError
from helpers import small_campaign

def compute(run, config):
    problem = small_campaign.build()
    with run.stage("first"):
        keys = jax.random.split(jax.random.key(config.seed), 4)
        info = over_devices(lambda key: bo.run(key, problem)[1])(keys)
        run.add("index", info.index, Array(("seed", "evaluation"), "1", "candidate"))
        run.add("value", info.value, Array(("seed", "evaluation"), "1", "value"))
        run.record(devices=jax.device_count(), processes=jax.process_count())
        if config.smoke and not run.writes:
            raise RunError("the other process fails")
""",
    "__main__.py": """
from experiments.lab.harness import Experiment, main
from experiments.lab.options import Settings

main(Experiment("four", "Four campaigns.", Settings, Settings(smoke=True), ("first", "figures")))
""",
}


def start_processes(folder, *options):
    """Run two processes on localhost, each with one device; return (output, errors, exit code) of each."""
    package = folder / "packages" / "four"
    package.mkdir(parents=True)
    for name, text in EXPERIMENT.items():
        (package / name).write_text(text)
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    environment = user_environment(PYTHONPATH=f"{ROOT}:{ROOT / 'tests'}:{package.parent}", JAX_ENABLE_X64="1")
    shared = ["--runs", str(folder), "--devices", "1", "--coordinator", f"localhost:{port}", "--processes", "2"]
    logs = [(folder / f"out-{number}.log", folder / f"error-{number}.log") for number in range(2)]
    started = []
    for number, (out, error) in enumerate(logs):  # files: a process whose pipe is full would keep the other waiting
        with out.open("w") as stdout, error.open("w") as stderr:
            command = [sys.executable, "-m", "four", *shared, "--process-id", str(number), *options]
            started.append(subprocess.Popen(command, stdout=stdout, stderr=stderr, env=environment, cwd=folder))
    try:
        codes = [process.wait(timeout=240) for process in started]
    finally:
        for process in started:
            process.kill()
    return [(out.read_text(), error.read_text(), code) for (out, error), code in zip(logs, codes, strict=True)]


@pytest.fixture(scope="module")
def keys():
    return jax.random.split(jax.random.key(3), 4)


@pytest.fixture(scope="module")
def alone(keys):
    """Info of the campaigns on one device."""
    return jax.tree.map(np.asarray, bo.run_seeds(keys, PROBLEM)[1])


def test_keys_sharded_over_two_devices_give_the_unsharded_campaigns(keys, alone):
    placed = bo.place(keys, bo.mesh_of())
    assert len(placed.sharding.device_set) == 2
    state, info = bo.run_seeds(placed, PROBLEM, side_by_side=1)  # the two of each device one after the other
    assert info.index.sharding == placed.sharding and state.data.x.sharding.device_set == placed.sharding.device_set
    np.testing.assert_array_equal(info.index, alone.index)
    np.testing.assert_allclose(info.value, alone.value, rtol=1e-12)
    with pytest.raises(ValueError, match="3 seeds do not split evenly over 2 devices"):
        bo.place(keys[:3], bo.mesh_of())


@pytest.mark.slow
def test_two_processes_on_localhost_give_the_campaigns_of_one_and_only_the_first_writes(tmp_path, alone):
    first, second = start_processes(tmp_path, "--seed", "3")
    assert first[2] == second[2] == 0, (first[1], second[1])
    assert "report" in first[0] and "results in" not in second[0]
    (folder,) = (tmp_path / "four").iterdir()
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["devices"] == metrics["processes"] == 2 and metrics["complete"] == 1
    with xarray.open_dataset(folder / "results.nc", engine="h5netcdf") as results:
        np.testing.assert_array_equal(results["index"], alone.index)
        np.testing.assert_allclose(results["value"], alone.value, rtol=1e-12)


@pytest.mark.slow
def test_a_process_that_fails_ends_the_run_of_all_within_seconds(tmp_path):
    for out, error, code in start_processes(tmp_path, "--smoke"):
        assert code != 0, (out, error)


def test_an_odd_number_of_entries_and_chunks_come_back_whole():
    done = []
    results = over_devices(lambda x: {"square": x**2}, chunk=2)(np.arange(7.0), progress=done.append)
    np.testing.assert_array_equal(results["square"], np.arange(7.0) ** 2)
    assert done == [4, 7]


@pytest.mark.parametrize("count", [99, -1])
def test_devices_that_do_not_exist_are_refused_before_anything_is_computed(count):
    with pytest.raises(ValueError, match=f"--devices {'is ' if count < 0 else ''}{count}"):
        runtime.start(count)


def test_a_launcher_is_recognised_by_its_variables_or_the_options():
    slurm = {"SLURM_STEP_NODELIST": "node[1-2]", "SLURM_NTASKS": "2"}
    assert runtime.launch("", 1, 0, {}) is None
    assert runtime.launch("", 1, 0, slurm) == runtime.Launch()
    assert runtime.launch("", 1, 0, {"OMPI_COMM_WORLD_SIZE": "2"}) == runtime.Launch()
    assert runtime.launch("", 1, 0, {**slurm, "SLURM_NTASKS": "1"}) is None
    assert runtime.launch("", 1, 0, {"SLURM_NTASKS": "8"}) is None  # an allocation, but no step of it
    assert runtime.launch("node1:1234", 2, 1, slurm) == runtime.Launch("node1:1234", 2, 1)
    with pytest.raises(ValueError, match="make up no run"):
        runtime.launch("node1:1234", 2, 2, {})
    with pytest.raises(ValueError, match="need --coordinator"):
        runtime.launch("", 2, 0, {})


def test_processes_cannot_be_joined_once_xla_runs():
    jax.devices()
    with pytest.raises(ValueError, match="cannot join"):
        runtime.start(0, runtime.Launch("localhost:1", 2, 0))
