"""Jobs on engines whose workers are killed: the same results, from where they were."""

import os
import signal

import numpy as np
import pytest

from experiments.lab.executor import parse, run_jobs


def campaigns(seed, folder):
    """Two campaigns; the first worker of seed 1 is killed after its second save."""
    import jax

    import bo
    from helpers import small_campaign

    marker = folder / "killed"

    def told(done):
        if seed == 1 and done >= 13 and not marker.exists():
            marker.write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)
        (folder / f"saved-{done}").touch(exist_ok=False)  # a step that is done again would meet its own file

    keys = jax.random.split(jax.random.key(seed), 2)
    _, info = bo.run_resumable(keys, small_campaign.build(), folder / "state", progress=told)
    return np.asarray(info.index)


def check(results, folder):
    import jax

    from bo.campaigns import running
    from helpers import small_campaign

    problem = small_campaign.build()
    run = jax.jit(jax.vmap(lambda key: running.run(key, problem)[1].index))
    for seed, index in enumerate(results):
        np.testing.assert_array_equal(index, run(jax.random.split(jax.random.key(seed), 2)))
    assert (folder / "job-0001" / "killed").exists()
    assert not (folder / "job-0001" / "saved-13").exists()  # the kill was before, and the save was not repeated


def test_ray_starts_killed_jobs_again_and_they_go_on(tmp_path, monkeypatch):
    ray = pytest.importorskip("ray")
    path = f"{os.getcwd()}:{os.path.dirname(__file__)}"
    monkeypatch.setenv("PYTHONPATH", path)
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": {"PYTHONPATH": path}})
    try:
        check(run_jobs("ray", campaigns, [0, 1], tmp_path, devices=1), tmp_path)
    finally:
        ray.shutdown()


def test_submitit_starts_killed_jobs_again_and_they_go_on(tmp_path, monkeypatch):
    pytest.importorskip("submitit")
    monkeypatch.setenv("PYTHONPATH", f"{os.getcwd()}:{os.path.dirname(__file__)}")
    found = run_jobs("submitit", campaigns, [0, 1], tmp_path, devices=1, cluster="local", timeout_min=10)
    check(found, tmp_path)


def double(item, folder):
    (folder / "here").write_text(str(item))
    return 2 * item


def test_local_jobs_run_in_order_each_in_a_folder_of_its_own(tmp_path):
    assert run_jobs("local", double, [3, 5], tmp_path) == [6, 10]
    assert (tmp_path / "job-0001" / "here").read_text() == "5"


@pytest.mark.parametrize(("name", "words"), [("slurm", "expected one of local, ray, submitit"), ("ray", "ferro-jax")])
def test_unknown_and_missing_engines_are_named(tmp_path, monkeypatch, name, words):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(ValueError, match=words):
        run_jobs(name, double, [1], tmp_path)


def test_engine_options_are_words_with_a_value():
    assert parse(("timeout_min=60", "slurm_partition=gpu")) == {"timeout_min": 60, "slurm_partition": "gpu"}
    with pytest.raises(ValueError, match="NAME=VALUE"):
        parse(("timeout_min",))
