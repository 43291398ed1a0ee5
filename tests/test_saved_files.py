"""Folders of models, trainings and studies: hostile files run nothing and are named; ``~`` is the home folder."""

import shutil

import jax
import numpy as np
import pytest

import models
from experiments.process import commands, evaluations, log, resuming, settings, study
from experiments.process.campaign_page import Found
from experiments.process.config import Ask, Run
from helpers import studies
from helpers.hostile import assert_named, attacks
from models import storage

TINY = models.VAEConfig(shape=(6,), hidden=(4,))
KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return storage.save(tmp_path_factory.mktemp("model"), TINY, models.vae(TINY).init(KEY))


def test_a_model_with_a_hostile_file_is_refused_by_name(saved, tmp_path):
    assert_named(saved, storage.load, tmp_path)


def test_a_resumed_training_with_a_hostile_state_runs_nothing(tmp_path):
    model = models.vae(TINY)
    x = jax.random.normal(KEY, (40, 6), np.float32)
    config = models.FitConfig(epochs=2, batch_size=8)

    def read(folder):
        return models.fit_resumable(KEY, model, x, config, folder, every=1)

    read(tmp_path / "whole")
    assert_named(tmp_path / "whole", read, tmp_path)


def test_home_is_meant_by_a_tilde(saved, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    config, _, params = storage.load(saved)
    assert storage.save("~/model", config, params) == tmp_path.resolve() / "model"
    assert storage.load("~/model")[0] == config


def test_a_study_with_a_hostile_file_is_refused_by_name(tmp_path):
    folder = tmp_path / "study"
    studies.make_study(folder)
    (folder / log.FILE).write_text("id,cell,status,outcomes\n1,3,ok,cap=1\n")

    def read(folder):
        candidates = study.load(folder)
        evaluations.read(log.read(folder, 2), settings.read(folder), candidates)

    assert_named(folder, read, tmp_path, [study.CANDIDATES, study.BEGUN])
    assert_named(folder, read, tmp_path, [settings.FILE, log.FILE], fine=("empty",))


def test_campaigns_that_were_left_unfinished_are_read_without_running_code(tmp_path, monkeypatch):
    options = Run(tmp_path, objective="os:getcwd")
    found = Found(*(np.arange(3) for _ in Found._fields))
    resuming.once(options, "mark", "log_ei", lambda: found)
    read = lambda _: resuming.once(options, "mark", "log_ei", lambda: pytest.fail("computed again"))  # noqa: E731
    (file,) = (path for path in tmp_path.rglob("*.npz"))
    for content in attacks(tmp_path / "ran").values():
        file.write_bytes(content)
        with pytest.raises(ValueError, match="delete it, and it is computed again"):
            read(file)
    assert not (tmp_path / "ran").exists()


def test_a_log_is_not_read_over_the_candidates_of_another_study(tmp_path, capsys):
    folder, other = tmp_path / "study", tmp_path / "other"
    candidates = studies.make_study(folder)
    other.mkdir()
    study.save(other, candidates._replace(z=candidates.z[::-1]))
    shutil.copy(other / study.CANDIDATES, folder)
    with pytest.raises(ValueError, match=r"begun with other candidates than candidates.npz holds now"):
        commands.execute(Ask(folder))
    study.save(other, candidates._replace(units=np.array(["V"])))
    shutil.copy(other / study.CANDIDATES, folder)
    with pytest.raises(ValueError, match="begun with other names and units"):
        study.load(folder)


def test_another_program_than_before_is_said(tmp_path):
    studies.make_study(tmp_path / "study")
    first = studies.program(tmp_path).split()
    assert study.other_program(tmp_path / "study", first) == ""
    assert study.other_program(tmp_path / "study", first) == ""
    studies.program(tmp_path, "print('cap=1')")
    assert "program.py has changed since it last ran" in study.other_program(tmp_path / "study", first)
    assert "was " + " ".join(first) in study.other_program(tmp_path / "study", ["other", "{history}"])
    study.load(tmp_path / "study")
