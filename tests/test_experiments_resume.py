"""A run that is stopped anywhere is resumed, and ends as one that never was; nothing that is read runs code."""

import json
import os
import signal
import subprocess
import sys
import time
import types
from dataclasses import dataclass, replace
from pathlib import Path

import jax
import numpy as np
import pytest

from experiments import inverse_parameters, plots
from experiments.lab import checkpoints, execution, finished, resuming, saved
from experiments.lab.checkpoints import once
from experiments.lab.harness import Experiment, main
from experiments.lab.options import Settings
from experiments.lab.report import Panel
from experiments.lab.run import Array, Outcome
from helpers import finished_runs
from helpers.compilation import user_environment

ARRAYS = {
    "line": Array(("x",), "m", "a line"),
    "sums": Array(("x",), "m", "running sums"),
    "end": Array(("x",), "m", "what came of it"),
}


@dataclass(frozen=True)
class Config(Settings):
    """Options of the toy."""

    places: tuple[int, ...] = (3, 4)
    data: Path | None = None


@once
def drawn(key, count):
    return {"line": jax.random.normal(key, (count,)), "names": np.array(["a", None], object)}


@once
def part(x, calls):
    calls.append("part")
    return np.cumsum(np.asarray(x))


@once
def summed(x, calls):
    calls.append("summed")
    return Outcome({"sums": part(x, calls) + part(x, calls)}, {"largest": float(np.max(x)), "of": np.float32(0.1)})


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """Return an experiment of three stages and the names of the long functions that it has called."""
    package, calls = tmp_path / "packages" / "toy", []
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "summary.html.j2").write_text("<p>{{ largest }}</p>")
    monkeypatch.syspath_prepend(package.parent)
    monkeypatch.delitem(sys.modules, "toy", raising=False)

    def compute(run, config):
        with run.stage("first"):
            line = drawn(jax.random.key(config.seed), config.places[0])["line"]
            run.add_all(ARRAYS, {"line": line})
        with run.stage("second"):
            run.keep(ARRAYS, summed(line, calls))
        with run.stage("third"):
            run.add_all(ARRAYS, {"end": part(line, calls) / 3})

    def draw(results, metrics):
        figure, axes = plots.panels(1, 1)
        axes[0, 0].plot(results.end)
        return figure

    modules = {"compute": {"compute": compute}, "figures": {"PANELS": (Panel("end", "End", "end", draw),)}}
    for name, content in modules.items():
        module = types.ModuleType(f"toy.{name}")
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, f"toy.{name}", module)
    return Experiment("toy", "A toy.", Config, Config(smoke=True), ("first", "second", "third", "figures")), calls


def folder_of(runs, name="toy"):
    (folder,) = (runs / name).iterdir()
    return folder


def of_time(name):
    return name.endswith(("_wall_s", "_cpu_s"))


def assert_same_run(one, other):
    a, b = (finished_runs.read(folder) for folder in (one, other))
    assert a.results.identical(b.results)
    numbers = [{name: value for name, value in run.metrics.items() if not of_time(name)} for run in (a, b)]
    assert numbers[0] == numbers[1] and a.metrics.keys() == b.metrics.keys()
    assert not (one / resuming.FOLDER).exists() and not (other / resuming.FOLDER).exists()


def stopping_after(monkeypatch, count, error=KeyboardInterrupt):
    """Let the process be stopped when ``count`` results have been kept."""
    write, left = saved.write, [count]

    def then_stop(*arguments):
        write(*arguments)
        left[0] -= 1
        if not left[0]:
            raise error

    monkeypatch.setattr(saved, "write", then_stop)


