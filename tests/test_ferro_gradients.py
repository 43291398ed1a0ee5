"""Derivatives of whole rollouts: each way against finite differences and against the others."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ferro_jax as ferro
from ferro_jax.engine.terms import Inputs, Wanted, constants, wanted_of

PARAMS = ferro.landau_params("tetragonal", jnp.float64)
UPDATES = ("synchronous", "random_subset")


def case(key, shape, steps):
    keys = jax.random.split(key, 4)
    start = 0.3 * jax.random.normal(keys[0], (2, *shape))
    applied = 20 * jax.random.normal(keys[1], (steps, 2))
    local = 3 * jax.random.normal(keys[2], (2, *shape))
    return (start, applied, local, PARAMS), jax.random.normal(keys[3], (3, 2, *shape))


def loss(key, weight, lattice, gradient, start, applied, local, params):
    """Return a scalar that depends on all three arrays of the final state."""
    state = ferro.initial_state(lattice, jnp.float64, start)
    end, _ = ferro.run(key, state, applied, local, params, lattice, gradient=gradient, check=False)
    return jnp.sum(weight[0] * end.polarization**2 + weight[1] * end.visible + weight[2] * end.projected**2)


def along(tree, direction):
    """Return the inner product of a gradient and a direction."""
    return sum(jnp.sum(a * b) for a, b in zip(jax.tree.leaves(tree), jax.tree.leaves(direction), strict=True))


@pytest.mark.parametrize("update", [pytest.param("synchronous", marks=pytest.mark.slow), "random_subset"])
def test_gradient_of_a_whole_history_equals_finite_differences(key, update):
    lattice = ferro.Lattice((5, 5), "grounded", update, clip=10.0)
    arguments, weight = case(key, lattice.shape, 950)
    both = jax.jit(jax.value_and_grad(partial(loss, key, weight, lattice, "adjoint"), argnums=(0, 1, 2, 3)))
    _, slopes = both(*arguments)
    leaves, tree = jax.tree.flatten(arguments)
    for n, (leaf, slope) in enumerate(zip(leaves, jax.tree.leaves(slopes), strict=True)):
        direction = jax.random.normal(jax.random.fold_in(key, n), jnp.shape(leaf))
        size = 1e-6 * max(1.0, float(jnp.abs(leaf).max())) if jnp.ndim(leaf) else 1e-5 * (float(jnp.abs(leaf)) or 1.0)

        def displaced(sign, n=n, direction=direction, size=size):
            changed = [x + sign * size * direction if m == n else x for m, x in enumerate(leaves)]
            return both(*jax.tree.unflatten(tree, changed))[0]

        numeric = (displaced(1) - displaced(-1)) / (2 * size)
        np.testing.assert_allclose(jnp.sum(slope * direction), numeric, rtol=2e-5, atol=1e-6, err_msg=f"leaf {n}")


CASES = [
    ("synchronous", "grounded", None, "y", 40),  # 40 steps are no whole number of segments
    ("random_subset", "periodic", 0.4, "xy", 45),
    pytest.param("random_subset", "grounded", 0.4, "xy", 38, marks=pytest.mark.slow),
    pytest.param("synchronous", "periodic", 0.4, "xy", 36, marks=pytest.mark.slow),
    pytest.param("random_subset", "open", None, "xy", 45, marks=pytest.mark.slow),
    pytest.param("synchronous", "open", None, "xy", 41, marks=pytest.mark.slow),
    pytest.param("random_subset", "periodic", None, "y", 38, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("update", "boundary", "clip", "axes", "steps"), CASES)
def test_backward_by_hand_is_the_transpose_of_forward_mode(key, update, boundary, clip, axes, steps):
    lattice = ferro.Lattice((4, 6), boundary, update, clip=clip, axes=axes)
    arguments, weight = case(key, lattice.shape, steps)
    by_hand = jax.jit(jax.grad(partial(loss, key, weight, lattice, "adjoint"), argnums=(0, 1, 2, 3)))(*arguments)
    slope = jax.jit(lambda a, w: jax.jvp(partial(loss, key, weight, lattice, "forward"), a, w)[1])
    # one direction for each input, so that a wrong one is named
    leaves, tree = jax.tree.flatten(arguments)
    for n in range(len(leaves)):
        draws = [jax.random.normal(jax.random.fold_in(key, n), jnp.shape(leaf)) for leaf in leaves]
        direction = [(n == m) * draw for m, draw in enumerate(draws)]
        expected = slope(arguments, tree.unflatten(direction))
        np.testing.assert_allclose(along(by_hand, direction), expected, rtol=1e-8, atol=1e-9, err_msg=f"leaf {n}")


@pytest.mark.slow
@pytest.mark.parametrize("update", UPDATES)
def test_every_way_gives_the_same_gradient(key, update):
    lattice = ferro.Lattice((4, 6), "grounded", update)
    arguments, weight = case(key, lattice.shape, 38)

    def slopes(gradient):
        return jax.jit(jax.grad(partial(loss, key, weight, lattice, gradient), argnums=(0, 1, 2, 3)))(*arguments)

    expected = slopes("plain")
    for gradient in ("adjoint", "checkpoint"):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9), slopes(gradient), expected)


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.slow
def test_forward_mode_and_curvature_compose_with_vmap(key, update):
    """``jacfwd`` batches only tangents; the second derivative is forward over reverse mode."""
    lattice = ferro.Lattice((4, 4), "grounded", update)
    (start, applied, local, params), weight = case(key, lattice.shape, 30)
    scales = jnp.array([0.5, 1.0, 1.5])

    def value(scale, coupling, gradient):
        swept = params._replace(coupling=coupling)
        return loss(key, weight, lattice, gradient, start, scale * applied, local, swept)

    by_forward = jax.jit(jax.vmap(jax.jacfwd(lambda s, k: value(s, k, "forward"), (0, 1)), (0, None)))(scales, 12.5)
    by_reverse = jax.jit(jax.vmap(jax.grad(lambda s, k: value(s, k, "adjoint"), (0, 1)), (0, None)))(scales, 12.5)
    np.testing.assert_allclose(by_forward[0], by_reverse[0], rtol=1e-9)
    np.testing.assert_allclose(by_forward[1], by_reverse[1], rtol=1e-9)

    # a primal, a value and its tangent each in lanes of their own, which JAX's rule for custom_vmap cannot do
    tangents = jnp.array([0.3, -1.0, 2.0])
    pushed = jax.jit(jax.vmap(lambda s, k, t: jax.jvp(lambda k: value(s, k, "forward"), (k,), (t,))[1]))
    np.testing.assert_allclose(pushed(scales, jnp.full(3, 12.5), tangents), tangents * by_reverse[1], rtol=1e-9)

    slope = jax.jit(jax.grad(lambda s: value(s, 12.5, "adjoint")))
    curvature = jax.jit(lambda s: jax.jvp(slope, (s,), (1.0,))[1])(1.0)
    np.testing.assert_allclose(curvature, (slope(1 + 1e-5) - slope(1 - 1e-5)) / 2e-5, rtol=1e-5)


@pytest.mark.parametrize("update", [pytest.param("synchronous", marks=pytest.mark.slow), "random_subset"])
def test_gradient_of_a_batch_is_the_batch_of_gradients(key, update):
    lattice = ferro.Lattice((4, 4), "open", update)
    (start, _, local, params), weight = case(key, lattice.shape, 1)
    histories = 5 * jax.random.normal(key, (35, 27, 2))  # wider than a chunk of the kernel

    def of_history(applied, coupling):
        return loss(key, weight, lattice, "adjoint", start, applied, local, params._replace(coupling=coupling))

    slopes = jax.grad(of_history, argnums=(0, 1))
    each = jax.jit(lambda h, k: jax.lax.map(lambda applied: slopes(applied, k), h))(histories, 12.5)
    together = jax.jit(jax.grad(lambda h, k: jnp.sum(jax.vmap(of_history, (0, None))(h, k)), argnums=(0, 1)))
    of_histories, of_coupling = together(histories, 12.5)
    np.testing.assert_allclose(of_histories, each[0], atol=1e-11)
    np.testing.assert_allclose(of_coupling, each[1].sum(), rtol=1e-10)


def test_observations_and_random_bonds_have_gradients(key):
    lattice = ferro.Lattice((4, 5), "grounded", "synchronous")
    (start, applied, local, params), _ = case(key, lattice.shape, 25)
    bonds = ferro.random_bonds(key, lattice, 0.3)

    def value(bonds, scale):
        state = ferro.initial_state(lattice, jnp.float64, start)
        _, curl = ferro.run(
            None, state, scale * applied, local, params, lattice,
            bonds=bonds, observe=lambda s: ferro.sum_abs_curl(s.visible, smooth=0.1) * scale, check=False,
        )  # fmt: skip
        return jnp.sum(curl)

    compiled = jax.jit(value)
    on_bonds, on_scale = jax.jit(jax.grad(value, argnums=(0, 1)))(bonds, 1.0)
    direction = jax.random.normal(key, bonds.shape)
    numeric = (compiled(bonds + 1e-6 * direction, 1.0) - compiled(bonds - 1e-6 * direction, 1.0)) / 2e-6
    np.testing.assert_allclose(jnp.sum(on_bonds * direction), numeric, rtol=1e-5)
    np.testing.assert_allclose(on_scale, (compiled(bonds, 1 + 1e-6) - compiled(bonds, 1 - 1e-6)) / 2e-6, rtol=1e-5)


def test_an_unknown_way_lists_the_valid_ones(key):
    lattice = ferro.Lattice((4, 4))
    with pytest.raises(ValueError, match="adjoint, checkpoint, plain, forward"):
        ferro.run(None, ferro.initial_state(lattice), jnp.ones((9, 2)), jnp.zeros((2, 4, 4)),
                  ferro.landau_params(), lattice, gradient="reverse")  # fmt: skip


NESTINGS = {
    "vmap of jit": lambda f, g: jax.vmap(jax.jit(g)),
    "vmap of scan": lambda f, g: jax.vmap(lambda c: jax.lax.scan(lambda _, __: (g(c), None), c, None, length=2)[0]),
    "scan of vmap": lambda f, g: lambda x: jax.lax.scan(lambda _, __: (jax.vmap(g)(x), None), x, None, length=2)[0],
    "vmap of while": lambda f, g: jax.vmap(
        lambda c: jax.lax.fori_loop(0, (c[0, 0] < 9).astype(int), lambda *_: g(c), c)
    ),
    "vmap of cond": lambda f, g: jax.vmap(lambda c: jax.lax.cond(c[0, 0] > 9, lambda c: c, g, c)),
    "vmap of vmap": lambda f, g: lambda x: jax.vmap(jax.vmap(g))(x[None])[0],
    "grad of checkpoint": lambda f, g: jax.grad(lambda x: jax.checkpoint(jax.vmap(f))(x).sum()),
    "vmap of checkpoint": lambda f, g: jax.vmap(jax.grad(jax.checkpoint(f))),
    "lax.map": lambda f, g: lambda x: jax.lax.map(g, x, batch_size=3),
}


@pytest.mark.parametrize(
    ("update", "names"),
    [
        ("synchronous", ["vmap of scan", "vmap of cond"]),
        pytest.param("synchronous", list(NESTINGS), marks=pytest.mark.slow),
        pytest.param("random_subset", list(NESTINGS), marks=pytest.mark.slow),
    ],
)
def test_gradients_nest_in_every_way(key, update, names):
    """20 lanes, so that what is traced for one lane in one kernel runs for all of them in another."""
    lattice = ferro.Lattice((4, 4), "open", update)
    (start, _, local, params), weight = case(key, lattice.shape, 1)
    histories = 5 * jax.random.normal(key, (20, 23, 2))

    def of_history(applied):
        return loss(key, weight, lattice, "adjoint", start, applied, local, params)

    slope = jax.grad(of_history)
    expected = jax.jit(jax.vmap(slope))(histories)
    numeric = (jax.jit(of_history)(histories[3] + 1e-6) - jax.jit(of_history)(histories[3] - 1e-6)) / 2e-6
    np.testing.assert_allclose(expected[3].sum(), numeric, rtol=1e-6)
    for name in names:
        way = NESTINGS[name](of_history, slope)
        np.testing.assert_allclose(jax.jit(way)(histories), expected, rtol=1e-9, atol=1e-9, err_msg=name)


def test_sums_are_made_for_what_is_differentiated_and_for_nothing_else(key):
    """Each input alone: the coefficients that move with it in forward mode are those whose sums are wanted."""
    lattice, fill = ferro.Lattice((3, 4), "open", "synchronous"), partial(jnp.full, fill_value=0.7)
    fields = {"polarization": fill((2, 12, 1)), "visible": fill((2, 12, 1)), "projected": fill((2, 12, 1))}
    fields |= {"applied": fill((5, 2, 1)), "local_field": fill((2, 12, 1)), "bonds": fill((2, 12, 1))}
    fields |= {"amplitudes": fill((5, 2, 1)), "patterns": fill((2, 2, 12, 1)), "site_field": fill((5, 2, 12, 1))}
    params = jax.tree.map(lambda leaf: jnp.full((1,), leaf + 0.1), PARAMS)
    inputs = Inputs(**fields, params=params, closed_over=[], alpha1=fill((5, 1, 1)))
    leaves, tree = jax.tree.flatten(inputs)
    for n in range(len(leaves)):
        alone = jax.tree.unflatten(tree, [m == n for m in range(len(leaves))])
        change = jax.tree.map(lambda leaf, moves: jnp.ones_like(leaf) * moves, inputs, alone)
        _, moved = jax.jvp(lambda inputs: constants(inputs, lattice)[0], (inputs,), (change,))
        expected = Wanted(*(bool(jnp.any(part != 0)) for part in moved))
        assert wanted_of(alone) == expected, f"input {n}"
