"""``python -m experiments runs`` and ``guide``: folders of runs listed, compared, deleted, and nothing else deleted."""

import importlib
import json
import shlex
import subprocess
import sys
from dataclasses import asdict, fields, replace

import numpy as np
import pytest
import xarray

from experiments.lab import finished, resuming
from experiments.lab.harness import parse
from experiments.lab.reproducing import OF_THE_MACHINE, command_of, digest_of


@pytest.fixture
def runs(tmp_path):
    """Return a folder with three runs of a toy: two that ended, and one that was cut short."""
    for day, seed, numbers in (("1", 0, {"regret": 2.0}), ("2", 1, {"regret": 0.5}), ("3", 2, None)):
        folder = tmp_path / "toy" / day
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps({"seed": seed, "smoke": False}))
        (folder / "environment.json").write_text("{}")
        if numbers:
            (folder / "metrics.json").write_text(json.dumps({**numbers, "total_wall_s": 3.0, "complete": True}))
    (tmp_path / "toy/notes").mkdir()
    (tmp_path / "toy/notes/config.json").write_text("[")  # somebody's own folder
    return tmp_path


def test_runs_are_listed_with_what_they_are(runs):
    found = finished.found_below(runs)
    assert [(run.experiment, run.seed, run.complete) for run in found] == [
        ("toy", 0, True),
        ("toy", 1, True),
        ("toy", 2, False),
    ]
    assert all(run.bytes > 0 for run in found) and found[0].seconds == 3.0


def test_two_runs_are_compared_by_options_and_numbers(runs):
    rows = finished.compare(runs / "toy/1", runs / "toy/2")
    assert [(row["kind"], row["name"], row["first"], row["second"]) for row in rows] == [
        ("option", "seed", 0, 1),
        ("number", "regret", 2.0, 0.5),
    ]
    assert "-1.5" in finished.lines_of_comparison(rows)[-1]
    assert finished.compare(runs / "toy/1", runs / "toy/1") == []


def test_only_runs_are_deleted_and_all_or_none(runs):
    with pytest.raises(ValueError, match="notes is no run: nothing was deleted"):
        finished.delete([runs / "toy/1", runs / "toy/notes"])
    assert (runs / "toy/1").is_dir()
    (runs / "toy/link").symlink_to(runs / "toy/2")
    with pytest.raises(ValueError, match="link is no run"):
        finished.delete([runs / "toy/link"])
    finished.delete([runs / "toy/3"])
    assert sorted(path.name for path in (runs / "toy").iterdir()) == ["1", "2", "link", "notes"]


def test_a_run_that_is_named_twice_or_lies_in_another_is_deleted_once(runs):
    (runs / "toy/2").rename(runs / "toy/1/inner")
    finished.delete([runs / "toy/1", runs / "toy/../toy/1", runs / "toy/1/inner"])
    assert not (runs / "toy/1").exists() and (runs / "toy/3").exists()


def test_a_run_that_is_computed_is_not_deleted(runs):
    (runs / "toy/2" / resuming.FOLDER).mkdir()
    with resuming.locked(runs / "toy/2"), pytest.raises(ValueError, match="is being computed by another process"):
        finished.delete([runs / "toy/1", runs / "toy/2"])
    assert (runs / "toy/1").is_dir() and (runs / "toy/2").is_dir()
    finished.delete([runs / "toy/2"])


def test_a_folder_without_runs_above_it_is_named(runs):
    for folder, words in ((runs / "nothing", "no folder"), (runs / "toy/1", "is a run")):
        with pytest.raises(SystemExit, match=words):
            finished.main(["list", str(folder)])


def test_the_command_line_answers_in_words_and_in_json(runs):
    def call(*words):
        command = [sys.executable, "-m", "experiments", *words]
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)

    assert len(json.loads(call("runs", "list", str(runs), "--json").stdout)) == 3
    refused = call("runs", "compare", str(runs / "toy/1"), str(runs))
    assert refused.returncode == 1 and "is no run" in refused.stderr and "Traceback" not in refused.stderr
    refused = call("runs", "delete", str(runs / "toy/1"))  # nobody is there who could answer
    assert refused.returncode == 1 and "nothing was deleted" in refused.stderr and (runs / "toy/1").exists()
    assert call("runs", "list", "--json", str(runs)).returncode == 0
    assert call("runs", "delete", str(runs / "toy/1"), "--yes").returncode == 0 and not (runs / "toy/1").exists()
    assert "bo.campaign" in call("guide").stdout and call("guides").returncode == 1


def test_the_command_of_a_report_has_the_options_of_the_run():
    """The command line that a report prints is read back to the same options."""
    experiment = importlib.import_module("experiments.latent_bo").EXPERIMENT
    for change in ({}, {"seed": 3}, {"smoke": True}):
        config = replace(experiment.smoke if change.get("smoke") else experiment.config(), **change)
        changed = next(f.name for f in fields(config) if f.name not in OF_THE_MACHINE and f.type in (int, "int"))
        config = replace(config, **{changed: getattr(config, changed) + 1})
        saved = json.loads(json.dumps(asdict(config), default=str))
        words = shlex.split(command_of(experiment, saved))
        assert words[:3] == ["python", "-m", "experiments.latent_bo"]
        assert parse(experiment.config, experiment.smoke, "", words[3:]) == config


def test_the_digest_changes_with_any_value():
    arrays = xarray.Dataset({"a": ("x", np.arange(3.0)), "b": ("x", np.array(["p", "q", "r"]))})
    other = arrays.copy(deep=True)
    assert digest_of(arrays) == digest_of(other)
    other["a"][1] += 1e-12
    assert digest_of(arrays) != digest_of(other) and digest_of(arrays) != digest_of(arrays.rename(a="c"))
