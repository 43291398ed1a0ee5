"""Random bonds, the uniaxial axis, thermal noise, and the influence of the seed of the random subsets."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ferro_jax as ferro
from ferro_jax.stability import validate_params, validate_shapes

PARAMS = ferro.landau_params("tetragonal", jnp.float64)


def fields(key, shape):
    to_p, to_local, to_field = jax.random.split(key, 3)
    p = 0.3 * jax.random.normal(to_p, (2, *shape))
    return p, 2 * jax.random.normal(to_local, (2, *shape)), 20 * jax.random.normal(to_field, (12, 2))


@pytest.mark.parametrize("boundary", ["open", "periodic", "grounded"])
def test_force_with_random_bonds_is_minus_the_gradient_of_the_energy(key, boundary):
    lattice = ferro.Lattice((4, 5), boundary)
    p, local, applied = fields(key, lattice.shape)
    bonds = ferro.random_bonds(key, lattice, 0.5)
    args = (applied[0], local, PARAMS, lattice)

    @jax.jit
    def study(p):
        slope = jax.grad(lambda p: ferro.energy(p, *args, bonds))(p)
        uniform = ferro.force(p, *args, bonds=jnp.ones((2, 4, 5)))
        return ferro.force(p, *args, bonds=bonds), slope, uniform, ferro.force(p, *args)

    force, slope, uniform, plain = study(p)
    np.testing.assert_allclose(force, -slope, atol=1e-11)
    np.testing.assert_allclose(uniform, plain, atol=1e-11)


@pytest.mark.parametrize("boundary", ["open", "periodic", "grounded"])
@pytest.mark.parametrize("update", ["synchronous", "random_subset"])
def test_run_with_random_bonds_equals_readable_steps(key, boundary, update):
    lattice = ferro.Lattice((4, 5), boundary, update)
    p, local, applied = fields(key, lattice.shape)
    bonds = ferro.random_bonds(key, lattice, 0.5)
    state = ferro.initial_state(lattice, jnp.float64, p)
    end, _ = jax.jit(lambda s: ferro.run(key, s, applied, local, PARAMS, lattice, bonds=bonds, check=False))(state)
    step = jax.jit(lambda s, e: ferro.step(key, s, e, local, PARAMS, lattice, bonds))
    for field in applied:
        state = step(state, field)
    np.testing.assert_allclose(end.visible, state.visible, atol=1e-12)


def test_strength_of_disorder_coupling_and_temperature_sweep_in_one_compilation(key):
    lattice = ferro.Lattice((4, 4), thermal=True)
    p, local, applied = fields(key, lattice.shape)

    @jax.jit
    def end(std, coupling, warmth):
        bonds = ferro.random_bonds(key, lattice, std)
        params = PARAMS._replace(coupling=coupling, thermal_energy=warmth)
        state = ferro.initial_state(lattice, jnp.float64, p)
        return ferro.run(key, state, applied, local, params, lattice, bonds=bonds, check=False)[0].visible

    sweep = jax.vmap(end)(jnp.array([0.0, 0.5]), jnp.array([5.0, 12.5]), jnp.array([0.0, 0.1]))
    for n, values in enumerate(((0.0, 5.0, 0.0), (0.5, 12.5, 0.1))):
        np.testing.assert_allclose(sweep[n], end(*values), atol=1e-12)
    assert end._cache_size() == 1


def test_a_uniaxial_lattice_keeps_px_and_is_the_lattice_without_it(key):
    params = ferro.landau_params("uniaxial", jnp.float64)
    p, local, applied = fields(key, (4, 5))
    p = p.at[0].set(0)

    def end(axes, applied, local):
        lattice = ferro.Lattice((4, 5), "grounded", axes=axes)
        state = ferro.initial_state(lattice, jnp.float64, p)
        return ferro.run(None, state, applied, local, params, lattice, check=False)[0].polarization

    driven = end("y", applied, local)
    assert not driven[0].any()
    along_y = end("xy", applied.at[:, 0].set(0), local.at[0].set(0))  # px stays at its saddle
    np.testing.assert_allclose(driven, along_y, atol=1e-12)


def test_thermal_noise_has_the_stationary_variance_of_a_quadratic_well(key):
    """F = a1 p²: variance k_B T / (2 a1), times 1 / (1 − a1 γ dt) for an Euler step."""
    a1, warmth, dt, mobility = 2.0, 0.3, 0.02, 1.5
    params = ferro.Params(a1, 0.0, 0.0, 0.0, 0.0, mobility, dt, warmth)
    lattice = ferro.Lattice((16, 16), thermal=True)
    state, zero = ferro.initial_state(lattice, jnp.float64), jnp.zeros((2, 16, 16))
    steps = jnp.zeros((4000, 2))
    _, visible = jax.jit(
        lambda key: ferro.run(key, state, steps, zero, params, lattice, observe=lambda s: s.visible[:, ::4, ::4])
    )(key)
    expected = warmth / (2 * a1) / (1 - a1 * mobility * dt)
    np.testing.assert_allclose(np.var(np.asarray(visible)[400:]), expected, rtol=0.03)  # expected error 1 %


def test_thermal_chunks_equal_one_run_and_lanes_have_noise_of_their_own(key):
    lattice = ferro.Lattice((4, 4), thermal=True)
    params = PARAMS._replace(thermal_energy=0.2)
    p, local, applied = fields(key, lattice.shape)
    state = ferro.initial_state(lattice, jnp.float64, p)

    def end(key, state, applied):
        return ferro.run(key, state, applied, local, params, lattice, check=False)[0]

    whole = jax.jit(end)(key, state, applied)
    chunked = jax.jit(end)(key, jax.jit(end)(key, state, applied[:6]), applied[6:])
    np.testing.assert_allclose(whole.visible, chunked.visible, atol=1e-13)
    stepped, step = state, jax.jit(lambda s, e: ferro.step(key, s, e, local, params, lattice))
    for field in applied:
        stepped = step(stepped, field)
    np.testing.assert_allclose(whole.visible, stepped.visible, atol=1e-13)
    keys = jax.random.split(key, 3)
    lanes = jax.jit(jax.vmap(end, in_axes=(0, None, None)))(keys, state, applied)
    np.testing.assert_allclose(lanes.visible[1], jax.jit(end)(keys[1], state, applied).visible, atol=1e-13)
    assert jnp.abs(lanes.visible[0] - lanes.visible[1]).max() > 0.01


@pytest.mark.slow
def test_the_subset_seed_changes_the_target_by_little(key):
    """The published statistic depends on the update, not on one draw of the subsets.

    Asserted is the rms difference over 64 histories, median over five draws of the defects (single draws have 0.08 to
    0.37).
    """
    setup = ferro.lecture(jnp.float32)
    to_field, to_curves, *seeds = jax.random.split(key, 4)
    curves = ferro.damped_oscillation(to_curves, 64).curves

    def local(key):
        return ferro.random_field(key, setup.lattice, coercive_field=setup.coercive_field).astype(jnp.float32)

    def targets(subsets):
        def target(local, curve):
            return ferro.target(ferro.simulate(subsets, curve, local, setup).state, setup)

        of_all = jax.vmap(jax.vmap(target, (None, 0)), (0, None))
        return np.asarray(jax.jit(of_all)(jax.vmap(local)(jax.random.split(to_field, 5)), curves))

    first, second = targets(seeds[0]), targets(seeds[1])
    rms = np.sqrt(np.mean((first - second) ** 2, axis=1))
    assert np.median(rms) <= 0.3 < np.median(first.std(1))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ferro.Lattice(axes="x"), "choose one of xy, y"),
        (lambda: ferro.Lattice(update="random_subset", thermal=True), "synchronous"),
        (lambda: run(params=PARAMS._replace(thermal_energy=0.1)), "thermal=True"),
        (lambda: shapes(bonds=np.ones((2, 3, 4))), r"bonds has shape \(2, 3, 4\), expected \(2, 4, 4\)"),
        (lambda: run(bonds=jnp.full((2, 4, 4), jnp.nan)), "bonds is not finite"),
        (lambda: run(bonds=jnp.full((2, 4, 4), 5.0)), "stability bound"),
        (lambda: run(ferro.Lattice((4, 4), thermal=True)), "needs a PRNG key"),
    ],
)
def test_bad_disorder_and_noise_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


SQUARE = ferro.Lattice((4, 4))


def shapes(bonds):
    """Check the shapes as for users, who do not have the type checks of this suite."""
    validate_shapes(ferro.initial_state(SQUARE), np.ones((10, 2)), np.zeros((2, 4, 4)), SQUARE, bonds)


def run(lattice=SQUARE, params=PARAMS, bonds=None):
    state = ferro.initial_state(lattice, jnp.float64)
    return ferro.run(None, state, jnp.ones((10, 2)), jnp.zeros((2, 4, 4)), params, lattice, bonds=bonds)


def test_a_sweep_is_checked_at_its_worst_and_needs_vmap():
    state, zero = ferro.initial_state(SQUARE), jnp.zeros((2, 4, 4))
    args = (state, jnp.ones((10, 2)), zero)
    swept = PARAMS._replace(coupling=jnp.array([12.5, 5000.0]))
    with pytest.raises(ValueError, match="coupling=5000"):
        ferro.validate(*args, swept, SQUARE)
    ferro.validate(*args, PARAMS._replace(coupling=jnp.array([0.0, 12.5])), SQUARE)
    with pytest.raises(ValueError, match=r"coupling has shape \(2,\), expected a scalar; to sweep it use jax.vmap"):
        validate_params(swept)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"fraction": -0.1}, "fraction=-0.1: expected a share"),
        ({"fraction": 1.1}, "fraction=1.1: expected a share"),
        ({"probabilities": (0.5, 0.5, 0.5, -0.5)}, "sum 1"),
        ({"std": float("nan")}, "std"),
    ],
)
def test_what_is_no_disorder_is_refused(wrong, words, key):
    with pytest.raises(ValueError, match=words):
        ferro.random_field(key, ferro.Lattice((4, 4)), **wrong)


def test_all_sites_or_none_may_have_a_field(key):
    everywhere, nowhere = (ferro.random_field(key, ferro.Lattice((4, 4)), fraction=share) for share in (1.0, 0.0))
    assert np.all(np.any(np.asarray(everywhere) != 0, axis=0)) and not np.any(nowhere)
