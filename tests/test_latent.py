"""A latent space searched: cells inside the support, ascent to known optima, refinement within bounds and slew."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog

from models import VAEConfig, inside_support, latent, vae
from models.histories import Learned, Report, Scaling, decode
from models.parts.limits import Limits, within
from models.types import FitHistory

SAMPLES = 12
REPORT = Report(200, 20, 0.1, 1.0, 0.1, 0.0, 1.0, (1.0, 1.0), (2.0, 2.0), 0.1, 1, ())
LOSSES = FitHistory({}, {}, jnp.ones(1, bool), jnp.array(1), jnp.array(1))


@pytest.fixture(scope="module")
def family():
    """A family whose decoder is linear and known, with a duration; latents fill a disc and a spot far away."""
    config = VAEConfig(shape=(SAMPLES + 1,), hidden=())
    rng = np.random.default_rng(0)
    disc = rng.normal(size=(400, 2))
    disc = disc[np.linalg.norm(disc, axis=1) < 1.5]
    means = np.concatenate([disc, 0.05 * rng.normal(size=(20, 2)) + [6.0, 0.0]])
    scaling = Scaling(np.full((SAMPLES, 1), 100.0), np.array([10.0]), np.array([0.0, 0.5]), 0.2, 5.0)
    labels = (("T",), ("°C",), "s")
    params = jax.jit(vae(config).init)(jax.random.key(0))
    limits = (np.array([-np.inf]), np.array([np.inf]))
    return Learned(config, params, scaling, *limits, means, 0.1 + 0 * means, True, *labels, REPORT, LOSSES)


def test_pool_covers_the_histories_with_square_cells_and_decodes_each(family):
    pool = latent.pool(family, 500)
    assert math.prod(pool.shape) == len(pool.z) == pytest.approx(500, rel=0.1) and pool.shape[0] > 2 * pool.shape[1]
    grid = pool.z.reshape(*pool.shape, 2)
    steps = grid[1, 0, 0] - grid[0, 0, 0], grid[0, 1, 1] - grid[0, 0, 1]
    assert steps[0] == pytest.approx(steps[1], rel=0.1)
    between = (pool.z[:, 0] > 3) & (pool.z[:, 0] < 5)
    assert not pool.inside[between].any() and pool.inside[np.linalg.norm(pool.z, axis=1) < 1].all()
    row = int(np.flatnonzero(pool.inside)[7])
    np.testing.assert_allclose(pool.histories[row], decode(family, pool.z[row]).values, rtol=1e-6)
    assert pool.supported.inside.all() and len(pool.supported.z) == pool.inside.sum()


def test_pool_gives_a_latent_that_does_not_vary_one_cell(family):
    flat = family._replace(mean=family.mean * np.array([[1.0, 1e-6]]))
    assert latent.pool(flat, 100).shape == (100, 1)


def test_axes_over_codes_are_those_of_the_pool_and_need_no_decoder(family):
    axes = latent.axes_over(family.mean, 500)
    pool = latent.pool(family, 500)
    assert tuple(map(len, axes)) == pool.shape
    for axis, column in zip(axes, pool.z.T, strict=True):
        np.testing.assert_allclose(axis, np.unique(column), rtol=1e-6)
    with pytest.raises(ValueError, match="a grid fills up to 3"):
        latent.axes_over(np.zeros((9, 4)))
    with pytest.raises(ValueError, match="not finite|NaN"):
        latent.axes_over(np.full((9, 2), np.nan))


def test_ascent_reaches_an_optimum_inside_the_support_and_the_edge_for_one_outside(family):
    starts = np.array([[-1.0, 0.5], [0.5, -1.0], [0.0, 0.2]])
    for best in ([0.4, -0.3], [3.5, 1.0]):
        wanted = decode(family, np.array(best)).values

        def objective(history, duration, wanted=wanted):
            return -jnp.mean((history - wanted) ** 2) + 0 * duration

        found = latent.ascend(objective, family, starts, steps=300)
        assert (np.asarray(found.value) >= np.asarray(found.start)).all()
        assert inside_support(np.asarray(found.z, float), family.mean).all()
        inside = inside_support(np.array([best]), family.mean)[0]
        if inside:
            np.testing.assert_allclose(found.z, np.tile(best, (3, 1)), atol=0.01)
        else:  # the same as the best of a fine grid of the support
            pool = latent.pool(family, 40_000, quantile=0.0).supported
            of_grid = -((pool.histories - np.asarray(wanted)[None]) ** 2).mean(1).min()
            assert found.value.max() > of_grid - 0.05 * abs(of_grid)


def test_ascent_goes_back_where_the_objective_is_not_finite(family):
    middle = decode(family, np.zeros(2)).values[0]

    def objective(history):  # NaN on one side, its supremum at the border
        return jnp.where(history[0] < middle, history[0], jnp.nan)

    starts = family.mean[np.asarray(decode(family, family.mean).values[:, 0]) < float(middle)][:4]
    found = latent.ascend(objective, family, starts, steps=200)
    assert np.isfinite(found.value).all() and (float(middle) - np.asarray(found.value) < 0.05).all()
    with pytest.raises(ValueError, match="not finite at any"):
        latent.ascend(lambda history: history[0] * jnp.nan, family, starts, steps=2)


def control(u):
    """−x₂(1) of x₁' = u, x₂' = x₁² + u², x(0) = (1, 0), by the trapezoidal rule; its optimum is −tanh 1."""
    step = 1 / (len(u) - 1)
    x1 = 1 + jnp.concatenate([jnp.zeros(1), jnp.cumsum((u[1:] + u[:-1]) / 2 * step)])
    rate = x1**2 + u**2
    return -jnp.sum((rate[1:] + rate[:-1]) / 2 * step)


def test_refinement_reaches_the_optimum_of_a_classic_control_problem():
    found = latent.refine(control, np.zeros(100), steps=500)
    assert found.start == pytest.approx(-1) and found.value == pytest.approx(-math.tanh(1), abs=2e-3)
    time = np.linspace(0, 1, 100)
    np.testing.assert_allclose(found.history, -np.sinh(1 - time) / np.cosh(1), atol=0.06)


def test_refinement_reaches_the_optimum_of_a_linear_programme_within_bounds_and_slew():
    samples, low, high, fall, rise = 60, 20.0, 900.0, 40.0, 25.0
    weights = np.random.default_rng(1).normal(size=samples).cumsum()
    weights -= weights.mean()
    change = np.diff(np.eye(samples), axis=0)
    limits = np.concatenate([np.full(samples - 1, rise), np.full(samples - 1, fall)])
    best = linprog(-weights, np.vstack([change, -change]), limits, bounds=[(low, high)] * samples)
    found = latent.refine(
        lambda x: jnp.sum(jnp.asarray(weights, x.dtype) * x),
        np.full(samples, 300.0),
        bounds=(low, high),
        slew=(fall, rise),
        steps=500,
        smooth=0.0,
    )
    steps = np.diff(found.history)
    assert steps.max() <= rise * (1 + 1e-6) and steps.min() >= -fall * (1 + 1e-6)
    assert found.history.min() >= low and found.history.max() <= high
    assert float(found.start) < 0.8 * -best.fun < 0.99 * -best.fun < float(found.value) <= -best.fun * (1 + 1e-6)


def test_refinement_of_a_start_outside_the_limits_in_two_channels_keeps_each_channels():
    start = np.stack([np.linspace(-5, 5, 30), np.tile([0.0, 10.0], 15)], 1)
    found = latent.refine(
        lambda x, duration: -jnp.sum((x - 3) ** 2) * duration,
        start,
        bounds=[(0, 2.5), (None, None)],
        slew=[(0.1, 0.2), (1, 1)],
        duration=2.0,
        steps=100,
    )
    steps = np.diff(found.history, axis=0)
    assert (steps <= [[0.2 + 1e-6, 1 + 1e-6]]).all() and (steps >= [[-0.1 - 1e-6, -1 - 1e-6]]).all()
    assert found.history[:, 0].min() >= 0 and found.history[:, 0].max() <= 2.5 and found.value > found.start


def test_refinement_keeps_the_best_where_the_objective_is_not_finite():
    found = latent.refine(lambda x: jnp.mean(jnp.log(1 - x)) + 5 * jnp.mean(x), np.zeros(20), steps=400, rate=0.7)
    assert found.value == pytest.approx(math.log(0.2) + 4, abs=1e-3) and np.isnan(found.values).any()
    with pytest.raises(ValueError, match="not finite at the start"):
        latent.refine(lambda x: x[0] * jnp.nan, np.zeros(20), steps=1)


def test_refinement_forgets_a_steep_place():
    """An exponential that the first steps overshoot; its optimum 0 is a constant history of one temperature."""

    def film(temperature):
        return -((jnp.mean(jnp.exp((temperature - 700) / 80)) - 1) ** 2) - jnp.mean(jnp.diff(temperature) ** 2) / 1e4

    ramp = 20 + 780 * np.minimum(np.linspace(0, 1, 40) / 0.7, 1)
    found = latent.refine(film, ramp, bounds=(20, 900), slew=60)
    assert found.start < -0.1 and found.value > -1e-4


def test_nearest_history_within_the_limits_is_within_and_changes_none_that_is(key):
    limits = Limits(*(jnp.array([value]) for value in (-1.0, 1.0, 0.05, 0.1)))
    x = 2 * jax.random.normal(key, (200, 1))
    nearest = jax.jit(lambda x: within(limits, x))
    near = nearest(x)
    assert np.diff(near[:, 0]).max() <= 0.1 + 1e-12 and np.diff(near[:, 0]).min() >= -0.05 - 1e-12
    assert abs(near).max() <= 1
    np.testing.assert_allclose(nearest(near), near, atol=1e-12)
    clipped = np.clip(x[:, 0], -1, 1)  # no history within the limits is nearer: half of the largest violation
    index = np.arange(200)
    change, distance = clipped[None] - clipped[:, None], index[None] - index[:, None]
    violation = np.where(distance > 0, np.maximum(change - 0.1 * distance, -change - 0.05 * distance), 0).max()
    assert abs(near[:, 0] - clipped).max() == pytest.approx(violation / 2, abs=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"slew": -1.0}, "slew=-1.0"),
        ({"bounds": (2, 1)}, "bounds"),
        ({"steps": 0}, "steps=0"),
        ({"smooth": -1.0}, "smooth"),
    ],
)
def test_refinement_refuses_limits_that_make_no_sense(options, message):
    with pytest.raises(ValueError, match=message):
        latent.refine(jnp.sum, np.zeros(5), **options)
