"""Boxes, pools and sessions: bounds, candidates told by number, values that are hidden, objectives in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import bo
from bo.space import inward
from helpers import small_campaign

pytestmark = pytest.mark.usefixtures("as_users_run")

KEY = jax.random.key(0)
SINGLE = bo.GPConfig(dtype="float32", noise_floor=1e-4)


def box(bounds, config=None, plan=None):
    return bo.box(
        lambda key, x: x.sum(), bounds, bo.gaussian_process(config), bo.variance(), plan or bo.BoxConfig(4, 1)
    )


@pytest.mark.parametrize("bounds", [[[-2.0, -0.9]], [[0.1, 0.7]], [[0.1, 0.3], [-0.7, -0.1]], [[1e-9, 3e-9]]])
@pytest.mark.parametrize("config", [None, SINGLE])
def test_points_never_leave_the_users_bounds_and_the_bounds_can_be_told(bounds, config):
    problem, edges = box(bounds, config), np.asarray(bounds)
    lab = bo.session(problem)
    state = lab.start(KEY)
    inside = inward(edges, np.float32)
    assert (inside[:, 0] >= edges[:, 0]).all() and (inside[:, 1] <= edges[:, 1]).all()
    points = np.asarray(problem.design(KEY).x, float)
    assert (points >= edges[:, 0]).all() and (points <= edges[:, 1]).all()
    for x in (edges[:, 0], edges[:, 1], np.asarray(lab.ask(state))):
        state, _ = lab.tell(state, x, 1.0)
    with pytest.raises(ValueError, match="expected"):
        lab.tell(state, edges[:, 1] + 0.01, 1.0)


def test_a_space_keeps_its_upper_bound():
    space = bo.Space([bo.real("x", -2.0, -0.9)])
    assert space.from_cube(np.ones((1, 1)))[0, 0] == -0.9
    assert np.asarray(space.from_cube(np.ones((1, 1), np.float32)), float)[0, 0] <= -0.9


@pytest.mark.parametrize("bounds", [[[1.7e9, 1.7e9 + 600]], [[1e9, 1e9 + 1]]])
def test_boxes_that_single_precision_cannot_fill_are_refused(bounds):
    with pytest.raises(ValueError, match="hardly a number"):
        box(bounds, SINGLE)


def pool(candidates, steps=2, **options):
    return bo.campaign(
        lambda key, x: x[0],
        candidates,
        small_campaign.surrogate(),
        bo.variance(),
        bo.CampaignConfig(2, steps, 2, 1),
        **options,
    )


def test_a_pool_of_integers_takes_no_fractions_and_numbers_choose_candidates():
    lab = bo.session(pool(np.stack([np.arange(8), np.zeros(8, int)], 1)))
    state = lab.start(KEY)
    with pytest.raises(ValueError, match="no candidate"):
        lab.tell(state, [2.7, 0], 1.0)
    state, _ = lab.tell(state, np.int64(3), np.float32(1.5))
    assert state.index.tolist() == [3] and state.value.tolist() == [1.5]


def test_equal_rows_pending_are_several_candidates():
    lab = bo.session(pool(np.array([[0.0, 0], [0, 0], [1, 1], [1, 1]])))
    state = lab.start(KEY)
    numbers = lab.ask(state, 2, pending=[[0.0, 0.0], [0.0, 0.0]], numbers=True)
    assert sorted(numbers.tolist()) == [2, 3]
    with pytest.raises(ValueError, match="used up: of 4 candidates 4 are told or pending"):
        lab.ask(state, pending=[[0.0, 0.0], [0.0, 0.0], [1.0, 1.0], [1.0, 1.0]])


def test_a_hidden_value_is_a_failure_and_a_hidden_point_is_refused():
    lab = bo.session(pool(np.arange(16.0).reshape(8, 2)))
    state = lab.start(KEY)
    hidden = np.ma.masked_array([3.0, 4.0], [True, False])
    state, _ = lab.tell(state, 3, hidden[0])
    assert np.isnan(state.value).all()
    with pytest.raises(ValueError, match="masked array"):
        lab.tell(state, hidden, 1.0)


def test_an_objective_in_numpy_is_named_with_the_way_out():
    def measure(key, x):
        return float(np.sin(x[0]))

    problem = bo.campaign(
        measure, np.linspace(0, 1, 8)[:, None], bo.gaussian_process(), bo.variance(), bo.CampaignConfig(2, 1)
    )
    with pytest.raises(ValueError, match=r"objective measure computes with NumPy.*bo\.session.*jax\.pure_callback"):
        bo.run(KEY, problem)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: pool(np.arange(8.0)), "makes a column"),
        (lambda: pool(np.array([[np.nan, 0], [1, 1], [2, 2], [3, 3]])), "not finite"),
        (lambda: pool(np.array([["a", "b"]] * 4)), "text"),
        (lambda: box([[1, 0]]), "finite low < high"),
        (lambda: box([0, 1]), "a row"),
        (lambda: box("unit"), "text"),
        (lambda: bo.observations(np.arange(3.0), np.arange(3.0)), "makes a column"),
        (lambda: bo.real("x", "0", 1), "finite number"),
        (lambda: bo.upper_confidence_bound("2"), "finite number"),  # pyright: ignore[reportArgumentType]
        (lambda: bo.session(pool(np.arange(16.0).reshape(8, 2))).start(0), "PRNG key"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_float32_pools_far_from_zero_are_told_apart():
    times = 1.7e9 + np.arange(10.0)[:, None]
    problem = bo.campaign(
        lambda key, x: x[0], times, bo.gaussian_process(SINGLE), bo.variance(), bo.CampaignConfig(3, 2)
    )
    assert problem.domain.candidates.dtype == jnp.float64
    state = jax.jit(problem.init)(KEY)[0]
    assert len(np.unique(np.asarray(state.data.x))) == 3


NUMBERED = bo.Space([bo.real("dose", 0, 10), bo.category("cycles", [1, 2, 3])])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: bo.category("c", {"a", "b"}), "give a list"),
        (lambda: bo.category("c", (name for name in "ab")), "give a list"),
        (lambda: bo.category("c", [[1], [2]]), "can change"),
        (lambda: bo.real("d", 1e-300, 1e300, log=True), "narrow the bounds"),
        (lambda: bo.Limit(below=np.nan), "below is nan"),
        (lambda: bo.Space([bo.integer("n", 0, 10**12)]).grid(), "the grid has 1000000000001 points"),
        (lambda: NUMBERED.grid(2.5), "points is 2.5"),
        (lambda: NUMBERED.grid(0), "points is 0"),
        (lambda: bo.Limit(above="1"), "above is '1'"),
        (lambda: bo.Outcomes("y", limits={"T": (0, 1)}), "expected a dict of text to a Limit"),
        (lambda: bo.Outcomes("y", record="T"), r"expected a tuple of texts, such as \('T',\)"),
        (lambda: bo.CampaignConfig(revisit="no"), "revisit is 'no'"),
        (lambda: bo.CampaignConfig(learn_failures="False"), "learn_failures is 'False'"),
        (lambda: bo.CampaignConfig(stop_kappa=None), "stop_kappa is None"),
        (lambda: bo.CampaignConfig(surprise="a"), "surprise is 'a'"),
        (lambda: bo.run_seeds(KEY, pool(np.arange(6.0)[:, None])), r"expected \(seeds,\)"),
        (lambda: bo.unit_cube(np.array([[0.0], [np.inf]]), np.float32), "not finite"),
        (lambda: bo.unit_cube(np.array([[0.0], [1.0]]), np.int32), "dtype is int32"),
        (lambda: box([[-1.7e308, 1.7e308]]), "their distance"),
        (lambda: NUMBERED.grid({"cycles": 2}), r"\['cycles'\], which are no chosen real inputs"),
        (lambda: bo.Space([bo.integer("n", 0, 9)]).encode({"n": np.nan}), "input 'n' is nan"),
        (lambda: bo.Space([bo.integer("n", 0, 9)]).encode({"n": np.inf}), "input 'n' is inf"),
        (lambda: NUMBERED.encode({"dose": np.complex64(1 + 3j), "cycles": 1}), "expected a number"),
        (lambda: NUMBERED.encode({"dose": np.ma.masked, "cycles": 1}), "expected a number"),
    ],
)
def test_inputs_and_limits_that_mean_nothing_are_refused_in_words(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize("value", [None, "high", 1 + 2j])
def test_an_objective_of_no_real_number_is_refused(value):
    problem = bo.campaign(
        lambda key, x: value, np.arange(6.0)[:, None], bo.gaussian_process(), bo.variance(), bo.CampaignConfig(3, 2)
    )
    with pytest.raises(ValueError, match="the objective's value holds"):
        bo.run(KEY, problem)


def test_candidates_that_double_precision_cannot_tell_apart_are_refused():
    with pytest.raises(ValueError, match="subtract an offset"):
        pool(2**60 + np.arange(8)[:, None])


def test_many_values_come_from_any_iterable_and_pending_may_be_none():
    lab = bo.session(pool(np.linspace(0, 1, 9)[:, None]))
    state = lab.start(KEY)
    told, infos = lab.tell_many(state, (n for n in (0, 8)), (y for y in (0.0, 1.0)))
    same, _ = lab.tell_many(state, np.array([[0.0], [1.0]]), np.array([0.0, 1.0]))
    np.testing.assert_array_equal(told.value, same.value)
    np.testing.assert_array_equal(told.index, same.index)
    assert len(infos) == 2 and lab.ask(told, pending=None) == lab.ask(told)
    for xs in ({"x": 0.0}, "01", 3):
        with pytest.raises(ValueError, match="one entry for each experiment"):
            lab.tell_many(state, xs, [0.0])


def test_a_process_is_fitted_to_observations_with_a_key():
    model = bo.gaussian_process()
    with pytest.raises(ValueError, match="no observation"):
        model.init(KEY, bo.observations(np.zeros((0, 2)), np.zeros(0)))
    with pytest.raises(ValueError, match="give a PRNG key"):
        model.init(0, bo.observations(np.zeros((3, 2)), np.zeros(3)))


def test_a_state_of_another_session_is_refused_in_memory_too():
    plan = bo.CampaignConfig(initial_points=2, steps=2, refit_every=2)

    def told(lab, count):
        state = lab.start(KEY)
        for _ in range(count):
            state, _ = lab.tell(state, lab.ask(state), 1.0 + len(state.value))
        return state

    small, large, other = (bo.session(box(bounds)) for bounds in ([[0.0, 1.0]], [[0.0, 10.0]], [[2.0, 3.0]]))
    pools = [
        bo.session(bo.campaign(lambda key, x: x.sum(), rows, bo.gaussian_process(), bo.variance(), plan))
        for rows in (np.arange(5.0)[:, None], np.arange(5.0)[::-1, None].copy(), np.arange(10.0).reshape(5, 2))
    ]
    wrong = [(large, told(small, 4)), (other, told(small, 1)), (small, told(pools[0], 1))]
    wrong += [(pools[1], told(pools[0], 2)), (pools[2], told(pools[0], 1)), (pools[0], told(pools[2], 2))]
    for lab, state in wrong:
        for call in (lab.ask, lab.predict, lab.tell_many, lab.save, lab.tell):
            rest = {"ask": (), "predict": ([[0.5]],), "tell_many": ([[0.5]], [1.0]), "save": ("unused",)}
            with pytest.raises(ValueError, match="the state belongs to a session over other candidates or bounds"):
                call(state, *rest.get(call.__name__, ([0.5], 1.0)))
    with pytest.raises(ValueError, match="state is a NoneType"):
        small.ask(None)


def test_tables_and_bounds_in_single_precision_are_told():
    lab = bo.session(box([[-0.9, 0.7], [0.0, 1.0]]))
    table = pd.DataFrame({"field": [0.1, 0.2], "time": [0.5, 1.0]})
    state, _ = lab.tell_many(lab.start(KEY), table, pd.Series([1.0, 2.0]))
    np.testing.assert_allclose(state.x, table)
    state, _ = lab.tell(state, np.array([-0.9, 0.0], np.float32), 0.0)
    np.testing.assert_allclose(state.x[-1], [-0.9, 0.0], atol=1e-7)
    for beyond in (np.array([-0.9001, 0.0], np.float32), np.array([-0.9 - 1e-8, 0.0])):
        with pytest.raises(ValueError, match="expected 2 numbers between"):
            lab.tell(state, beyond, 0.0)
