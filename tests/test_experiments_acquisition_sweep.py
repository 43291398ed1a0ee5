"""Scores of the sweep over exploration weights, with censored seeds; rules chosen by a traced number."""

import itertools
from types import SimpleNamespace
from typing import get_args

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bo
from bo.acquisitions import analytic
from bo.surrogates.base import Prediction
from experiments import acquisition_sweep
from experiments.acquisition_sweep import campaigns, landscapes
from experiments.acquisition_sweep.config import MIXED, Rule, methods_of
from experiments.lab import summaries
from experiments.lab.objectives import look_up

NEVER = np.inf


def test_quantiles_and_means_of_censored_evaluations():
    assert summaries.quantile(np.array([3.0, 5, 9, 11]), 0.5) == 7
    assert summaries.quantile(np.array([3.0, 5, 9, NEVER]), 0.5) == 7  # whenever the last would have come
    assert summaries.quantile(np.array([3.0, 5, NEVER, NEVER]), 0.5) == NEVER  # between 5 and an unknown number
    assert summaries.quantile(np.array([3.0, 5, NEVER]), 0.5) == 5
    quartiles = summaries.quantile(np.array([3.0, 5, 9, NEVER, NEVER]), [0.25, 0.5, 0.75])
    np.testing.assert_array_equal(quartiles, [5, 9, NEVER])
    quartiles = summaries.quartiles("x", [10, 20, 30, NEVER])
    assert quartiles == {"x_q25": 17.5, "x_median": 25, "x_q75": NEVER}
    assert np.isnan(summaries.quantile([np.nan, 1.0, 2.0], 0.5))
    assert summaries.restricted_mean(np.array([4.0, NEVER]), 20) == 12


def test_the_envelope_is_the_smallest_median_and_the_mean_decides_between_equals():
    sweep = np.array([[NEVER] * 4, [5.0, 5, 5, 15], [1.0, 5, 5, 9], [4.0, 6, 6, 6]])
    assert summaries.envelope(sweep, 20) == 2
    assert summaries.envelope(np.full((2, 3), NEVER), 20) == 0


def test_ratios_of_methods_that_are_better_equal_or_never_there():
    random = np.random.default_rng(0)
    sweep = 20.0 + random.integers(0, 5, (3, 32))
    sweep[1] += 10
    methods = np.stack([sweep[0], 2 * sweep[0], np.full(32, NEVER)])
    found = summaries.compare(methods, sweep, 100, draws=50, splits=50)
    best = np.median(sweep, axis=1).min()
    np.testing.assert_allclose(found.ratio, [np.median(sweep[0]) / best, 2 * np.median(sweep[0]) / best, NEVER])
    assert (found.low <= found.ratio).all() and (found.ratio <= found.high).all() and found.judged[2] == NEVER
    assert found.chosen[1] == 0 and np.isclose(found.chosen.sum(), 1)
    again = summaries.compare(methods, sweep, 100, draws=50, splits=50)
    np.testing.assert_array_equal(found.judged, again.judged)


def test_hindsight_flatters_and_the_other_half_shows_it():
    """Twenty weights that are all the same: the best of them looks better than it is, and halves do not."""
    random = np.random.default_rng(1)
    flattered, judged = [], []
    for seed in range(10):
        draws = np.ceil(random.exponential(30, (21, 32)))
        found = summaries.compare(draws[:1], draws[1:], 10_000, seed=seed, draws=2, splits=40)
        flattered.append(found.ratio[0])
        judged.append(found.judged[0])
    assert np.mean(flattered) > 1.25 and abs(np.mean(judged) - 1) < 0.2


