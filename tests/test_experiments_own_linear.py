"""The linear parameters of a measured loop: solved for, integrated out, drawn; against sums over a grid."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import inverse_parameters
from experiments.inverse_parameters import estimating, own_linear, own_loops, own_model
from experiments.inverse_parameters.config import PARAMETERS

NOISE = 0.4
TRUTH = {"coupling": 0.3, "disorder": -0.4, "response_scale": 0.3, "offset": 0.2, "slope": -0.15}


@pytest.fixture(scope="module")
def problem():
    """A noisy loop of a small lattice, all parameters fitted; and the weights of its residuals."""
    quarter = np.linspace(0, 8, 9)[:-1]
    bias = np.concatenate([quarter, 8 - quarter, -quarter, quarter - 8])
    shape = np.tanh((bias - np.where(bias > np.roll(bias, 1), 3.0, -3.0)) / 1.5)
    loop = own_loops.loop_of_arrays(bias, shape, noise=NOISE)
    problem = own_model.loop_problem(jax.random.key(1), loop, inverse_parameters.Config(size=4, defect_draws=1))
    point = jnp.array([TRUTH.get(name, 0.0) for name in PARAMETERS]) / problem.prior
    noise = NOISE * np.random.default_rng(0).normal(size=len(bias))
    response = np.asarray(own_model.response(problem, point)) + noise
    known = np.arange(len(bias)) != 5  # one bad sample
    problem = problem._replace(loop=loop._replace(response=response, known=known))
    return problem, jnp.asarray(own_model.weights_of(problem.loop, NOISE))


def over_grid(problem, weights, others, count=61):
    """Return scales, offsets and slopes in units of their priors, and the log of likelihood times prior over a grid."""
    parts = own_linear.parts_of(problem, weights, others)
    axis = np.linspace(-3, 3, count)
    scale, offset, slope = np.meshgrid(axis, axis, axis, indexing="ij")
    fit = np.exp(scale)[..., None] * np.asarray(parts.switched)
    fit = fit + offset[..., None] * np.asarray(parts.added[:, 0]) + slope[..., None] * np.asarray(parts.added[:, 1])
    logs = -np.sum((fit - np.asarray(parts.wanted)) ** 2, -1) / 2 - (scale**2 + offset**2 + slope**2) / 2
    return (scale, offset, slope), logs - 1.5 * np.log(2 * np.pi) + 3 * np.log(axis[1] - axis[0])


def test_integrated_and_drawn_linear_parameters_are_those_of_a_grid(problem):
    problem, weights = problem
    assert problem.prior[-5:].tolist() == [1.0, 1.0, 1.0, 1.0, 0.5]  # over which the grid below is laid
    others = jnp.zeros(len(own_linear.others_of(problem))).at[3].set(0.3)
    axes, logs = over_grid(problem, weights, others)
    marginal = own_linear.log_marginal(problem, weights, others)
    assert float(marginal) == pytest.approx(np.log(np.sum(np.exp(logs - logs.max()))) + logs.max(), abs=0.02)
    density = np.exp(logs - logs.max())
    density /= density.sum()
    complete = jax.jit(jax.vmap(lambda key: own_linear.completed(key, problem, weights, others)))
    points = np.asarray(complete(jax.random.split(jax.random.key(2), 4000)))
    np.testing.assert_allclose(points[:, own_linear.others_of(problem)], np.broadcast_to(others, (4000, 9)))
    for name, axis in zip(("response_scale", "offset", "slope"), axes, strict=True):
        drawn, mean = points[:, problem.names.index(name)], np.sum(density * axis)
        std = np.sqrt(np.sum(density * (axis - mean) ** 2))
        assert drawn.mean() == pytest.approx(mean, abs=0.1 * std) and drawn.std() == pytest.approx(std, rel=0.1)


def test_what_is_solved_for_is_the_least_and_its_squares_are_exact(problem):
    problem, weights = problem
    others = jnp.zeros(len(own_linear.others_of(problem)))
    axes, logs = over_grid(problem, weights, others)
    found, half_squares = own_linear.solved(problem, weights, others)
    assert float(half_squares) == pytest.approx(float(jnp.sum(own_model.residuals(problem, weights, found) ** 2)) / 2)
    best = np.unravel_index(logs.argmax(), logs.shape)
    for name, axis in zip(("response_scale", "offset", "slope"), axes, strict=True):
        assert float(found[problem.names.index(name)]) == pytest.approx(axis[best], abs=0.15)  # steps of 0.1
    fixed = problem._replace(fitted=np.arange(len(PARAMETERS)) < 7)  # no linear one is fitted
    point, half_squares = own_linear.solved(fixed, weights, jnp.zeros(7))
    assert not np.any(point)
    assert float(half_squares) == pytest.approx(float(jnp.sum(own_model.residuals(fixed, weights, point) ** 2)) / 2)
    likelihood = -float(half_squares)
    assert float(own_linear.log_marginal(fixed, weights, jnp.zeros(7))) == pytest.approx(likelihood)


def test_a_part_of_a_fit_has_the_spread_that_the_others_leave():
    rows = np.random.default_rng(1).normal(size=(9, 4))
    whole = estimating.Fit(jnp.arange(4.0), jnp.linalg.cholesky(jnp.asarray(rows.T @ rows)), jnp.zeros(()))
    places = np.array([0, 2])
    draws = estimating.around(jax.random.key(0), whole, 40_000)[:, places]
    part = estimating.part_of(whole, places)
    again = estimating.around(jax.random.key(1), part, 40_000)
    np.testing.assert_allclose(np.cov(again.T), np.cov(draws.T), rtol=0.06, atol=0.01)
    np.testing.assert_allclose(again.mean(0), draws.mean(0), atol=0.02)
