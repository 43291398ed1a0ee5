"""Evaluations that fail: what is learned from them, over pools and boxes, in runs, batches and sessions."""

from dataclasses import replace
from functools import cache, partial
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

import bo
from bo.acquisitions.base import scored
from bo.campaigns import batch, chances, records
from bo.surrogates import feasibility
from helpers import small_campaign

POOL = bo.problems.grid(2, 15)
SURROGATE = bo.gaussian_process(bo.GPConfig(starts=1, iterations=10))
QUICK = small_campaign.surrogate()  # a rule of thumb fits, because an optimiser takes most of the compilation
CONFIG = bo.CampaignConfig(initial_points=5, steps=20, refit_every=5)

STATE: Any = SimpleNamespace(count=0, data=None, visited=None, best=0.0, z_score=None, params=None)


def fragile(key, x, edge=0.55):
    """Return a smooth value with its largest near an edge beyond which every evaluation fails: 68 % of the square."""
    del key
    value = jnp.sin(6 * x[0]) + jnp.cos(5 * x[1]) + x[0]
    return jnp.where(x[0] + 0.5 * x[1] > edge, jnp.nan, value)


def build(acquisition, objective=fragile, **changes):
    return bo.campaign(objective, POOL, QUICK, acquisition, replace(CONFIG, **changes))


@pytest.fixture(scope="module")
def labelled():
    generator = np.random.default_rng(3)
    x = generator.uniform(size=(24, 2))
    order = np.argsort(np.sin(9 * x[:, 0]) + x[:, 1])
    label = np.ones(24, int)
    label[order[:12]] = -1  # as many of both: the constant mean is 0, as in scikit-learn
    return x, label


def test_the_classifier_is_laplaces_approximation_of_scikit_learn(labelled):
    x, label = labelled
    empty = feasibility.unlabelled("matern52", 24, 2, jnp.float64)
    fitted = jax.jit(feasibility.conditioned)(empty, jnp.asarray(x), jnp.asarray(label), jnp.asarray(True))
    params = feasibility.layout_of("matern52", 2, jnp.float64).constrain(fitted.theta)[0]
    lengthscale: Any = np.asarray(params["lengthscale"])
    fixed: Any = None
    kernel = ConstantKernel(float(params["variance"]), "fixed") * Matern(lengthscale, "fixed", 2.5)
    theirs = GaussianProcessClassifier(kernel, optimizer=fixed, max_iter_predict=1000).fit(x, label)
    query = np.random.default_rng(4).uniform(size=(50, 2))
    ours = np.exp(jax.jit(feasibility.log_probability)(fitted, jnp.asarray(x), jnp.asarray(query)))
    np.testing.assert_allclose(ours, theirs.predict_proba(query)[:, 1], atol=0.01)  # both approximate the last integral
    mode = jax.jit(feasibility.find_mode, static_argnums=0)(
        "matern52", fitted.theta, jnp.asarray(x), jnp.asarray(label), jnp.zeros(24)
    )
    np.testing.assert_allclose(
        feasibility.evidence(mode, jnp.asarray(label)),
        float(np.asarray(theirs.log_marginal_likelihood_value_)),
        rtol=1e-6,
    )


def test_failures_of_some_categories_are_learned_from_two_evaluations_of_each():
    space = bo.Space([bo.real("a", 0, 1), bo.category("c", list("uvwxyz"))])
    generator = np.random.default_rng(0)
    code, every = np.tile(np.arange(6), 2), np.tile(np.arange(6), 20)  # 0, 2, 4 fail
    query = jnp.asarray(np.stack([generator.random(every.size), every / 5], 1))
    fit, probability = jax.jit(feasibility.conditioned), jax.jit(feasibility.log_probability)
    for _ in range(4):
        x = jnp.asarray(np.stack([generator.random(code.size), code / 5], 1))
        label = jnp.asarray(np.where(code % 2, 1, -1))
        empty = feasibility.unlabelled(feasibility.kernel_of(space), code.size, 2, jnp.float64)
        success = np.exp(probability(fit(empty, x, label, jnp.asarray(True)), x, query))
        np.testing.assert_array_equal(success > 0.5, every % 2 == 1)  # codes as numbers: wrong for up to a half
    assert feasibility.kernel_of(bo.Space([bo.real("a", 0, 1)])) == feasibility.kernel_of(None) == "matern52"


