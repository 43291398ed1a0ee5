"""The experiment on searches inside the support: what exists, where searches open, a small run to its report."""

import json

import numpy as np
import pytest

from experiments import inside_support
from experiments.inside_support import campaigns, problems
from experiments.inside_support.config import METHODS
from experiments.lab.harness import main


def candidates(count=40):
    z = np.linspace(-2, 2, 2 * count).reshape(count, 2)
    rest = {"inside": np.arange(count) % 2 == 0, "miss": np.linspace(0, 2, count), "distance": np.full(count, 0.5)}
    filled = {name: np.zeros(count) for name in problems.Candidates._fields if name not in ("z", *rest)}
    return problems.Candidates(z=z, **{**filled, **rest})


def test_searches_open_inside_and_never_ask_twice():
    config = inside_support.Config(campaigns=3, initial_points=5, steps=20)
    orders = campaigns.openings(candidates(), config)
    assert orders.shape == (3, 25)
    assert candidates().inside[orders[:, :5]].all()
    assert all(len(set(order)) == 25 for order in orders)
    np.testing.assert_array_equal(campaigns.openings(candidates(), config), orders)


def test_what_exists_re_encodes_to_itself_and_lies_in_the_family():
    some = candidates()._replace(distance=np.where(np.arange(40) < 5, 1.5, 0.5))
    np.testing.assert_array_equal(np.flatnonzero(some.exists), np.arange(5, 20))  # misses up to 1 are 0 to 19


def test_components_keep_the_distances_of_vectors_in_few_dimensions():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(30, 3)) @ rng.normal(size=(3, 12))
    kept = problems.components(vectors)
    np.testing.assert_allclose(np.linalg.norm(kept[0] - kept[1]), np.linalg.norm(vectors[0] - vectors[1]))


def test_options_that_cannot_be_served_are_refused():
    with pytest.raises(ValueError, match="--problems"):
        inside_support.Config(problems=())
    with pytest.raises(ValueError, match="--steps"):
        inside_support.Config(grid_points=10)


@pytest.mark.slow
def test_smoke_run_saves_a_report_in_which_a_constraint_is_kept(tmp_path):
    folder = main(inside_support.EXPERIMENT, ["--smoke", "--runs", str(tmp_path)])
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["complete"] == 1
    for name in inside_support.SMOKE.problems:
        for method in METHODS:
            assert metrics[f"{name}_{method}_best_anywhere_median"] <= metrics[f"{name}_best_anywhere"] + 1e-9 or (
                method == "family"
            )
    assert (folder / "progress.png").stat().st_size > 10_000
