"""Where a run or its gradient stops being finite, and results that are larger than all memory."""

import inspect

import jax
import jax.numpy as jnp
import pytest

import ferro_jax as ferro
from bo.surrogates import incremental

LATTICE = ferro.Lattice((4, 5), "periodic", "synchronous")
PARAMS = ferro.landau_params("tetragonal", jnp.float64)
STEPS = 40


def find(loss, applied, **options):
    state = ferro.initial_state(LATTICE, jnp.float64)
    local = 0.1 * jax.random.normal(jax.random.key(0), (2, *LATTICE.shape))
    return ferro.find_nonfinite(loss, None, state, applied, local, PARAMS, LATTICE, **options)


def test_the_step_and_the_site_where_a_state_breaks_are_found():
    applied = jnp.zeros((STEPS, 2, *LATTICE.shape)).at[17, 1, 2, 3].set(1e200)
    found = find(lambda state, _: ferro.sum_magnitude(state.visible), applied)
    assert found.state_step == 18 and found.place is not None and found.place[1:] == (2, 3)
    assert found.gradient_step is None and "after step 18" in str(found) and "2, 3)" in str(found)


def test_the_step_where_a_gradient_breaks_is_found():
    applied = jnp.full((STEPS, 2), 0.1)
    root = lambda state: jnp.sqrt(jnp.where(state.step == 23, 0.0 * state.visible.sum(), 1.0))  # noqa: E731
    found = find(lambda _, seen: seen.sum(), applied, observe=root)
    assert found == (None, None, 22)  # the field of step 22 leads to the state after 23 steps
    assert "from step 22 back" in str(found)
    good = find(lambda state, _: ferro.sum_magnitude(state.visible), applied)
    assert good == (None, None, None) and "are finite" in str(good)


def test_a_loss_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="expected one number"):
        find(lambda state, _: state.visible, jnp.zeros((STEPS, 2)))


def test_what_is_larger_than_all_memory_is_refused_before_it_starts():
    state, local = ferro.initial_state(LATTICE, jnp.float64), jnp.zeros((2, *LATTICE.shape))

    def states(strength, observe, gradient="adjoint"):
        applied = jnp.broadcast_to(strength, (200_000_000, 2))
        end, seen = ferro.run(None, state, applied, local, PARAMS, LATTICE, observe=observe, gradient=gradient)
        return end.visible.sum() if observe is None else seen.visible.sum()

    with pytest.raises(ValueError, match=r"200000000 steps needs .* GiB, and there are .* GiB: observe less"):
        jax.eval_shape(lambda strength: states(strength, lambda state: state), jnp.ones(()))
    with pytest.raises(ValueError, match="take gradient='adjoint'"):
        jax.eval_shape(jax.grad(lambda strength: states(strength, None, "plain")), jnp.ones(()))
    posterior = incremental.PoolPosterior(*[jnp.zeros((2, 3))] * len(incremental.PoolPosterior._fields))
    posterior = posterior._replace(projected=jax.ShapeDtypeStruct((2, 1_000_000), jnp.float64))
    with pytest.raises(ValueError, match=r"1000000 evaluations over 1000000 candidates needs .* GiB"):
        incremental.grow(posterior, 1_000_000)


def test_numbers_and_functions_of_the_wrong_kind_are_refused_in_words():
    state, local = ferro.initial_state(LATTICE, jnp.float64), jnp.zeros((2, *LATTICE.shape))
    with pytest.raises(ValueError, match="observe is a int; expected a function"):
        inspect.unwrap(ferro.run)(None, state, jnp.zeros((3, 2)), local, PARAMS, LATTICE, observe=3)
    with pytest.raises(ValueError, match="largest_field is nan"):
        ferro.stability_bound(PARAMS, LATTICE, float("nan"))
    with pytest.raises(ValueError, match="standard deviation of at least 0"):
        ferro.random_bonds(jax.random.key(0), LATTICE, -0.1)
