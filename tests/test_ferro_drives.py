"""What drives a lattice besides a uniform field, and the kernels of slices: against readable steps and differences."""

import inspect
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ferro_jax as ferro
from ferro_jax.drives import checked_drives, stiffest, warn_of_rounding
from ferro_jax.energies import checked_fields
from ferro_jax.engine import choice
from ferro_jax.stability import check_records

PARAMS = ferro.landau_params("tetragonal", jnp.float64)
LATTICE = ferro.Lattice((4, 5), "grounded", "random_subset")
STEPS = 14


def case(key, lattice=LATTICE):
    keys = iter(jax.random.split(key, 8))
    local = 2 * jax.random.normal(next(keys), (2, *lattice.shape))
    applied = 10 * jax.random.normal(next(keys), (STEPS, 2))
    patterns = ferro.Patterns(
        jax.random.normal(next(keys), (STEPS, 2)), 5 * jax.random.normal(next(keys), (2, 2, *lattice.shape))
    )
    alpha1 = PARAMS.alpha1 * (1 + 0.3 * jax.random.normal(next(keys), (STEPS,)))
    bonds = ferro.random_bonds(next(keys), lattice, 0.3)
    weight = jax.random.normal(next(keys), (2, *lattice.shape))
    return local, applied, patterns, alpha1, bonds, weight


def loss(key, lattice, weight, tip, local, applied, patterns, alpha1, bonds, gradient="adjoint"):
    """Return a number that depends on the final state and, through what is observed, on every step."""
    site = applied[:, :, None, None] + tip if tip is not None else applied

    def observe(state):
        return {"mean": jnp.sum(weight * state.visible) * alpha1[0] + jnp.sum(state.projected**2), "step": state.step}

    start = ferro.initial_state(lattice, jnp.float64, 0.1 * weight)
    end, seen = ferro.run(
        key, start, site, local, PARAMS, lattice, bonds=bonds, patterns=patterns, alpha1=alpha1, observe=observe,
        gradient=gradient, check=False,
    )  # fmt: skip
    return jnp.sum(weight * end.visible**2) + jnp.sum(jnp.sin(seen["mean"])), (end, seen)


@pytest.mark.parametrize("lanes", [1, pytest.param(6, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "lattice", [LATTICE, pytest.param(ferro.Lattice((4, 5), "periodic", axes="y"), marks=pytest.mark.slow)]
)
def test_every_drive_acts_as_in_readable_steps_and_has_its_gradient(key, lattice, lanes):
    """One lane runs in slices, six lanes of random subsets by gathers; readable steps know one field a step."""
    local, applied, patterns, alpha1, bonds, weight = case(key, lattice)
    tip = jax.random.normal(key, (STEPS, 2, *lattice.shape))

    def value(scale, *drives):
        return loss(key, lattice, weight * scale, tip, *drives)

    drives = local, applied, patterns, alpha1, bonds
    scales = jnp.linspace(1.0, 1.2, lanes)
    both = jax.jit(jax.vmap(jax.value_and_grad(value, argnums=(1, 2, 3, 4, 5), has_aux=True), (0, *[None] * 5)))
    (values, (ends, _)), slopes = both(scales, *drives)

    state = ferro.initial_state(lattice, jnp.float64, 0.1 * weight)
    step = jax.jit(lambda s, e, a, d: ferro.step(key, s, e, local + d, PARAMS._replace(alpha1=a), lattice, bonds))
    for n, field in enumerate(applied):
        state = step(state, field, alpha1[n], tip[n] + jnp.tensordot(patterns.amplitude[n], patterns.pattern, 1))
    np.testing.assert_allclose(ends.visible[0], state.visible, atol=1e-12)

    leaves, tree = jax.tree.flatten(drives)
    for n, (leaf, slope) in enumerate(zip(leaves, jax.tree.leaves(slopes), strict=True)):
        direction = jax.random.normal(jax.random.fold_in(key, n), leaf.shape)
        moved = [[x + s * direction if m == n else x for m, x in enumerate(leaves)] for s in (1e-6, -1e-6)]
        above, below = (both(scales, *tree.unflatten(each))[0][0][-1] for each in moved)
        numeric = (above - below) / 2e-6
        np.testing.assert_allclose(jnp.sum(slope[-1] * direction), numeric, rtol=1e-6, atol=1e-6, err_msg=f"leaf {n}")
    assert values.shape == (lanes,)


@pytest.mark.parametrize("update", ["synchronous", pytest.param("random_subset", marks=pytest.mark.slow)])
@pytest.mark.parametrize("boundary", ["periodic", pytest.param("open", marks=pytest.mark.slow)])
def test_slices_equal_gathers_on_a_large_lattice(key, update, boundary, monkeypatch):
    """Values and gradients of both kernels, in single precision, with a clip that acts."""
    lattice = ferro.Lattice((33, 34), boundary, update, clip=0.3)
    local = ferro.random_field(key, lattice).astype(jnp.float32)
    applied = (20 * jax.random.normal(key, (3, 12, 2))).astype(jnp.float32)
    params = ferro.landau_params("tetragonal", jnp.float32)

    def end(applied, local):
        state = ferro.initial_state(lattice, jnp.float32)
        return ferro.sum_abs_curl(
            ferro.run(key, state, applied, local, params, lattice, check=False)[0].visible, smooth=0.1
        )

    def both():
        return jax.jit(jax.vmap(jax.value_and_grad(end, (0, 1)), (0, None)))(applied, local)

    sliced = both()
    jax.clear_caches()
    monkeypatch.setattr(choice, "_may_slice", lambda by_jax: False)
    gathered = both()
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5), sliced, gathered)


