"""Numbers that would have spoiled a campaign in silence: noise, outcomes, scores, costs, units, bounds."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bo
from bo.campaigns import chances
from bo.data import Data
from bo.surrogates.warped import warped
from helpers import small_campaign

pytestmark = pytest.mark.usefixtures("as_users_run")

KEY = jax.random.key(0)
X = np.linspace(0, 1, 6)[:, None]
POOL = small_campaign.POOL
SMALL = small_campaign.CONFIG
EI = bo.expected_improvement()
LIMITED = bo.Outcomes("a", limits={"b": bo.Limit(below=0.5)})


def campaign(objective, acquisition=EI, config=SMALL, **options):
    """Return a small campaign over the grid of 81 candidates."""
    return bo.campaign(objective, POOL, small_campaign.surrogate(), acquisition, config, **options)


def first_column(key, x):
    """Return the first input."""
    del key
    return x[0]


def run(problem):
    """Run a campaign in one program."""
    return jax.jit(lambda key: bo.run(key, problem))(KEY)


@pytest.mark.parametrize("wrong", [np.inf, -1.0, np.nan])
def test_known_noise_that_is_no_variance_is_refused_where_it_enters(wrong):
    noise = np.array([0.1, 0.1, wrong, 0.1, 0.1, 0.1])
    with pytest.raises(ValueError, match=r"known noise is .* at row 2: it is a variance"):
        bo.observations(X, X[:, 0], noise=noise)
    assert bo.observations(X, X[:, 0], mask=np.arange(6) != 2, noise=noise).noise[2] == 0
    made = Data(jnp.asarray(X), jnp.asarray(X[:, 0]), jnp.ones(6, bool), jnp.asarray(noise))
    with pytest.raises(ValueError, match=r"noise of prior is .* at row 2"):
        bo.campaign(first_column, X, bo.gaussian_process(), EI, bo.CampaignConfig(3, 2), prior=made)
    with pytest.raises(ValueError, match=r"known noise is .* at row 2"):
        bo.warped(bo.gaussian_process()).init(KEY, made)
    with pytest.raises(ValueError, match="y of prior is not finite"):
        check = made._replace(y=made.y.at[1].set(jnp.nan), noise=jnp.zeros(6))
        bo.campaign(first_column, X, bo.gaussian_process(), EI, bo.CampaignConfig(3, 2), prior=check)


@pytest.mark.parametrize("outcome", [1j, None, "1", bo.Observation(jnp.ones(()), jnp.ones(()))])
def test_outcomes_that_are_no_real_numbers_are_refused(outcome):
    with pytest.raises(ValueError, match="outcome 'b'"):
        LIMITED.observation({"a": 1.0, "b": outcome})
    recorded = replace(LIMITED, limits={}, record=("b",))
    with pytest.raises(ValueError, match="outcome 'b' holds complex numbers"):
        run(campaign(lambda key, x: {"a": x[0], "b": x[0] * (3 + 4j)}, outcomes=recorded))


@pytest.mark.parametrize("variance", [np.nan, -1.0, np.inf])
def test_an_observation_without_a_usable_variance_counts_as_failed(variance):
    info = run(campaign(lambda key, x: bo.Observation(x[0], jnp.where(x[1] > 0.5, variance, 0.01))))[1]
    bad = np.asarray(info.x)[:, 1] > 0.5
    assert bad.any() and not bad.all()
    assert np.array_equal(info.failed, bad) and np.array_equal(info.finite, ~bad)


def test_a_campaign_keeps_out_of_the_half_where_a_limited_outcome_is_infinite():
    config = bo.CampaignConfig(initial_points=8, steps=12, refit_every=4)

    def objective(key, x):
        del key
        return {"a": x[0], "b": jnp.where(x[0] > 0.5, jnp.inf, 0.1 * x[1])}

    state, info = run(campaign(objective, bo.log_expected_improvement(), config, outcomes=LIMITED))
    forbidden = np.asarray(info.x)[:, 0] > 0.5
    assert forbidden[:8].any() and forbidden[8:].sum() <= 4, forbidden
    assert np.array_equal(info.failed, forbidden) and np.asarray(info.finite).all()
    assert np.array_equal(info.within, ~forbidden) and state.best <= 0.5
    assert np.array_equal(np.asarray(state.success) < 0, forbidden)

    lab = bo.session(campaign(objective, config=replace(config, initial_points=3), outcomes=LIMITED))
    told = lab.start(KEY)
    for b in (0.1, np.inf, None):
        told, step = lab.tell(told, lab.ask(told), {"a": 1.0} if b is None else {"a": 1.0, "b": b})
    assert step is not None and step.failed.tolist() == [False, True, False]
    assert LIMITED.beyond(jnp.zeros(3), jnp.array([[jnp.inf], [-jnp.inf], [jnp.nan]])).tolist() == [True, False, False]


def nothing(key, prediction, state, view):
    """Give no point a score."""
    del key, state, view
    return jnp.full(prediction.mean.shape, jnp.nan)


def scores_of(acquisition, number=5):
    """Return the scores of an acquisition on a plain state."""
    prediction = bo.Prediction(jnp.linspace(0, 1, number), jnp.ones(number))
    x = jnp.linspace(0, 1, number)[:, None]
    problem = campaign(first_column)
    state, _ = jax.jit(problem.init)(KEY)
    view = bo.View(x, lambda key: prediction.mean, lambda index: prediction.std, prediction)
    return np.asarray(acquisition(KEY, prediction, state, view))


@pytest.mark.parametrize("acquisition", [nothing, bo.per_cost(EI, lambda x: -1 + 0 * x[0])])
def test_a_pool_without_a_score_is_not_walked_in_silence(acquisition):
    problem = campaign(small_campaign.BRANIN, acquisition)
    info = run(problem)[1]
    assert np.isnan(np.asarray(info.probability)[5:]).all()
    lab = bo.session(problem)
    state = lab.start(KEY)
    for _ in range(5):
        x = lab.ask(state)
        state, _ = lab.tell(state, x, small_campaign.BRANIN(KEY, x))
    with pytest.warns(UserWarning, match="gives no open point a score"):
        lab.ask(state)
    assert (np.asarray(run(campaign(small_campaign.BRANIN))[1].probability)[5:] == 1).all()


def test_a_box_without_a_score_says_so():
    config = bo.BoxConfig(initial_points=4, steps=2, raw_points=32, local_points=8, starts=2, learn_failures=False)

    def probability(acquisition):
        problem = bo.box(small_campaign.BRANIN, [[0, 1], [0, 1]], small_campaign.surrogate(), acquisition, config)
        return np.asarray(run(problem)[1].probability)[4:]

    assert np.isnan(probability(nothing)).all()
    assert (probability(bo.upper_confidence_bound(1.0)) == 1).all()


def test_points_whose_cost_is_no_positive_number_are_left_out():
    prices = jnp.array([-1.0, 0, 2, jnp.nan, jnp.inf])
    for logarithmic in (False, True):
        costs = bo.per_cost(bo.variance(), lambda x: prices[jnp.round(4 * x[0]).astype(int)], logarithmic=logarithmic)
        assert np.isfinite(scores_of(costs)).tolist() == [False, False, True, False, False]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: bo.upper_confidence_bound(-1.0), "kappa is -1.0; expected a number of at least 0"),
        (lambda: bo.upper_confidence_bound(jnp.ones(2)), r"kappa has shape \(2,\)"),
        (lambda: bo.randomised_upper_confidence_bound(-1.0), "shape is -1.0; expected a positive number"),
        (lambda: bo.randomised_upper_confidence_bound(offset=-1.0), "offset is -1.0"),
        (lambda: bo.scheduled_upper_confidence_bound(-1.0), "size is -1.0; expected a number of at least 1"),
        (lambda: bo.scheduled_upper_confidence_bound(10, shrink=-1.0), "shrink is -1.0"),
        (lambda: bo.scheduled_upper_confidence_bound(10, delta=1.0), "delta is 1.0; it is a probability"),
        (lambda: bo.quantile_upper_confidence_bound(2.0), "level is 2.0"),
        (lambda: bo.calibrated_upper_confidence_bound(-2.0), "kappa is -2.0"),
        (lambda: bo.visited_penalty(EI, -1.0), "weight is -1.0"),
        (lambda: bo.visited_penalty(EI, 1.0, 0.0), "lengthscale is 0.0"),
        (lambda: bo.travel_penalty(EI, np.nan), "weight is nan"),
        (lambda: bo.per_cost(EI, 2.0), "cost is 2.0; expected a function"),
        (lambda: bo.weighed_by_density(EI, np.array([0.0, np.nan])), "log_density is nan at candidate 1"),
        (lambda: bo.weighed_by_density(EI, np.array([0.0, np.inf])), "log_density is inf at candidate 1"),
        (lambda: bo.weighed_by_density(EI, np.full(2, -np.inf)), "log_density is −∞ everywhere"),
        (lambda: bo.weighed_by_density(EI, np.zeros(2), -1.0), "weight is -1.0"),
        (lambda: bo.improving_draw(np.full(2, -np.inf)), "log_prior is −∞ everywhere"),
        (lambda: bo.max_value_entropy(2.5), "samples is 2.5"),
        (lambda: bo.knowledge_gradient(0), "shortlist is 0"),
        (lambda: bo.random_scalarisation(-1.0), "kappa is -1.0"),
        (lambda: scores_of(lambda key, prediction, state, view: prediction.mean), None),
        (lambda: run(campaign(first_column, lambda key, prediction, *_: prediction.mean * 1j)), "complex numbers"),
        (lambda: bo.problems.levy(0), "dim is 0"),
        (lambda: bo.problems.grid(2, 2.5), "side is 2.5"),
        (lambda: bo.half_widths(np.array([1.0, np.inf])), "1 infinite"),
        (lambda: bo.pca(2.5), "components is 2.5"),
        (lambda: bo.diffusion(2.5), "vectors is 2.5"),
        (lambda: bo.diffusion(image=100, shift=1), "image is 100; expected a tuple of 2 whole numbers"),
        (lambda: bo.random_conv((10, 10)), "expected a tuple of 3 whole numbers"),
        (lambda: bo.random_conv((6, 6, 1)), "2 places for a patch of 5 pixels .* at least 3"),
        (lambda: bo.fit_features(KEY, X, ("raw",)), "extractors hold 'raw'"),
        (lambda: bo.fit_features(jax.random.split(KEY), X, (bo.raw(),)), "give one key"),
        (lambda: bo.run_seeds(jax.random.split(KEY), campaign(first_column), side_by_side=0), "side_by_side is 0"),
        (lambda: bo.run_seeds(jax.random.split(KEY), campaign(first_column), side_by_side=1.5), "side_by_side is 1.5"),
        (lambda: bo.Space([bo.real("t", 0, 2)]).encode({"t": "1"}), "input 't' is '1'; expected a number"),
    ],
)  # fmt: skip
def test_numbers_that_mean_nothing_are_refused_in_words(make, words):
    if words is None:
        make()
        return
    with pytest.raises(ValueError, match=words):
        make()


def test_a_swept_weight_may_be_traced():
    nowhere: Any = None

    def scores_with(kappa):
        return bo.upper_confidence_bound(kappa)(KEY, bo.Prediction(jnp.zeros(2), jnp.ones(2)), nowhere, nowhere)

    scores = jax.vmap(scores_with)(jnp.array([0.0, 1.0, -1.0]))
    assert scores[:, 0].tolist() == [0, 1, -1]


@pytest.mark.parametrize("unit", [1e-300, 1e-200, 1e160, 1e300])
def test_limits_and_warps_do_not_depend_on_the_unit(unit):
    unit = 2.0 ** round(np.log2(unit))  # which rounds nothing

    def chosen(scale):
        outcomes = bo.Outcomes("a", limits={"b": bo.Limit(below=0.5 * scale)})
        return run(campaign(lambda key, x: {"a": jnp.sin(3 * x[0]), "b": x[0] * scale}, outcomes=outcomes))[1]

    usual, other = chosen(1.0), chosen(unit)
    assert np.array_equal(usual.index, other.index)
    np.testing.assert_allclose(other.probability, usual.probability, rtol=1e-6)
    assert usual.probability[5:].min() < 0.9

    y = np.exp(3 * X[:, 0]) + np.sin(9 * X[:, 0])
    model = warped(small_campaign.surrogate(), (1.0, 0.5, 0.0))

    def predicted(scale):
        data = bo.observations(X, y * scale)
        return model.predict(model.init(KEY, data), data, jnp.asarray(X + 0.05))

    one, two = predicted(1.0), predicted(unit)
    np.testing.assert_allclose(two.mean / unit, one.mean, rtol=1e-6)
    np.testing.assert_allclose(two.std / unit, one.std, rtol=1e-6)


def test_an_objective_beside_a_limit_of_an_extreme_size_is_predicted_in_its_units():
    outcomes = bo.Outcomes(("a", "b"), limits={"b": bo.Limit(above=-1e200)})
    problem = campaign(lambda key, x: {"a": x[0], "b": 1e200 * x[1]}, bo.random_scalarisation(), outcomes=outcomes)
    state, _ = run(problem)
    believed = chances.believe(small_campaign.surrogate(), outcomes, state)(state.data.x)
    np.testing.assert_allclose(believed.others[0].mean, 1e200 * np.asarray(state.data.x)[:, 1], atol=2e199)


@pytest.mark.parametrize(
    ("bounds", "dtype", "good"),
    [
        ((-4e307, 4e307), "float64", (-1e307, 1e307)),
        ((0, 1e-310), "float64", (0, 1e-305)),
        ((-3e37, 9e37), "float32", (-2e37, 2e37)),
    ],
)
def test_bounds_that_the_cube_cannot_divide_by_are_refused(bounds, dtype, good):
    surrogate = bo.gaussian_process(bo.GPConfig(dtype=dtype, noise_floor=1e-4))
    with pytest.raises(ValueError, match=f"which {dtype} cannot divide by"):
        bo.box(first_column, [bounds], surrogate, EI, bo.BoxConfig(4, 2))
    problem = bo.box(first_column, [good], surrogate, EI, bo.BoxConfig(4, 2))
    x = np.asarray(jax.jit(problem.init)(KEY)[0].data.x)
    assert np.ptp(x) > 0.3 and x.min() >= 0 and x.max() <= 1


def test_random_convolutions_do_not_depend_on_the_unit_of_the_images():
    images = np.random.default_rng(0).uniform(size=(12, 6, 6))

    def table(unit):
        return np.asarray(bo.fit_features(KEY, images * unit, (bo.random_conv((6, 6, 1), width=3, regions=2),)).table)

    for exponent in (-600, 600):
        np.testing.assert_array_equal(table(2.0**exponent), table(1.0))


@pytest.mark.parametrize(
    "rule",
    [
        bo.upper_confidence_bound,
        bo.scheduled_upper_confidence_bound,
        bo.randomised_upper_confidence_bound,
        bo.quantile_upper_confidence_bound,
        bo.log_probability_of_improvement,
        lambda weight: bo.two_fidelity_upper_confidence_bound(1.0, 0.2, weight),
    ],
)
def test_weights_may_be_arrays_inside_a_compiled_function(rule):
    @jax.jit
    def made(x):
        rule(jnp.asarray(0.5))  # known, though comparisons of it would be traced here
        rule(x)
        return x

    assert made(0.5) == 0.5
