"""What a run leaves on disk: finished, interrupted, broken, redrawn."""

import json
import sys
import types
from dataclasses import dataclass

import jax
import matplotlib
import numpy as np
import pytest
import xarray

from experiments import plots
from experiments.lab import across_runs
from experiments.lab.harness import Experiment, main
from experiments.lab.options import Settings
from experiments.lab.report import Panel
from experiments.lab.run import Array, RunError

STAGES = ("first", "second", "figures")
ARRAYS = {"line": Array(("x",), "m", "a line"), "mask": Array(("x",), "1", "a mask")}


def draw_line(results, metrics):
    figure, axes = plots.panels(1, 1)
    axes[0, 0].plot(results.line * metrics["factor"])
    return figure


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A maker of experiments in the package ``toy``, whose second stage and caption are given."""
    package = tmp_path / "packages" / "toy"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "summary.html.j2").write_text("<p>{{ factor }}</p>")
    monkeypatch.syspath_prepend(package.parent)
    monkeypatch.delitem(sys.modules, "toy", raising=False)

    def make(second=lambda run: run.record(factor=2.0), caption="factor {{ factor }}"):
        def compute(run, config):
            with run.stage("first"):
                run.add_all(ARRAYS, {"line": np.arange(3.0), "mask": np.arange(3) > 1})
            with run.stage("second"):
                second(run)

        modules = {"compute": {"compute": compute}, "figures": {"PANELS": (Panel("line", "Line", caption, draw_line),)}}
        for name, content in modules.items():
            module = types.ModuleType(f"toy.{name}")
            vars(module).update(content)
            monkeypatch.setitem(sys.modules, f"toy.{name}", module)
        return Experiment("toy", "A toy.", Settings, Settings(seed=7, smoke=True), STAGES)

    return make


def only_run(tmp_path):
    (folder,) = (tmp_path / "toy").iterdir()
    return folder


def test_finished_run_holds_options_numbers_arrays_figures_and_one_self_contained_page(toy, tmp_path):
    folder = main(toy(), ["--runs", str(tmp_path), "--seed", "3"])
    assert json.loads((folder / "config.json").read_text())["seed"] == 3
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["factor"] == 2.0 and metrics["complete"] == 1 and metrics["first_wall_s"] >= 0
    with xarray.open_dataset(folder / "results.nc", engine="h5netcdf") as results:
        assert results.line.attrs == {"units": "m", "long_name": "a line"}
        assert results["mask"].to_numpy().tolist() == [0, 0, 1]
    page = (folder / "report.html").read_text()
    assert "factor 2.0" in page and "data:image/png;base64," in page and 'src="http' not in page
    events = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    assert [event["name"] for event in events] == list(STAGES)


def test_smoke_changes_the_defaults_of_the_other_options(toy, tmp_path):
    folder = main(toy(), ["--smoke", "--runs", str(tmp_path)])
    assert json.loads((folder / "config.json").read_text())["seed"] == 7


def test_replot_draws_again_and_computes_nothing(toy, tmp_path):
    folder = main(toy(), ["--runs", str(tmp_path)])
    before = (folder / "metrics.json").read_text()
    (folder / "line.png").unlink()
    (folder / "report.html").unlink()
    main(toy(second=pytest.fail), ["--replot", str(folder)])
    assert (folder / "line.png").is_file() and (folder / "report.html").is_file()
    (folder / "report.html").unlink()
    assert toy(second=pytest.fail).run(Settings(replot=folder)).folder == folder
    assert (folder / "report.html").is_file()
    assert (folder / "metrics.json").read_text() == before


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RunError("seed 3 went non-finite in step 7")])
def test_stopped_run_leaves_readable_files_and_tells_what_is_missing(toy, tmp_path, capsys, error):
    def stop(run):
        raise error

    with pytest.raises(SystemExit) as end:
        main(toy(second=stop), ["--runs", str(tmp_path)])
    folder = only_run(tmp_path)
    assert "missing: second, figures" in capsys.readouterr().out
    assert isinstance(error, KeyboardInterrupt) or "seed 3 went non-finite in step 7" in str(end.value)
    with xarray.open_dataset(folder / "results.nc", engine="h5netcdf") as results:
        assert results.line.size == 3
    assert json.loads((folder / "metrics.json").read_text())["complete"] == 0
    with pytest.raises(SystemExit, match="not a finished run"):
        main(toy(), ["--replot", str(folder)])


def test_report_refuses_a_number_that_was_not_saved(toy, tmp_path):
    with pytest.raises(Exception, match="nowhere"):
        main(toy(caption="{{ nowhere }}"), ["--runs", str(tmp_path)])


def test_replot_of_a_folder_that_is_no_run_says_what_to_give(toy, tmp_path):
    with pytest.raises(SystemExit, match="give the folder of a run"):
        main(toy(), ["--replot", str(tmp_path)])


def test_numbers_across_runs_take_median_and_range_and_refuse_an_unfinished_run(tmp_path):
    for name, metrics in (("a", {"x_s": 1.0, "y": 5}), ("b", {"x_s": 4.0, "y": None}), ("c", {"x_s": 2.0})):
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.json").write_text(json.dumps({"complete": 1, **metrics}))
    rows = across_runs.table([tmp_path / name for name in "abc"], [])
    assert rows == [("x_s", 2.0, 1.0, 4.0, 3), ("y", 5.0, 5.0, 5.0, 1)]
    assert [row[0] for row in across_runs.table([tmp_path / "a"], ["x"])] == ["x_s"]
    (tmp_path / "c" / "metrics.json").write_text(json.dumps({"complete": 0}))
    with pytest.raises(RunError, match="c is not a finished run"):
        across_runs.table([tmp_path / "c"], [])


def test_a_run_from_python_returns_arrays_numbers_and_folder(toy, tmp_path):
    results = toy().run(Settings(seed=5, runs=tmp_path / "runs"))
    assert results.numbers["factor"] == 2.0 and results.numbers["complete"] == 1
    assert results.arrays.line.to_numpy().tolist() == [0, 1, 2]
    assert json.loads((results.folder / "config.json").read_text())["seed"] == 5
    assert (results.folder / "report.html").is_file()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RunError("seed 3 went non-finite"), ValueError("no such set")])
def test_a_run_from_python_passes_errors_on_and_leaves_readable_files(toy, tmp_path, capsys, error):
    def stop(run):
        raise error

    with pytest.raises(type(error)) as raised:
        toy(second=stop).run(Settings(runs=tmp_path / "runs"))
    assert raised.value is error
    assert "missing: second, figures" in capsys.readouterr().out
    (folder,) = (tmp_path / "runs" / "toy").iterdir()
    assert json.loads((folder / "metrics.json").read_text())["complete"] == 0


@dataclass(frozen=True)
class Own(Settings):
    """Options of another experiment."""


def test_a_run_from_python_takes_the_options_of_its_own_experiment(toy):
    experiment = toy()._replace(config=Own, smoke=Own(smoke=True))
    with pytest.raises(ValueError, match=r"give toy.Config\(...\)"):
        experiment.run(Settings())


def test_a_full_job_that_is_called_smoke_is_refused(toy):
    with pytest.raises(ValueError, match="give toy.SMOKE"):
        toy().run(Settings(smoke=True))


def test_a_folder_of_runs_that_cannot_be_written_is_named(toy, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit, match="give another folder with --runs"):
        main(toy(), ["--runs", str(tmp_path / "file")])


def test_an_array_whose_axes_are_not_those_of_its_record_is_refused(toy, tmp_path):
    def second(run):
        run.add("line", np.zeros((2, 2)), ARRAYS["line"])

    with pytest.raises(ValueError, match=r"line has shape \(2, 2\), but its record names 1 axes \(x\)"):
        toy(second=second).run(Settings(runs=tmp_path / "runs"))


def test_a_run_in_single_precision_is_refused_in_words(toy, tmp_path):
    """As in a notebook that has imported JAX first."""
    jax.config.update("jax_enable_x64", False)
    try:
        with pytest.raises(ValueError, match=r"call jax.config.update\('jax_enable_x64', True\) first"):
            toy().run(Settings(runs=tmp_path / "runs"))
    finally:
        jax.config.update("jax_enable_x64", True)
    assert not (tmp_path / "runs").exists()
    assert toy().run(Settings(runs=tmp_path / "runs")).numbers["complete"] == 1


def test_figures_leave_the_settings_of_matplotlib_as_they_were(tmp_path):
    before = dict(matplotlib.rcParams)
    figure = plots.image_grid(np.linspace(0, 1, 32).reshape(2, 4, 4))
    own, axes = plots.panels(1, 1)
    assert not axes[0, 0].spines["top"].get_visible()  # in the style of the reports
    plots.save(figure, tmp_path / "grid.png")
    plots.save(own, tmp_path / "own.png")
    assert dict(matplotlib.rcParams) == before