@pytest.mark.parametrize("context", [False, True])
def test_campaigns_over_a_space_with_categories_learn_failures_with_its_kernel(context, key):
    space = bo.Space([bo.real("a", 0, 1), bo.category("c", ["u", "v"]), bo.category("day", [1, 2], context=context)])
    surrogate = bo.gaussian_process(bo.GPConfig(kernel=space.kernel()))
    rule, given = bo.log_expected_improvement(), {"day": 1} if context else None
    pool = bo.campaign(fragile, space.grid(31), surrogate, rule, CONFIG, context=given)
    box = bo.box(fragile, space, surrogate, rule, bo.BoxConfig(initial_points=5), context=given)
    for problem in (pool, box):
        state, _ = jax.eval_shape(problem.init, key)
        assert state.feasibility.kernel == space.kernel()


def test_rows_without_a_label_change_nothing(labelled):
    x, label = labelled
    empty = feasibility.unlabelled("matern52", 24, 2, jnp.float64)
    due = jnp.asarray(False)
    condition, probability = jax.jit(feasibility.conditioned), jax.jit(feasibility.log_probability)
    small = condition(empty, jnp.asarray(x), jnp.asarray(label), due)
    more = np.concatenate([x, np.random.default_rng(5).uniform(size=(7, 2))])
    padded = feasibility.grow(empty, 31)
    large = condition(padded, jnp.asarray(more), jnp.asarray([*label, *[0] * 7]), due)
    query = jnp.asarray(np.random.default_rng(4).uniform(size=(50, 2)))
    np.testing.assert_allclose(
        probability(large, jnp.asarray(more), query),
        probability(small, jnp.asarray(x), query),
        rtol=1e-9,
    )


@pytest.mark.parametrize("scale", ["log", "gain", "units", "weighted"])
def test_scores_fall_with_the_probability_of_failure_and_certain_points_keep_theirs(scale):
    mean = jnp.array([1.0, 1.0, 1.0, -2.0])
    prediction = bo.Prediction(mean, jnp.ones(4))
    raw = {"log": jnp.log(jnp.array([2.0, 2, 2, 1])), "gain": jnp.array([2.0, 2, 2, 1])}.get(scale, mean + 1)
    success = jnp.array([0.0, jnp.log(0.5), jnp.log(0.1), 0.0])
    acquisition = bo.measured_in(scale)(lambda key, prediction, state, view: raw)
    view = bo.View(jnp.zeros((4, 1)), lambda key: mean, lambda index: mean, prediction, success)
    got = np.asarray(scored(acquisition, jax.random.key(0), prediction, STATE, view))
    assert got[0] == raw[0] and got[3] == raw[3]
    if scale == "weighted":
        np.testing.assert_array_equal(got, raw)
    else:
        assert got[0] > got[1] > got[2]
    expected = {"log": raw + success, "gain": raw * jnp.exp(success), "units": -2 + (raw + 2) * jnp.exp(success / 2)}
    np.testing.assert_allclose(got, expected.get(scale, raw), rtol=1e-12)


RULES = {"improvement": bo.log_expected_improvement(), "bound": bo.upper_confidence_bound(2.0)}
KEYS = jax.random.split(jax.random.key(7), 8)


@cache
def runs(name):
    """State and Info of eight campaigns by a rule, and of a ninth in which every evaluation fails."""

    def one(key, edge):
        return bo.run(key, build(RULES[name], lambda key, x: fragile(key, x, edge)))

    return jax.jit(jax.vmap(one))(jnp.concatenate([KEYS, KEYS[:1]]), jnp.array([0.55] * 8 + [-1.0]))


