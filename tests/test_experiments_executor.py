"""Jobs in this process, and engines that are unknown, missing or told what to do; test_engines.py has the others."""

import pytest

from experiments.lab.executor import parse, run_jobs


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
