"""The compiled lattice against a plain NumPy transcription of the published description."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ferro_jax as ferro
from helpers import numpy_ferrosim


@partial(jax.jit, static_argnames="lattice")
def final(key, state, applied, local, params, lattice):
    return ferro.run(key, state, applied, local, params, lattice, check=False)[0]


@partial(jax.jit, static_argnames="lattice")
def step(key, state, applied, local, params, lattice):
    return ferro.step(key, state, applied, local, params, lattice)


def case(key, shape, steps):
    to_local, to_field, to_start = jax.random.split(key, 3)
    local = 3 * jax.random.normal(to_local, (2, *shape))
    applied = 20 * jax.random.normal(to_field, (steps, 2))
    start = 0.3 * jax.random.normal(to_start, (2, *shape))
    return local, applied, start


def test_lecture_preset_equals_the_transcription_through_a_whole_history(key):
    setup = ferro.lecture(jnp.float64)
    to_curve, to_field, to_subset = jax.random.split(key, 3)
    curve = ferro.damped_oscillation(to_curve, 1, dtype=jnp.float64).curves[0]
    local = ferro.random_field(to_field, setup.lattice, coercive_field=setup.coercive_field)
    end = jax.jit(lambda c: ferro.simulate(to_subset, c, local, setup, check=False))(curve)
    moves = np.asarray(ferro.subset_masks(to_subset, len(end.applied), setup.lattice))
    p, visible = numpy_ferrosim.simulate(
        np.asarray(end.applied), np.asarray(local), moves, setup.params, "grounded", clip=10.0
    )
    assert end.applied.shape == (950, 2) and not np.any(moves[0]) and np.all(moves[1])
    assert np.all(moves[2:].sum((1, 2)) == 100)
    np.testing.assert_allclose(end.state.polarization, p, atol=1e-10)
    np.testing.assert_allclose(end.state.visible, visible, atol=1e-10)
    expected = np.abs(numpy_ferrosim.wrapped_curl(visible)).sum()
    np.testing.assert_allclose(ferro.target(end.state, setup), expected, atol=1e-9)


def cases():
    """Return every boundary and Landau set; the uniaxial one, which has programs of its own, at one by default."""
    for boundary in ("open", "periodic", "grounded"):
        for landau in sorted(ferro.LANDAU_SETS):
            slow = landau == "uniaxial" and boundary != "grounded"
            yield pytest.param(boundary, landau, marks=[pytest.mark.slow] if slow else [])


@pytest.mark.parametrize(("boundary", "landau"), list(cases()))
@pytest.mark.parametrize("update", ["synchronous", "random_subset"])
def test_every_boundary_update_and_landau_set_equals_the_transcription(key, boundary, update, landau):
    axes = "y" if landau == "uniaxial" else "xy"
    lattice = ferro.Lattice((5, 6), boundary, update, axes=axes)
    params = ferro.landau_params(landau, jnp.float64)
    local, applied, start = case(key, lattice.shape, 40)
    state = ferro.initial_state(lattice, jnp.float64, start)
    end = final(key, state, applied, local, params, lattice)
    moves = np.asarray(ferro.subset_masks(key, 40, lattice))
    p, visible = numpy_ferrosim.simulate(
        np.asarray(applied), np.asarray(local), moves, params, boundary, start=np.asarray(start), axes=axes
    )
    np.testing.assert_allclose(end.polarization, p, atol=1e-10)
    np.testing.assert_allclose(end.visible, visible, atol=1e-10)


@pytest.mark.parametrize("update", ["synchronous", "random_subset"])
def test_run_equals_readable_steps_and_chunks_equal_one_run(key, update):
    lattice = ferro.Lattice((4, 4), "grounded", update)
    params = ferro.landau_params("tetragonal", jnp.float64)
    local, applied, start = case(key, lattice.shape, 12)
    state = ferro.initial_state(lattice, jnp.float64, start)
    seen = jax.jit(lambda s: ferro.run(key, s, applied, local, params, lattice, observe=lambda s: s.visible))
    whole, visible = seen(state)
    stepped, chunked = state, state
    for t in range(12):
        stepped = step(key, stepped, applied[t], local, params, lattice)
        np.testing.assert_allclose(visible[t], stepped.visible, atol=1e-13)
    for part in (applied[:1], applied[1:2], applied[2:7], applied[7:]):
        chunked = final(key, chunked, part, local, params, lattice)
    for other in (stepped, chunked):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-13), whole, other)


@pytest.mark.parametrize(
    ("update", "dtype"),
    [
        ("random_subset", jnp.float32),
        ("synchronous", jnp.float64),
        pytest.param("random_subset", jnp.float64, marks=pytest.mark.slow),
        pytest.param("synchronous", jnp.float32, marks=pytest.mark.slow),
    ],
)
def test_vmapped_and_nested_runs_equal_single_ones(key, update, dtype):
    lattice = ferro.Lattice((5, 4), "open", update)
    params = ferro.landau_params("tetragonal", dtype)
    local, _, _ = case(key, lattice.shape, 1)
    histories = (10 * jax.random.normal(key, (3, 70, 30, 2))).astype(dtype)  # wider than a chunk of the kernel
    state = ferro.initial_state(lattice, dtype)

    def end(applied):
        return ferro.run(key, state, applied, local.astype(dtype), params, lattice, check=False)[0].visible

    nested = jax.jit(jax.vmap(jax.vmap(end)))(histories)
    single = jax.jit(lambda each: jax.lax.map(end, each))(histories.reshape(-1, 30, 2)).reshape(nested.shape)
    np.testing.assert_allclose(nested, single, atol=2e-6 if dtype == jnp.float32 else 1e-13)


def test_lanes_with_keys_of_their_own_and_swept_parameters(key):
    lattice = ferro.Lattice((4, 4), "open", "random_subset")
    params = ferro.landau_params("tetragonal", jnp.float64)
    local, applied, start = case(key, lattice.shape, 15)
    state = ferro.initial_state(lattice, jnp.float64, start)

    def end(key, coupling):
        swept = params._replace(coupling=coupling)
        return ferro.run(key, state, applied, local, swept, lattice, check=False)[0].visible

    keys, couplings = jax.random.split(key, 3), jnp.array([1.0, 5.0, 12.5])
    together, single = jax.jit(jax.vmap(end))(keys, couplings), jax.jit(end)
    for n in range(3):
        np.testing.assert_allclose(together[n], single(keys[n], couplings[n]), atol=1e-13)
    shared = jax.jit(jax.vmap(end, in_axes=(None, 0)))(keys[0], couplings)
    np.testing.assert_allclose(shared[2], single(keys[0], couplings[2]), atol=1e-13)


def test_settling_lanes_are_frozen_so_that_vmapped_equals_single(key):
    setup = ferro.physical(jnp.float32)
    local = ferro.random_field(key, setup.lattice, coercive_field=setup.coercive_field)
    curves = ferro.damped_oscillation(key, 3).curves

    def end(curve):
        simulated = ferro.simulate(None, curve, local, setup, check=False)
        return simulated.state.visible, simulated.residual, simulated.state.step

    together = jax.jit(jax.vmap(end))(curves)
    assert setup.settle is not None
    assert len(set(np.asarray(together[2]).tolist())) > 1, "the lanes should settle at different times"
    for n in range(3):
        visible, residual, steps = jax.jit(end)(curves[n])
        assert steps == together[2][n]
        assert residual < setup.settle.tolerance or steps == 950 + setup.settle.limit
        np.testing.assert_allclose(together[0][n], visible, atol=1e-4)
