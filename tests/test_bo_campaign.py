"""Campaigns over a pool: a pure function of a key, and better than a random choice."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bo
from bo.acquisitions import analytic
from bo.campaigns import assembly
from bo.devices import lanes
from helpers import small_campaign
from helpers.compilation import AS_USERS

AXIS = jnp.linspace(0, 1, 16)
POOL = jnp.stack(jnp.meshgrid(AXIS, AXIS, indexing="ij"), -1).reshape(-1, 2)
CONFIG = bo.CampaignConfig(initial_points=6, steps=20, refit_every=5, learn_failures=False)
# no optimiser to compile: a rule of thumb fits, and one scan, or two between which the arrays grow
QUICK = bo.CampaignConfig(initial_points=6, steps=20, refit_every=10)
GROWING = bo.CampaignConfig(initial_points=6, steps=20, refit_every=5, buckets=2)


def branin(key, x):
    """Minus the Branin function on its usual box [−5, 10] × [0, 15]: three optima of −0.397887."""
    a, b = 15 * x[0] - 5, 15 * x[1]
    bowl = (b - 5.1 / (4 * jnp.pi**2) * a**2 + 5 / jnp.pi * a - 6) ** 2
    return -(bowl + 10 * (1 - 1 / (8 * jnp.pi)) * jnp.cos(a) + 10)


def build(objective=branin, rule=None, config=CONFIG, pool=POOL, **keywords):
    rule = bo.upper_confidence_bound(2.0) if rule is None else rule
    surrogate = bo.gaussian_process() if config is CONFIG else small_campaign.surrogate()
    return bo.campaign(objective, pool, surrogate, rule, config, **keywords)


PROBLEM = build()
run_all = jax.jit(jax.vmap(lambda key: bo.run(key, PROBLEM)))  # shared, so that the suite compiles it once
EDGES = jnp.array([0.8, 2.0, 2.0])  # a cube ends at 1
GROWN = build(config=GROWING)
run_grown = jax.jit(lambda key: bo.run(key, GROWN))


def failing_one(key, edge):
    """Run a campaign whose values are NaN where the first coordinate is above the edge."""
    problem = build(lambda k, x: jnp.where(x[0] > edge, jnp.nan, branin(k, x)), config=QUICK)
    state, info = bo.run(key, problem)
    return state, info, problem.surface(state)


failing = jax.jit(jax.vmap(failing_one))


def test_vmapped_member_evaluates_the_points_of_the_single_run(key):
    keys, single = jax.random.split(key, 3), jax.jit(failing_one)
    _, together, _ = failing(keys, EDGES)
    for n in range(3):
        _, alone, _ = single(keys[n], EDGES[n])
        np.testing.assert_array_equal(together.index[n], alone.index)
        np.testing.assert_allclose(together.value[n], alone.value, rtol=1e-12)
        np.testing.assert_allclose(together.z_score[n], alone.z_score, rtol=1e-5, atol=1e-7)


def test_called_as_it_is_run_compiles_once_for_a_campaign_and_is_part_of_a_jit_that_calls_it(key):
    traced = []

    def objective(key, x):
        traced.append(x)
        return branin(key, x)

    problem, keys = build(objective, config=QUICK), jax.random.split(key, 2)
    alone = [bo.run(each, problem)[1] for each in keys]
    before = len(traced)
    assert before and not np.array_equal(alone[0].index, alone[1].index)
    bo.run(keys[1], problem)
    assert len(traced) == before  # the compiled program was found
    constant = jax.jit(lambda: bo.run(keys[1], problem)[1])()  # with a key that is no argument
    np.testing.assert_array_equal(constant.index, alone[1].index)
    other = problem._replace(config=bo.CampaignConfig(initial_points=6, steps=10, refit_every=10))
    assert bo.run(keys[1], other)[1].index.shape == (16,)
    with pytest.raises(ValueError, match="give one key"):
        bo.run(keys, problem)


def test_run_records_every_evaluation_and_the_best_never_falls(key):
    state, info = jax.tree.map(lambda leaf: leaf[0], run_all(jax.random.split(key, 16)))
    assert info.index.shape == (26,) and len(set(np.asarray(info.index).tolist())) == 26
    np.testing.assert_allclose(info.value, jax.vmap(branin, (None, 0))(None, POOL[info.index]), rtol=1e-12)
    np.testing.assert_allclose(info.best, np.maximum.accumulate(np.asarray(info.value)))
    assert state.best == info.best[-1] and state.count == 26
    assert np.isnan(info.z_score[:6]).all() and np.isfinite(info.z_score[6:]).all()
    np.testing.assert_array_equal(np.flatnonzero(info.refitted), [5, 10, 15, 20, 25])


@pytest.mark.parametrize("grown", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_carried_surface_equals_prediction_from_scratch_at_the_end(key, grown):
    if grown:
        state, _ = run_grown(key)
        carried = jax.jit(GROWN.surface)(state)
    else:
        state, _, carried = jax.tree.map(lambda leaf: leaf[1], failing(jax.random.split(key, 3), EDGES))
    predict = jax.jit(bo.gaussian_process().predict)
    scratch = predict(state.params, state.data, bo.unit_cube(POOL, jnp.float64))
    np.testing.assert_allclose(carried.mean, scratch.mean, atol=1e-8 * float(state.params.scale))
    np.testing.assert_allclose(carried.std**2, scratch.std**2, atol=1e-8 * float(state.params.scale) ** 2)


@pytest.mark.slow
def test_step_by_step_visits_what_run_visits(key):
    _, info = run_grown(key)
    key_init, key_steps = jax.random.split(key)
    state, first = jax.jit(GROWN.init)(key_init)
    state = GROWN.grow(state, CONFIG.evaluations)
    visited, step = list(np.asarray(first.index)), jax.jit(GROWN.step)
    for _ in range(CONFIG.steps):
        state, last = step(jax.random.fold_in(key_steps, state.count), state)
        visited.append(int(last.index))
    np.testing.assert_array_equal(visited, info.index)


def test_campaign_beats_random_on_branin_over_sixteen_seeds(key):
    keys = jax.random.split(key, 16)
    best = float(jax.vmap(branin, (None, 0))(None, POOL).max())
    ours = best - np.asarray(run_all(keys)[1].best[:, -1])
    shuffled = jax.vmap(lambda k: jax.random.permutation(k, len(POOL))[:26])(keys)
    theirs = best - np.asarray(jax.vmap(jax.vmap(branin, (None, 0)), (None, 0))(None, POOL[shuffled])).max(1)
    assert np.median(ours) < 0.5 * np.median(theirs)
    assert np.mean(ours < theirs) > np.mean(ours > theirs) + 0.5


def test_non_finite_values_are_recorded_and_never_reach_the_surrogate(key):
    state, info, surface = jax.tree.map(lambda leaf: leaf[0], failing(jax.random.split(key, 3), EDGES))
    bad = np.asarray(POOL[info.index][:, 0] > 0.8)
    assert bad.any() and np.array_equal(~bad, info.finite) and np.isnan(np.asarray(info.value)[bad]).all()
    assert np.isfinite(surface.mean).all() and np.isfinite(state.best)
    np.testing.assert_array_equal(np.asarray(state.data.mask), ~bad)


def test_one_bad_seed_leaves_the_others_as_they_were(key):
    keys = jax.random.split(key, 3)
    mixed, healthy = failing(keys, EDGES.at[1].set(-1.0))[1], failing(keys, EDGES)[1]
    np.testing.assert_array_equal(mixed.index[::2], healthy.index[::2])
    assert not mixed.finite[1].any()


def test_given_order_is_followed_and_observed_numbers_come_back(key):
    order = jax.random.permutation(key, len(POOL))[:26]
    problem = build(rule=bo.in_order(order), initial=order[:6], config=replace(QUICK, learn_failures=False))
    watch = jax.jit(lambda k: bo.run(k, problem, observe=lambda prediction, state: prediction.mean.sum()))
    _, info = watch(key)
    np.testing.assert_array_equal(info.index, order)
    assert np.isnan(info.observed[:5]).all() and np.isfinite(info.observed[5:]).all()


def test_expected_improvement_is_right_and_stable_in_the_tail():
    from scipy.stats import norm

    z, log_h = np.array([2.0, 0.0, -0.9, -1.1, -5.0]), jax.jit(analytic.log_h)
    np.testing.assert_allclose(log_h(jnp.asarray(z)), np.log(norm.pdf(z) + z * norm.cdf(z)), rtol=1e-6)
    tail = log_h(jnp.array([-25.0, -29.9, -30.1, -100.0, -1000.0]))
    assert np.isfinite(tail).all() and np.all(np.diff(tail) < 0)
    np.testing.assert_allclose(tail[2] - tail[1], -(30.1**2 - 29.9**2) / 2, atol=0.1)
    assert jnp.isfinite(jax.jit(jax.grad(lambda z: analytic.log_h(z).sum()))(jnp.array([-50.0, 0.0, 3.0]))).all()


def test_upper_confidence_bound_multiplies_the_standard_deviation():
    scores = bo.upper_confidence_bound(10.0)(None, bo.Prediction(jnp.array([1.0]), jnp.array([0.25])), None, None)
    assert scores[0] == 3.5


@pytest.mark.slow
def test_no_key_is_used_twice(key):
    with jax.debug_key_reuse(True):
        jax.jit(lambda k: bo.run(k, build(config=QUICK)))(key)


@pytest.mark.slow
def test_the_append_loop_copies_no_array_of_capacity_times_pool(key):
    """Writing a row and reading V in one step made XLA copy V twice a step."""
    config = bo.CampaignConfig(initial_points=37, steps=20, refit_every=20)
    rule = bo.upper_confidence_bound(2.0)
    problem = bo.campaign(branin, POOL, small_campaign.surrogate(), rule, config)
    for number, shape in ((2, f"f64[2,57,{len(POOL)}]"), (1, f"f64[57,{len(POOL)}]")):
        compiled = jax.jit(lanes(lambda k: bo.run(k, problem)[1].index))
        text = compiled.lower(jax.random.split(key, number)).compile(AS_USERS).as_text()
        assert shape in text
        bodies = [part for part in text.split("\n\n") if "dynamic-update-slice" in part and shape in part]
        copies = [line for body in bodies for line in body.splitlines() if f"= {shape}" in line and " copy(" in line]
        assert len(copies) <= 1, copies  # at most one, where the loop begins
        assert f"f64[1,57,{len(POOL)}]" not in text  # a batch axis of length one would be copied


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"config": bo.CampaignConfig(initial_points=300, steps=1)}, "only 256 candidates"),
        ({"config": bo.CampaignConfig(initial_points=200, steps=100)}, "exceed the 256 candidates"),
        ({"pool": jnp.zeros((0, 2))}, "neither of them 0"),
        ({"pool": POOL.at[3].set(jnp.nan)}, "first is number 3"),
        ({"initial": jnp.arange(5)}, r"expected \(6,\)"),
        ({"initial": jnp.zeros(6, int)}, "twice"),
        ({"objective": lambda x: x.sum()}, r"does not take \(key, x\)"),
        ({"rule": bo.log_expected_improvement}, "made by a call"),
        ({"rule": lambda prediction: prediction.mean}, "shows how to write one"),
    ],
)
def test_bad_input_is_refused_at_once(keywords, words):
    with pytest.raises(ValueError, match=words):
        build(**keywords)


def test_empty_budgets_and_values_and_scores_of_the_wrong_shape_are_refused(key):
    with pytest.raises(ValueError, match="steps is 0"):
        bo.CampaignConfig(steps=0)
    with pytest.raises(ValueError, match="must return a scalar"):
        bo.run(key, build(lambda key, x: x))
    with pytest.raises(ValueError, match=r"returned shape \(\) for 256 points; expected \(256,\)"):
        jax.eval_shape(lambda key: bo.run(key, build(rule=lambda key, prediction, state, view: state.best)), key)
    with pytest.raises(ValueError, match=r"a GPConfig; expected a bo\.Surrogate"):
        assembly.check_parts(bo.GPConfig(), bo.expected_improvement())


def test_data_is_plain_and_may_be_batched():
    batch = jax.vmap(lambda x: bo.observations(x[None], x[:1]))(POOL)
    assert batch.x.shape == (256, 1, 2)
