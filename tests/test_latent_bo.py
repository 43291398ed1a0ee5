"""The main job's smoke run, end to end, and its saved results redone without the project's code."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.explorer import measure
from experiments import latent_bo
from experiments.lab import report
from experiments.lab.harness import main, parse
from experiments.latent_bo import compute, figures
from helpers import explorers, finished_runs, numpy_ferrosim

CONFIG = replace(latent_bo.SMOKE, grid_points=10)  # a smoke run with a smaller map


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return finished_runs.smoke("latent_bo", tmp_path_factory.mktemp("runs"), "--grid-points", "10", timeout=400)


def test_every_file_and_figure_is_there(finished):
    folder, metrics = finished.folder, finished.metrics
    for name in ("config.json", "environment.json", "metrics.json", "history.jsonl", "results.nc", "report.html"):
        assert (folder / name).stat().st_size > 0
    for panel in figures.PANELS:
        assert (folder / f"{panel.name}.png").stat().st_size > 5_000
    page = (folder / "report.html").read_text()
    assert page.count("data:image/png;base64,") == len(figures.PANELS)
    assert metrics["complete"] == 1 and all(f"{stage}_wall_s" in metrics for stage in latent_bo.STAGES)


def test_arrays_are_labelled_and_of_the_promised_shape(finished):
    results = finished.results
    config = CONFIG
    cells, evaluations = config.grid_points**2, config.initial_points + config.steps
    expected = {
        "latent": {"cell": cells, "z": 2},
        "decoded_curve": {"cell": cells, "sample": 900},
        "best_applied_field": {"time": 950},
        "local_field": {"component": 2, "row": 20, "column": 20},
        "subset": {"step": 950, "site": 400},
        "target_lecture": {"cell": cells},
        "target_physical": {"cell": cells},
        "inside_support": {"cell": cells},
        "chosen_cell": {"seed": config.campaigns, "evaluation": evaluations},
        "random_chosen_value": {"seed": config.campaigns, "evaluation": evaluations},
        "sobol_chosen_cell": {"seed": config.campaigns, "evaluation": evaluations},
        "surface_mean": {"seed": config.campaigns, "cell": cells},
        "surface_std": {"seed": config.campaigns, "cell": cells},
    }
    for name, sizes in expected.items():
        assert dict(results[name].sizes) == sizes, name
    for name, array in results.variables.items():
        assert array.attrs["units"] and array.attrs["long_name"], name


def test_map_can_be_redone_from_the_saved_histories_and_subsets_alone(finished):
    results = finished.results
    params = (-1.6, 12.2, 40.0, 12.5, 0.3, 1.0, 4 / 1199)
    moves = results["subset"].to_numpy().astype(bool).reshape(-1, 20, 20)
    local = results.local_field.to_numpy().astype(float)
    scale = float(results.attrs["lecture_field_scale"] * results.attrs["lecture_coercive_field"])
    for cell in (0, 77):
        applied = np.zeros((950, 2))
        curve = results.decoded_curve[cell].to_numpy() * scale
        applied[:, 0] = np.concatenate([curve, np.full(50, curve[-1])])
        _, seen = numpy_ferrosim.simulate(applied, local, moves, params, "grounded", clip=10.0)
        curl = np.abs(numpy_ferrosim.wrapped_curl(seen)).sum()
        np.testing.assert_allclose(results.target_lecture[cell], curl, atol=2e-3)


def test_campaigns_found_what_the_map_holds_and_the_scores_follow_from_it(finished):
    results, metrics = finished.results, finished.metrics
    truth = results.target_lecture.to_numpy()
    for prefix in ("", "random_", "sobol_"):
        cells, values = results[f"{prefix}chosen_cell"].to_numpy(), results[f"{prefix}chosen_value"].to_numpy()
        np.testing.assert_allclose(values, truth[cells], atol=1e-3)
        assert all(len(set(row.tolist())) == len(row) for row in cells)
        regret = truth.max() - np.maximum.accumulate(values, axis=1)
        np.testing.assert_allclose(results[f"{prefix}regret"], regret, atol=1e-6)
    error = results.surface_mean.to_numpy() - truth
    np.testing.assert_allclose(np.sqrt((error**2).mean(1)), results.surface_rmse[:, -1], rtol=1e-6)
    np.testing.assert_allclose(metrics["campaign_regret_median"], np.median(results.regret[:, -1]), atol=1e-9)


@pytest.mark.parametrize(
    ("held", "moved", "words"),
    [
        (0.5, 0.7, "gone was made by the update rule and the short hold."),
        (0.5, 4.0, "gone was made by the short hold; under the other update rule nothing is."),
        (4.0, 0.7, "gone was made by the update rule; under the longer hold nothing is."),
        (4.0, 5.0, "Nothing of it is gone under either."),
    ],
)
def test_the_report_says_of_the_optimum_what_the_numbers_say(finished, held, moved, words):
    start = {"honesty_best_minus_middle_same_subsets_hold50": 3.0}
    ends = {"same_subsets_hold1000": held, "synchronous_hold50": moved}
    changed = finished.metrics | start | {f"honesty_best_minus_middle_{name}": value for name, value in ends.items()}
    text = report.templates("experiments.latent_bo").get_template("summary.html.j2").render(changed, all=changed)
    first = text.split("</p>")[0]
    assert words in " ".join(first.split()), first
    assert first.count(" gone") == 1


def test_the_report_shows_no_rounding_as_a_regret(finished):
    ends = {f"campaign_regret_{end}": -2e-6 for end in ("q25", "median")} | {"campaign_regret_q75": 1.5e-3}
    changed = finished.metrics | ends | {"live_against_map_max_difference": 1e-5}
    changed |= {f"{method}_regret_{end}": 0.5 for method in ("random", "sobol") for end in ("q25", "median", "q75")}
    template = report.templates("experiments.latent_bo").get_template("summary.html.j2")
    text = " ".join(template.render(changed, all=changed).split())
    assert "<td>0 [0, 0.0015]</td> <td>0.5 [0.5, 0.5]</td>" in text and "e-06" not in text
    assert text.count("differs by up to 1e-05") == 1
    larger = changed | {f"campaign_regret_{end}": 0.25 for end in ("q25", "median", "q75")}
    assert "differs by up to" not in template.render(larger, all=larger)


def test_replot_redraws_without_computing(finished, tmp_path, monkeypatch):
    folder = tmp_path / "latent_bo" / finished.folder.name
    shutil.copytree(finished.folder, folder)
    surface = [panel for panel in figures.PANELS if panel.name == "surface"]
    monkeypatch.setattr(figures, "PANELS", surface)  # one figure for all: the run has drawn every one
    monkeypatch.setattr(compute, "compute", lambda run, config: pytest.fail("computed again"))
    before = {name: (folder / name).read_bytes() for name in ("metrics.json", "results.nc")}
    (folder / "surface.png").unlink()
    (folder / "report.html").unlink()
    assert main(latent_bo.EXPERIMENT, ["--replot", str(folder)]) == folder
    assert (folder / "surface.png").is_file() and (folder / "report.html").read_text().count("image/png") == 1
    assert all((folder / name).read_bytes() == content for name, content in before.items())


def test_the_explorer_lies_beside_the_report_and_is_small(finished):
    assert (finished.folder / "explorer.html").stat().st_size < 3_000_000
    assert '<a href="explorer.html">' in (finished.folder / "report.html").read_text()


@pytest.fixture(scope="module")
def explorer(finished):
    with explorers.opened(finished.folder / "explorer.html") as page:
        yield page


@explorers.needs_chromium
def test_the_explorer_decodes_and_simulates_as_the_run_did(finished, explorer):
    found = measure.differences(explorer, finished.results, 32)
    assert found.history < 1e-4 and all(value < 1e-4 for value in found.targets.values()), found


@explorers.needs_chromium
def test_a_click_in_the_explorer_is_answered_within_a_tenth_of_a_second_and_pictures_come_thirty_a_second(explorer):
    places = np.random.default_rng(0).uniform(-9, 9, (8, 2))
    assert min(measure.clicks(explorer, places)) < 100
    for code in (measure.DRAG, measure.PLAY):
        cpu = [measure.frames(explorer, code, 0.8).cpu for _ in range(3)]
        assert min(cpu) < 1000 / 30, cpu  # by CPU time and the best of three, because others share this machine
    explorer.run("state.playing = null")


@explorers.needs_chromium
def test_the_explorer_is_used_by_pointer_and_keyboard(finished, explorer):
    words = "element('compare').textContent"
    start = explorer.run("state.z")
    explorer.drag(explorers.place_on(explorer, "plane", 0.5, 0.5), explorers.place_on(explorer, "plane", 0.4, 0.6))
    explorer.run(explorers.DRAWN)
    chosen = explorer.run("state.z")
    assert chosen != start and all(abs(value) < 10 for value in chosen)
    explorer.run("element('plane').focus()")
    for key in ("ArrowRight", "ArrowUp"):
        explorer.press(key)
    step = explorer.run("page.axes.map(({ step }) => step)")
    np.testing.assert_allclose(explorer.run("state.z"), np.add(chosen, step))
    explorer.press(" ")
    assert explorer.run("state.playing") == "time"
    explorer.press(" ")
    assert explorer.run("state.playing") is None
    explorer.run("element('go-cell').click()")
    explorer.run(explorers.DRAWN)
    assert "(+0.000 here)" in explorer.run(words) or "(−0.000 here)" in explorer.run(words)
    explorers.turn(explorer, "hold", 1000)
    explorers.turn(explorer, "subset", "seed")
    assert "hold of 1000 steps, other random subsets" in explorer.run(words)
    explorers.turn(explorer, "preset", 1)
    held = explorer.run("evaluate(page, state.z, { preset: 1, hold: 1000 }).target")
    assert explorer.run("results.target") == held != explorer.run("evaluate(page, state.z, { preset: 1 }).target")
    explorer.run("element('reset').click()")
    explorer.drag(*(explorers.place_on(explorer, "history", x, 0.4) for x in (0.3, 0.5, 0.7)))
    explorer.run(explorers.DRAWN)
    assert "drawn by hand" in explorer.run(words) and "Not as in the run" not in explorer.run(words)
    limit = explorer.run("fieldLimit(page, results.history)")
    explorer.drag(*(explorers.place_on(explorer, "history", x, y) for x, y in ((0.3, 0.2), (0.5, -0.6))))
    explorer.run(explorers.DRAWN)  # past the edge of the picture: the field and then its axis are larger
    assert explorer.run("keptLimit") is None and explorer.run("fieldLimit(page, results.history)") > limit
    explorer.run("element('back').click()")
    explorers.turn(explorer, "shown", 20)
    assert "Evaluation 20 of " in explorer.run("element('asked-words').textContent")


@explorers.needs_chromium
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_the_explorer_fits_its_window_and_every_picture_is_painted(explorer, width, height):
    explorer.resize(width, height)
    explorer.run(explorers.DRAWN)
    needed, there = explorer.run(explorers.WIDTHS)
    painted = explorer.run(explorers.PAINTED)
    assert needed <= there == width
    assert painted.keys() == {"plane", "history", "polarization", "curl", "sums"}
    assert min(painted["plane"], painted["curl"], painted["polarization"]) > 0.3 and min(painted.values()) > 0.03


def test_histories_may_be_spelled_trajectories():
    experiment = latent_bo.EXPERIMENT
    for spelling in ("--histories", "--trajectories"):
        assert parse(experiment.config, experiment.smoke, "", [spelling, "123"]).histories == 123
        assert parse(experiment.config, experiment.smoke, "", ["--smoke", spelling, "123"]).epochs == 10


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"histories": 99}, "--histories is 99; training and validation need at least 100"),
        ({"steps": 0}, "--steps is 0; give at least 1"),
        ({"grid_points": 0}, "--grid-points is 0"),
        ({"grid_points": 5}, "the grid has 25 cells"),
        ({"steps": 9950}, "none is visited twice"),
        ({"grid_extent": -1.0}, "positive extent"),
        ({"executor_options": ("num_cpus=2",)}, "for --executor ray or submitit"),
        ({"executor": "ray", "executor_options": ("num_cpus",)}, "NAME=VALUE"),
    ],
)
def test_a_job_that_cannot_be_done_is_refused_before_it_starts(option, words):
    with pytest.raises(ValueError, match=words):
        latent_bo.Config(**option)
