"""Predictions of a session and of a campaign at points of the user's, in the user's units."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bo

RULE = bo.log_expected_improvement()
RAW = 32
MIXED = bo.Space(
    [bo.real("p", 1e-4, 1e-2, log=True), bo.category("gas", ["Ar", "O2"]), bo.integer("n", 1, 5)],
    linear=[bo.at_most({"p": 100, "n": 1}, 5)],
)
DRIFTING = bo.Space([bo.real("x", 0, 2), bo.real("day", 0, 10, context=True)])
POOL = np.column_stack([np.linspace(300, 500, 30), np.linspace(0, 1, 30) ** 2])


def surrogate(space=None):
    """A process fitted cheaply, with the kernel of a space if there is one."""
    kernel = "matern52" if space is None else space.kernel()
    return bo.gaussian_process(bo.GPConfig(kernel=kernel, starts=2, iterations=20))


def never(key, x):
    """The objective of a session, which is told its values."""
    raise AssertionError("a session calls no objective")


def of_box(bounds, number):
    """A session over a box or a space, with an initial design of ``number`` points."""
    space = bounds if isinstance(bounds, bo.Space) else None
    config = bo.BoxConfig(initial_points=number, steps=2, raw_points=RAW, local_points=8, starts=2, iterations=8)
    return bo.session(bo.box(never, bounds, surrogate(space), RULE, config))


def of_pool(candidates, number, space=None):
    """A session over a pool, with an initial design of ``number`` points."""
    config = bo.CampaignConfig(initial_points=number, steps=2, revisit=True)
    return bo.session(bo.campaign(never, candidates, surrogate(space), RULE, config))


def told(lab, xs, measure):
    """The state after points were told."""
    state, _ = lab.tell_many(lab.start(jax.random.key(1)), xs, [measure(x) for x in xs])
    return state


def check_near_told(lab, state, xs, measure):
    """Check that the surrogate, which saw values without noise, gives them back, and doubts them less than others."""
    values = np.array([measure(x) for x in xs])
    mean, std = lab.predict(state, xs)
    np.testing.assert_allclose(mean, values, atol=0.05 * np.ptp(values))
    assert mean.shape == std.shape == (len(xs),) and np.all(std < 0.2 * np.std(values))


def test_a_box_predicts_in_its_units():
    lab = of_box([[100.0, 900.0], [-3.0, -1.0]], 10)
    xs = np.random.default_rng(0).uniform([100, -3], [900, -1], (10, 2))

    def measure(x):
        return 7.0 - ((x[0] - 600) / 300) ** 2 - (x[1] + 2) ** 2

    state = told(lab, xs, measure)
    assert state.state is not None
    check_near_told(lab, state, xs, measure)
    best = lab.predict(state, state.state.best_x[None])
    np.testing.assert_allclose(best.mean[0], state.state.best, atol=0.05)
    at_filling = bo.campaigns.maximise.sobol(2, RAW) * [800.0, 2.0] + [100.0, -3.0]
    jax.tree.map(
        lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-6),
        lab.predict(state, at_filling),
        lab.campaign.surface(state.state),
    )


def test_a_space_predicts_for_each_category_and_on_a_log_scale():
    lab = of_box(MIXED, 16)
    rng = np.random.default_rng(1)
    xs = [{"p": 10 ** rng.uniform(-4, -2.2), "gas": gas, "n": n} for gas in ("Ar", "O2") for n in range(1, 5)] * 2

    def measure(x):
        return 3.0 * (x["gas"] == "O2") - (np.log10(x["p"]) + 3) ** 2 - 0.1 * (x["n"] - 2) ** 2

    state = told(lab, xs, measure)
    check_near_told(lab, state, xs, measure)
    rows = [{"p": 1e-3, "gas": gas, "n": 2} for gas in ("Ar", "O2")]
    mean = lab.predict(state, rows).mean
    assert 1.5 < mean[1] - mean[0] < 4
    for same in (MIXED.encode(rows), [list(row.values()) for row in rows]):
        np.testing.assert_array_equal(lab.predict(state, same).mean, mean)
    assert state.state is not None
    np.testing.assert_allclose(lab.campaign.predict(state.state, jnp.asarray(MIXED.encode(rows))).mean, mean)


def test_a_pool_predicts_what_its_surface_holds():
    lab = of_pool(jnp.asarray(POOL), 7)
    state = told(lab, [0, 5, 12, 20, 25, 29, 9], lambda number: np.sin(number / 5))
    assert state.state is not None
    surface = lab.campaign.surface(state.state)
    for rows in (POOL, np.arange(30), list(range(30)), POOL.tolist()):
        jax.tree.map(
            lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7),
            lab.predict(state, rows),
            surface,
        )
    between = lab.predict(state, POOL[12:13] + 1e-6).mean[0]
    np.testing.assert_allclose(between, np.sin(12 / 5), atol=0.05)
    with pytest.raises(ValueError, match="candidate 30 does not exist"):
        lab.predict(state, [3, 30])
    with pytest.raises(ValueError, match=r"outside, the first is number 1"):
        lab.predict(state, [[400.0, 0.5], [600.0, 0.5]])


def test_a_pool_of_a_space_predicts_at_its_candidates():
    space = bo.Space([bo.real("p", 1e-4, 1e-2, log=True), bo.category("gas", ["Ar", "O2"])])
    grid = space.grid(7)
    lab = of_pool(grid, 7, space)
    rows = space.decode(grid.x)

    def measure(x):
        return np.log10(x["p"]) + 2.0 * (x["gas"] == "Ar")

    state = told(lab, rows[::2], measure)
    assert state.state is not None
    surface = lab.campaign.surface(state.state).mean
    for given in (grid, rows, grid.x, np.arange(14)):
        np.testing.assert_allclose(lab.predict(state, given).mean, surface, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("kind", ["box", "pool"])
def test_rows_hold_the_context(kind):
    lab = of_box(DRIFTING, 12) if kind == "box" else of_pool(DRIFTING.grid(13), 12, DRIFTING)
    xs = [{"x": x, "day": day} for day in (0.0, 5.0, 12.0) for x in (0.0, 0.5, 1.0, 1.5)]

    def measure(x):
        return -((x["x"] - 0.1 * x["day"]) ** 2)

    state = told(lab, xs, measure)
    check_near_told(lab, state, xs, measure)
    if kind == "pool":
        assert state.state is not None
        surface = lab.campaign.surface(state.state).mean  # in the context of what was told last
        rows = [{"x": x, "day": 12.0} for x in DRIFTING.grid(13).x[:, 0]]
        np.testing.assert_allclose(lab.predict(state, rows).mean, surface, rtol=1e-6, atol=1e-7)
        with pytest.raises(ValueError, match="context is a part"):
            lab.predict(state, [0, 1])
    for without, words in (([{"x": 0.3}], "lacks"), (DRIFTING.grid(13), "no context")):
        with pytest.raises(ValueError, match=words):
            lab.predict(state, without)


def test_rows_that_are_none_are_refused_in_words():
    lab = of_box([[0.0, 1.0], [0.0, 2.0]], 4)
    state = lab.start(jax.random.key(0))
    with pytest.raises(ValueError, match="0 of the 4 values"):
        lab.predict(state, [[0.1, 0.2]])
    state = told(lab, np.random.default_rng(2).random((4, 2)), sum)
    for rows, words in (
        ([0.1, 0.2], r"\[x\] for a single one"),
        ([[0.1, 0.2, 0.3]], r"expected \(n, 2\)"),
        (np.zeros((0, 2)), r"expected \(n, 2\)"),
        ([[0.1, 2.5]], "outside"),
        ([[0.1, np.nan]], "outside"),
        ([["a", "b"]], "text"),
    ):
        with pytest.raises(ValueError, match=words):
            lab.predict(state, rows)
    assert state.state is not None
    with pytest.raises(ValueError, match=r"expected \(n, 2\)"):
        lab.campaign.predict(state.state, jnp.zeros(2))
    mixed = of_box(MIXED, 4)
    state = told(mixed, [{"p": 1e-3, "gas": "Ar", "n": n} for n in (1, 2, 3, 4)], lambda x: x["n"])
    for row, words in (
        ({"p": 1e-2, "gas": "Ar", "n": 5}, "linear constraint"),
        ({"p": 1e-3, "gas": "N2", "n": 5}, "expected one of"),
        ({"p": 1.0, "gas": "Ar", "n": 1}, "0.0001 to 0.01"),
    ):
        with pytest.raises(ValueError, match=words):
            mixed.predict(state, [row])
    with pytest.raises(ValueError, match="single one"):
        mixed.predict(state, {"p": 1e-3, "gas": "Ar", "n": 1})
