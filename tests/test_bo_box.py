"""Campaigns over a box: the same record and run as over a pool, in the user's units, better than random."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import qmc

import bo
from bo import problems
from bo.campaigns import maximise
from helpers import small_campaign

BRANIN = problems.branin()
BOUNDS = np.array([[-5.0, 10.0], [0.0, 15.0]])
CONFIG = bo.BoxConfig(initial_points=5, steps=15, raw_points=64, local_points=16, starts=3, iterations=10)
# a rule of thumb fits, because an optimiser takes most of the compilation
SURROGATE = small_campaign.surrogate(smooth=True)


def branin(key, x):
    """Branin's function in its own units; NaN in one corner."""
    value = BRANIN.objective(key, (x - BOUNDS[:, 0]) / (BOUNDS[:, 1] - BOUNDS[:, 0]))
    return jnp.where((x[0] < -4.5) & (x[1] < 1), jnp.nan, value)


PROBLEM = bo.box(branin, BOUNDS, SURROGATE, bo.log_expected_improvement(), CONFIG)
run_all = jax.jit(jax.vmap(lambda key: bo.run(key, PROBLEM)))


class Study(NamedTuple):
    """Eight campaigns, vmapped: their keys, last states and records."""

    keys: jax.Array
    state: bo.State
    info: bo.Info


@pytest.fixture(scope="module")
def study():
    keys = jax.random.split(jax.random.key(20261), 8)
    return Study(keys, *run_all(keys))


def test_campaign_beats_random_on_branin_over_eight_seeds(study, key):
    state, info = study.state, study.info
    ours = BRANIN.optimum - np.asarray(state.best)
    theirs = jax.vmap(jax.vmap(BRANIN.objective, (None, 0)), (None, 0))(None, jax.random.uniform(key, (400, 20, 2)))
    assert np.median(ours) < 0.1 * np.median(BRANIN.optimum - np.asarray(theirs).max(1))
    assert np.all(np.asarray(info.best)[:, -1] == state.best)


def test_points_and_values_are_in_the_users_units_and_inside_the_box(study):
    state, info = study.state, study.info
    x = np.asarray(info.x)
    assert x.shape == (8, 20, 2) and (x >= BOUNDS[:, 0]).all() and (x <= BOUNDS[:, 1]).all()
    value = jax.vmap(jax.vmap(branin, (None, 0)), (None, 0))(None, info.x)
    np.testing.assert_allclose(info.value, value, rtol=1e-9)
    winner = np.nanargmax(np.asarray(info.value), axis=1)
    np.testing.assert_array_equal(state.best_x, x[np.arange(8), winner])
    np.testing.assert_allclose(np.asarray(state.data.x) * 15 + BOUNDS[:, 0], x, atol=1e-9)
    np.testing.assert_array_equal(state.data.mask, info.finite)
    assert np.isnan(info.z_score[:, :5]).all() and np.array_equal(state.z_score, info.z_score, equal_nan=True)
    assert np.asarray(info.refitted)[:, 4:].all()
    noise = np.sqrt(before(info.params.noise)) * before(info.params.scale)
    z = (info.value - info.mean) / np.hypot(info.std, noise)
    np.testing.assert_allclose(info.z_score[:, 5:], z[:, 5:], rtol=1e-5, atol=1e-6)


def before(leaf):
    """Shift a leaf by one evaluation: info.params are those after an evaluation's fit, a proposal used those before."""
    leaf = np.asarray(leaf)
    return np.concatenate([leaf[:, :1], leaf[:, :-1]], axis=1)


@pytest.mark.slow
def test_vmapped_member_equals_the_single_campaign(study):
    info = study.info
    key_init, key_steps = jax.random.split(study.keys[2])
    state, first = jax.jit(PROBLEM.init)(key_init)
    np.testing.assert_allclose(first.x, info.x[2, :5], rtol=1e-12)
    state = PROBLEM.grow(state, CONFIG.evaluations)
    _, step = jax.jit(PROBLEM.advance)(jax.random.split(jax.random.fold_in(key_steps, state.count))[0], state)
    np.testing.assert_allclose(step.x, info.x[2, 5], rtol=1e-6)


def test_the_maximum_is_found_inside_on_a_face_and_in_a_corner(key):
    filling = jnp.asarray(maximise.sobol(3, 64))

    def highest(peak):
        def score(x):
            return -jnp.sum((x - peak[None]) ** 2, axis=1) * 1e3

        raw = jnp.concatenate([filling + 1e-3, filling[:4]])
        return maximise.maximise(score, raw, 64, starts=3, iterations=20)[0]

    peaks = jnp.array([[0.3, 0.6, 0.9], [0.3, -0.5, 0.9], [1.5, -0.5, 2.0]])
    np.testing.assert_allclose(jax.jit(jax.vmap(highest))(peaks), jnp.clip(peaks, 0, 1), atol=1e-3)


def test_designs_fill_the_cube_evenly_and_local_points_stay_inside(key):
    points = jnp.asarray(maximise.sobol(2, 64))
    moved = np.asarray(maximise.shifted(key, points))
    assert moved.min() >= 0 and moved.max() < 1
    assert qmc.discrepancy(moved) < 0.2 * qmc.discrepancy(np.random.default_rng(0).random((64, 2)))
    corner = bo.observations(jnp.array([[0.0, 1.0], [0.5, 0.5], [0.2, 0.2]]), jnp.array([3.0, 1.0, 2.0]))
    local = np.asarray(maximise.around_best(key, corner, 200, 1))
    assert local.min() >= 0 and local.max() <= 1 and np.median(np.abs(local - [0, 1])) < 0.1


@pytest.mark.slow
def test_thompson_in_a_box_climbs_a_new_draw_at_each_ask(key):
    config = bo.BoxConfig(initial_points=4, steps=2, raw_points=64, local_points=8, leaders=2, starts=3, iterations=15)
    problem = bo.box(lambda key, x: jnp.sin(9 * x[0]), [[0.0, 1.0]], SURROGATE, bo.thompson(), config)

    @jax.jit
    def propose(key):
        state, _ = problem.init(key)
        x = jax.vmap(lambda k: problem.ask(k, state))(jax.random.split(key, 6)).x
        return x, SURROGATE.predict(state.params, state.data, x[:, 0, None]), problem.surface(state)

    x, there, everywhere = propose(key)
    assert len(np.unique(np.round(x, 6))) > 1
    assert np.mean(there.mean + 2 * there.std) > np.median(everywhere.mean + 2 * everywhere.std)


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"bounds": np.zeros((2, 3))}, r"expected \(dim, 2\)"),
        ({"bounds": np.array([[0.0, 1.0], [2.0, 2.0]])}, "input 1"),
        ({"initial": np.zeros((3, 2))}, r"expected \(5, 2\)"),
        ({"initial": np.full((5, 2), 11.0)}, "outside the bounds"),
    ],
)
def test_bad_boxes_are_refused(keywords, words):
    given = {"bounds": BOUNDS, "initial": None} | keywords
    with pytest.raises(ValueError, match=words):
        bo.box(branin, given["bounds"], SURROGATE, bo.variance(), CONFIG, initial=given["initial"])


def test_impossible_effort_is_refused():
    with pytest.raises(ValueError, match="no list of points"):
        bo.BoxConfig(revisit=False)
    with pytest.raises(ValueError, match="leaders"):
        bo.BoxConfig(initial_points=2)
    with pytest.raises(ValueError, match="starts"):
        bo.BoxConfig(starts=1)