def test_a_run_stopped_after_every_kept_result_ends_as_one_that_was_not(toy, tmp_path, monkeypatch, capsys):
    experiment, calls = toy
    whole = main(experiment, ["--runs", str(tmp_path / "whole"), "--seed", "3"])
    assert calls == ["summed", "part", "part", "part"]
    calls.clear()
    words = ["--runs", str(tmp_path / "cut"), "--seed", "3"]
    for _ in range(5):
        with monkeypatch.context() as patch, pytest.raises(SystemExit):
            stopping_after(patch, 1)
            main(experiment, words)
        words = ["--resume", str(folder_of(tmp_path / "cut"))]
        assert " ".join(["python -m toy", *words]) in capsys.readouterr().out
    assert finished.lines_of(finished.found_below(tmp_path / "cut"))[-1].endswith(" ".join(words))
    folder = main(experiment, words)
    assert calls.count("part") == 3  # each long function was called until it had been kept, and no more
    assert_same_run(whole, folder)
    events = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    resumed = [event["ended"] for event in events if event["event"] == "resumed"]
    assert resumed == [[], ["first"], ["first"], ["first"], ["first", "second"]]  # every process came further
    assert [event["name"] for event in events if event["event"] == "stage"] == list(experiment.stages)
    with pytest.raises(SystemExit, match="there is nothing to resume"):
        main(experiment, ["--resume", str(folder)])


def test_a_run_stopped_in_its_figures_computes_nothing_again(toy, tmp_path, monkeypatch):
    experiment, calls = toy

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(execution, "draw", stop)
        experiment.run(Config(runs=tmp_path))
    before = len(calls)
    found = experiment.run(Config(resume=folder_of(tmp_path)))
    assert len(calls) == before and found.numbers["complete"] == 1 and (found.folder / "report.html").is_file()


@pytest.fixture
def cut(toy, tmp_path, monkeypatch):
    """Return the toy and the folder of a run of seed 3 on a file of data that was stopped."""
    data = tmp_path / "data.npz"
    np.savez(data, x=np.arange(3))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stopping_after(patch, 2)
        toy[0].run(Config(runs=tmp_path / "runs", seed=3, data=data))
    return toy[0], folder_of(tmp_path / "runs")


def test_another_run_than_the_one_that_was_begun_is_refused_with_what_differs(cut, monkeypatch):
    experiment, folder = cut
    with pytest.raises(SystemExit, match="--seed: 4, begun with 3"):
        main(experiment, ["--resume", str(folder), "--seed", "4"])
    with pytest.raises(ValueError, match=r"--places: \[5\], begun with \[3, 4\]"):
        experiment.run(replace(resuming.options_of(Config, folder), places=(5,)))
    with monkeypatch.context() as patch:
        patch.setattr(resuming.metadata, "version", lambda name: "0.1")
        with pytest.raises(SystemExit, match=r"version of jax: 0.1, begun with \d"):
            main(experiment, ["--resume", str(folder)])
    with monkeypatch.context() as patch:
        patch.setattr(resuming, "_digest_of_code", lambda: "today's")
        with pytest.raises(SystemExit, match="digest today's, begun with"):
            main(experiment, ["--resume", str(folder)])
    data = resuming.options_of(Config, folder).data
    assert data is not None
    np.savez(data, x=np.arange(4))
    with pytest.raises(SystemExit, match="content of the files that options name: {'data': "):
        main(experiment, ["--resume", str(folder)])
    np.savez(data, x=np.arange(3))
    with pytest.warns(UserWarning, match="its last digits may differ"), monkeypatch.context() as patch:
        patch.setattr(resuming, "cpu_model", lambda: "another")
        assert main(experiment, ["--resume", str(folder)]) == folder


def test_a_resumed_run_that_is_stopped_before_it_is_where_it_was_loses_nothing(cut, monkeypatch):
    experiment, folder = cut

    def stop(*_):
        raise KeyboardInterrupt

    before = {name: (folder / name).read_bytes() for name in ("metrics.json", "results.nc")}
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(saved, "read", stop)
        experiment.run(resuming.options_of(Config, folder))
    assert all((folder / name).read_bytes() == content for name, content in before.items())