@pytest.mark.parametrize("name", ["improvement", pytest.param("bound", marks=pytest.mark.slow)])
def test_most_of_a_pool_fails_and_every_seed_finds_the_optimum(name):
    state, info = jax.tree.map(lambda leaf: leaf[:8], runs(name))
    truth = np.asarray(jax.vmap(partial(fragile, None))(POOL))
    assert np.isnan(truth).mean() > 0.65
    assert (np.asarray(state.best) > np.nanmax(truth) - 0.05).all()  # without learning one seed in eight ends at 0.5
    np.testing.assert_array_equal(info.failed, np.isnan(info.value))
    np.testing.assert_array_equal(info.failed, ~info.finite)
    np.testing.assert_array_equal(state.success, np.where(info.failed, -1, 1))
    for asked in np.asarray(info.index):
        assert np.unique(asked).size == asked.size
    predicted = np.asarray(info.probability)[:, 15:]
    failed = np.asarray(info.failed)[:, 15:]
    if name == "improvement":  # both outcomes are common there: the probabilities must tell them apart
        assert predicted[~failed].mean() > predicted[failed].mean() + 0.1


@pytest.mark.parametrize(("closed", "chosen"), [([False] * 3, 1), ([False, True, False], 2), ([False, True, True], 0)])
def test_points_that_fail_with_more_than_three_in_four_are_asked_last(closed, chosen):
    score, success, closed = jnp.array([3.0, 2.0, 1.0]), jnp.log(jnp.array([0.2, 0.6, 0.9])), jnp.asarray(closed)
    gate = chances.gate_of(None, bo.log_expected_improvement(), success, closed)
    admitted = chances.admitted(gate, score, success)
    assert int(jnp.argmax(jnp.where(closed, -jnp.inf, admitted))) == chosen
    assert chances.gate_of(None, bo.at_random(), success, closed) is None


@pytest.mark.slow
def test_a_campaign_without_failures_is_the_same_but_for_rounding(key):
    def smooth(key, x):
        return jnp.sin(6 * x[0]) + jnp.cos(5 * x[1])

    ours, without = (
        jax.jit(partial(bo.run, campaign=build(bo.upper_confidence_bound(2.0), smooth, learn_failures=flag)))(key)[1]
        for flag in (True, False)
    )
    assert not ours.failed.any() and (np.asarray(ours.probability[5:]) == 1).all()
    np.testing.assert_array_equal(ours.index, without.index)
    np.testing.assert_allclose(ours.mean, without.mean, rtol=1e-9)
    np.testing.assert_array_equal(ours.value, without.value)


def test_a_campaign_of_nothing_but_failures_ends_in_words_not_in_numbers():
    state, info = jax.tree.map(lambda leaf: leaf[8], runs("improvement"))
    assert info.failed.all() and state.best == -jnp.inf and state.best_index == -1 and np.isnan(state.best_x).all()
    assert np.unique(info.index).size == 25


@pytest.mark.slow
def test_a_box_asks_no_failed_point_again_and_finds_the_optimum(key):
    config = bo.BoxConfig(initial_points=6, steps=18, raw_points=128, local_points=32, starts=4, iterations=15)
    problem = bo.box(fragile, [(0.0, 1.0), (0.0, 1.0)], SURROGATE, bo.log_expected_improvement(), config)
    state, info = jax.jit(partial(bo.run, campaign=problem))(key)
    x, failed = np.asarray(info.x), np.asarray(info.failed)
    assert failed.any() and state.best > 2.2756  # the optimum is 2.27572; the pool's best is 2.27
    for number in np.flatnonzero(failed):
        later = np.linalg.norm(x[number + 1 :] - x[number], axis=1)
        assert not later.size or later.min() > 1e-3 * 0.99


@pytest.mark.slow
def test_a_session_with_failures_replays_the_run_and_never_offers_them_again():
    info = jax.tree.map(lambda leaf: np.asarray(leaf)[2], runs("improvement")[1])
    lab = bo.session(build(RULES["improvement"]))
    state = lab.start(KEYS[2])
    for number in range(12):
        index = int(lab.ask(state, numbers=True))
        assert index == info.index[number]
        value = float(info.value[number])
        state, _ = lab.tell(state, index, None if np.isnan(value) else value)
    assert isinstance(state.state, records.State)
    np.testing.assert_array_equal(np.asarray(state.state.success)[:12], np.where(info.failed[:12], -1, 1))


