"""New landscapes and rules of the sweep over exploration weights: known maxima, known scores."""

from pathlib import Path
from types import SimpleNamespace

import h5py
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

from bo import problems
from bo.acquisitions import analytic
from bo.surrogates.base import Prediction
from experiments import acquisition_sweep
from experiments.acquisition_sweep import candidates, landscapes
from experiments.acquisition_sweep.compute import check
from experiments.datasets import loops
from experiments.lab.run import RunError
from experiments.shared.processes import battery

MEASURED = Path(__file__).parents[2] / "shared" / "data" / "pfm" / "BEPS_PTO_50x50.h5"
PREDICTION = Prediction(jnp.array([1.0, 0.9, 0.7, 0.2]), jnp.array([0.5, 0.5, 0.6, 0.1]))


def state(**known):
    """A campaign's state, as far as rules ask."""
    unknown = {"count": jnp.asarray(6), "visited": jnp.zeros(4, bool), "best": jnp.asarray(1.1), "data": None}
    return SimpleNamespace(**{**unknown, "z_score": jnp.full(8, jnp.nan), "params": None, **known})


def view(correlation):
    """What rules may see of the model: the covariance, of candidates that are correlated so."""
    covariance = jnp.asarray(correlation) * PREDICTION.std[:, None] * PREDICTION.std[None]
    return SimpleNamespace(covariance=lambda index: covariance[index])


def test_the_challenger_is_who_may_beat_the_leader_and_not_its_neighbour(key):
    correlation = np.eye(4)
    correlation[0, 1] = correlation[1, 0] = 1.0  # the second moves with the first, and stays below it
    score = candidates.top_two_expected_improvement(0.0)(key, PREDICTION, state(), view(correlation))
    std = np.hypot(0.5, 0.6)
    z = -0.3 / std
    assert score[0] == -jnp.inf and score[1] == -jnp.inf and jnp.argmax(score) == 2
    np.testing.assert_allclose(score[2], np.log(std * (norm.pdf(z) + z * norm.cdf(z))), rtol=1e-9)
    independent = candidates.top_two_expected_improvement(0.0)(key, PREDICTION, state(), view(np.eye(4)))
    assert jnp.argmax(independent) == 1
    visited = jnp.array([True, False, False, False])
    after = candidates.top_two_expected_improvement(0.0)(key, PREDICTION, state(visited=visited), view(np.eye(4)))
    assert after[1] == -jnp.inf and jnp.isfinite(after[0])  # the leader is one that can still be evaluated


def test_top_two_follows_the_improvement_in_its_share_of_the_draws(key):
    of_best = analytic.log_expected_improvement()(key, PREDICTION, state(), None)
    rule = candidates.top_two_expected_improvement(0.25)
    scores = jax.vmap(lambda key: rule(key, PREDICTION, state(), view(np.eye(4))))(jax.random.split(key, 2000))
    follows = np.all(np.asarray(scores) == np.asarray(of_best), axis=1)
    assert 0.21 < follows.mean() < 0.29
    assert np.all(np.asarray(scores)[~follows, 0] == -np.inf)


def test_a_calibrated_improvement_widens_where_errors_were_large(key):
    rule, plain = candidates.calibrated_log_expected_improvement(10.0, 50.0), analytic.log_expected_improvement()
    np.testing.assert_array_equal(rule(key, PREDICTION, state(), None), plain(key, PREDICTION, state(), None))
    large = jnp.full(8, jnp.nan).at[2:6].set(jnp.array([3.0, -4.0, 3.0, -5.0]))
    scores = rule(key, PREDICTION, state(z_score=large), None)
    share = np.exp(-np.array([3, 2, 1, 0]) / 50)
    factor = np.sqrt((10 + np.sum(share * np.array([9, 16, 9, 25]))) / (10 + share.sum()))
    assert factor > 1.9
    wide = plain(key, PREDICTION._replace(std=factor * PREDICTION.std), state(), None)
    np.testing.assert_allclose(scores, wide, rtol=1e-12)
    small = rule(key, PREDICTION, state(z_score=jnp.where(jnp.isnan(large), large, 0.0)), None)
    assert (scores > plain(key, PREDICTION, state(), None)).all() and (small < scores).all()


