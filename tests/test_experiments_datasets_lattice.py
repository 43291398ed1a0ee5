"""Images of lattices: places of columns, symmetries, counted electrons, refused options."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import datasets
from experiments.datasets import lattice
from helpers.poses import pose

intensity = jax.jit(lattice.intensity, static_argnums=4)


def clean(config, phase, strain=0.0, width=0.11, **factors):
    arrays = jnp.float32(strain), jnp.float32(width)
    return np.asarray(intensity(jnp.int32(config.phases.index(phase)), pose(**factors), *arrays, config))


ALL_PHASES = lattice.Lattice(size=32, phases=lattice.PHASES, per_phase=10, background=0.0)


@pytest.mark.parametrize("phase", lattice.PHASES)
def test_lattices_have_their_columns_where_the_geometry_says(phase):
    """The reference sums Gaussians at points placed one by one, on a finer grid averaged to the pixels."""
    angle, shear, strain, scale, shift = 0.4, 0.1, 0.05, 0.1, (0.07, -0.03)
    vectors = {"hexagonal": [(1, 0), (0.5, 3**0.5 / 2)]}.get(phase, [(1, 0), (0, 1)])
    basis = [(0, 0, 1.0), (0.5, 0.5, 0.5)][: 2 if phase == "perovskite" else 1]
    fine = (np.arange(256) + 0.5) / 128 - 1
    x, y = np.meshgrid(fine, -fine)
    expected = np.zeros_like(x)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ [[1, np.tan(shear)], [0, 1]] @ np.diag(np.exp([scale + strain, scale - strain]))
    for i in range(-9, 10):
        for j in range(-9, 10):
            for a, b, weight in basis:
                at = matrix @ (0.6 * np.array([i + a, j + b]) @ vectors) + shift
                expected += weight * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * 0.11**2))
    expected = expected.reshape(32, 8, 32, 8).mean((1, 3))
    image = clean(ALL_PHASES, phase, strain, angle=angle, shear=shear, scale=scale, shift_x=0.07, shift_y=-0.03)
    np.testing.assert_allclose(image, expected, atol=2e-3)


@pytest.mark.parametrize(("phase", "period"), [("square", 90), ("hexagonal", 60), ("perovskite", 90)])
def test_lattices_have_the_symmetries_stated(phase, period, key):
    upright = clean(ALL_PHASES, phase)
    assert np.abs(clean(ALL_PHASES, phase, angle=np.deg2rad(period)) - upright).max() < 1e-4
    assert np.abs(clean(ALL_PHASES, phase, angle=np.deg2rad(period / 2)) - upright).max() > 0.3
    config = replace(ALL_PHASES, strain=0.0, counts=0.0)
    images, number = lattice.generate(key, config), lattice.PHASES.index(phase)
    assert np.rad2deg(images.periods[number]) == pytest.approx(period)
    single, _, _ = jax.jit(lattice.draw, static_argnums=2)(jax.random.split(key, 30)[number], jnp.int32(number), config)
    np.testing.assert_allclose(single, images.x[number], atol=1e-5)


def test_noisy_lattices_count_electrons_around_the_expected_image(key):
    config = lattice.Lattice(size=16, per_phase=25)
    images = lattice.generate(key, config)
    np.testing.assert_array_equal(images.x, lattice.generate(key, config).x)
    counts = images.x * lattice.full_scale(config.counts)
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-3)
    true, strain, width = datasets.true_pose(images), images.factors["strain"], images.factors["width"]
    expected = config.counts * jax.vmap(lambda *image: intensity(*image, config))(
        jnp.asarray(images.label), true, jnp.asarray(strain), jnp.asarray(width)
    )
    residual = (counts - expected) / np.sqrt(expected)  # Poisson: mean 0, variance 1
    assert abs(residual.mean()) < 0.05 and residual.var() == pytest.approx(1, abs=0.05)
    assert strain.min() >= 0 and strain.max() <= config.strain and images.x.max() <= 1
    assert images.periods == (np.pi, np.pi)


@pytest.mark.parametrize(
    "wrong", [{"phases": ("cubic",)}, {"phases": ()}, {"width": 0.5}, {"strain": -0.1}, {"counts": -1.0}, {"size": 2}]
)
def test_impossible_lattices_are_refused(wrong):
    with pytest.raises(ValueError, match="got"):
        lattice.Lattice(**wrong)