def test_a_schedule_of_subsets_passed_as_data_is_that_of_its_key(key):
    local, applied, *_ = case(key)
    state = ferro.initial_state(LATTICE, jnp.float64)
    schedule = ferro.subset_schedule(key, STEPS, LATTICE)

    def end(key, subsets):
        return ferro.run(key, state, applied, local, PARAMS, LATTICE, subsets=subsets, check=False)[0].visible

    np.testing.assert_allclose(jax.jit(end)(None, schedule), jax.jit(lambda: end(key, None))(), atol=1e-13)
    with pytest.raises(ValueError, match=r"from step 0 on, and the state is at step 7: .*start=7"):
        ferro.run(None, state._replace(step=7), applied, local, PARAMS, LATTICE, subsets=schedule)
    with pytest.raises(ValueError, match=r"subset_schedule\(key, 13, lattice\)"):
        ferro.run(None, state, applied[:13], local, PARAMS, LATTICE, subsets=schedule)
    with pytest.raises(ValueError, match="random_subset"):
        ferro.subset_schedule(key, 5, ferro.Lattice((4, 4)))


def test_wrong_shapes_of_drives_are_refused_in_words():
    good, pattern = jnp.zeros((9, 2)), jnp.zeros((3, 2, 4, 5))
    with pytest.raises(ValueError, match=r"expected \(time, 2, 4, 5\)"):
        checked_drives(np.zeros((9, 2, 5, 4)), None, None, LATTICE)
    with pytest.raises(ValueError, match=r"patterns.pattern has shape \(3, 2, 5, 4\)"):
        checked_drives(good, ferro.Patterns(jnp.zeros((9, 3)), jnp.zeros((3, 2, 5, 4))), None, LATTICE)
    with pytest.raises(ValueError, match=r"patterns.amplitude has shape \(8, 3\), expected \(9, 3\)"):
        checked_drives(good, ferro.Patterns(jnp.zeros((8, 3)), pattern), None, LATTICE)
    with pytest.raises(ValueError, match=r"alpha1 has shape \(8,\), expected \(9,\)"):
        checked_drives(good, None, np.zeros(8), LATTICE)
    state, zero = ferro.initial_state(LATTICE, jnp.float64), jnp.zeros((2, 4, 5))
    large = ferro.Patterns(jnp.ones((9, 3)), pattern + 1e4)
    with pytest.raises(ValueError, match="stability bound"):
        ferro.run(None, state, jnp.zeros((9, 2)), zero, PARAMS, LATTICE, patterns=large)


def test_double_precision_on_a_state_of_single_precision_is_said():
    state, zero = ferro.initial_state(LATTICE, jnp.float32), jnp.zeros((2, 4, 5), jnp.float32)
    with pytest.warns(UserWarning, match="applied is float64 and the state float32"):
        ferro.run(jax.random.key(0), state, jnp.ones((9, 2)), zero, PARAMS, LATTICE)
    with warnings.catch_warnings():  # NumPy's doubles say nothing about what was meant
        warnings.simplefilter("error")
        warn_of_rounding({"applied": np.ones((9, 2)), "bonds": None}, jnp.float32)


