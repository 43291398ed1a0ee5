"""Observables of fields whose curl, charge, walls and loops are counted by hand."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ferro_jax as ferro

AXES = ("column", "row")


def coordinates(shape=(8, 9), x_axis="column"):
    """Return x and y of every site, in lattice steps from the middle of a plaquette."""
    row, column = np.meshgrid(np.arange(shape[0]) - 3.5, np.arange(shape[1]) - 3.5, indexing="ij")
    return (column, row) if x_axis == "column" else (row, column)


def textures(x_axis):
    """Return vortices and antivortices about the middle of plaquette (3, 3), each with its charge."""
    x, y = coordinates(x_axis=x_axis)
    fields = {
        "curling": ([-y, x], 1),
        "curling back": ([y, -x], 1),
        "radial": ([x, y], 1),
        "spiral": ([x - y, x + y], 1),
        "antivortex": ([x, -y], -1),
    }
    return {name: (jnp.asarray(np.stack(p)), charge) for name, (p, charge) in fields.items()}


@pytest.mark.parametrize("x_axis", AXES)
def test_curl_and_divergence_of_linear_fields(x_axis):
    both = jax.jit(lambda p: (ferro.curl(p, "open", x_axis), ferro.divergence(p, "open", x_axis)))
    expected = {"curling": (2, 0), "curling back": (-2, 0), "radial": (0, 2), "spiral": (2, 2), "antivortex": (0, 0)}
    for name, (p, _) in textures(x_axis).items():
        for got, value in zip(both(p), expected[name], strict=True):
            np.testing.assert_allclose(got, value, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("boundary", ["periodic", "grounded"])
def test_a_gradient_has_no_curl_and_a_quarter_turn_of_vectors_makes_curl_of_divergence(key, boundary):
    p = np.asarray(jax.random.normal(key, (2, 6, 7)))
    curl, divergence = (jax.jit(partial(f, boundary=boundary)) for f in (ferro.curl, ferro.divergence))
    turned = jnp.asarray(np.stack([-p[1], p[0]]))
    np.testing.assert_allclose(curl(turned), divergence(jnp.asarray(p)), atol=1e-12)
    np.testing.assert_allclose(divergence(turned), -curl(jnp.asarray(p)), atol=1e-12)
    if boundary == "periodic":  # central differences commute there
        gradient = np.stack([(np.roll(p[0], -1, a) - np.roll(p[0], 1, a)) / 2 for a in (1, 0)])
        np.testing.assert_allclose(curl(jnp.asarray(gradient)), 0, atol=1e-12)
        np.testing.assert_allclose(divergence(jnp.asarray(p)).sum(), 0, atol=1e-12)


def test_smooth_abs_stays_within_its_width_and_has_a_gradient_at_zero(key):
    x = jnp.concatenate([jnp.zeros(1), jax.random.normal(key, (50,))])
    for width in (0.1, 1e-3):
        below = jnp.abs(x) - ferro.smooth_abs(x, width)
        assert np.all(below >= 0) and np.all(below <= width) and below[0] == 0
        np.testing.assert_allclose(ferro.smooth_abs(x, width), np.sqrt(x**2 + width**2) - width, atol=1e-15)
    slope, bend = jax.grad(ferro.smooth_abs), jax.grad(jax.grad(ferro.smooth_abs))
    assert slope(0.0, 0.1) == 0
    np.testing.assert_allclose(bend(0.0, 0.1), 10.0)
    with pytest.raises(ValueError, match="expected a positive number"):
        ferro.smooth_abs(x, 0.0)


def test_smooth_curl_sums_approach_the_sharp_ones(key):
    p = jax.random.normal(key, (2, 6, 6))
    for total in (ferro.sum_abs_curl, ferro.sum_abs_curl_of_directions):
        value = jax.jit(total, static_argnames="smooth")
        sharp = value(p)
        assert 0 < sharp - value(p, smooth=1e-3) <= 36e-3
        assert value(p, smooth=0.0) == sharp
        gradient = jax.jit(jax.grad(partial(total, smooth=0.01)))
        assert np.all(np.isfinite(gradient(jnp.zeros_like(p))))
    state = ferro.initial_state(ferro.Lattice((6, 6)), jnp.float64, p)
    setup = ferro.physical(jnp.float64)
    np.testing.assert_allclose(ferro.target(state, setup, smooth=0.02), ferro.sum_abs_curl(p, smooth=0.02))


def test_energy_terms_of_two_stripes_by_hand():
    """py = ±½ on three and five of the eight columns, four rows: a wall of four bonds, two on a torus, mean −1/8."""
    p = np.zeros((2, 4, 8))
    p[1] = np.where(np.arange(8) < 3, 0.5, -0.5)
    params = ferro.Params(*(jnp.asarray(v) for v in (-1.6, 12.2, 40.0, 12.5, 0.3, 1.0, 0.01)))
    terms, energy = (jax.jit(each, static_argnums=4) for each in (ferro.energy_terms, ferro.energy))
    local = jnp.zeros((2, 4, 8)).at[1, 0, 0].set(3.0)
    bonds = {"open": 4 * 1.0, "periodic": 8 * 1.0, "grounded": 4 * 1.0 + 24 * 0.25}
    for boundary, expected in bonds.items():
        arguments = jnp.asarray(p), jnp.array([0.0, 2.0]), local, params, ferro.Lattice((4, 8), boundary)
        got = terms(*arguments)
        landau = 32 * (-1.6 * 0.25 + 12.2 * 0.0625)
        np.testing.assert_allclose(got, [landau, 12.5 * expected, 0.15 * 32 / 64, 2 * 4.0 - 1.5])
        np.testing.assert_allclose(energy(*arguments), sum(got))


@pytest.mark.parametrize("x_axis", AXES)
def test_winding_of_vortices_and_antivortices(x_axis):
    winding = jax.jit(partial(ferro.winding_number, x_axis=x_axis))
    other = jax.jit(partial(ferro.winding_number, x_axis=AXES[1 - AXES.index(x_axis)]))
    count = jax.jit(partial(ferro.count_vortices, x_axis=x_axis))
    for name, (p, charge) in textures(x_axis).items():
        expected = np.zeros((7, 8), int)
        expected[3, 3] = charge
        np.testing.assert_array_equal(winding(p), expected, err_msg=name)
        c, s = np.cos(2.0), np.sin(2.0)
        turned = jnp.stack([c * p[0] - s * p[1], s * p[0] + c * p[1]])
        np.testing.assert_array_equal(winding(turned), expected, err_msg=f"{name}, vectors turned")
        np.testing.assert_array_equal(other(p), -expected)
        counts = count(p)
        assert (int(counts.vortices), int(counts.antivortices)) == ((1, 0) if charge > 0 else (0, 1))


def test_winding_turns_with_the_lattice_and_sums_to_zero_on_a_torus(key):
    p = jax.random.normal(key, (2, 7, 6))
    winding = jax.jit(ferro.winding_number, static_argnames="boundary")
    px, py = np.rot90(p, -1, (1, 2))  # every place (x, y) = (column, row) goes to (−y, x), and so does every vector
    np.testing.assert_array_equal(winding(jnp.stack([-py, px])), np.rot90(winding(p), -1))
    on_torus = np.asarray(winding(p, "periodic"))
    assert on_torus.shape == (7, 6) and on_torus.sum() == 0 and np.any(on_torus)
    np.testing.assert_array_equal(on_torus[:-1, :-1], winding(p, "grounded"))
    counts = jax.jit(jax.vmap(partial(ferro.count_vortices, boundary="periodic")))(jnp.stack([p, -p]))
    assert counts.vortices[0] == counts.antivortices[0] == counts.vortices[1] > 0


def test_walls_between_opposite_domains_and_empty_sites_carry_no_charge():
    winding = jax.jit(ferro.winding_number, static_argnames="boundary")
    p, _ = textures("column")["curling"]
    for inside in ([slice(None), slice(3)], [slice(2, 5), slice(3, 6)]):  # a stripe and a block of −y in +y
        opposite = np.stack([np.zeros(p.shape[1:]), np.ones(p.shape[1:])])
        opposite[1][tuple(inside)] = -1
        assert not np.any(winding(jnp.asarray(opposite), "periodic"))
    for factor, expected in ((0.0, (0, 0)), (1e-3, (1, 0))):
        weak = np.array(p)
        weak[:, 3, 3] *= factor
        got = [winding(jnp.asarray(weak), minimum=minimum)[3, 3] for minimum in (0.0, 0.01)]
        assert tuple(int(w) for w in got) == expected
    assert not np.any(winding(jnp.zeros(p.shape)))


def test_walls_of_two_stripes_counted_by_hand():
    across = np.broadcast_to(np.where(np.arange(8) < 3, 1.0, -1.0), (5, 8))  # 5 rows of 8
    nothing = np.zeros((5, 8))
    jitted = jax.jit(ferro.domain_wall_density, static_argnames=("boundary", "easy"))

    def density(p, *boundary, **options):
        return jitted(jnp.asarray(p), *boundary, **options)

    open_bonds, torus_bonds = 4 * 8 + 5 * 7, 2 * 40
    for p in (np.stack([across, nothing]), np.stack([nothing, across])):  # the second is uniaxial
        np.testing.assert_allclose(density(p), 5 / open_bonds)
        np.testing.assert_allclose(density(p, "grounded"), 5 / open_bonds)
        np.testing.assert_allclose(density(p, "periodic"), 10 / torus_bonds)
        np.testing.assert_allclose(density(np.swapaxes(p, 1, 2)), 5 / open_bonds)
    quarter = np.stack([np.where(across > 0, across, 0), np.where(across < 0, across, 0)])  # +x beside −y
    np.testing.assert_allclose(density(quarter), 5 / open_bonds)
    diagonal = np.stack([jnp.ones((5, 8)), across])  # (1, 1) beside (1, −1)
    np.testing.assert_allclose(density(diagonal, easy="diagonal"), 5 / open_bonds)
    assert density(np.ones((2, 5, 8)), easy="diagonal") == 0


def test_a_wide_wall_is_crossed_once_and_weak_sites_have_no_direction():
    angle = np.linspace(0.05, np.pi / 2 - 0.05, 8)  # from x to y over eight columns: at most 12° a bond
    p = np.broadcast_to(np.stack([np.cos(angle), np.sin(angle)])[:, None], (2, 5, 8))
    density = jax.jit(ferro.domain_wall_density)
    np.testing.assert_allclose(density(jnp.asarray(p)), 5 / 67)
    weak = np.zeros((2, 5, 8))
    weak[0] = 1.0
    weak[0, 2, 3] = -0.01
    np.testing.assert_allclose(density(jnp.asarray(weak)), 4 / 67)
    assert density(jnp.asarray(weak), minimum=0.1) == 0
    for minimum, walls in ((0.009, 4), (0.011, 0)):  # in units of the root mean square, which is 1 here
        np.testing.assert_allclose(density(jnp.asarray(weak), minimum=minimum), walls / 67)
    assert density(jnp.zeros((2, 5, 8))) == 0


def test_tip_averages_over_its_disc(key):
    p = np.asarray(jax.random.normal(key, (2, 7, 9)))
    jitted = jax.jit(ferro.tip_response, static_argnames="boundary")

    def tip(p, centre, radius, *boundary):
        return jitted(jnp.asarray(p), jnp.asarray(centre, float), float(radius), *boundary)

    np.testing.assert_allclose(tip(p, (3, 4), 100), p.mean((1, 2)))
    np.testing.assert_allclose(ferro.tip_response(jnp.asarray(p), (3, 4), 0), p[:, 3, 4])
    plus = p[:, 3, 4] + p[:, 2, 4] + p[:, 4, 4] + p[:, 3, 3] + p[:, 3, 5]
    np.testing.assert_allclose(tip(p, (3, 4), 1.2), plus / 5)
    np.testing.assert_allclose(tip(p, (0, 0), 1.0), (p[:, 0, 0] + p[:, 1, 0] + p[:, 0, 1]) / 3)
    wrapped = p[:, 0, 0] + p[:, 1, 0] + p[:, 0, 1] + p[:, 6, 0] + p[:, 0, 8]
    np.testing.assert_allclose(tip(p, (0, 0), 1.0, "periodic"), wrapped / 5)
    np.testing.assert_allclose(tip(p, (7, 9), 1.0, "periodic"), wrapped / 5)
    np.testing.assert_allclose(tip(p, (2.5, 3.5), 0.1), p[:, 2:4, 3:5].mean((1, 2)))  # empty: the four nearest
    centres = jnp.asarray(np.stack(np.meshgrid(np.arange(7.0), np.arange(9.0), indexing="ij"), -1))
    image = jax.jit(jax.vmap(jax.vmap(lambda c: ferro.tip_response(jnp.asarray(p), c, 0.5))))(centres)
    np.testing.assert_allclose(np.moveaxis(image, -1, 0), p)


def test_relaxation_rate_of_exponentials():
    rates, dt = np.array([0.5, 2.0, 7.0]), 0.002
    time = dt * np.arange(15_001)
    series = 3 + np.exp(-rates[None] * time[:, None])
    jitted = jax.jit(ferro.relaxation_rate)

    def rate(series, *rest):
        return jitted(jnp.asarray(series), *rest)

    np.testing.assert_allclose(rate(series, dt), rates, rtol=2e-5)
    np.testing.assert_allclose(rate(series[:, 2], dt), rates[2], rtol=2e-5)
    np.testing.assert_allclose(rate(-series, dt), rates, rtol=2e-5)
    coarse = [abs(float(rate(series[::n, 2], n * dt)) - 7) for n in (10, 20)]
    np.testing.assert_allclose(coarse[1] / coarse[0], 4, rtol=0.01)  # the trapezoid's second order
    cut = rate(series[:1501, 0], dt)  # ε = e^−1.5
    known = rate(series[:1501, 0], dt, 3.0)
    assert cut > known > 0.5
    assert rate(np.ones(20), 0.1) == 0
    assert rate(np.array([0.0, 1.0, 0.0]), 0.1) == 0  # at its end where it began
    assert rate(np.array([1.0, -0.5, 0.0]), 0.1) == 0  # no net integral
    slope = jax.jit(jax.grad(lambda s: ferro.relaxation_rate(s, 0.1)))(jnp.ones(20))
    assert np.all(np.isfinite(slope))


def parallelogram(steps):
    """Return field and polarization on a loop of sides P = ±0.5 + 0.1 E, joined by steep flanks at E = 1.2 (rising) and
    −0.8; its area is 2."""
    corners = np.array([[2.0, 0.7], [-0.8, 0.42], [-0.8, -0.58], [-2.0, -0.7], [1.2, -0.38], [1.2, 0.62], [2.0, 0.7]])
    at = np.linspace(0, 6, 6 * steps, endpoint=False)
    return [np.interp(at, np.arange(7.0), column) for column in corners.T]


def test_loop_quantities_of_a_parallelogram_are_exact():
    field, polarization = parallelogram(50)
    quantities = jax.jit(jax.vmap(ferro.loop_quantities))
    fields = np.stack([field, field, field[::-1]])
    loop = quantities(jnp.asarray(fields), jnp.asarray(np.stack([polarization, 2 * polarization, polarization[::-1]])))
    expected = ferro.Loop(1.2, -0.8, 0.5, -0.5, 0.2, 2.0)
    np.testing.assert_allclose([quantity[0] for quantity in loop], expected, atol=1e-12)
    np.testing.assert_allclose(loop.area, [2.0, 4.0, -2.0])


def test_loop_quantities_of_an_ellipse_converge_with_second_order():
    """E = sin φ, P = sin(φ − δ): coercive field sin δ, remnant sin δ, area π sin δ."""
    lag = 0.4
    errors = []
    for steps in (100, 200, 400):
        field = ferro.cycle(2.0, steps)
        phase = 2 * np.pi * np.arange(1, steps + 1) / steps
        loop = jax.jit(ferro.loop_quantities)(field, jnp.asarray(3 * np.sin(phase - lag)))
        s = np.sin(lag)
        exact = np.array([2 * s, -2 * s, 3 * s, -3 * s, 0.0, 6 * np.pi * s])
        errors.append(np.abs(np.array(loop) - exact))
    errors = np.array(errors)
    assert np.all(errors[-1] < 2e-3) and np.all(errors[0] < 4e-2)
    np.testing.assert_allclose(errors[1, 5] / errors[2, 5], 4, rtol=0.02)


def test_a_loop_without_crossing_is_nan_and_without_loss_has_no_area():
    field = ferro.cycle(1.0, 40, shape="triangle")
    quantities = jax.jit(ferro.loop_quantities)
    loop = quantities(field, 0.3 * field)
    np.testing.assert_allclose(loop, np.zeros(6), atol=1e-12)
    poled = quantities(field, 0.3 * field + 1)
    assert np.isnan(poled.coercive_positive) and np.isnan(poled.imprint)
    np.testing.assert_allclose([poled.remnant_positive, poled.area], [1.0, 0.0], atol=1e-12)
    slope = jax.jit(jax.grad(lambda p: sum(ferro.loop_quantities(field, p)[2:4])))(jnp.ones(40))
    assert np.all(np.isfinite(slope))
    with pytest.raises(ValueError, match="at least 3"):
        ferro.loop_quantities(field[:2], field[:2])


def test_field_cycles():
    triangle = ferro.cycle(2.0, 8, cycles=2, shape="triangle")
    np.testing.assert_allclose(triangle, np.tile([1, 2, 1, 0, -1, -2, -1, 0], 2), atol=1e-12)
    sine = ferro.cycle(2.0, 8)
    np.testing.assert_allclose(sine, 2 * np.sin(np.pi / 4 * np.arange(1, 9)), atol=1e-12)
    assert ferro.cycle(jnp.float32(1.0), 8).dtype == jnp.float32
    with pytest.raises(ValueError, match="sine, triangle"):
        ferro.cycle(1.0, 8, shape="square")
