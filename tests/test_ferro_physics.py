"""Physics and mathematics of the lattice: energy, symmetry, limits, order, gradients."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import ferro_jax as ferro
from ferro_jax.stability import validate_shapes

BOUNDARIES = ("open", "periodic", "grounded")
PARAMS = ferro.landau_params("tetragonal", jnp.float64)


def fields(key, shape, scale=0.3):
    to_p, to_local = jax.random.split(key)
    return scale * jax.random.normal(to_p, (2, *shape)), 2 * jax.random.normal(to_local, (2, *shape))


@partial(jax.jit, static_argnames="lattice")
def final(key, start, applied, local, lattice, params=PARAMS):
    state = ferro.initial_state(lattice, jnp.float64, start)
    return ferro.run(key, state, applied, local, params, lattice, check=False)[0]


@partial(jax.jit, static_argnames="lattice")
def energies_and_force(p, displaced, applied, local, params, lattice):
    """Return the gradient of the energy at p, the energies of displaced fields, and the force at p."""

    def energy(p):
        return ferro.energy(p, applied, local, params, lattice)

    return jax.grad(energy)(p), jax.vmap(energy)(displaced), ferro.force(p, applied, local, params, lattice)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("landau", sorted(ferro.LANDAU_SETS))
def test_force_is_minus_the_gradient_of_the_energy(key, boundary, landau):
    lattice, params = ferro.Lattice((4, 5), boundary), ferro.landau_params(landau, jnp.float64)
    p, local = fields(key, lattice.shape)
    applied = jnp.array([1.3, -0.4])
    direction = np.asarray(jax.random.normal(jax.random.fold_in(key, 1), p.shape))
    displaced = np.asarray(p) + 1e-5 * np.stack([direction, -direction])
    gradient, (above, below), force = energies_and_force(p, displaced, applied, local, params, lattice)
    np.testing.assert_allclose(force, -gradient, atol=1e-11)
    slope = (above - below) / 2e-5
    np.testing.assert_allclose(-jnp.sum(force * direction), slope, rtol=1e-7)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_energy_never_rises_at_constant_field_with_synchronous_steps(key, boundary):
    lattice = ferro.Lattice((6, 6), boundary)
    p, local = fields(key, lattice.shape, 0.8)
    applied = jnp.array([2.0, -1.0])

    @jax.jit
    def study(p, local):
        def energy(p):
            return ferro.energy(p, applied, local, PARAMS, lattice)

        state, field = ferro.initial_state(lattice, jnp.float64, p), jnp.tile(applied, (600, 1))
        seen = ferro.run(
            None, state, field, local, PARAMS, lattice, observe=lambda s: energy(s.polarization), check=False
        )[1]
        return energy(p), seen

    start, energies = study(p, local)
    assert np.all(np.diff(np.concatenate([[start], energies])) <= 1e-12)
    assert energies[-1] < start - 1


def quarter_turn(field):
    """Turn the vectors (px along rows, py along columns) and their places by 90°."""
    px, py = field
    return np.stack([-np.rot90(py, 1), np.rot90(px, 1)]) if field.ndim == 3 else np.stack([-py, px])


def mirror(field):
    """Mirror the vectors and their places along x."""
    px, py = field
    return np.stack([-px[:, ::-1], py[:, ::-1]]) if field.ndim == 3 else np.stack([-px, py])


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("symmetry", [quarter_turn, mirror])
def test_the_square_lattice_has_its_symmetries(key, boundary, symmetry):
    lattice = ferro.Lattice((6, 6), boundary)
    p, local, applied = map(np.asarray, (*fields(key, lattice.shape), 10 * jax.random.normal(key, (50, 2))))
    turned = final(None, symmetry(p), np.stack([symmetry(each) for each in applied]), symmetry(local), lattice)
    there = np.asarray(final(None, p, applied, local, lattice).polarization)
    np.testing.assert_allclose(turned.polarization, symmetry(there), atol=1e-12)


def test_a_periodic_lattice_may_be_translated_and_an_open_one_not(key):
    p, local = fields(key, (5, 6))
    applied = 10 * jax.random.normal(key, (50, 2))

    def shift(f):
        return jnp.roll(f, (2, 1), (1, 2))

    def difference(lattice):
        translated = final(None, shift(p), applied, shift(local), lattice).polarization
        return float(jnp.abs(translated - shift(final(None, p, applied, local, lattice).polarization)).max())

    assert difference(ferro.Lattice((5, 6), "periodic")) < 1e-12
    assert difference(ferro.Lattice((5, 6), "open")) > 1e-3


def scalar_rate(p, field, params):
    a1, a2, a3, _, depolarization, mobility, *_ = (float(v) for v in params)
    x, y = p
    landau = np.array([2 * a1 * x + 4 * a2 * x**3 + 2 * a3 * x * y**2, 2 * a1 * y + 4 * a2 * y**3 + 2 * a3 * y * x**2])
    return mobility * (field - depolarization * np.asarray(p) - landau)


@pytest.mark.parametrize("boundary", ["open", "periodic"])
def test_a_uniform_lattice_is_the_scalar_equation_and_euler_is_of_first_order(boundary):
    lattice, field, duration = ferro.Lattice((4, 4), boundary), np.array([0.4, 0.1]), 1.0
    exact = solve_ivp(lambda t, p: scalar_rate(p, field, PARAMS), (0, duration), [0.05, 0.3], rtol=1e-11, atol=1e-12)

    @jax.jit
    def history(dt):
        """Return the polarization after each of 800 steps."""
        start = jnp.broadcast_to(jnp.array([0.05, 0.3])[:, None, None], (2, 4, 4))
        return ferro.run(
            None, ferro.initial_state(lattice, jnp.float64, start), jnp.tile(jnp.asarray(field), (800, 1)),
            jnp.zeros((2, 4, 4)), PARAMS._replace(dt=dt), lattice, observe=lambda s: s.polarization, check=False,
        )[1]  # fmt: skip

    errors = []
    for steps in (200, 400, 800):
        end = np.asarray(history(duration / steps))[steps - 1]
        assert np.ptp(end, axis=(1, 2)).max() < 1e-13
        errors.append(np.abs(end[:, 0, 0] - exact.y[:, -1]).max())
    orders = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    np.testing.assert_allclose(orders, 1.0, atol=0.1)


def test_coercive_field_and_well_of_the_tetragonal_set():
    params = PARAMS._replace(depolarization=jnp.asarray(0.0), dt=jnp.asarray(0.01))
    lattice = ferro.Lattice((2, 2), "periodic")
    unit = ferro.physical(jnp.float64).coercive_field
    np.testing.assert_allclose(unit, 0.3154, atol=5e-5)
    np.testing.assert_allclose(ferro.lecture(jnp.float64).coercive_field, 0.22302, atol=5e-6)

    def settle(field):
        start = jnp.zeros((2, 2, 2)).at[0].set(-0.256)
        applied = jnp.tile(jnp.array([field, 0.0]), (20_000, 1))
        return float(final(None, start, applied, jnp.zeros((2, 2, 2)), lattice, params).polarization[0, 0, 0])

    np.testing.assert_allclose(settle(0.0), -np.sqrt(1.6 / 24.4), atol=1e-6)
    assert settle(0.99 * unit) < 0 < settle(1.01 * unit)


def test_curl_of_a_rigid_rotation_and_of_a_gradient_field():
    row, column = jnp.meshgrid(jnp.arange(6.0), jnp.arange(7.0), indexing="ij")
    turning = jnp.stack([-row, column])  # x = column, y = row: curl 2 everywhere, at free edges too
    np.testing.assert_allclose(ferro.curl(turning, "open", "column"), 2.0, atol=1e-12)
    np.testing.assert_allclose(ferro.curl(jnp.stack([column, -row]), "open", "column"), 0.0, atol=1e-12)
    np.testing.assert_allclose(ferro.sum_abs_curl(turning, "open", "column"), 84.0)
    doubled = ferro.sum_abs_curl_of_directions(3 * turning, "open", "column")
    np.testing.assert_allclose(doubled, ferro.sum_abs_curl_of_directions(turning, "open", "column"))


def test_histories_have_the_published_scaling_noise_and_two_parameters(key):
    data = ferro.damped_oscillation(key, 400, dtype=jnp.float64)
    assert data.curves.shape == (400, 900)
    np.testing.assert_allclose(np.std(np.asarray(data.curves - data.clean)), 0.02, rtol=0.01)
    assert np.abs(data.clean).max() <= 1 + 1e-12
    time = np.linspace(0, 4, 1200)
    for n in range(5):  # A and B drop out of the scaling
        full = np.asarray(data.amplitude[n] * np.exp(data.growth[n] * time) * np.cos(data.frequency[n] * time))
        full = full + float(data.offset[n])
        scaled = 2 * (full - full.min()) / np.ptp(full) - 1
        np.testing.assert_allclose(data.clean[n], scaled[:900], atol=1e-9)
    sine = ferro.damped_oscillation(key, 400, "sin", dtype=jnp.float64)
    assert np.abs(sine.clean - data.clean).max() > 0.5


def test_defects_have_the_stated_share_directions_and_size(key):
    lattice = ferro.Lattice((100, 100))
    x, y = np.asarray(ferro.random_field(key, lattice, coercive_field=2.0)) / 2
    occupied = (x != 0) | (y != 0)
    assert occupied.sum() == 1500 and not np.any((x != 0) & (y != 0))
    sizes = np.abs(x + y)[occupied]
    np.testing.assert_allclose([sizes.mean(), sizes.std()], [30, 10], rtol=0.05)
    shares = [np.mean(part[occupied]) for part in (y > 0, y < 0, x > 0, x < 0)]
    np.testing.assert_allclose(shares, [0.3, 0.3, 0.2, 0.2], atol=0.04)
    only = np.asarray(ferro.random_field(key, lattice, coercive_field=2.0, plus_y_only=True)) / 2
    assert not only[0].any() and 0.25 < (only[1] != 0).sum() / 1500 < 0.35


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: a | {"applied": a["applied"].at[3, 0].set(jnp.nan)}, "not finite.*index"),
        (lambda a: a | {"params": PARAMS._replace(dt=jnp.asarray(0.02))}, "stability bound"),
        (lambda a: a | {"params": PARAMS._replace(alpha1=jnp.asarray(jnp.inf))}, "alpha1 is not finite"),
        (lambda a: a | {"key": None, "lattice": ferro.Lattice((4, 4), update="random_subset")}, "needs a PRNG key"),
    ],
)
def test_bad_input_is_refused_before_the_run(key, change, words):
    good = {"key": key, "applied": jnp.ones((10, 2)), "local": jnp.zeros((2, 4, 4)), "params": PARAMS,
            "lattice": ferro.Lattice((4, 4))}  # fmt: skip
    a = change(good)
    state = ferro.initial_state(a["lattice"], jnp.float64)
    with pytest.raises(ValueError, match=words):
        ferro.run(a["key"], state, a["applied"], a["local"], a["params"], a["lattice"])


def test_wrong_shapes_are_refused_in_words():
    """These are the errors of users, who do not have the type checks of this suite; they come under tracing too."""
    lattice = ferro.Lattice((4, 4))
    state = ferro.initial_state(lattice, jnp.float64)
    with pytest.raises(ValueError, match=r"expected \(time, 2\)"):
        validate_shapes(state, np.ones((10, 1)), np.zeros((2, 4, 4)), lattice)
    with pytest.raises(ValueError, match=r"local_field has shape \(2, 3, 4\), expected \(2, 4, 4\)"):
        validate_shapes(state, np.ones((10, 2)), np.zeros((2, 3, 4)), lattice)


def test_unknown_names_list_the_valid_ones():
    with pytest.raises(ValueError, match="open, periodic, grounded"):
        ferro.Lattice(boundary="closed")
    with pytest.raises(ValueError, match="tetragonal"):
        ferro.landau_params("cubic")


def test_the_stability_bound_is_a_bound_and_not_far_too_low(key):
    """Below the bound a driven lattice stays bounded; at three times the bound it does not."""
    lattice = ferro.Lattice((6, 6), "periodic")
    bound = ferro.stability_bound(PARAMS, lattice, 30.0)
    applied = jnp.tile(jnp.array([30.0, 0.0]), (400, 1))
    start = 0.01 * jax.random.normal(key, (2, 6, 6))

    def largest(dt):
        end = final(None, start, applied, jnp.zeros((2, 6, 6)), lattice, PARAMS._replace(dt=jnp.asarray(dt)))
        return float(jnp.abs(end.polarization).max())

    assert largest(0.99 * bound) < 1.0
    assert not largest(3 * bound) < 1.0
