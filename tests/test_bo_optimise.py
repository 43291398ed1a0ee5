"""The bounded BFGS: finds minima, spends few evaluations, and never trades a finite point for a non-finite one."""

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize

from bo.numerics.optimise import minimise


def rosenbrock(x):
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


STARTS = np.array([[-1.2, 1.0, 0.5], [2.0, -1.0, 0.0], [0.0, 0.0, 0.0]])
SOLVE = jax.jit(jax.vmap(lambda x: minimise(rosenbrock, x, iterations=200, line_search_steps=20,
                                            gradient_tolerance=1e-8, decrease_tolerance=0.0)))  # fmt: skip


def test_it_finds_the_minimum_for_no_more_evaluations_than_scipy():
    point, value, iterations, evaluations = SOLVE(STARTS)
    np.testing.assert_allclose(point, 1, atol=1e-5)
    assert (np.asarray(value) < 1e-12).all() and (iterations < evaluations).all()
    theirs = [scipy.optimize.minimize(lambda x: float(rosenbrock(x)), x, jac=jax.grad(rosenbrock)) for x in STARTS]
    assert np.mean(evaluations) <= 1.25 * np.mean([found.nfev for found in theirs])


def test_it_keeps_the_best_finite_point_and_says_when_the_start_is_none():
    def walled(x):  # not finite beyond 1, where the slope leads
        return jnp.where(x[0] < 1, -x[0], jnp.nan)

    solve = jax.jit(lambda x: minimise(walled, x, iterations=30, line_search_steps=8)[:2])
    point, value = solve(jnp.array([-3.0]))
    assert 0.5 < point[0] < 1 and value == -point[0]
    point, value = solve(jnp.array([2.0]))
    assert point[0] == 2 and np.isnan(value)


def test_saddle_and_negative_curvature_do_not_stop_the_descent():
    solve = jax.jit(lambda x: minimise(lambda x: jnp.sum(jnp.cos(x)) + 0.01 * jnp.sum(x**2), x, iterations=60)[1])
    assert solve(jnp.array([0.1, -0.2])) < -1.8  # both down to near ±π


def test_a_direction_without_a_decrease_is_given_up_after_the_steps_of_the_line_search():
    def step(x):  # its slope says that it falls, and it does not
        return jnp.where(x[0] == 0, 0.0, 1.0) + (x[0] - jax.lax.stop_gradient(x[0]))

    found = jax.jit(lambda x: minimise(step, x, iterations=30, line_search_steps=6))(jnp.zeros(1))
    assert (found.point[0], found.value, found.iterations, found.evaluations) == (0, 0, 0, 7)