def test_one_folder_is_computed_by_one_process(cut):
    experiment, folder = cut
    with resuming.locked(folder), pytest.raises(SystemExit, match="is being computed by another process"):
        main(experiment, ["--resume", str(folder)])


def test_folders_that_hold_nothing_to_resume_are_named(cut, tmp_path):
    experiment, folder = cut
    with pytest.raises(SystemExit, match="is no run: give the folder of one"):
        main(experiment, ["--resume", str(tmp_path)])
    (folder / resuming.FOLDER / "first" / "ended.json").write_text("[1")
    with pytest.raises(SystemExit, match=r"ended.json cannot be read .* delete it"):
        main(experiment, ["--resume", str(folder)])
    (folder / resuming.FOLDER / resuming.BEGUN).write_text("[" * 100_000)
    with pytest.raises(SystemExit, match=r"begun.json cannot be read"):
        main(experiment, ["--resume", str(folder)])


def test_without_a_run_a_long_function_is_only_called(tmp_path):
    assert checkpoints.folder() is None
    calls = []
    assert np.array_equal(part(np.arange(3), calls), part(np.arange(3), calls)) and calls == ["part", "part"]
    assert not any(tmp_path.iterdir())


SMALL = ("--smoke", "--grid-points", "10")


@pytest.fixture(scope="module")
def main_job(tmp_path_factory):
    return finished_runs.smoke("latent_bo", tmp_path_factory.mktemp("whole"), *SMALL).folder


@pytest.mark.slow
def test_the_main_job_killed_in_every_stage_ends_as_one_that_was_not(main_job, tmp_path):
    """Kill −9 at the first sign of each stage on disk, and of the training's second state; then let it end."""
    signs = (
        "*histories",
        "vae/*/*/epochs/step-00000000[2-9].npz",
        "*map/01*",
        "*map/02-over_all.npz",
        "*campaigns/01*",
        "*baselines/ended.json",
    )
    command = [sys.executable, "-m", "experiments.latent_bo"]
    words = [*SMALL, "--runs", str(tmp_path)]
    for sign in signs:
        with subprocess.Popen([*command, *words], env=user_environment(), stdout=subprocess.DEVNULL) as process:
            while process.poll() is None and not list(tmp_path.glob(f"latent_bo/*/{resuming.FOLDER}/{sign}")):
                time.sleep(0.02)
            assert process.poll() is None, sign
            os.kill(process.pid, signal.SIGKILL)
        words = ["--resume", str(folder_of(tmp_path, "latent_bo"))]
    subprocess.run([*command, *words], env=user_environment(), stdout=subprocess.DEVNULL, check=True)
    assert_same_run(main_job, folder_of(tmp_path, "latent_bo"))


@pytest.mark.slow
def test_a_fit_of_a_measured_loop_stopped_twice_ends_as_one_that_was_not(tmp_path, monkeypatch):
    bias = np.concatenate([np.linspace(-8, 8, 17)[:-1], np.linspace(8, -8, 17)[:-1]])
    response = np.tanh((bias - np.repeat([3.0, -3.0], 16)) / 1.5) + 0.02 * np.random.default_rng(1).normal(size=32)
    np.savetxt(tmp_path / "loop.csv", np.stack([bias, response], 1), delimiter=",", header="bias (V),loop (pm)")
    asked = ["--smoke", "--path", str(tmp_path / "loop.csv"), "--runs"]
    whole = main(inverse_parameters.EXPERIMENT, [*asked, str(tmp_path / "whole")])
    words = [*asked, str(tmp_path / "cut")]
    for kept in (1, 3):  # after a search, and between two pieces of the posterior
        with monkeypatch.context() as patch, pytest.raises(SystemExit):
            stopping_after(patch, kept)
            main(inverse_parameters.EXPERIMENT, words)
        words = ["--resume", str(folder_of(tmp_path / "cut", "inverse_parameters"))]
    assert_same_run(whole, main(inverse_parameters.EXPERIMENT, words))
