"""From a file of histories to the pages of a study, and campaigns of a JAX function."""

import json
import warnings
from functools import partial

import numpy as np
import pytest

from experiments.process import campaigns, functions, log, main, resuming, settings, study
from experiments.process.campaign_page import Found
from experiments.process.config import Run
from helpers import explorers
from helpers.studies import make_study, program

MODULE = """
import jax.numpy as jnp

def film(history, duration):
    value = -jnp.mean((history - 0.4) ** 2)
    return {"cap": jnp.where(history[0] > 0.9, jnp.nan, value), "temp": duration}

def ending(history):
    return {"cap": -jnp.mean((history - 0.4) ** 2), "end": history[-1]}

def number(history):
    return jnp.sum(history)

def vector(history):
    return history

def host(history):
    return float(history[0])
"""


def learn(folder, text, *options):
    """Learn from a CSV of this text; returns what is said when that fails."""
    path = folder / "histories.csv"
    path.write_text(text)
    with pytest.raises(SystemExit) as error:
        main(["learn", str(folder / "study"), str(path), *options])
    return str(error.value)


def test_histories_that_cannot_be_learned_are_refused_in_words(tmp_path):
    row = "1,2,3,4\n"
    assert "1 history" in learn(tmp_path, row)
    assert "alike" in learn(tmp_path, row * 30)
    assert "--latent" in learn(tmp_path, row, "--latent", "4")
    assert "bounds" in learn(tmp_path, "".join(f"{n},{n + 1},{n + 2}\n" for n in range(30)), "--bounds", "0", "5")
    long = "batch;time;value\n" + "".join(f"{n};{t};{n + t}\n" for n in range(3) for t in range(4))
    assert "--id" in learn(tmp_path, long) and "3 histories" in learn(tmp_path, long, "--id", "batch")
    assert not (tmp_path / "study").exists()
    assert "no study yet" in tell_error(tmp_path / "study")


def tell_error(folder):
    """Return what tell says."""
    with pytest.raises(SystemExit) as error:
        main(["tell", str(folder), "1", "cap=1"])
    return str(error.value)


