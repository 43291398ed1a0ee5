"""Features of a pool: in the units they claim, the same for the pool and for new points, smooth; what is refused."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bo.campaigns.pool import unit_cube
from bo.features.base import fit_features, indexed, lookup, pca, raw
from bo.features.convolution import random_conv
from bo.features.diffusion import diffuse, diffusion, distilled
from models.features import bounded, conv, mlp, skip


@cache
def swiss():
    """Points on a circle, bent into 6 dimensions."""
    angle = np.random.default_rng(0).uniform(0, 2 * np.pi, 160)
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    return angle, np.concatenate([circle, circle**2, np.prod(circle, 1, keepdims=True), 0 * angle[:, None]], 1)


@cache
def found():
    return fit_features(jax.random.key(0), swiss()[1], (raw(), pca(3), diffusion(6)))


def test_blocks_have_spread_one_and_survive_the_campaigns_unit_cube():
    _, x = swiss()
    own = found()
    np.testing.assert_allclose(unit_cube(own.table, jnp.float64), own.table, atol=1e-12)
    for block in own.blocks:
        values = np.asarray(own.values(block.name))
        np.testing.assert_allclose(values.var(0).sum(), 1, rtol=1e-9)
    apart = np.linalg.norm(np.asarray(own.values("raw")[3] - own.values("raw")[90]))
    np.testing.assert_allclose(apart, np.linalg.norm(x[3] - x[90]) / np.sqrt(x.var(0).sum()), rtol=1e-9)
    with pytest.raises(ValueError, match="no block 'vae'"):
        own.values("vae")


def test_new_points_get_the_features_of_the_pool():
    _, x = swiss()
    own = found()
    again = own.apply(jnp.asarray(x[:20]))
    stop = own.blocks[1].stop
    np.testing.assert_allclose(again[:, :stop], own.table[:20, :stop], atol=1e-9)  # raw and principal components: exact
    nearly = np.abs(again[:, stop:] - own.table[:20, stop:])  # Nyström's extension
    assert nearly.max() < 0.2 and nearly.mean() < 0.03

    middle = (x[:1] + x[np.argsort(np.abs(swiss()[0] - swiss()[0][0]))[1]][None]) / 2
    slope = jax.jacfwd(lambda point: own.apply(point[None])[0])(jnp.asarray(middle[0]))
    assert np.all(np.isfinite(slope)) and np.abs(slope[stop:]).max() > 0


def test_diffusion_coordinates_follow_the_manifold_and_not_the_density():
    """Twice as many points on one half of a circle: α = 1 still gives cos and sin of the arc."""
    angle = np.concatenate([np.linspace(0, np.pi, 200), np.linspace(np.pi, 2 * np.pi, 100)[1:-1]])
    own = diffuse(np.stack([np.cos(angle), np.sin(angle)], 1), 2, 10, 0.02)
    np.testing.assert_allclose(np.linalg.norm(own.coordinates, axis=1), 1, rtol=1e-9)
    turn = np.unwrap(np.arctan2(own.coordinates[:, 1], own.coordinates[:, 0]))
    assert abs(abs(turn[-1] - turn[0]) - 2 * np.pi) < 0.3  # once around, steadily
    assert np.all(np.diff(turn) * np.sign(turn[-1] - turn[0]) > -1e-3)


def test_parts_that_do_not_touch_stay_a_finite_distance_apart():
    cloud = np.random.default_rng(1).normal(size=(60, 3))
    own = diffuse(np.concatenate([cloud, cloud + 100]), 5, 8, 0.02)
    assert np.all(np.isfinite(own.coordinates))
    inside = np.linalg.norm(own.coordinates[:60].mean(0) - own.coordinates[60:].mean(0))
    assert inside > 1  # of coordinates that have length 1


def test_a_distilled_network_gives_the_same_features_to_new_points():
    angle, x = swiss()
    own = distilled(diffusion(3), mlp((6, 32, 3)), steps=400)
    params, values = own.fit(jax.random.key(1), x[:120])
    error = np.asarray(own.apply(params, jnp.asarray(x[120:]))) - np.asarray(
        diffusion(3).apply(diffusion(3).fit(jax.random.key(1), x[:120])[0], jnp.asarray(x[120:]))
    )
    assert np.sqrt(np.mean(error**2)) < 0.2 * values.std()
    assert angle.size == len(x)


def test_random_convolutions_depend_on_the_key_and_on_what_is_seen():
    images = np.random.default_rng(2).normal(size=(40, 8, 8))
    own = random_conv((8, 8, 1), filters=8, width=3, regions=2, components=5)
    params, values = own.fit(jax.random.key(0), images.reshape(40, -1))
    np.testing.assert_allclose(own.apply(params, jnp.asarray(images.reshape(40, -1))), values, atol=1e-4)
    other = own.fit(jax.random.key(1), images.reshape(40, -1))[1]
    assert np.abs(other - values).max() > 1e-3


def test_networks_are_bounded_and_every_weight_gets_a_gradient(key):
    matrix = jax.random.normal(key, (20, 7), jnp.float32)
    assert abs(np.linalg.norm(bounded(matrix, 1.5), 2) - 1.5) < 0.06  # a few power iterations
    np.testing.assert_array_equal(bounded(0.01 * matrix, 1.0), 0.01 * matrix)
    for network in (skip(16, 3), conv((4, 4, 1), 3)):
        weights = network.init(key)
        x = jax.random.normal(key, (9, 16), jnp.float32)
        slopes = jax.grad(lambda w: jnp.sum(jnp.sin(network.apply(w, x))))(weights)  # noqa: B023
        assert all(np.any(np.asarray(leaf) != 0) for leaf in jax.tree.leaves(slopes))


@pytest.mark.parametrize(
    ("pool", "extractors", "message"),
    [
        (np.zeros((2, 4)), (raw(),), "3 points or more"),
        (np.full((9, 4), np.nan), (raw(),), "9 points have pixels that are not finite, the first is 0"),
        (np.zeros((9, 4)), (raw(),), "same for all points"),
        (np.eye(9), (raw(), raw()), "distinct names"),
        (np.eye(9), (diffusion(),), "larger pool"),
        (np.eye(9), (random_conv((4, 4, 1), width=3, regions=2),), "images of"),
    ],
)
def test_bad_pools_are_refused(pool, extractors, message):
    with pytest.raises(ValueError, match=message):
        fit_features(jax.random.key(0), pool, extractors)
    with pytest.raises(ValueError, match="sequence"):
        fit_features.__wrapped__(jax.random.key(0), np.eye(9), raw())
    for wrong in (lambda: pca(0), lambda: diffusion(0), lambda: random_conv((2, 2, 1)), lambda: skip(2, 3)):
        with pytest.raises(ValueError):
            wrong()


def test_lookup_reads_the_value_of_the_candidate():
    table = indexed(found().table)
    objective = jax.jit(lookup(np.arange(160.0) ** 2))
    assert float(objective(jax.random.key(0), table[37])) == 37.0**2