def test_the_pool_of_ackley_in_four_dimensions_stays_below_its_maximum():
    config = acquisition_sweep.Config(pool=1000, steps=20)
    place, problem = landscapes.make("ackley4", config), problems.ackley(4)
    best = place.pool[np.argmax(place.table)]
    assert place.pool.shape == (1000, 4) and place.table.max() < problem.optimum == 0.0
    distance = np.linalg.norm(place.pool - np.array(problem.where), axis=1)
    assert np.linalg.norm(best - np.array(problem.where)) < np.quantile(distance, 0.02)
    np.testing.assert_allclose(problem.objective(None, jnp.asarray(best)), place.table.max())


def test_the_rough_draw_has_the_variogram_of_its_process():
    """Steps along an axis have the variance 2(1 − exp(−d/ℓ)): of a smooth process they would be far smaller."""
    config = acquisition_sweep.Config(grid_side=40)
    place = landscapes.make("matern12", config)
    table = place.table.reshape(40, 40)
    assert np.isfinite(place.table).all() and place.good.sum() == 8
    for lag in (1, 2):
        expected = 2 * (1 - np.exp(-lag / 39 / landscapes.ROUGH))
        steps = [table[lag:] - table[:-lag], table[:, lag:] - table[:, :-lag]]
        assert [np.mean(each**2) for each in steps] == pytest.approx([expected] * 2, rel=0.25)
    again = landscapes.make("matern12", acquisition_sweep.Config(grid_side=40, seed=3, campaigns=8))
    np.testing.assert_array_equal(again.table, place.table)  # seeds of campaigns do not change the landscape


def test_the_battery_landscape_is_its_table_without_the_histories_that_were_cut_off():
    place = landscapes.make("battery", acquisition_sweep.Config())
    drawn, charged = battery.table()
    assert np.isfinite(place.table).all() and len(place.table) == np.sum(~charged.failed) > 120
    assert place.table.max() == pytest.approx(np.nanmax(charged.value))
    current = np.asarray(drawn.values, float)
    along = np.corrcoef(place.pool[:, 0], current.mean(1)[~charged.failed])[0, 1]
    assert abs(along) > 0.9  # the first component is the mean current
    with pytest.raises(RunError, match="624 candidates, fewer than the 1010 evaluations"):
        landscapes.make("battery", acquisition_sweep.Config(steps=1000))


@pytest.fixture
def scan(tmp_path):
    """A file of simulated loops, and the scan it holds."""
    simulated = loops.simulate(0, loops.Simulated(size=20))
    with h5py.File(tmp_path / "loops.h5", "w") as file:
        data = file.create_dataset("loops", data=simulated.response)
        axes = [("Y", np.arange(20) * 2e-9, "m"), ("X", np.arange(20) * 2e-9, "m"), ("Voltage", simulated.bias, "V")]
        for number, (name, values, unit) in enumerate(axes):
            scale = file.create_dataset(name, data=values)
            scale.attrs["units"] = unit
            scale.make_scale(name)
            data.dims[number].label = name
            data.dims[number].attach_scale(scale)
    return tmp_path / "loops.h5", simulated


def test_areas_of_a_file_of_loops_are_a_landscape(scan):
    path, simulated = scan
    config = acquisition_sweep.Config(loops=path, steps=20)
    assert config.places[-1] == "loops" and "loops" not in acquisition_sweep.Config().places
    place = landscapes.make("loops", config)
    row, column = place.pool.astype(int).T
    truth = simulated.truth
    area = (truth["amplitude"] * (truth["coercive_up"] - truth["coercive_down"]))[row, column]
    assert 0.9 < len(area) / 400 <= 1 and np.isfinite(place.table).all()
    assert np.median(np.abs(10**place.table / area - 1)) < 0.1
    assert area[np.argmax(place.table)] > np.quantile(area, 0.98)


def test_a_file_that_holds_no_loops_is_refused_before_anything_is_computed(scan, tmp_path):
    with h5py.File(tmp_path / "picture.h5", "w") as file:
        file.create_dataset("picture", data=np.zeros((20, 20)))
    with pytest.raises(ValueError, match="three: y, x"):
        check(acquisition_sweep.Config(loops=tmp_path / "picture.h5"))
    with pytest.raises(RunError, match="fewer than the 510 evaluations"):
        check(acquisition_sweep.Config(loops=scan[0], steps=500))


@pytest.mark.skipif(not MEASURED.is_file(), reason="the measured loops are not beside the checkout: ../shared/data/pfm")
def test_measured_loops_are_a_landscape():
    place = landscapes.make("loops", acquisition_sweep.Config(loops=MEASURED))
    assert 2000 < len(place.table) < 2450 and place.table.max() == np.sort(place.table)[-1]
    assert 1 < np.ptp(place.table) <= 4 and 0 < place.table.max() - np.median(place.table) < 2