def test_a_rule_chosen_by_a_traced_number_is_that_rule(key):
    """Also with lanes of different rules side by side, and where a rule's score is not finite."""
    mean, std = jax.random.normal(key, (4, 30)), jnp.abs(jnp.sin(jnp.arange(120.0))).reshape(4, 30).at[:, 3].set(0)
    state = SimpleNamespace(count=None, data=None, visited=None, best=jnp.asarray(0.5), z_score=None, params=None)
    kappa = jnp.array([0.1, 20.0, 0.0, 0.0])

    def rules(kappa):
        return analytic.upper_confidence_bound(kappa), analytic.variance(), analytic.log_expected_improvement()

    def score(number, kappa, mean, std):
        return campaigns.chosen_rule(number, rules(kappa))(key, Prediction(mean, std), state, None)

    together = jax.jit(jax.vmap(score))(jnp.array([0, 0, 1, 2]), kappa, mean, std)
    for lane, number in enumerate((0, 0, 1, 2)):
        rule = lambda mean, std, n=number, k=kappa[lane]: rules(k)[n](key, Prediction(mean, std), state, None)  # noqa: E731
        alone = jax.jit(rule)(mean[lane], std[lane])
        np.testing.assert_allclose(together[lane], alone, rtol=1e-12)
    assert together[3, 3] == -np.inf


def test_every_rule_has_an_acquisition_and_settings_reach_it():
    config = acquisition_sweep.Config(portfolio=(0.5, 4.0))
    for name in (*get_args(Rule), "kappa"):
        assert callable(campaigns.rule(name, 1.0, 100, config))


@pytest.mark.slow
def test_lanes_of_both_surrogates_are_the_campaigns_alone(key):
    config = acquisition_sweep.Config(
        kappas=(1.0,), rules=("pi_mixture", "pi"), members=2, campaigns=4, initial_points=4, steps=4, refit_every=4,
        landscapes=("branin",), grid_side=8, map_side=40,
    )  # fmt: skip
    place = landscapes.make("branin", config)
    counts = []
    found = campaigns.sweep(campaigns.families(config), place, config, counts.append)
    assert set(found.choices) == {"kappa_1", "pi_mixture", "pi"} and counts[-1] == found.noise.size == 12
    assert set(MIXED) <= set(get_args(Rule)) and methods_of(config)[:3] == ["kappa_1", "pi_mixture", "pi"]
    pool, table = jnp.asarray(place.pool), jnp.asarray(place.table)
    initial = jnp.asarray(campaigns.orders(place, config)[0, :4])
    settings = bo.CampaignConfig(4, 4, 4)
    for name, surrogate in (("pi", bo.gaussian_process()), ("pi_mixture", bo.laplace_particles(members=2))):
        alone = bo.campaign(
            look_up(pool, table), pool, surrogate, bo.log_probability_of_improvement(), settings, initial=initial
        )
        info = bo.run(jax.random.split(jax.random.key(config.seed), 4)[0], alone)[1]
        np.testing.assert_array_equal(found.choices[name].cells[0], info.index)


def test_functions_are_pools_with_a_share_of_good_candidates():
    config = acquisition_sweep.Config(grid_side=20, pool=400, steps=20)
    for name, dim in (("branin", 2), ("levy", 2), ("hartmann6", 6), ("ackley", 3), ("ackley4", 4), ("matern12", 2)):
        place = landscapes.make(name, config)
        assert place.pool.shape == (400, dim) and place.good.sum() == 2
        assert place.table[place.good].min() >= np.sort(place.table)[-2]
        orders = campaigns.orders(place, config)
        assert all(len(set(row.tolist())) == config.evaluations for row in orders)


def test_a_coarser_map_is_every_second_row_and_column():
    rows = landscapes.every_row_and_column(36, 2)
    expected = [6 * i + j for i, j in itertools.product((0, 2, 4), repeat=2)]
    assert rows.tolist() == expected


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"kappas": (1.0, 1.0)}, "distinct values"),
        ({"kappas": (-1.0, 1.0)}, "at least 0"),
        ({"campaigns": 1}, "--campaigns is 1; give at least 4"),
        ({"top_share": 1.0}, "between 0 and 1"),
        ({"top_two_share": 0.0}, "between 0 and 1"),
        ({"members": 0}, "--members is 0; give at least 1"),
        ({"steps": 2500}, "exceed the 2500 candidates"),
        ({"map_stride": 20}, "exceed the 25 candidates"),
    ],
)
def test_a_sweep_that_cannot_be_done_is_refused(option, words):
    with pytest.raises(ValueError, match=words):
        acquisition_sweep.Config(**option)