def test_derivatives_that_a_rollout_does_not_have_are_refused_in_words():
    lattice = ferro.Lattice((4, 4))
    setup = ferro.physical(jnp.float64)._replace(lattice=lattice, drive_steps=9, hold_steps=1)

    def end(scale, gradient="adjoint"):
        curve, zero = scale * jnp.linspace(0, 1, 9), jnp.zeros((2, 4, 4))
        fixed = setup._replace(settle=None)
        return jnp.sum(ferro.simulate(None, curve, zero, fixed, gradient=gradient, check=False).state.visible ** 2)

    def settled(scale):
        curve, zero = scale * jnp.linspace(0, 1, 9), jnp.zeros((2, 4, 4))
        return jnp.sum(ferro.simulate(None, curve, zero, setup, check=False).state.visible)

    with pytest.raises(ValueError, match="settle=None"):
        jax.make_jaxpr(jax.grad(settled))(1.0)
    with pytest.raises(TypeError, match="gradient='forward'"):
        jax.jvp(end, (1.0,), (1.0,))
    with pytest.raises(ValueError, match="forward over reverse"):
        jax.make_jaxpr(jax.grad(jax.grad(end)))(1.0)
    both = jax.jit(lambda s: (jax.jvp(lambda s: end(s, "forward"), (s,), (1.0,))[1], jax.grad(end)(s)))
    np.testing.assert_allclose(*both(1.0), rtol=1e-10)


def test_a_simulation_passes_its_drives_on_and_rests_under_the_last_of_them(key):
    setup = ferro.physical()._replace(lattice=ferro.Lattice((6, 6)), drive_steps=10, hold_steps=4)
    steps, (_, local, field) = 14, [jax.random.normal(k, (2, 6, 6), jnp.float32) for k in jax.random.split(key, 3)]
    patterns = ferro.Patterns(jnp.linspace(0, 1, steps)[:, None], field[None])
    alpha1 = (setup.params.alpha1 * jnp.linspace(1.0, 0.9, steps)).astype(setup.dtype)
    curve = jnp.linspace(-0.5, 0.5, 10)
    found = ferro.simulate(key, curve, local, setup, patterns=patterns, alpha1=alpha1)
    ends, _ = ferro.run(
        key, ferro.initial_state(setup.lattice, setup.dtype), found.applied, local, setup.params, setup.lattice,
        patterns=patterns, alpha1=alpha1,
    )  # fmt: skip
    short = ferro.simulate(key, curve, local, setup._replace(settle=None), patterns=patterns, alpha1=alpha1)
    np.testing.assert_array_equal(short.state.visible, ends.visible)
    assert found.residual < setup.settle.tolerance < short.residual
    last = setup.params._replace(alpha1=alpha1[-1])
    rest = ferro.rate(found.state, found.applied[-1], local + field, last, setup.lattice)
    np.testing.assert_allclose(np.abs(rest).max(), found.residual, atol=1e-6)

    quarter = ferro.lecture()._replace(lattice=ferro.Lattice((6, 6), update="random_subset"), drive_steps=10)
    steps = quarter.drive_steps + quarter.hold_steps
    schedule = ferro.subset_schedule(jax.random.key(5), steps, quarter.lattice)
    by_key = ferro.simulate(jax.random.key(5), curve, local, quarter)
    by_data = ferro.simulate(None, curve, local, quarter, subsets=schedule)
    np.testing.assert_array_equal(by_key.state.visible, by_data.state.visible)


def test_drives_of_the_wrong_kind_are_refused_in_words(key):
    setup = ferro.physical()._replace(settle=None, drive_steps=10, hold_steps=4)
    local, curve = jnp.zeros((2, 20, 20), jnp.float32), jnp.zeros(10, jnp.float32)
    quarter = ferro.Lattice((20, 20), update="random_subset")
    with pytest.raises(ValueError, match="moves all sites"):
        ferro.simulate(None, curve, local, setup, subsets=ferro.subset_schedule(key, 14, quarter))
    with pytest.raises(ValueError, match="drive_steps"):
        checked_drives(jnp.zeros((14, 2)), None, jnp.ones(10), setup.lattice)


