"""Acquisition values against Monte Carlo, their gradients, and what combinators do to the choice."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

import bo
from bo.acquisitions import base, lookahead
from bo.surrogates import pathwise
from helpers import small_campaign

POOL = jnp.linspace(0, 1, 25)[:, None]
SEEN = jnp.array([2, 9, 14, 22])
SURROGATE = small_campaign.surrogate()  # a rule of thumb fits, because an optimiser takes most of the compilation


def bumps(key, x):
    return jnp.sin(9 * x[0]) + x[0]


CONFIG = bo.CampaignConfig(initial_points=4, steps=6, refit_every=3, learn_failures=False)
PROBLEM = bo.campaign(bumps, POOL, SURROGATE, bo.variance(), CONFIG, initial=SEEN)


class Known(NamedTuple):
    """A campaign after four observations: its state, and the prediction, view and covariance of the pool."""

    state: bo.State
    prediction: bo.Prediction
    view: bo.View
    covariance: jax.Array


@pytest.fixture(scope="module")
def known():

    @jax.jit
    def study(key):
        state = PROBLEM.grow(PROBLEM.init(key)[0], 10)
        row = lambda index: SURROGATE.covariance(state.params, state.posterior, POOL, index)  # noqa: E731
        return state, PROBLEM.surface(state), jax.vmap(row)(jnp.arange(25))

    state, prediction, covariance = study(jax.random.key(1))
    view = bo.View(
        POOL,
        lambda key: SURROGATE.sample(key, state.params, state.data, POOL),
        lambda index: covariance[index],
        prediction,
    )
    return Known(state, prediction, view, covariance)


def scores(key, known, *rules):
    """What the rules give to the candidates, as one program: eager, every operation compiles alone."""
    return jax.device_get(jax.jit(lambda: [rule(key, known.prediction, known.state, known.view) for rule in rules])())


def draws(prediction, covariance, number):
    root = np.linalg.cholesky(np.asarray(covariance) + 1e-10 * np.eye(len(covariance)))
    normals = np.random.default_rng(3).standard_normal((number, len(covariance)))
    return np.asarray(prediction.mean) + normals @ root.T


def test_improvement_and_its_probability_are_those_of_monte_carlo(key, known):
    state = known.state
    sampled = draws(known.prediction, known.covariance, 40_000) - float(state.best)
    expected, log_expected, log_chance = scores(
        key, known, bo.expected_improvement(), bo.log_expected_improvement(),
        bo.log_probability_of_improvement(0.1),
    )  # fmt: skip
    np.testing.assert_allclose(expected, np.maximum(sampled, 0).mean(0), atol=0.01 * float(state.params.scale))
    np.testing.assert_allclose(np.exp(log_expected), expected, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(np.exp(log_chance), (sampled > 0.1).mean(0), atol=0.015)
    certain = known.prediction._replace(std=0 * known.prediction.std)  # is measured, and is not asked again
    assert np.all(np.isneginf(bo.log_probability_of_improvement()(key, certain, state, known.view)))


def test_thompson_chooses_each_candidate_as_often_as_it_is_the_best(key, known):
    state, prediction, view, covariance = known
    rule = jax.jit(jax.vmap(lambda k: jnp.argmax(bo.thompson()(k, prediction, state, view))))
    chosen = np.bincount(np.asarray(rule(jax.random.split(key, 4000))), minlength=25) / 4000
    best = np.bincount(draws(prediction, covariance, 40_000).argmax(1), minlength=25) / 40_000
    assert best.max() < 0.7  # not a foregone conclusion
    np.testing.assert_allclose(chosen, best, atol=0.03)


@pytest.mark.parametrize(
    "kernel", ["rbf", *(pytest.param(name, marks=pytest.mark.slow) for name in ("matern32", "matern52 * rq"))]
)
def test_pathwise_draws_have_the_moments_of_the_posterior(key, kernel):
    surrogate = small_campaign.surrogate(kernel)
    path = surrogate.path
    assert path is not None
    x = jnp.stack([POOL[SEEN, 0], POOL[SEEN[::-1], 0]], 1)
    data = bo.observations(jnp.concatenate([x, x]), jnp.tile(jnp.sin(7 * x[:, 0]), 2), jnp.arange(8) < 4)
    query = jax.random.uniform(key, (6, 2))

    @jax.jit
    def study(key):
        params = surrogate.init(key, data)
        paths = jax.vmap(lambda k: path(k, params, data)(query))(jax.random.split(key, 1000))
        joint = jax.vmap(lambda k: surrogate.sample(k, params, data, query))(jax.random.split(key, 1000))
        return paths, joint, surrogate.predict(params, data, query), params.scale

    paths, joint, prediction, scale = study(jax.random.key(4))
    np.testing.assert_allclose(paths.mean(0), prediction.mean, atol=0.08 * float(scale))
    np.testing.assert_allclose(paths.std(0), prediction.std, atol=0.05 * float(scale))
    np.testing.assert_allclose(np.cov(paths.T), np.cov(joint.T), atol=0.12 * float(scale) ** 2)


def test_a_kernel_without_a_known_spectrum_is_refused():
    from gpjax.kernels import Periodic

    with pytest.raises(ValueError, match="no spectral density for Periodic"):
        pathwise.frequencies(jax.random.key(0), Periodic(), 1, 4)


def test_max_value_entropy_is_the_entropy_that_knowing_the_maximum_removes(key, known):
    state, prediction = known.state, known.prediction
    independent = np.asarray(prediction.mean) + np.asarray(prediction.std) * np.random.default_rng(0).standard_normal(
        (40_000, 25)
    )
    draw = jax.jit(lookahead.gumbel_maxima, static_argnums=2)
    maxima = draw(key, prediction, 4000)
    for level in (0.25, 0.5, 0.75):
        spread = np.subtract(*np.quantile(independent.max(1), [0.75, 0.25]))
        np.testing.assert_allclose(
            np.quantile(maxima, level), np.quantile(independent.max(1), level), atol=0.1 * spread
        )
    (score,) = scores(key, known, bo.max_value_entropy(512))
    used = np.maximum(np.asarray(draw(key, prediction, 512)), float(state.best))
    for i in (0, 5, 18):  # −∫ p log p of the truncated normal, by quadrature
        mean, std = float(prediction.mean[i]), float(prediction.std[i])
        z = np.linspace(-9, 9, 20_001)
        gains = []
        for maximum in used[:64]:
            top = (maximum - mean) / std
            density = np.where(z <= top, norm.pdf(z), 0) / norm.cdf(top)
            entropy = -np.trapezoid(np.where(density > 0, density * np.log(np.where(density > 0, density, 1)), 0), z)
            gains.append(0.5 * np.log(2 * np.pi * np.e) - entropy)
        assert abs(np.mean(gains) - float(score[i])) < 0.2 * np.std(gains) + 2e-3
    assert np.all(score >= 0)


def test_knowledge_gradient_is_that_of_monte_carlo(key, known):
    prediction, covariance = known.prediction, known.covariance
    mean, std = np.asarray(prediction.mean), np.asarray(prediction.std)
    score, listed = scores(key, known, bo.knowledge_gradient(25, 25), bo.knowledge_gradient(5, 25))
    assert np.all(score[~np.isin(np.arange(25), SEEN)] >= -1e-12)
    normals = np.random.default_rng(5).standard_normal(200_000)
    for i in (0, 6, 17, 24):
        gain = (mean + np.outer(normals, np.asarray(covariance)[i] / std[i])).max(1).mean() - mean.max()
        np.testing.assert_allclose(score[i], gain, atol=4 * std[i] / np.sqrt(2e5), rtol=0.01)
    assert np.isfinite(listed).sum() == 5
    np.testing.assert_allclose(listed[np.isfinite(listed)], score[np.isfinite(listed)])


def test_expected_maximum_of_ties_parallels_and_two_lines():
    maximum = jax.jit(lookahead.expected_maximum)
    np.testing.assert_allclose(maximum(jnp.array([1.0, 1.0, 0.5]), jnp.zeros(3)), 1.0)
    np.testing.assert_allclose(maximum(jnp.zeros(3), jnp.array([1.0, -1.0, 1.0])), np.sqrt(2 / np.pi), rtol=1e-12)
    z = 0.3 / 0.7  # E max(a₁ + b₁Z, a₂ + b₂Z) in closed form
    expected = 0.7 * (norm.pdf(z) + z * norm.cdf(z))
    np.testing.assert_allclose(maximum(jnp.array([0.3, 0.0]), jnp.array([0.2, -0.5])), expected, rtol=1e-12)


RULES = {
    "ei": bo.expected_improvement(),
    "log_ei": bo.log_expected_improvement(),
    "log_pi": bo.log_probability_of_improvement(),
    "variance": bo.variance(),
    "ucb": bo.upper_confidence_bound(2.0),
    "mes": bo.max_value_entropy(4),
    "scheduled": bo.scheduled_upper_confidence_bound(25),
    "randomised": bo.randomised_upper_confidence_bound(),
    "calibrated": bo.calibrated_upper_confidence_bound(),
    "quantile": bo.quantile_upper_confidence_bound(),
    "visited": bo.visited_penalty(bo.variance(), 1.0),
    "travel": bo.travel_penalty(bo.variance(), 1.0),
    "cost": bo.per_cost(bo.log_expected_improvement(), lambda x: 1 + x[0], logarithmic=True),
    "portfolio": bo.portfolio([bo.log_expected_improvement(), bo.variance()], at_random=True),
}


def test_gradients_are_finite_without_spread_and_in_far_tails_in_both_precisions(key, known):
    state = known.state

    def gradients(dtype):
        cast = lambda tree: jax.tree.map(lambda leaf: leaf.astype(dtype) if leaf.dtype == float else leaf, tree)  # noqa: E731
        own = cast(state._replace(posterior=None, params=None))
        mean = jnp.array([0.0, 1.0, -40.0, -1e4, 3.0, float(state.best)], dtype)
        std = jnp.array([0.0, 1.0, 1e-3, 1.0, 2.0, 0.0], dtype)
        x = own.data.x[jnp.array([3, 0, 1, 2, 3, 0])]  # the last measured point among them

        def total(mean, std, x):
            prediction = bo.Prediction(mean, std)
            view = bo.View(x, lambda key: mean, lambda index: std, prediction)
            scores = [rule(key, prediction, own, view) for rule in RULES.values()]
            return sum(jnp.sum(jnp.where(jnp.isfinite(score), score, 0)) for score in scores), scores

        (_, scores), grads = jax.value_and_grad(total, argnums=(0, 1, 2), has_aux=True)(mean, std, x)
        return scores, grads

    for dtype in (jnp.float32, jnp.float64):
        scores, grads = jax.jit(lambda dtype=dtype: gradients(dtype))()
        for name, score in zip(RULES, scores, strict=True):
            assert score.dtype == dtype and score.shape == (6,), name
            assert not np.isnan(score).any() and np.isfinite(score[jnp.array([1, 3, 4])]).all(), name
        assert all(np.isfinite(grad).all() for grad in grads)


def test_travel_visit_and_cost_move_the_choice(key, known):
    def choice(rule):
        return int(np.argmax(scores(key, known, rule)[0]))

    flat = lambda key, prediction, state, view: jnp.zeros_like(prediction.mean)  # noqa: E731
    assert choice(bo.travel_penalty(flat, 1.0)) == int(SEEN[-1])
    far = choice(bo.visited_penalty(flat, 1.0, 0.2))
    gaps = np.abs(np.asarray(POOL) - np.asarray(POOL[SEEN, 0])).min(1)
    assert gaps[far] == gaps.max()
    free = choice(bo.expected_improvement())
    dear = bo.per_cost(bo.expected_improvement(), lambda x: jnp.where(x[0] == POOL[free, 0], 1e6, 1.0))
    assert choice(dear) != free
    logs = bo.log_expected_improvement(), lambda x: jnp.exp(4 * x[0])
    assert choice(bo.per_cost(*logs, logarithmic=True)) == choice(bo.per_cost(RULES["ei"], logs[1]))


def test_portfolio_takes_its_rules_in_turn_and_judges_choose_a_nominee(key, known):
    state, prediction, view = known.state, known.prediction, known.view
    rules = [bo.upper_confidence_bound(0.0), bo.variance()]
    *own, score = scores(key, known, *rules, bo.nominated(rules, bo.variance()))
    mixed = jax.jit(lambda count: bo.portfolio(rules)(key, prediction, state._replace(count=count), view))
    for count in (4, 5):
        np.testing.assert_allclose(mixed(jnp.array(count)), own[count % 2], rtol=1e-12)
    free = ~np.asarray(state.visited)
    best = [np.where(free, one, -np.inf).argmax() for one in own]
    assert set(np.flatnonzero(np.isfinite(score))) == set(best) and int(np.argmax(score)) == best[1]


def test_weights_follow_the_campaigns_own_calibration(known):
    state, view = known.state, known.view
    unit = bo.Prediction(jnp.zeros(1), jnp.ones(1))  # the score is κ

    def kappa(rule):
        @jax.jit
        def of(z):
            seen = state._replace(z_score=jnp.concatenate([jnp.full(4, jnp.nan), z]), count=jnp.array(10))
            return rule(jax.random.key(0), unit, seen, view)[0]

        return lambda z: float(of(np.asarray(z, float)))

    calibrated = kappa(bo.calibrated_upper_confidence_bound(2.0, weight=1.0, memory=1e9))
    nothing = [np.nan] * 6
    np.testing.assert_allclose(calibrated(nothing), 2.0)
    np.testing.assert_allclose(calibrated([3.0] * 6), 2 * np.sqrt((1 + 6 * 9) / 7), rtol=1e-6)
    assert calibrated([0.1] * 6) < 1.0
    quantile = kappa(bo.quantile_upper_confidence_bound(0.9))
    np.testing.assert_allclose(quantile(nothing), norm.ppf(0.95), rtol=0.05)
    assert quantile([4.0] * 6) == 4.0 and quantile([0.0] * 6) < quantile(nothing)
    swept = jax.jit(jax.vmap(lambda k: bo.calibrated_upper_confidence_bound(k)(None, unit, state, view)[0]))
    np.testing.assert_allclose(swept(jnp.array([1.0, 3.0])), [1.0, 3.0])


def test_random_weights_have_the_distribution_that_is_asked_for(key):
    unit = bo.Prediction(jnp.zeros(1), jnp.ones(1))
    rule = bo.randomised_upper_confidence_bound(2.0, 1.5, offset=1.0)
    squared = jax.jit(jax.vmap(lambda k: rule(k, unit, None, None)[0] ** 2))(jax.random.split(key, 20_000))
    np.testing.assert_allclose([squared.mean(), squared.var()], [1 + 2 * 1.5, 2 * 1.5**2], rtol=0.05)


def test_the_example_of_an_own_acquisition_runs(key, known):
    example = "\n".join(line[4:] for line in (base.__doc__ or "").splitlines() if line.startswith("    "))
    names = {"bo": bo, "jnp": jnp, "objective": bumps, "pool": jnp.tile(POOL, (40, 1))}
    exec(example, names)
    (score,) = scores(key, known, names["away_from_the_edge"])
    assert score.shape == (25,) and names["campaign"].domain.candidates.shape == (1000, POOL.shape[1])


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: bo.scheduled_upper_confidence_bound(10, delta=0.0), "probability"),
        (lambda: bo.calibrated_upper_confidence_bound(weight=0.0), "positive"),
        (lambda: bo.quantile_upper_confidence_bound(weight=0.5), "virtual score"),
        (lambda: bo.max_value_entropy(0), "at least one"),
        (lambda: bo.knowledge_gradient(0), "at least 1"),
        (lambda: bo.portfolio([]), "no rules"),
    ],
)
def test_rules_that_cannot_be_are_refused(build, words):
    with pytest.raises(ValueError, match=words):
        build()
