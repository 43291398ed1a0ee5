"""Linear algebra on the rows in use, against the same on whole arrays."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.linalg import cho_solve, solve_triangular

from bo.numerics import linalg, rows

CAPACITY, POOL = 243, 30  # several sizes, and a last group of rows that reaches back into the one before
USED = (0, 1, 8, 41, 42, 122, 200, 242, 243)


@pytest.fixture(scope="module")
def matrices():
    """A positive definite matrix of all rows, and rows over a pool."""
    x, pool = np.linspace(0, 9, CAPACITY), np.linspace(0, 9, POOL)
    gram = np.exp(-((x[:, None] - x[None]) ** 2)) + 0.01 * np.eye(CAPACITY)
    return jnp.asarray(gram), jnp.asarray(np.exp(-((x[:, None] - pool[None]) ** 2)))


def filled(matrices, used):
    """Gram matrix and rows with ``used`` of them in use: the others are the identity's, and zero."""
    gram, across = matrices
    inside = np.arange(CAPACITY) < used
    gram = jnp.where(inside[:, None] & inside[None], gram, jnp.eye(CAPACITY))
    return gram, jnp.where(inside[:, None], across, 0)


def test_sizes_grow_to_the_capacity_and_small_arrays_have_one():
    assert rows.sizes(200) == (200,) and rows.sizes(600) == (100, 200, 300, 400, 500, 600)
    assert all(rows.sizes(n)[-1] == n and np.all(np.diff(rows.sizes(n)) > 0) for n in range(1, 1000))


@pytest.mark.parametrize("few_cores", [0, 1000])
@pytest.mark.parametrize("used", USED)
def test_rows_in_use_give_what_whole_arrays_give(matrices, used, few_cores, monkeypatch):
    monkeypatch.setattr(rows, "FEW_CORES", few_cores)
    gram, across = filled(matrices, used)
    factor, _, retries = jax.jit(linalg.factorise)(gram, jnp.asarray(used))
    np.testing.assert_allclose(factor, np.linalg.cholesky(gram), atol=1e-12)
    assert retries == 0
    solved = jax.jit(partial(rows.solve))(factor, across, jnp.asarray(used))
    np.testing.assert_allclose(solved, solve_triangular(np.asarray(factor), across, lower=True), atol=1e-10)
    weights = jnp.where(jnp.arange(CAPACITY) < used, jnp.cos(jnp.arange(CAPACITY)), 0)
    np.testing.assert_allclose(rows.weighted_sum(weights, solved, jnp.asarray(used)), weights @ solved, atol=1e-10)
    np.testing.assert_allclose(rows.sum_of_squares(solved, jnp.asarray(used)), (solved**2).sum(0), atol=1e-10)


@pytest.mark.parametrize("used", (1, 42, 200, 243))
def test_the_likelihood_and_its_gradient_at_any_size_are_those_of_the_whole(matrices, used):
    gram, _ = filled(matrices, used)
    mask = jnp.arange(CAPACITY) < used
    residual = jnp.where(mask, jnp.sin(jnp.arange(CAPACITY)), 0)

    def whole(gram):
        factor = jnp.linalg.cholesky(gram)
        explained = residual @ cho_solve((factor, True), residual)
        return -0.5 * explained - jnp.sum(jnp.log(jnp.diagonal(factor))) - 0.5 * used * jnp.log(2 * jnp.pi)

    ours = jax.jit(jax.value_and_grad(lambda g: linalg.log_density(g, residual, mask)))(gram)
    theirs = jax.jit(jax.value_and_grad(whole))(gram)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-10)
    np.testing.assert_allclose(ours[1] + ours[1].T, theirs[1] + theirs[1].T, atol=1e-7)


def test_members_of_a_batch_share_the_largest_size(matrices):
    pairs = [filled(matrices, used) for used in (30, 90)]
    grams, across = (jnp.stack(part) for part in zip(*pairs, strict=True))
    masks = np.arange(CAPACITY) < np.array([[30], [90]])

    def one(gram, across, mask):
        used = rows.in_use(mask)
        solved = rows.solve(linalg.factorise(gram, used)[0], across, used)
        return solved, rows.sum_of_squares(solved, used), rows.weighted_sum(gram[3], solved, used), used

    together = jax.jit(jax.vmap(one, out_axes=(0, 0, 0, None)))(grams, across, masks)
    assert together[3] == 90
    for number in range(2):
        alone = jax.jit(one)(grams[number], across[number], masks[number])
        for a, b in zip(together[:3], alone[:3], strict=True):
            np.testing.assert_allclose(a[number], b, atol=1e-10)


def test_a_singular_matrix_of_the_rows_in_use_is_retried_and_a_hopeless_one_is_flagged():
    inside = np.arange(CAPACITY) < 100
    singular = np.where(inside[:, None] & inside[None], 1.0, np.eye(CAPACITY))
    factorise = jax.jit(linalg.factorise)
    factor, jitter, retries = factorise(singular, jnp.asarray(100))
    assert retries > 0 and jitter > 0
    np.testing.assert_allclose(factor @ factor.T, singular + np.diag(np.where(inside, jitter, 0)), atol=1e-9)
    assert factorise(np.where(singular == 1, np.nan, singular), jnp.asarray(100))[2] == linalg.RETRIES + 1
