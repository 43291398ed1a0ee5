"""Spaces of mixed inputs: their numbers, the kernel of categories, constraints, the search over them."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import bo
from bo.campaigns import feasible, linear, mixed
from bo.surrogates import hamming, kernels, pathwise
from bo.surrogates.hamming import Hamming

SPACE = bo.Space(
    [
        bo.real("dose", 1, 100, "mg", log=True),
        bo.integer("coats", 0, 20),
        bo.category("solvent", ["water", "ethanol", "DMF"]),
        bo.real("copper", 0, 1),
        bo.real("day", 0, 30, context=True),
    ]
)
MIXTURE = bo.Space(
    [*SPACE.inputs[:4]],
    linear=[bo.at_most({"copper": 10, "coats": 1}, 12), bo.at_least({"dose": 1, "copper": 50}, 20)],
)
ROW = {"dose": 10.0, "coats": 7, "solvent": "DMF", "copper": 0.25, "day": 41.0}


def test_rows_are_encoded_and_decoded_without_a_loss():
    x = SPACE.encode(ROW)
    np.testing.assert_array_equal(x, [10, 7, 2, 0.25, 41])
    assert SPACE.decode(x) == ROW and isinstance(SPACE.decode(x)["coats"], int)
    assert SPACE.decode(SPACE.encode([list(ROW.values()), ROW])) == [ROW, ROW]
    cube = SPACE.to_cube(x)
    np.testing.assert_allclose(cube, [0.5, 0.35, 1, 0.25, 41 / 30])  # 10 is in the middle of 1 … 100
    rows = np.stack([SPACE.encode(ROW | {"coats": n, "solvent": c}) for n in range(21) for c in ("water", "ethanol")])
    for of in (np.asarray, jnp.asarray):
        there_and_back = np.asarray(SPACE.from_cube(SPACE.to_cube(of(rows))))
        np.testing.assert_array_equal(there_and_back[:, 1:3], rows[:, 1:3])
        np.testing.assert_allclose(there_and_back, rows, rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: SPACE.encode(ROW | {"solvent": "acid"}), "one of"),
        (lambda: SPACE.encode(ROW | {"coats": 2.5}), "whole number"),
        (lambda: SPACE.encode(ROW | {"dose": 200}), "1 to 100 mg"),
        (lambda: SPACE.encode(ROW | {"copper": "much"}), "expected a number"),
        (lambda: SPACE.encode({"dose": 1}), "lacks"),
        (lambda: SPACE.encode(np.array([1.0, 2.0])), r"expected \(n, 5\)"),
        (lambda: bo.real("x", 0, 1, log=True), "positive"),
        (lambda: bo.integer("x", 0.5, 2), "whole numbers"),
        (lambda: bo.category("x", ["a", "a"]), "twice"),
        (lambda: bo.Space([bo.real("x", 0, 1), bo.real("x", 0, 1)]), "twice"),
        (lambda: bo.Space([bo.real("x", 0, 1, context=True)]), "to be chosen"),
        (lambda: bo.Space(SPACE.inputs, linear=[bo.at_most({"day": 1}, 3)]), "weights for"),
        (lambda: bo.Space(SPACE.inputs[:4], linear=[bo.at_most({"copper": 1}, -1)]), "x"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(make, words):
    if words == "x":
        with pytest.raises(ValueError, match="no room"):
            linear.deepest(make())
        return
    with pytest.raises(ValueError, match=words):
        make()


def test_grids_hold_all_combinations_that_the_constraints_allow():
    grid = MIXTURE.grid({"dose": 4, "copper": 3})
    whole = np.array(
        [(d, n, s, c) for d in np.geomspace(1, 100, 4) for n in range(21) for s in range(3) for c in (0, 0.5, 1)]
    )
    allowed = (10 * whole[:, 3] + whole[:, 1] <= 12 + 1e-9) & (whole[:, 0] + 50 * whole[:, 3] >= 20 - 1e-9)
    np.testing.assert_allclose(grid.x, whole[allowed])
    with pytest.raises(ValueError, match="row 1"):
        MIXTURE.candidates([[50, 2, "water", 0.5], [1, 2, "water", 0.1]])
    assert SPACE.grid(2).whole().shape == (2 * 21 * 3 * 2, 5)


def test_kernel_of_categories_is_symmetric_positive_definite_and_counts_what_differs(key):
    codes = jnp.asarray(np.array([(a, b) for a in range(3) for b in range(4)]) / np.array([2, 3]))
    kernel = Hamming(lengthscale=jnp.array([0.7, 2.0]), variance=jnp.array(1.5))
    matrix, of_gpjax = jax.jit(lambda x: (kernels.cross(kernel, x, x), kernel.cross_covariance(x, x)))(codes)
    matrix = np.asarray(matrix)
    np.testing.assert_array_equal(matrix, matrix.T)
    assert np.linalg.eigvalsh(matrix).min() > 0
    np.testing.assert_allclose(matrix[0, [0, 1, 4, 5]], 1.5 * np.exp([0, -1 / 2, -1 / 0.7, -1 / 2 - 1 / 0.7]))
    np.testing.assert_allclose(matrix, of_gpjax)
    expression = kernels.kernel("matern52[0] * hamming[1, 2]")
    priors = expression.priors(3)
    assert [sorted(part) for part in priors] == [["lengthscale", "variance"], ["lengthscale"]]
    # draws of the function have the same covariance
    draws = jax.jit(jax.vmap(lambda key: pathwise.prior(key, kernel, 2, 64)(codes)))(jax.random.split(key, 4000))
    np.testing.assert_allclose(np.cov(np.asarray(draws).T), matrix, atol=0.12)
    assert hamming.SAME < 1e-3  # a thousand categories are still told apart


def test_points_that_fill_a_space_keep_its_constraints_and_reach_every_face():
    cube = linear.fill(MIXTURE, 300)
    x = MIXTURE.from_cube(cube)
    assert MIXTURE.feasible(x).all() and set(x[:, 2]) == {0, 1, 2} and np.ptp(x[:, 1]) > 8
    np.testing.assert_array_equal(x[:, 1], np.round(x[:, 1]))
    simplex = bo.Space(
        [bo.real(f"x{n}", 0, 1) for n in range(9)], linear=[bo.at_most({f"x{n}": 1 for n in range(9)}, 1)]
    )
    walked = simplex.from_cube(linear.fill(simplex, 600))  # one Sobol point in 362,880 would do
    assert simplex.feasible(walked).all()
    np.testing.assert_allclose(walked.mean(0), 0.1, atol=0.025)  # of the uniform distribution on the simplex


def test_a_point_is_drawn_back_to_the_face_it_crosses(key):
    kept = feasible.feasible_of(MIXTURE, linear.fill(MIXTURE, 64), jnp.float64)
    z = linear.shared_out(np.array([0, 21, 3, 0]), jax.random.uniform(key, (400, 4)))
    drawn, possible = jax.jit(lambda z: feasible.kept_inside(kept, z))(z)
    drawn, possible = np.asarray(drawn), np.asarray(possible)
    x, given = MIXTURE.from_cube(drawn), MIXTURE.from_cube(np.asarray(z))
    assert MIXTURE.feasible(x[possible]).all() and not MIXTURE.feasible(x[~possible]).any()
    np.testing.assert_allclose(x[:, [1, 2]], given[:, [1, 2]])
    inside = MIXTURE.feasible(given)
    np.testing.assert_array_equal(drawn[inside], np.asarray(z)[inside])
    weights, most = MIXTURE.inequalities()
    slack = (most - x @ weights.T).min(axis=1)[possible & ~inside]
    assert slack.max() < 1e-4  # on the face, a little inside
    assert not possible.all() and possible.sum() > 200


def test_the_search_finds_known_maxima_inside_and_on_a_constraint(key):
    def score(z):  # in the cube: dose at 0.4, coats at 13, ethanol, copper at 0.9
        wrong = jnp.where(jnp.abs(z[:, 2] - 0.5) > 0.1, 1.0, 0.0)
        return -((z[:, 0] - 0.4) ** 2) - (20 * z[:, 1] - 13.2) ** 2 / 20 - (z[:, 3] - 0.9) ** 2 - wrong

    def found(space, key):
        parts = mixed.mixed(space, 128, jnp.float64)
        data = bo.observations(parts.filling[:4], jnp.arange(4.0))
        key, key_local = jax.random.split(key)
        raw = mixed.raw_points(parts, key, key_local, data, 128, 32, 2, None)
        return mixed.maximise(parts, score, raw, 128, starts=5, iterations=30)[0]

    keys = jax.random.split(key, 3)
    plain = bo.Space(MIXTURE.inputs)
    free = np.asarray(plain.from_cube(jax.jit(jax.vmap(lambda key: found(plain, key)))(keys)))
    np.testing.assert_allclose(free, np.tile([100**0.4, 13, 1, 0.9], (3, 1)), rtol=1e-3)
    kept = np.asarray(MIXTURE.from_cube(jax.jit(jax.vmap(lambda key: found(MIXTURE, key)))(keys)))
    assert MIXTURE.feasible(kept).all()
    coats = np.arange(13)  # brute force: copper ≤ (12 − coats) / 10, dose as it likes
    copper = np.minimum(0.9, (12 - coats) / 10)
    expected = score(MIXTURE.to_cube(jnp.asarray([[100**0.4, n, 1, c] for n, c in zip(coats, copper, strict=True)])))
    reachable = np.asarray(expected)[50 * copper + 100**0.4 >= 20]
    assert np.asarray(score(MIXTURE.to_cube(jnp.asarray(kept)))).min() > reachable.max() - 1e-3


NUMBERED = bo.Space([bo.real("dose", 0, 10), bo.category("cycles", [1, 2, 3])])


def test_a_search_with_many_levels_may_change_to_every_choice_and_by_powers_of_two():
    space = bo.Space([bo.real("t", 0, 1), bo.category("gas", list("abc")), bo.integer("n", 0, 1000)])
    fixed, value, step = mixed.moves_of(space, linear.levels_of(space))
    choices = fixed[:, 1]
    np.testing.assert_array_equal(value[choices], [[0, 0, 0], [0, 0.5, 0], [0, 1, 0]])
    assert not step[choices].any() and not fixed[~choices].any() and not value[~choices].any()
    jumps = 1000 * step[~choices, 2]
    np.testing.assert_allclose(sorted(jumps), sorted([*(2.0 ** np.arange(9)), *(-(2.0 ** np.arange(9)))]))


def test_a_number_that_may_be_a_code_or_a_choice_is_refused():
    """Of choices 1, 2, 3 the array [5, 2] would be the third one and the list [5, 2] the second."""
    assert NUMBERED.encode([5, 2]).tolist() == [5, 1] == NUMBERED.encode({"cycles": 2, "dose": 5}).tolist()
    with pytest.raises(ValueError, match="a code or a choice of input 'cycles'"):
        NUMBERED.encode(np.array([5, 2]))
    same = bo.Space([bo.real("dose", 0, 10), bo.category("cycles", [0, 1, 2])])
    assert same.encode(np.array([5, 2])).tolist() == [5, 2]


def test_tables_of_pandas_are_rows_by_name():
    rows = NUMBERED.candidates(pd.DataFrame({"cycles": [3, 1], "dose": [2.5, 7.5]}))
    np.testing.assert_array_equal(rows.x, [[2.5, 2], [7.5, 0]])
