"""Numbers that a simulation, a material or a loop cannot use are refused in words, and whole ones are floats."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ferro_jax as ferro
from experiments.datasets import loops
from experiments.inverse_parameters import own_loops

pytestmark = pytest.mark.usefixtures("as_users_run")

SETUP = ferro.lecture()._replace(drive_steps=12, hold_steps=2, lattice=ferro.Lattice((4, 5)))
CURVE, FIELD = jnp.sin(jnp.arange(12, dtype=jnp.float32)), jnp.zeros((2, 4, 5), jnp.float32)
KEY = jax.random.key(0)


def end(**params):
    """Polarization at the end of a short simulation with some parameters changed."""
    setup = SETUP._replace(params=SETUP.params._replace(**params))
    return np.asarray(ferro.simulate(None, CURVE, FIELD, setup).state.polarization)


def test_a_whole_time_step_makes_no_whole_numbers_of_fields():
    slow = {"mobility": 1e-3}
    np.testing.assert_allclose(end(dt=1, **slow), end(dt=1.0, **slow), rtol=1e-5)
    assert np.abs(end(dt=1, **slow)).max() > 0.01


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: end(mobility=-1.0), "mobility=-1"),
        (lambda: end(mobility=0.0), "mobility=0"),
        (lambda: end(dt="0.003"), "params.dt holds text"),
        (lambda: end(dt=None), "params.dt holds Python objects"),
        (lambda: ferro.cycle(1.0, 8.5), "steps_per_cycle is 8.5"),
        (lambda: ferro.cycle(1.0, 8, 1.5), "cycles is 1.5"),
        (lambda: ferro.cycle(np.nan, 8), "amplitude is not finite"),
        (lambda: ferro.cycle(np.arange(8.0), 8), "one number"),
        (lambda: ferro.damped_oscillation(KEY, 1.5), "n is 1.5"),
        (lambda: ferro.loop_quantities(CURVE, jnp.where(CURVE > 0.9, jnp.inf, CURVE)), "polarization is not finite"),
        (lambda: ferro.at_temperature(SETUP.params, 300.0, 300.0, 300.0), "both 300"),
        (lambda: ferro.random_field(KEY, SETUP.lattice, coercive_field=np.nan), "coercive_field is nan"),
        (lambda: ferro.random_field(KEY, SETUP.lattice, std="wide"), "std is 'wide'"),
        (lambda: ferro.random_bonds(KEY, SETUP.lattice, np.nan), "std is nan"),
    ],
)
def test_what_cannot_be_simulated_is_refused_in_words(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_a_material_of_unknown_coefficients_has_unknown_wells():
    params = SETUP.params._replace(alpha1=jnp.nan)
    found = (*ferro.wells(params)[:2], ferro.coercive_field(params), ferro.transverse_instability(params))
    assert np.isnan(np.asarray(found)).all()


BIAS = loops.sweep(64, 8.0)
SHAPE = {"offset": 0.0, "slope": 0.01, "amplitude": 2.0, "coercive_up": 2.0, "coercive_down": -2.0, "width": 0.5}
LOOP = loops.response_of({name: np.array(value) for name, value in SHAPE.items()}, BIAS)


@pytest.mark.parametrize(
    ("response", "bias", "words"),
    [
        (LOOP[None], np.tile(BIAS, (2, 1)), "that all of them share"),
        (LOOP[None], BIAS[:1], "that all of them share"),
        (np.tile(LOOP, (5, 1)).T, BIAS, r"loops have shape \(64, 5\)"),
        (np.where(BIAS > 7, np.nan, LOOP)[None], BIAS, "loops is not finite"),
    ],
)
def test_loops_and_a_bias_that_do_not_belong_together_have_no_area(response, bias, words):
    with pytest.raises(ValueError, match=words):
        loops.area(response, bias)


def test_a_sweep_has_the_steps_that_were_asked_for():
    with pytest.raises(ValueError, match="multiple of 4"):
        loops.sweep(6, 8.0)


def test_hidden_samples_of_a_measured_loop_are_unknown():
    hidden = np.arange(64) % 8 == 5
    found = own_loops.loop_of_arrays(BIAS, np.ma.masked_array(np.where(hidden, 0.1, LOOP), hidden))
    np.testing.assert_array_equal(~found.known, hidden)


@pytest.mark.parametrize(
    ("response", "words"),
    [(LOOP * 1j, "complex numbers"), (LOOP.astype(str), "text"), (LOOP[:0], "0 steps"), (LOOP, "noise is 'small'")],
)
def test_measured_loops_of_no_real_numbers_are_refused(response, words):
    with pytest.raises(ValueError, match=words):
        own_loops.loop_of_arrays(BIAS[: len(response)], response, "small" if words.startswith("noise") else 0.0)
