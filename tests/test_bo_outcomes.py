"""Several named values: limits that are learned, safe campaigns, fronts of two and three objectives."""

from dataclasses import replace
from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

import bo
from bo.acquisitions import front as rules
from bo.campaigns import chances
from bo.outcomes import undominated
from bo.surrogates import feasibility
from helpers import small_campaign

POOL = bo.problems.grid(2, 15)
SURROGATE = bo.gaussian_process(bo.GPConfig(starts=1, iterations=10))
CONFIG = bo.CampaignConfig(initial_points=5, steps=15, refit_every=3)
QUICK = replace(CONFIG, learn_failures=False)  # nothing fails here, and the model of failures takes long to compile
HOT = bo.Outcomes("value", limits={"temperature": bo.Limit(below=15.0)}, record=("pressure",))


def oven(key, x):
    """Return a value whose best lies where the temperature is too high."""
    del key
    value = jnp.sin(4 * x[0]) + jnp.cos(5 * x[1])
    return {"value": value, "temperature": 50 * x[0] + 10 * x[1], "pressure": x[0]}


def two_hills(key, x):
    del key
    return {"first": -jnp.sum((x - 0.2) ** 2), "second": -jnp.sum((x - 0.8) ** 2)}


def monte_carlo_gain(points, low, mean, std, draws):
    """Return the mean gain of drawn points, summed over the cells between the coordinates that no point dominates."""
    drawn = mean + std * np.random.default_rng(0).standard_normal((draws, len(mean)))
    gains, edges = np.zeros(draws), [np.sort([*axis, np.inf]) for axis in np.vstack([low, points]).T]
    for bottom, top in zip(
        product(*(each[:-1] for each in edges)), product(*(each[1:] for each in edges)), strict=True
    ):
        if not (points >= top).all(1).any():
            gains += np.prod(np.clip(drawn, bottom, top) - bottom, axis=1)
    first = bo.hypervolume(np.vstack([points, drawn[0]]), low) - bo.hypervolume(points, low)
    assert gains[0] == pytest.approx(first)
    return gains.mean()


