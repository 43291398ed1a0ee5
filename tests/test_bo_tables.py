"""Campaigns over tables of values: each candidate has its own, and the surrogate sees its coordinates alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bo
from bo.campaigns.tables import with_number

PLAN = bo.CampaignConfig(initial_points=6, steps=6, refit_every=6)
RNG = np.random.default_rng(0)
POINTS = jnp.asarray(RNG.uniform(size=(40, 2)))
VALUES = np.sort(RNG.normal(size=40))  # the number of a candidate tells its value, its coordinates do not
SURROGATE, RULE = bo.gaussian_process(bo.GPConfig(starts=1, iterations=10)), bo.upper_confidence_bound(1.0)


def run(objective, candidates, config=PLAN):
    search = bo.campaign(objective, candidates, SURROGATE, RULE, config)
    return search, *jax.jit(lambda key: bo.run(key, search))(jax.random.key(1))


def test_the_surrogate_does_not_see_the_number_of_a_candidate():
    search, state, info = run(bo.lookup(VALUES), POINTS)
    np.testing.assert_allclose(info.value, VALUES[np.asarray(info.index)])
    assert state.data.x.shape[1] == info.x.shape[1] == search.domain.candidates.shape[1] == 2
    assert state.params.kernel[0]["lengthscale"].shape == (2,) and state.best_x.shape == (2,)
    known = run(lambda key, x: jnp.asarray(VALUES)[jnp.argmin(jnp.sum((POINTS - x[None]) ** 2, 1))], POINTS)[2]
    np.testing.assert_array_equal(info.index, known.index)  # as an objective of the coordinates


def test_equal_candidates_have_values_of_their_own():
    _, _, info = run(bo.lookup(VALUES), jnp.repeat(POINTS[:20], 2, axis=0))
    np.testing.assert_allclose(info.value, VALUES[np.asarray(info.index)])


def test_indexed_candidates_give_the_number_to_an_objective_of_one_s_own():
    _, state, info = run(lambda key, x: jnp.asarray(VALUES)[x[-1].astype(int)] + 0 * x[1], bo.indexed(POINTS))
    _, _, same = run(bo.lookup(VALUES), bo.indexed(POINTS))
    np.testing.assert_array_equal(info.index, same.index)
    np.testing.assert_allclose(info.value, VALUES[np.asarray(info.index)])
    assert state.best_x.shape == (2,)


def test_a_context_goes_along_with_the_number():
    space = bo.Space([bo.integer("n", 0, 7), bo.real("day", 0, 20, context=True)])
    plan = bo.CampaignConfig(initial_points=3, steps=4, refit_every=4)
    days = np.arange(7.0)
    search = bo.campaign(
        bo.lookup(VALUES[:8]), space.grid(), bo.gaussian_process(bo.GPConfig(kernel=space.kernel())), RULE, plan,
        context={"day": days},
    )  # fmt: skip
    _, info = jax.jit(lambda key: bo.run(key, search))(jax.random.key(1))
    np.testing.assert_allclose(info.value, VALUES[np.asarray(info.index)])
    np.testing.assert_allclose(info.x[:, 1], days)


@pytest.mark.parametrize("number", [-1.0, 40.0, 2.5, np.nan, np.inf])
def test_what_is_no_number_of_a_candidate_has_no_value(number):
    assert np.isnan(bo.lookup(VALUES)(jax.random.key(0), jnp.array([0.3, number])))
    assert bo.lookup(VALUES)(jax.random.key(0), with_number(jnp.zeros(2), 39)) == VALUES[39]


def test_tables_that_do_not_fit_are_refused():
    for table in (VALUES[:10], np.r_[VALUES, VALUES]):
        with pytest.raises(ValueError, match=f"has {len(table)} values, and there are 40 candidates"):
            run(bo.lookup(table), POINTS)
    for table in (VALUES[:, None], 3.0):
        with pytest.raises(ValueError, match=r"expected \(pool,\), one number for each candidate"):
            bo.lookup(table)