@pytest.mark.slow
def test_failed_candidates_are_not_offered_again_where_revisits_are_allowed(key):
    def one_good(key, x):
        return jnp.where(x[0] < 0.1, x[1] + 0.1 * jax.random.normal(key), jnp.nan)

    problem = build(bo.upper_confidence_bound(2.0), one_good, revisit=True, steps=15)
    _, info = jax.jit(partial(bo.run, campaign=problem))(key)
    failed = np.asarray(info.index)[np.asarray(info.failed)]
    assert failed.size >= 5 and np.unique(failed).size == failed.size


def test_pending_points_are_neither_repeated_nor_taken_for_results(key):
    lab = bo.session(build(bo.log_expected_improvement()))
    state = lab.start(key)
    first = lab.ask(state, 7, numbers=True)  # two more than the initial design has
    assert np.unique(first).size == 7
    more = lab.ask(state, 2, pending=first.tolist(), numbers=True)
    assert not set(more.tolist()) & set(first.tolist())
    for index in first[::-1][:5]:  # out of order
        state, _ = lab.tell(state, int(index), float(fragile(None, POOL[index])))
    before = jax.tree.map(np.asarray, state.state)
    asked = lab.ask(state, 3, pending=first[:2].tolist(), numbers=True)
    assert np.unique([*first, *asked]).size == 10
    np.testing.assert_array_equal(asked, lab.ask(state, 3, pending=first[:2].tolist(), numbers=True))
    jax.tree.map(np.testing.assert_array_equal, before, jax.tree.map(np.asarray, state.state))
    with pytest.raises(ValueError, match="left"):
        lab.ask(state, 225, pending=first[:2].tolist())


@pytest.mark.slow
def test_many_values_told_at_once_are_the_same_data_and_capacity_doubles(key):
    problem = build(bo.log_expected_improvement(), steps=5)
    lab = bo.session(problem)
    order = np.asarray(jax.random.permutation(key, POOL.shape[0]))[:23]
    values = [float(fragile(None, POOL[index])) for index in order]
    state, infos = lab.tell_many(lab.start(key), order.tolist(), values)
    inner = state.state
    assert inner is not None and infos[4] is not None
    assert len(infos) == 23 and infos[3] is None and infos[4].value.shape == (5,)
    assert inner.z_score.shape == (40,) and int(inner.count) == 23
    np.testing.assert_array_equal(np.asarray(inner.chosen)[:23], order)
    np.testing.assert_array_equal(np.asarray(inner.success)[:23], np.where(np.isnan(values), -1, 1))
    assert float(inner.best) == np.nanmax(values)
    with pytest.raises(ValueError, match="value 1: candidate .* told already.*nothing was told"):
        lab.tell_many(state, [lab.ask(state, numbers=True), int(order[0])], [1.0, 2.0])
    full = problem.grow(inner, 40)._replace(count=jnp.asarray(39, jnp.int32))
    proposals = jax.tree.map(lambda leaf: jnp.stack([leaf] * 2), problem.propose(full, jnp.asarray(0, jnp.int32)))
    with pytest.raises(ValueError, match=r"campaign.grow\(state, 41\)"):
        batch.tell(problem, full, proposals, jnp.zeros(2))


@pytest.mark.slow
def test_equal_rows_of_a_pool_are_told_one_after_the_other(key):
    pool = jnp.concatenate([POOL[:6]] * 2)
    config = bo.CampaignConfig(initial_points=4, steps=8, refit_every=4)
    lab = bo.session(bo.campaign(fragile, pool, SURROGATE, bo.upper_confidence_bound(2.0), config))
    state = lab.start(key)
    for _ in range(12):
        x = lab.ask(state)
        state, _ = lab.tell(state, x, float(expit(x.sum())))
    assert state.state is not None
    assert sorted(np.asarray(state.state.chosen).tolist()) == list(range(12))
    with pytest.raises(ValueError, match="used up"):
        lab.ask(state)