def test_objectives_that_cannot_be_followed_are_refused_before_anything_runs(tmp_path, monkeypatch):
    (tmp_path / "films.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    candidates = make_study(tmp_path / "study", "budget = 8\ninitial_points = 3\n")
    plan = settings.read(tmp_path / "study")
    for name, words in (("films:vector", "one number"), ("films:host", "JAX can follow"), ("films:film", "maximise")):
        with pytest.raises(ValueError, match=words):
            functions.check(functions.measured_by(functions.function_of(name), plan), candidates, name)
    for name, words in (("films", "MODULE:FUNCTION"), ("films:none", "no function"), ("nowhere:film", "nowhere")):
        with pytest.raises(ValueError, match=words):
            functions.function_of(name)
    plan = plan._replace(objectives=(settings.parse("cap"),), limits={"temp": settings.Limit(-np.inf, 9.0)})
    measure = functions.measured_by(functions.function_of("films:film"), plan)
    assert measure(np.zeros(5), 10.0).keys() == {"cap", "temp"}
    value = partial(functions.value_within, measure, plan)
    assert np.isnan(value(np.zeros(5), 10.0)) and value(np.zeros(5), 8.0) == pytest.approx(-0.16)
    with pytest.raises(ValueError, match="dictionary"):
        functions.check(functions.measured_by(functions.function_of("films:number"), plan), candidates, "number")
    front = plan._replace(objectives=(settings.parse("cap"), settings.parse("-temp")))
    for options, settled, words in (
        (Run(tmp_path, objective="films:film", refine=3), front, "a front"),
        (Run(tmp_path, objective="films:film", context=("day=3",)), plan, "no context"),
        (Run(tmp_path, objective="films:film", seeds=0), plan, "--seeds"),
    ):
        with pytest.raises(ValueError, match=words):
            campaigns.check(options, settled)


def test_campaigns_that_were_interrupted_are_not_run_again(tmp_path, monkeypatch, capsys):
    (tmp_path / "interrupted.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    make_study(tmp_path, "budget = 8\n")
    functions.function_of("interrupted:number")
    options, calls = Run(tmp_path, objective="interrupted:number", seeds=2), []

    def found(*_):
        calls.append(1)
        return Found(*np.arange(5 * 16.0).reshape(5, 2, 8))

    first = resuming.once(options, resuming.mark_of(options, None), "a", found)
    again = resuming.once(options, resuming.mark_of(options, None), "a", found)
    np.testing.assert_array_equal(first, again)
    assert len(calls) == 1 and "already done" in capsys.readouterr().err
    resuming.once(options, resuming.mark_of(options, None), "b", found)
    for change in ("seeds", "starts", "source", "settings"):
        if change == "source":
            (tmp_path / "interrupted.py").write_text(MODULE + "\n")
        if change == "settings":
            (tmp_path / settings.FILE).write_text("budget = 9\n")
        seeds, starts = (3 if change == "seeds" else 2), (np.arange(3) if change == "starts" else None)
        changed = Run(tmp_path, objective="interrupted:number", seeds=seeds)
        resuming.once(changed, resuming.mark_of(changed, starts), "a", found)
    assert len(calls) == 6
    resuming.forget(tmp_path)
    resuming.once(options, resuming.mark_of(options, None), "a", found)
    assert len(calls) == 7


@pytest.mark.slow
def test_campaigns_and_refinement_keep_limits_and_make_fronts(tmp_path, monkeypatch):
    (tmp_path / "films.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    text = 'objective = "cap"\nbudget = 14\ninitial_points = 6\n[limits]\nend = { below = 0.1 }\n'
    candidates = make_study(tmp_path / "study", text)
    page = campaigns.run(Run(tmp_path / "study", objective="films:ending", seeds=4, refine=200))
    numbers = json.loads((page.parent / "metrics.json").read_text())
    kept = candidates.histories[:, -1] <= 0.1
    best = -((candidates.histories[kept] - 0.4) ** 2).mean(1).min()
    assert numbers["method_0_best_median"] == pytest.approx(best) and numbers["method_1_beyond_limits"] > 1
    assert numbers["method_0_beyond_limits"] < numbers["method_1_beyond_limits"]
    refined = np.loadtxt(tmp_path / "study/refined.csv", delimiter=",", skiprows=1)[:, 1]
    assert refined[-1] <= 0.1 and best < numbers["refined_value"] == pytest.approx(-np.mean((refined - 0.4) ** 2))
    text = 'objective = ["cap", "-end"]\nbudget = 14\ninitial_points = 6\n'
    make_study(tmp_path / "front", text)
    page = campaigns.run(Run(tmp_path / "front", objective="films:ending", seeds=4, kappa=(2.0,)))
    numbers = json.loads((page.parent / "metrics.json").read_text())
    assert numbers["method_0_best_median"] > numbers["method_2_best_median"] > 0  # beside random candidates
    for name in ("convergence", "fronts", "best_histories", "map", "calibration"):
        assert (page.parent / f"{name}.png").stat().st_size > 5000


@pytest.mark.slow
def test_campaigns_of_a_function_find_its_best_candidate_and_refinement_goes_beyond(tmp_path, monkeypatch):
    (tmp_path / "films.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    candidates = make_study(tmp_path / "study", 'objective = "cap"\nbudget = 16\ninitial_points = 4\n')
    page = campaigns.run(Run(tmp_path / "study", objective="films:film", seeds=4, kappa=(1.0,), refine=100))
    numbers = json.loads((page.parent / "metrics.json").read_text())
    truth = -((candidates.histories - 0.4) ** 2).mean(1)
    best = truth[candidates.histories[:, 0] <= 0.9].max()
    assert numbers["method_0_best_q75"] == pytest.approx(best) and numbers["method_2_best_median"] <= best
    assert best < numbers["refined_value"] <= 1e-9
    refined = np.loadtxt(tmp_path / "study/refined.csv", delimiter=",", skiprows=1)
    assert -np.mean((refined[:, 1] - 0.4) ** 2) == pytest.approx(numbers["refined_value"], abs=1e-6)
    steepest = np.abs(np.diff(candidates.own, axis=1)).max()
    assert np.abs(np.diff(refined[:, 1])).max() <= steepest + 1e-6
    for name in ("convergence", "best_histories", "map", "calibration"):
        assert (page.parent / f"{name}.png").stat().st_size > 5000
    assert not (tmp_path / "study" / log.FILE).exists()


@pytest.mark.slow
def test_from_a_file_with_units_gaps_and_unequal_lengths_to_the_page(tmp_path, monkeypatch):
    rng, lines = np.random.default_rng(0), ["id;time (min);current (A)"]
    for name in range(40):
        top, length = rng.uniform(5, 20), rng.integers(12, 30)
        for number in range(length):
            value = "" if number == 5 and name % 7 == 0 else f"{top * (1 - number / 30):.3f}"
            lines.append(f"{name};{number * 0.5:.2f};{value}".replace(".", ","))
    (tmp_path / "own.csv").write_text("\n".join(lines))
    folder = tmp_path / "study"
    words = ["--bounds", "0", "25", "--epochs", "20", "--cells", "60", "--samples", "16"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        main(["learn", str(folder), str(tmp_path / "own.csv"), *words])
    (folder / settings.FILE).write_text("budget = 9\ninitial_points = 5\n[limits]\ncap = { below = 14 }\n")
    main(["run", str(folder), "--command", program(tmp_path), "--workers", "2"])
    main(["report", str(folder)])
    numbers = json.loads((folder / "report/metrics.json").read_text())
    assert numbers["evaluations"] == 9 and numbers["waiting"] == 0 and numbers["best_value"] < 14
    page = (folder / "report/report.html").read_text()
    assert "best found within the limits" in page and "cap ≤ 14" in page
    refused = [str(folder), str(tmp_path / "own.csv")]
    with pytest.raises(SystemExit, match="another folder"):
        main(["learn", *refused])
    explorer = folder / "report/explorer.html"
    assert explorer.stat().st_size < 3_000_000 and "explorer.html" in page
    if explorers.program() is None:
        pytest.skip("Chromium is missing: the rest of this test looks at the explorer")
    candidates = study.load(folder)
    with explorers.opened(explorer) as shown:
        assert shown.run("page.campaigns[0].cells.length") == 9 and shown.run(explorers.WIDTHS) == [1280, 1280]
        assert {"plane", "history"} == shown.run(explorers.PAINTED).keys()
        for cell in (0, len(candidates.z) - 1):
            found = shown.run(
                f"(({{history, duration}}) => [[...history], duration])(evaluate(page, {candidates.z[cell].tolist()}))"
            )
            np.testing.assert_allclose(found[0], candidates.histories[cell].ravel(), atol=1e-4)
            assert found[1] == pytest.approx(candidates.duration[cell], rel=1e-5)
        words = shown.run("element('compare').textContent")
        assert "P(success within the limits)" in words and "evaluated: " in words