@pytest.mark.parametrize("number", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_expected_gain_in_hypervolume_equals_monte_carlo(number):
    generator = np.random.default_rng(number)
    points, low = generator.uniform(size=(6, number)), np.full(number, -0.1)
    mean, std = generator.uniform(0.3, 0.9, number), generator.uniform(0.1, 0.4, number)
    predictions = [bo.Prediction(jnp.asarray([m]), jnp.asarray([s])) for m, s in zip(mean, std, strict=True)]
    gain = rules.gain_in_plane if number == 2 else rules.gain_in_space
    exact = float(jax.jit(gain)(predictions, jnp.asarray(points.T), jnp.asarray(low))[0])
    assert exact == pytest.approx(monte_carlo_gain(points, low, mean, std, 2000), rel=0.06)


def test_hypervolume_of_known_bodies():
    assert bo.hypervolume(np.array([[2.0, 3.0]]), [0, 1]) == 4
    assert bo.hypervolume(np.array([[2.0, 1.0], [1.0, 2.0], [0.5, 0.5]]), [0, 0]) == 3
    assert bo.hypervolume(np.array([[1.0, 1.0, 1.0], [2.0, 1.0, 0.5]]), [0, 0, 0]) == 1.5
    cloud = np.random.default_rng(1).uniform(size=(20, 3))
    inside = np.random.default_rng(2).uniform(size=(20000, 3))
    share = np.mean([(cloud >= each).all(1).any() for each in inside])
    assert bo.hypervolume(cloud, [0, 0, 0]) == pytest.approx(share, abs=0.015)
    assert undominated(np.array([[1.0, 1.0], [1.0, 1.0], [0.0, 2.0], [0.5, 1.0]])).tolist() == [True, True, True, False]


@pytest.mark.parametrize("limit", [bo.Limit(below=0.3), bo.Limit(above=0.3), bo.Limit(above=-0.5, below=0.3)])
def test_probability_of_a_limit_is_the_normal_one_and_survives_the_tails(limit):
    mean, std = np.array([-40.0, -1, 0, 0.3, 2, 40]), np.array([1.0, 0.5, 0.1, 1, 1, 1])
    got = np.asarray(chances.log_probability(limit, bo.Prediction(jnp.asarray(mean), jnp.asarray(std))))
    low = -np.inf if limit.above is None else limit.above
    high = np.inf if limit.below is None else limit.below
    expected = norm.cdf(high, mean, std) - norm.cdf(low, mean, std)
    middle = expected > 1e-12
    np.testing.assert_allclose(np.exp(got[middle]), expected[middle], rtol=1e-6)
    assert np.isfinite(got).all()


@pytest.fixture(scope="module")
def ovens():
    problem = bo.campaign(oven, POOL, SURROGATE, bo.log_expected_improvement(), QUICK, outcomes=HOT)
    return problem, jax.jit(jax.vmap(partial(bo.run, campaign=problem)))(jax.random.split(jax.random.key(1), 8))


def test_the_best_within_a_limit_is_found_with_few_violations(ovens):
    _, (state, info) = ovens
    truth = jax.vmap(partial(oven, None))(POOL)
    best = np.max(np.where(np.asarray(truth["temperature"]) <= 15, truth["value"], -np.inf))
    assert np.max(np.asarray(truth["value"])) > best + 0.05  # the limit costs something
    assert np.median(best - np.asarray(state.best)) < 0.01
    broken = np.asarray(~info.within)[:, CONFIG.initial_points :].sum(axis=1)
    assert np.median(broken) <= 3  # of 15: the best lies on the limit; random candidates exceed it in 10 of 15
    np.testing.assert_array_equal(info.within, np.asarray(info.outcomes)[..., 0] <= 15)
    np.testing.assert_allclose(np.asarray(info.outcomes)[..., 1], np.asarray(info.x)[..., 0])


@pytest.mark.slow
def test_a_session_of_named_values_replays_the_run(ovens):
    problem, (_, info) = ovens
    lab = bo.session(problem)
    state = lab.start(jax.random.split(jax.random.key(1), 8)[3])
    for number in range(8):
        x = lab.ask(state)
        np.testing.assert_array_equal(x, info.x[3, number])
        state, _ = lab.tell(state, x, {name: float(value) for name, value in oven(None, x).items()})
    with pytest.raises(ValueError, match="expected a dict with names of"):
        lab.tell(state, lab.ask(state), {"value": 1.0, "temprature": 3.0})
    with pytest.raises(ValueError, match="expected a dict with names of"):
        lab.tell(state, lab.ask(state), 1.0)


@pytest.mark.slow
def test_a_safe_campaign_keeps_the_limit_and_still_improves(key):
    outcomes = bo.Outcomes("value", limits=HOT.limits, safe=0.95, record=("pressure",))
    initial = jnp.asarray([0, 1, 2, 15, 16])  # the cold corner
    problem = bo.campaign(
        oven, POOL, SURROGATE, bo.log_expected_improvement(), CONFIG, initial=initial, outcomes=outcomes
    )
    state, info = jax.jit(partial(bo.run, campaign=problem))(key)
    assert np.asarray(info.within).sum() >= 19 and state.best > np.max(np.asarray(info.value)[:5])
    with pytest.raises(ValueError, match="known to keep the limits"):
        bo.campaign(oven, POOL, SURROGATE, bo.log_expected_improvement(), CONFIG, outcomes=outcomes)


@pytest.mark.slow
def test_a_safe_campaign_stays_safe_where_all_scores_are_equal(key):
    @bo.measured_in("weighted")
    def indifferent(key, prediction, state, view):
        return jnp.full(prediction.mean.shape, -jnp.inf)

    outcomes = bo.Outcomes("value", limits=HOT.limits, safe=0.95, record=("pressure",))
    pool = POOL[::-1]  # the first candidates, which the choice among equal scores takes, are the hottest ones
    initial = jnp.asarray([224, 164, 187, 210, 191])
    problem = bo.campaign(oven, pool, SURROGATE, indifferent, CONFIG, initial=initial, outcomes=outcomes)
    state, _ = jax.jit(problem.init)(key)
    proposal = jax.jit(problem.ask)(key, state)
    everywhere = chances.believe(SURROGATE, outcomes, state)(bo.unit_cube(pool, jnp.float64)).log_success
    open_ = np.where(np.asarray(state.visited), -np.inf, np.asarray(everywhere))
    assert int(proposal.index) == int(np.argmax(open_)) or open_[int(proposal.index)] >= np.log(0.95)


@pytest.mark.slow
def test_a_limit_on_the_value_is_predicted_by_its_own_surrogate(key):
    outcomes = bo.Outcomes("value", limits={"value": bo.Limit(below=1.2)})
    assert outcomes.modelled == () and outcomes.names == ()

    def plain(key, x):
        return {"value": oven(key, x)["value"]}

    problem = bo.campaign(plain, POOL, SURROGATE, bo.log_expected_improvement(), CONFIG, outcomes=outcomes)
    state, info = jax.jit(partial(bo.run, campaign=problem))(key)
    truth = np.asarray(jax.vmap(lambda x: plain(None, x)["value"])(POOL))
    assert float(state.best) == np.max(np.asarray(info.value)[np.asarray(info.within)])
    assert 1.2 - 0.1 < float(state.best) <= 1.2 < truth.max()


@pytest.mark.parametrize("rule", ["scalarised", pytest.param("volume", marks=pytest.mark.slow)])
def test_a_front_of_two_hills_is_found(key, rule):
    outcomes = bo.Outcomes(("first", "second"))
    acquisition = bo.random_scalarisation() if rule == "scalarised" else bo.hypervolume_improvement()
    smooth = small_campaign.surrogate(smooth=True)  # a rule of thumb fits, which takes less to compile
    problem = bo.campaign(two_hills, POOL, smooth, acquisition, QUICK, outcomes=outcomes)
    state, _ = jax.jit(partial(bo.run, campaign=problem))(key)
    rows, points = bo.front(outcomes, state)
    assert rows.size >= 5 and undominated(points).all() and (np.diff(points[:, 0]) >= 0).all()
    truth = jax.vmap(partial(two_hills, None))(POOL)
    every = np.stack([truth["first"], truth["second"]], axis=1)
    assert bo.hypervolume(points, [-1.3, -1.3]) > 0.96 * bo.hypervolume(every, [-1.3, -1.3])


@pytest.mark.slow
def test_a_limit_in_a_box_is_approached_and_kept(key):
    config = bo.BoxConfig(initial_points=6, steps=15, raw_points=128, local_points=32, starts=4, iterations=15)
    rule = bo.log_expected_improvement()
    problem = bo.box(oven, [(0.0, 1.0), (0.0, 1.0)], SURROGATE, rule, config, outcomes=HOT)
    state, info = jax.jit(partial(bo.run, campaign=problem))(key)
    assert state.best > 1.92  # 1.932 at x = 0.3, y = 0
    assert np.asarray(~info.within)[6:].sum() <= 4


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: bo.Limit(), "needs a number"),
        (lambda: bo.Limit(above=2.0, below=1.0), "leaves nothing"),
        (lambda: bo.Outcomes(("a", "a")), "different"),
        (lambda: bo.Outcomes(("a", "b", "c", "d")), "two or three"),
        (lambda: bo.Outcomes("a", safe=0.9), "together with limits"),
        (lambda: bo.Outcomes("a", record=("a",)), "kept anyway"),
        (lambda: bo.Outcomes("a").observation({"a": 1.0, "b": 2.0}), "add them to record="),
        (lambda: bo.Outcomes("a", record=("b",)).observation({"a": 1.0}), r"returned no \['b'\]"),
        (lambda: bo.Outcomes("a").observation(1.0), "expected a dict"),
        (
            lambda: bo.campaign(
                oven, POOL, SURROGATE, bo.thompson(), CONFIG, outcomes=HOT, prior=bo.observations(POOL, POOL[:, 0])
            ),
            "prior holds values alone",
        ),
    ],
)
def test_outcomes_that_cannot_be_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize(("safe", "chosen"), [(None, 0), (0.5, 1)])
def test_a_point_beyond_a_limit_is_closed_only_in_a_safe_campaign(ovens, safe, chosen):
    """The value beyond a limit is observed, so improvement times probability weighs it; only failures close a point."""
    outcomes = bo.Outcomes("value", limits=HOT.limits, safe=safe, record=HOT.record)
    hot_and_cold = jnp.array([[0.9, 0.9], [0.05, 0.05]])
    _, (states, _) = ovens
    unlabelled = feasibility.unlabelled("matern52", CONFIG.evaluations, 2, states.data.x.dtype)
    states = states._replace(feasibility=jax.tree.map(lambda leaf: jnp.stack([leaf] * 8), unlabelled))
    believed = jax.jit(jax.vmap(lambda state: chances.believe(SURROGATE, outcomes, state)(hot_and_cold)))(states)
    assert (believed.log_success[:, 0] < jnp.log(0.2)).all() and (believed.log_success[:, 1] > jnp.log(0.6)).all()
    expected = believed.log_success if safe else np.zeros((8, 2))  # nothing has failed
    np.testing.assert_array_equal(believed.log_gated, expected)
    gated = believed.log_gated[0]
    gate = chances.gate_of(outcomes, bo.log_expected_improvement(), gated, False)
    assert int(jnp.argmax(chances.admitted(gate, jnp.array([2.0, 1.0]), gated))) == chosen
