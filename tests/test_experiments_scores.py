"""Scores and baseline orders of pool campaigns."""

import numpy as np

from experiments.lab import designs, scores


def test_recall_counts_each_cell_once_and_only_top_cells():
    truth = np.arange(200.0)  # the top 1 % are cells 198 and 199
    chosen = np.array([[0, 199, 199, 198, 5]])
    np.testing.assert_allclose(scores.recall(chosen, truth), [[0, 0.5, 0.5, 1.0, 1.0]])


def test_regret_never_rises_and_skips_non_finite_values():
    values = np.array([[1.0, np.nan, 3.0, 2.0]])
    np.testing.assert_allclose(scores.regret(values, np.array([0.0, 5.0])), [[4, 4, 2, 2]])


def test_evaluations_to_counts_from_one_and_tells_never():
    np.testing.assert_array_equal(
        scores.evaluations_to(np.array([[False, True, True], [False, False, False]])), [2, np.inf]
    )


def test_sobol_order_is_distinct_and_fills_space_better_than_random():
    axis = np.linspace(-10, 10, 40)
    pool = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)

    def widest_gap(order):
        distances = np.linalg.norm(pool[:, None] - pool[order][None], axis=-1)
        return distances.min(1).max()

    order = designs.sobol_order(pool, 128, seed=1)
    assert len(set(order.tolist())) == 128
    random = [np.random.default_rng(seed).permutation(len(pool))[:128] for seed in range(20)]
    assert widest_gap(order) < min(map(widest_gap, random))


def test_sobol_order_can_use_up_the_whole_pool():
    pool = np.stack(np.meshgrid(np.arange(5.0), np.arange(5.0)), -1).reshape(-1, 2)
    assert sorted(designs.sobol_order(pool, 25, seed=0)) == list(range(25))