def test_numbers_that_are_not_finite_are_named_with_their_place():
    state, zero, none = ferro.initial_state(LATTICE, jnp.float64), jnp.zeros((2, 4, 5)), jnp.zeros((9, 2))

    def end(applied=none, **drives):
        return ferro.run(jax.random.key(0), state, applied, zero, PARAMS, LATTICE, **drives)

    with pytest.raises(ValueError, match=r"applied is not finite: nan at index \(3, 0, 2, 1\)"):
        end(jnp.zeros((9, 2, 4, 5)).at[3, 0, 2, 1].set(jnp.nan))
    with pytest.raises(ValueError, match=r"alpha1 is not finite: inf at index \(4,\)"):
        end(alpha1=jnp.full(9, -1.6).at[4].set(jnp.inf))
    with pytest.raises(ValueError, match=r"patterns.amplitude is not finite: nan at index \(0, 0\)"):
        end(patterns=ferro.Patterns(jnp.full((9, 1), jnp.nan), jnp.ones((1, 2, 4, 5))))


def test_a_time_step_too_long_for_the_coldest_moment_is_refused():
    state, zero = ferro.initial_state(LATTICE, jnp.float64), jnp.zeros((2, 4, 5))
    cold_first = jnp.linspace(-1e4, -1.6, 9)
    with pytest.raises(ValueError, match="stability bound"):
        ferro.run(jax.random.key(0), state, jnp.zeros((9, 2)), zero, PARAMS, LATTICE, alpha1=cold_first)


def test_records_in_the_wrong_place_are_refused_in_words(key):
    setup, zero, field = ferro.lecture(), jnp.zeros((2, 20, 20), jnp.float32), jnp.zeros((9, 2), jnp.float32)
    state, params, lattice = ferro.initial_state(setup.lattice), setup.params, setup.lattice
    for given, message in (
        ((state, params, (20, 20)), "lattice is a tuple; expected a ferro_jax.Lattice"),
        ((state, params, setup), r"lattice is a Setup, which holds one: give its \.lattice"),
        ((state, tuple(params), lattice), "params is a tuple; expected a ferro_jax.Params"),
        ((zero, params, lattice), "state is a .*; expected a ferro_jax.State"),
    ):
        with pytest.raises(ValueError, match=message):
            check_records(*given)
    for one, steps_done, message in (
        (key, 2.5, "state.step is 2.5: expected one whole number"),
        (key, jnp.arange(3), r"state._replace\(step=number\)"),
        (jax.random.split(key, 3), 0, r"key has shape \(3,\); give one key"),
    ):
        with pytest.raises(ValueError, match=message):
            ferro.run(one, state._replace(step=steps_done), field, zero, params, lattice)
    with pytest.raises(ValueError, match="expected a ferro_jax.State"):
        inspect.unwrap(ferro.target)(zero, setup)
    with pytest.raises(ValueError, match="steps is -1"):
        ferro.subset_schedule(key, -1, lattice)
    with pytest.raises(ValueError, match="hold_steps is -1"):
        ferro.applied_field(jnp.zeros(900), setup._replace(hold_steps=-1))
    for name, value in (("thermal", "no"), ("clip", "wide")):
        wrong = ferro.Lattice((4, 4))
        object.__setattr__(wrong, name, value)
        with pytest.raises(ValueError, match=name):
            wrong.__post_init__()


def test_an_energy_of_fields_that_would_be_broadcast_is_refused():
    p = jnp.zeros((2, 4, 5))
    for applied, local, message in (
        (jnp.ones(1), p, r"applied has shape \(1,\), expected \(2,\)"),
        (jnp.ones(2), p[:, :, :1], r"local_field has shape \(2, 4, 1\), expected \(2, 4, 5\)"),
    ):
        with pytest.raises(ValueError, match=message):
            checked_fields(p, applied, local, None, LATTICE)
    with pytest.raises(ValueError, match=r"polarization has shape \(2, 5, 4\), expected \(2, 4, 5\)"):
        ferro.force(p.mT, jnp.ones(2), p.mT, PARAMS, LATTICE)


def test_a_known_course_of_alpha1_stays_known_inside_a_jit():
    known = jnp.array([-2.0, 0.5, -1.0])

    def traced(x):
        np.testing.assert_array_equal(stiffest(PARAMS, known).alpha1, [-2.0, 0.5])
        return x

    jax.eval_shape(traced, 0.0)
