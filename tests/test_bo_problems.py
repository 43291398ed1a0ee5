"""The test problems have the optima they claim."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bo import problems


@pytest.mark.parametrize("make", [problems.branin, problems.hartmann6, problems.levy, problems.ackley])
def test_optimum_is_where_it_is_said_to_be(key, make):
    problem = make()
    where = jnp.array(problem.where)
    assert where.shape == (problem.dim,)

    @jax.jit
    def study(where, points):
        at_optimum, slope = jax.value_and_grad(problem.objective, 1)(None, where)
        return at_optimum, slope, jax.vmap(problem.objective, (None, 0))(None, points)

    value, slope, values = jax.device_get(study(where, problems.scatter(key, problem.dim, 20_000)))
    np.testing.assert_allclose(value, problem.optimum, atol=2e-6)
    assert np.abs(slope).max() < 2e-3
    assert values.max() <= problem.optimum + 1e-9


def test_pools_fill_the_unit_cube(key):
    grid = problems.grid(2, 5)
    assert grid.shape == (25, 2) and len(np.unique(grid, axis=0)) == 25
    assert grid.min() == 0 and grid.max() == 1
    cloud = problems.scatter(key, 3, 100)
    assert cloud.shape == (100, 3) and cloud.min() >= 0 and cloud.max() <= 1
