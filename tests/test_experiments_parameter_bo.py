"""Campaigns over coupling and depolarization: grids and their searches, scores, a whole small run."""

from pathlib import Path

import numpy as np
import pytest

from experiments import parameter_bo
from experiments.lab import grid_search
from experiments.parameter_bo import figures
from helpers import finished_runs

ROOT = Path(__file__).parent.parent


def cone(side, row, column):
    rows, columns = np.divmod(np.arange(side**2), side)
    return -np.hypot(rows - row, columns - column)


def test_a_shifted_grid_has_k_squared_cells_and_every_cell_is_as_likely():
    side, k = 12, 4
    shifts = (np.stack(np.meshgrid(np.arange(3), np.arange(3)), -1).reshape(-1, 2) + 0.5) / 3
    cells = np.stack([grid_search.shifted_grid(side, k, shift) for shift in shifts])
    assert all(len(set(own)) == k * k for own in cells)
    np.testing.assert_array_equal(np.sort(cells.ravel()), np.arange(side**2))


def test_a_grid_with_ends_holds_the_corners():
    assert {0, 9, 90, 99} <= set(grid_search.grid_with_ends(10, 3))
    assert len(grid_search.grid_with_ends(10, 3)) == 9


def test_smallest_grid_and_all_on_the_way_to_it():
    side = 16
    good = np.zeros(side**2, bool)
    good[grid_search.shifted_grid(side, 5, np.array([0.3, 0.8]))[7]] = True
    k, distinct = grid_search.smallest_grid(good, np.array([0.3, 0.8]))
    assert k <= 5 and k * k <= distinct <= sum(j * j for j in range(3, k + 1))
    corner = np.arange(side**2) == side - 1
    assert grid_search.smallest_grid(corner, least=2) == (2, 4)
    with pytest.raises(ValueError, match="holds a good cell"):
        grid_search.smallest_grid(np.zeros(9, bool), np.zeros(2))


def test_coarse_to_fine_finds_the_top_of_a_single_hill_and_never_repeats_itself():
    side, count = 64, 64
    for seed in range(8):
        random = np.random.default_rng(seed)
        values = cone(side, *random.integers(0, side, 2))
        order = grid_search.coarse_to_fine(random, values, 4, random.random(2), count)
        assert len(set(order)) == count
        assert values[order].max() > -2  # spacing of the fourth level: two cells
    everything = grid_search.coarse_to_fine(np.random.default_rng(0), cone(6, 2, 2), 3, np.zeros(2), 36)
    np.testing.assert_array_equal(np.sort(everything), np.arange(36))


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"responses": ()}, "distinct names"),
        ({"responses": ("area", "area")}, "distinct names"),
        ({"campaigns": 1}, "--campaigns is 1; give at least 2"),
        ({"tolerance": 0.0}, "between 0 and 1"),
        ({"grid_points": 7, "steps": 60}, "exceed the 49 cells"),
    ],
)
def test_a_job_that_cannot_be_done_is_refused(option, words):
    with pytest.raises(ValueError, match=words):
        parameter_bo.Config(**option)


@pytest.mark.slow  # five campaign programs to compile
def test_a_whole_small_run_agrees_with_its_own_maps(tmp_path):
    folder, results, metrics = finished_runs.smoke("parameter_bo", tmp_path)
    assert (folder / "report.html").read_text().count("data:image/png;base64,") == len(figures.PANELS)
    config = parameter_bo.SMOKE
    assert metrics["live_same_cells_share"] == 1
    assert metrics["live_against_map_max_difference_over_range"] < 1e-4
    for name in config.responses:
        assert metrics[f"{name}_single_against_map_max_difference"] < 1e-4
        table = results[name].to_numpy().ravel()
        for method in ("logei", "ucb", "random", "sobol", "zoom"):
            cells = results[f"{method}_cell"].sel(response=name).to_numpy()
            assert cells.shape == (config.campaigns, config.evaluations)
            assert all(len(set(own)) == config.evaluations for own in cells)
            gap = (table.max() - np.maximum.accumulate(table[cells], axis=1)) / np.ptp(table)
            np.testing.assert_allclose(results[f"{method}_gap"].sel(response=name), gap, atol=1e-6)
            reached = [np.argmax(own <= config.tolerance) + 1 if own[-1] <= config.tolerance else np.inf for own in gap]
            np.testing.assert_array_equal(results[f"{method}_evaluations"].sel(response=name), reached)
        # the same random cells open the campaigns and the random design
        start = results.random_cell.sel(response=name)[:, : config.initial_points]
        np.testing.assert_array_equal(results.logei_cell.sel(response=name)[:, : config.initial_points], start)
        # the surface shown last interpolates what its campaign has seen
        mean = results.surface_mean.sel(response=name)[-1].to_numpy().ravel()
        seen = results.logei_cell.sel(response=name)[0].to_numpy()
        assert np.abs(mean[seen] - table[seen]).max() < 0.05 * np.ptp(table)
