"""Closed forms of the Landau sets against slow simulations of a uniform lattice, and the presets made of them."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ferro_jax as ferro
from ferro_jax.stability import reachable_polarization

SETS = tuple(ferro.LANDAU_SETS)
EASY = {"tetragonal": (1, 0), "rhombohedral": (1, 1), "square_electric": (1, 1), "uniaxial": (0, 1)}
UNIT = {name: np.array(direction) / np.linalg.norm(direction) for name, direction in EASY.items()}
AXES = {name: "y" if name == "uniaxial" else "xy" for name in SETS}


def params_of(name, depolarization=0.2):
    """Return params with a step of 0.4 relaxation times in the wells (1 / (4 |a1|)) and a coupling that allows it."""
    a1 = abs(ferro.LANDAU_SETS[name][0])
    return ferro.landau_params(name, jnp.float64, coupling=0.1 * a1, depolarization=depolarization, dt=0.1 / a1)


@partial(jax.jit, static_argnames="axes")
def closed_forms(params, axes="xy"):
    return ferro.wells(params, axes), ferro.coercive_field(params, axes), ferro.transverse_instability(params, axes)


def stack(trees):
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


@partial(jax.jit, static_argnames="axes")
def uniform_runs(starts, fields, params, axes="xy"):
    """Return the mean p (lane, time, 2) after every step of uniform periodic lattices.

    ``starts`` (lane, 2), ``fields`` (lane, time, 2), params with a leading lane axis.
    """
    lattice = ferro.Lattice((2, 2), "periodic", axes=axes)

    def lane(start, field, params):
        state = ferro.initial_state(lattice, jnp.float64, jnp.broadcast_to(start[:, None, None], (2, 2, 2)))
        return ferro.run(
            None, state, field, jnp.zeros((2, 2, 2)), params, lattice,
            observe=lambda s: ferro.mean_polarization(s.polarization), check=False,
        )[1]  # fmt: skip

    return jax.vmap(lane)(starts, fields, params)


@partial(jax.jit, static_argnames="lattice")
def site_energies(p, params, lattice):
    """Return the energy of a site of uniform lattices, for polarizations (n, 2)."""

    def of(p):
        uniform = jnp.broadcast_to(p[:, None, None], (2, 2, 2))
        return ferro.energy(uniform, jnp.zeros(2), jnp.zeros((2, 2, 2)), params, lattice) / lattice.sites

    return jax.vmap(of)(p)


@partial(jax.jit, static_argnames="lattice")
def remnants_and_forces(params, directions, lattice):
    """Return the remnant start of each direction (n, 2), and the force on it without a field."""

    def of(direction):
        p = ferro.starts.remnant(params, lattice, direction)
        return p, ferro.force(p, jnp.zeros(2), jnp.zeros((2, *lattice.shape)), params, lattice)

    return jax.vmap(of)(directions)


@partial(jax.jit, static_argnames="lattice")
def largest(start, applied, params, lattice):
    """Return the largest |p| at the end of a run, and the largest rate there."""
    zero = jnp.zeros((2, *lattice.shape))
    state = ferro.initial_state(lattice, jnp.float64, start)
    end, _ = ferro.run(None, state, applied, zero, params, lattice, check=False)
    residual = jnp.abs(ferro.rate(end, applied[0], zero, params, lattice)).max()
    return jnp.linalg.norm(end.polarization, axis=0).max(), residual


@pytest.mark.parametrize("name", SETS)
def test_wells_are_the_minima_of_the_energy_over_all_directions(name):
    params, lattice = params_of(name), ferro.Lattice((2, 2), "periodic", axes=AXES[name])
    (magnitude, depth, diagonal), _, _ = closed_forms(params, AXES[name])
    angle = np.array([np.pi / 2]) if name == "uniaxial" else np.linspace(0, np.pi / 2, 91)
    grid = np.stack([np.cos(angle), np.sin(angle)])[:, :, None] * np.linspace(0, 1.5 * float(magnitude), 301)
    grid = grid.reshape(2, -1).T
    energies = np.asarray(site_energies(jnp.asarray(grid), params, lattice))
    best = grid[np.argmin(energies)]
    np.testing.assert_allclose(depth, energies.min(), rtol=1e-4)
    np.testing.assert_allclose(magnitude, np.linalg.norm(best), rtol=5e-3)
    np.testing.assert_allclose(np.sort(best) / np.linalg.norm(best), np.sort(UNIT[name]), atol=1e-9)
    assert bool(diagonal) == (name in ("rhombohedral", "square_electric"))


@pytest.mark.parametrize("axes", ["xy", "y"])
def test_slow_loops_of_a_uniform_lattice_have_the_closed_forms(axes):
    """The lag of switching behind a saddle–node goes with the 2/3 power of the rate of the field, so two rates that
    differ by a factor of 8 give the limit."""
    names = [name for name in SETS if AXES[name] == axes]
    params = stack([params_of(name) for name in names])
    (magnitude, _, _), coercive, _ = jax.vmap(partial(closed_forms, axes=axes))(params)
    unit = jnp.asarray(np.stack([UNIT[name] for name in names]))
    along = []
    for steps in (4_000, 32_000):
        field = 1.5 * coercive[:, None] * ferro.cycle(jnp.asarray(1.0), steps, shape="triangle")[None]
        p = uniform_runs(-magnitude[:, None] * unit, field[:, :, None] * unit[:, None], params, axes)
        along.append(jax.jit(jax.vmap(ferro.loop_quantities))(field, jnp.einsum("ntc,nc->nt", p, unit)))
    fast, slow = along
    for side in ("positive", "negative"):
        sign = 1 if side == "positive" else -1
        fields = [np.asarray(sign * getattr(loop, f"coercive_{side}")) for loop in along]
        assert np.all(fields[0] > fields[1]) and np.all(fields[1] > coercive)
        np.testing.assert_allclose((4 * fields[1] - fields[0]) / 3, coercive, rtol=2e-3)
        np.testing.assert_allclose(sign * getattr(slow, f"remnant_{side}"), magnitude, rtol=1e-3)
    assert np.all(slow.area < fast.area) and np.all(slow.area > 2 * magnitude * coercive)


def test_a_seed_of_turning_switches_at_the_transverse_instability_and_no_seed_does_not():
    axis = params_of("tetragonal")
    diagonal = axis._replace(**{f"alpha{n}": jnp.asarray(v) for n, v in ((1, -1.0), (2, 1.0), (3, 1.0))})
    starts, fields, params, expected = [], [], [], []
    for material, unit in ((axis, np.array([1.0, 0.0])), (diagonal, np.array([1.0, 1.0]) / np.sqrt(2))):
        (magnitude, _, _), coercive, transverse = closed_forms(material)
        assert 0.5 * coercive < transverse < 0.95 * coercive
        for factor, seed, sign in ((0.97, 1e-6, -1), (1.03, 1e-6, 1), (1.03, 0.0, -1)):
            starts.append(-magnitude * unit + seed * unit[::-1] * np.array([-1, 1]))
            fields.append(jnp.broadcast_to(factor * transverse * unit, (8_000, 2)))
            params.append(material)
            expected.append(sign)
    p = uniform_runs(jnp.stack(starts), jnp.stack(fields), stack(params))
    np.testing.assert_array_equal(np.sign(p[:, -1, 0]), expected)


def test_published_numbers_of_the_sets():
    """The bare tetragonal set: well at 0.256, coercive field 0.3154, turning at |p| = 0.2; units of the two presets."""
    (magnitude, depth, _), coercive, transverse = closed_forms(params_of("tetragonal", 0.0))
    np.testing.assert_allclose([magnitude, coercive, transverse], [0.25607, 0.31540, 0.24960], atol=5e-6)
    np.testing.assert_allclose(depth, -(1.6**2) / 48.8)
    for name in SETS:
        _, coercive, transverse = closed_forms(params_of(name, 0.0), AXES[name])
        np.testing.assert_allclose(coercive, ferro.nominal_coercive_field(name), rtol=1e-12)
        assert np.isinf(transverse) == (name != "tetragonal")
    for name in ("square_electric", "uniaxial"):  # −(a1 p + a2 p³) turns back at the published unit
        p = np.linspace(0, 2, 200_001)
        force = 1.85 * p - 1.25 * p**3
        np.testing.assert_allclose(ferro.published_coercive_field(name), force.max(), rtol=1e-8)
    np.testing.assert_allclose(ferro.published_coercive_field("tetragonal"), 0.22302, atol=5e-6)


def test_closed_forms_where_there_is_no_polar_phase_or_no_minimum():
    base = params_of("tetragonal")
    hot = base._replace(alpha1=jnp.asarray(0.5))
    (magnitude, depth, _), coercive, transverse = closed_forms(hot)
    np.testing.assert_array_equal([magnitude, depth, coercive, transverse], [0, 0, 0, np.inf])
    (magnitude, depth, _), coercive, transverse = closed_forms(base._replace(alpha3=jnp.asarray(-30.0)))
    assert np.all(np.isnan([magnitude, depth, coercive, transverse]))
    slopes = jax.jit(jax.grad(lambda p: ferro.wells(p).magnitude + ferro.coercive_field(p)))(hot)
    assert all(np.isfinite(slope) for slope in slopes)
    with pytest.raises(ValueError, match="xy, y"):
        ferro.wells(base, "x")
    with pytest.raises(ValueError, match="tetragonal.*uniaxial"):
        ferro.nominal_coercive_field("cubic")


def test_temperature_scales_a1_and_a_sweep_compiles_once():
    base = params_of("tetragonal")
    np.testing.assert_allclose(ferro.at_temperature(base, 300.0).alpha1, base.alpha1)
    np.testing.assert_allclose(ferro.at_temperature(base, 350.0, reference=399.0).alpha1, 50 * base.alpha1)
    traces = []

    @jax.jit
    @jax.vmap
    def sweep(temperature):
        traces.append(temperature)
        params = ferro.at_temperature(base, temperature)
        return params.alpha1, ferro.wells(params).magnitude, params

    for temperatures in ([100.0, 300.0, 390.0, 410.0], [200.0, 250.0, 360.0, 500.0]):
        alpha1, magnitude, params = sweep(jnp.array(temperatures))
        np.testing.assert_array_equal(np.sign(alpha1), np.sign(np.array(temperatures) - 400))
        start = jnp.broadcast_to(jnp.array([-0.1, 0.0]), (4, 2))
        p = uniform_runs(start, jnp.zeros((4, 2_000, 2)), params)
        np.testing.assert_allclose(-p[:, -1, 0], magnitude, atol=1e-6)
    assert len(traces) == 1


@pytest.mark.parametrize("name", SETS)
def test_remnant_starts_rest_in_the_well_nearest_to_their_direction(name):
    params, lattice = params_of(name), ferro.Lattice((3, 4), axes=AXES[name])
    (magnitude, _, diagonal), _, _ = closed_forms(params, AXES[name])
    directions = (2.0, 0.5), (-0.3, 0.5), (-0.5, -0.3), (0.1, -3.0)
    starts, forces = remnants_and_forces(params, np.array(directions), lattice)
    for direction, p, force in zip(directions, starts, forces, strict=True):
        assert p.shape == (2, 3, 4) and np.ptp(p, axis=(1, 2)).max() == 0
        np.testing.assert_allclose(force, 0, atol=1e-12)
        unit = np.asarray(p[:, 0, 0] / magnitude)
        if name == "uniaxial":
            expected = [0, np.sign(direction[1])]
        elif diagonal:
            expected = np.sign(direction) / np.sqrt(2)
        else:
            expected = np.sign(direction) * (np.abs(direction) == np.abs(direction).max())
        np.testing.assert_allclose(unit, expected, atol=1e-12)


def test_random_starts_have_the_stated_spread_and_components(key):
    p = ferro.starts.random(key, ferro.Lattice((60, 60)), 0.3, jnp.float64)
    np.testing.assert_allclose([p.mean(), p.std()], [0, 0.3], atol=0.01)
    uniaxial = ferro.starts.random(key, ferro.Lattice((60, 60), axes="y"), 0.3, jnp.float64)
    assert not np.any(uniaxial[0]) and np.array_equal(uniaxial[1], p[1])


@pytest.mark.parametrize("preset", [ferro.lecture, ferro.physical])
def test_presets_are_within_the_stability_bound_for_every_set(preset):
    """Fields include defects up to five standard deviations above the mean, which is 80 units."""
    for name in SETS:
        setup = preset(jnp.float32, name)
        field = (setup.field_scale + 80) * setup.coercive_field
        assert setup.params.dt < ferro.stability_bound(setup.params, setup.lattice, field), name
        assert setup.lattice.axes == AXES[name] and setup.field_axis == ("y" if name == "uniaxial" else "x")
    assert preset() == preset(jnp.float32, "tetragonal")
    rhombohedral = preset(landau="rhombohedral")
    published = rhombohedral.params._replace(dt=4 / 1199)
    assert 3 * ferro.stability_bound(published, rhombohedral.lattice, 150 * rhombohedral.coercive_field) < 4 / 1199


@pytest.mark.parametrize("name", SETS)
def test_below_the_stability_bound_a_driven_lattice_stays_bounded(key, name):
    lattice = ferro.Lattice((4, 4), "periodic", axes=AXES[name])
    params, field = ferro.landau_params(name, jnp.float64), 150 * ferro.nominal_coercive_field(name)
    bound = ferro.stability_bound(params, lattice, field)
    reach = reachable_polarization(params, field)
    start = ferro.starts.random(key, lattice, 0.01, jnp.float64)
    applied = jnp.broadcast_to(field * jnp.asarray(UNIT[name]), (400, 2))
    size, residual = largest(start, applied, params._replace(dt=0.99 * bound), lattice)
    assert size <= reach * (1 + 1e-9) and residual < 1e-6
    assert not largest(start, applied, params._replace(dt=4 * bound), lattice)[1] < 1e-3


@pytest.mark.parametrize("name", ["uniaxial", "rhombohedral"])
def test_a_history_of_the_other_sets(key, name):
    setup = ferro.physical(jnp.float32, name)._replace(settle=None)
    local = ferro.random_field(key, setup.lattice, coercive_field=setup.coercive_field).astype(jnp.float32)
    curve = ferro.damped_oscillation(key, 1).curves[0]
    end = jax.jit(lambda c: ferro.simulate(None, c, local, setup))(curve)
    along, across = end.applied.T[::-1] if name == "uniaxial" else end.applied.T
    assert np.abs(along).max() > 50 * setup.coercive_field and not np.any(across)
    assert np.all(np.isfinite(end.state.polarization)) and np.any(end.state.polarization[1])
    assert np.any(end.state.polarization[0]) == (name != "uniaxial")
    with pytest.raises(ValueError, match="choose one of x, y"):
        ferro.applied_field(curve, setup._replace(field_axis="z"))


def test_set_ups_are_those_of_the_published_figures_and_of_the_physics():
    """As their docstrings say; every number that is measured with them depends on these."""
    lecture, physical = ferro.lecture(), ferro.physical()
    assert lecture.lattice == ferro.Lattice((20, 20), "grounded", "random_subset", clip=10.0)
    assert physical.lattice == ferro.Lattice((20, 20), "open", "synchronous")
    assert (lecture.drive_steps, lecture.hold_steps, lecture.settle) == (900, 50, None)
    assert (physical.drive_steps, physical.hold_steps) == (900, 50)
    assert physical.settle is not None and tuple(physical.settle) == (1e-3, 50, 4000)
    assert (lecture.curl_boundary, lecture.curl_x_axis) == ("periodic", "row")
    assert (physical.curl_boundary, physical.curl_x_axis) == ("open", "column")
    assert lecture.field_scale == physical.field_scale == 150.0
