"""What a run leaves on disk: finished, interrupted, broken, redrawn."""

import json
import sys
import types

import numpy as np
import pytest
import xarray

from experiments.lab import across_runs, plotting
from experiments.lab.harness import Experiment, main
from experiments.lab.options import Settings
from experiments.lab.report import Panel
from experiments.lab.run import RunError

STAGES = ("first", "second", "figures")


def draw_line(results, metrics):
    figure, axes = plotting.panels(1, 1)
    axes[0, 0].plot(results.line * metrics["factor"])
    return figure


def toy(second=lambda run: run.record(factor=2.0), caption="factor {{ factor }}"):
    def compute(run, config):
        with run.stage("first"):
            run.add("line", ("x",), np.arange(3.0), "m", "a line")
            run.add("mask", ("x",), np.arange(3) > 1, "1", "a mask")
        with run.stage("second"):
            second(run)

    sys.modules["toy"], sys.modules["toy.compute"] = types.ModuleType("toy"), types.ModuleType("toy.compute")
    sys.modules["toy.compute"].compute = compute
    figures = types.ModuleType("toy.figures")
    figures.PANELS = (Panel("line", "Line", caption, draw_line),)
    figures.SUMMARY = "<p>{{ factor }}</p>"
    sys.modules["toy.figures"] = figures
    return Experiment(
        "toy",
        "A toy.",
        Settings,
        Settings(seed=7, smoke=True),
        STAGES,
    )


def only_run(tmp_path):
    (folder,) = (tmp_path / "toy").iterdir()
    return folder


def test_finished_run_holds_options_numbers_arrays_figures_and_one_self_contained_page(tmp_path):
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


def test_smoke_changes_the_defaults_of_the_other_options(tmp_path):
    folder = main(toy(), ["--smoke", "--runs", str(tmp_path)])
    assert json.loads((folder / "config.json").read_text())["seed"] == 7


def test_replot_draws_again_and_computes_nothing(tmp_path):
    folder = main(toy(), ["--runs", str(tmp_path)])
    before = (folder / "metrics.json").read_text()
    (folder / "line.png").unlink()
    (folder / "report.html").unlink()
    main(toy(second=pytest.fail), ["--replot", str(folder)])
    assert (folder / "line.png").is_file() and (folder / "report.html").is_file()
    assert (folder / "metrics.json").read_text() == before


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RunError("seed 3 went non-finite in step 7")])
def test_stopped_run_leaves_readable_files_and_tells_what_is_missing(tmp_path, capsys, error):
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


def test_report_refuses_a_number_that_was_not_saved(tmp_path):
    with pytest.raises(Exception, match="nowhere"):
        main(toy(caption="{{ nowhere }}"), ["--runs", str(tmp_path)])


def test_replot_of_a_folder_that_is_no_run_says_what_to_give(tmp_path):
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
