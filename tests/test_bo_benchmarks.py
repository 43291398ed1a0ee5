"""Benchmarks of campaigns: their problems have the published optima, and each runs to its end in small."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bo
from benchmarks.campaigns import batches, fronts, limits, mixed


def test_true_hypervolumes_are_the_published_ones():
    for problem, truth in ((fronts.branin_currin(101), 59.36), (fronts.dtlz2(21), 1.21 - np.pi / 4)):
        volume = bo.hypervolume(np.asarray(problem.values), problem.reference)
        assert 0.94 * truth < volume <= truth  # a grid misses some of it


def test_a_limit_costs_something_in_each_problem():
    for make in limits.PROBLEMS.values():
        table = make(20)
        value, excess = np.asarray(table.value), np.asarray(table.excess)
        within = excess <= 0
        assert 0.1 < within.mean() < 0.9
        assert value.max() - value[within].max() > 0.02 * np.ptp(value[within])
        assert (excess[limits.safer_half(table)] < 0).all()


def test_judging_counts_violations_after_the_starts_and_regret_within_the_limit():
    table = limits.Table(
        jnp.zeros((6, 2)), jnp.array([0.0, 1.0, 2.0, 9.0, 4.0, 3.0]), jnp.array([-1.0, -1, -1, 1, -1, -1])
    )
    first = np.array([0, 0, 1, 1, 2])
    row = limits.judged(table, np.array([[*first, 3, 4], [*first, 3, 3], [3, *first[1:], 5, 2]]))
    assert row["found"].tolist() == [True, False, False]
    assert row["regret_percent"].tolist() == [0, 50, 25]
    assert row["violations"].tolist() == [1, 2, 0]


def test_progress_and_evaluations_to_a_share_of_the_way():
    values = np.array([[0.0, 1.0, 0.5, 2.0, 3.0], [0.0, -1.0, 5.0, 1.0, 1.0]])
    share = batches.progress(values, 2, 3.0)
    np.testing.assert_allclose(share[0], [0, 0, 0, 0.5, 1])
    assert batches.evaluations_to(share[:1], 2, 1).tolist() == [3]
    assert batches.evaluations_to(share[:1], 2, 2).tolist() == [4]
    assert batches.evaluations_to(share[:1], 2, 1, 1.1).tolist() == [4]


@pytest.mark.slow
@pytest.mark.parametrize("benchmark", [limits, fronts, batches, mixed])
def test_benchmarks_run_in_small(benchmark, tmp_path, monkeypatch):
    monkeypatch.setattr(mixed.peers, "interpreter", lambda *_: None)
    jax.config.update("jax_enable_x64", True)
    benchmark.main(["--smoke", "--out", str(tmp_path / "measured.json")])
    assert (tmp_path / "measured.json").is_file()
