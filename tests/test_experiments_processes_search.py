"""Experiments on processes: options, campaigns and blind orders over tables with failures, smoke runs."""

import numpy as np
import pytest

from experiments import annealing, battery, steel
from experiments.battery import compute
from experiments.lab import execution
from experiments.shared.processes import learning, search, tables
from experiments.shared.processes.battery import PROCESS, SECONDS, Charged
from helpers import finished_runs


def candidates(count: int = 100) -> learning.Candidates:
    """Candidates on a grid of two latents; those on the left half have failed, the best lies at the right."""
    first, second = np.meshgrid(*2 * (np.linspace(-2, 2, int(np.sqrt(count))),))
    z = np.stack([first.ravel(), second.ravel()], 1).astype(np.float32)
    value = np.where(z[:, 0] < 0, np.nan, 3 + z[:, 0] - z[:, 1] ** 2)
    evaluated = learning.Evaluated(np.zeros((count, 5)), np.ones(count), {"value": value})
    return learning.Candidates(z, evaluated)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (lambda: steel.Config(latent=4), "a grid fills 1 to 3"),
        (lambda: annealing.Config(steps=2000), "lower --steps, or raise --cells"),
        (lambda: battery.Config(workers=0), "--workers is 0"),
        (lambda: battery.Config(kappa=-1.0), "--kappa is -1.0"),
    ],
)
def test_options_that_cannot_be_used_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        options()


def test_orders_are_scored_by_what_they_evaluated():
    place = candidates()
    settings = steel.Config(initial_points=6, steps=6, campaigns=2, histories=60)
    found = search.blind(0, {"random": place.evaluated.value, "family": place.evaluated.value}, settings)
    for each in found.values():
        assert each.row.shape == each.value.shape == (2, 12)
        np.testing.assert_allclose(each.value, place.evaluated.value[each.row])
        assert all(len(set(row)) == 12 for row in each.row)
    outcome = search.scored(found, place)
    for name, each in found.items():
        top = np.where(np.isnan(each.value), -np.inf, each.value).max(1)
        np.testing.assert_allclose(outcome.numbers[f"{name}_best_median"], np.median(top))
        np.testing.assert_allclose(outcome.numbers[f"{name}_best_q25"], np.quantile(top, 0.25))
        np.testing.assert_allclose(outcome.numbers[f"{name}_failed_share"], np.isnan(each.value).mean())
    assert set(outcome.arrays) <= set(tables.arrays_of(PROCESS))


def test_a_campaign_that_never_succeeds_is_shown_as_such():
    place = candidates()
    rows = np.flatnonzero(np.isnan(place.evaluated.value))[:12][None]
    lost = search.scored({"random": search.Found(rows, place.evaluated.value[rows])}, place)
    assert np.isneginf(lost.numbers["random_best_median"]) and lost.numbers["random_failed_share"] == 1
    assert np.isposinf(lost.numbers["random_evaluations_to_1_percent_median"])
    assert np.isnan(lost.arrays["random_best"]).all()


def test_a_battery_without_its_simulator_says_what_to_install(tmp_path):
    with pytest.raises((RuntimeError, SystemExit), match="name the Python that has PyBaMM"):
        battery.EXPERIMENT.main(["--smoke", "--runs", str(tmp_path), "--python", "python-that-is-not-there"])


def cheap(current, **_: object) -> Charged:
    """Charge by formulas: heat as the square of the current, cut off beyond 2 Ah."""
    charge = current.mean(1) * SECONDS / 3600
    temperature, failed = 25 + 0.3 * (current**2).mean(1), charge > 2
    value = np.where(failed, np.nan, charge - 0.1 * np.maximum(temperature - 45, 0))
    return Charged(value, charge, temperature, 0.1 - 0.01 * current.max(1), 4 + 0 * charge, failed)


@pytest.mark.slow
def test_campaigns_evaluate_each_candidate_once(key):
    place, seen = candidates(), []
    settings = steel.Config(initial_points=6, steps=6, campaigns=2, histories=60)
    for each in search.campaigns(key, place, settings, seen.append).values():
        np.testing.assert_allclose(each.value, place.evaluated.value[each.row])
        assert all(len(set(row)) == 12 for row in each.row)
    assert seen[-1] == 2 * settings.campaigns


@pytest.mark.slow
def test_smoke_of_the_battery_with_a_cheap_simulator(tmp_path, monkeypatch):
    monkeypatch.setattr(compute.battery, "charge", cheap)
    folder = battery.EXPERIMENT.main(["--smoke", "--runs", str(tmp_path)])
    results, numbers, _ = execution.read(folder)
    assert numbers["complete"] == 1 and results.sizes["cell"] == numbers["cells"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["annealing", "steel"])
def test_smoke(name, tmp_path):
    done = finished_runs.smoke(name, tmp_path)
    failed = np.isnan(done.results.cell_value.to_numpy()).mean()
    np.testing.assert_allclose(done.metrics["cells_failed_share"], failed)
    assert done.metrics["complete"] == 1 and done.metrics["cells_best"] >= done.metrics["log_ei_best_median"]
