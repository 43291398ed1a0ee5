"""Campaigns over spaces: proposals feasible and whole, drift learned, earlier campaigns that help and do no harm."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bo
from bo.campaigns.given import in_same_context

INPUTS = [
    bo.real("x", 0, 2),
    bo.integer("n", 0, 9),
    bo.category("s", ["a", "b", "c"]),
    bo.real("day", 0, 20, context=True),
]
SPACE = bo.Space(INPUTS, linear=[bo.at_most({"x": 5, "n": 1}, 11)])
DAYS = np.arange(20.0)
CONFIG = bo.BoxConfig(initial_points=8, steps=12, raw_points=64, local_points=16, starts=3, iterations=8, refit_every=2)
RULE = bo.log_expected_improvement()


def surrogate(space):
    """A process with the space's kernel, fitted cheaply."""
    return bo.gaussian_process(bo.GPConfig(kernel=space.kernel(), starts=2, iterations=20))


def moving(key, x):
    """The best x moves by 0.05 a day; n = 5 and s = b are best."""
    named = SPACE.named(x)
    far = (named["x"] - 0.3 - 0.05 * named["day"]) ** 2 + (named["n"] - 5) ** 2 / 30
    return -far - jnp.where(named["s"] == 1, 0.0, 0.5)


@pytest.mark.slow
def test_proposals_are_whole_and_feasible_and_follow_what_drifts():
    campaign = bo.box(moving, SPACE, surrogate(SPACE), RULE, CONFIG, context={"day": list(DAYS)})
    state, info = jax.jit(jax.vmap(lambda key: bo.run(key, campaign)))(jax.random.split(jax.random.key(3), 4))
    x = np.asarray(info.x)
    assert all(SPACE.feasible(row).all() for row in x)
    np.testing.assert_array_equal(x[..., 1:3], np.round(x[..., 1:3]))
    assert (x >= SPACE.bounds[:, 0]).all() and (x <= SPACE.bounds[:, 1]).all()
    np.testing.assert_allclose(x[..., 3], np.tile(DAYS, (4, 1)))
    np.testing.assert_allclose(SPACE.to_cube(x), state.data.x, atol=1e-12)
    late = np.asarray(info.value)[:, -5:]
    assert np.median(late) > -0.08  # a campaign that takes all days for one has −0.1 or less from the drift alone


@pytest.mark.slow
def test_a_session_takes_the_context_and_speaks_in_names(key):
    space = bo.Space([bo.integer("n", 0, 40), bo.real("day", 0, 20, context=True)])
    config = bo.CampaignConfig(initial_points=4, steps=10, refit_every=2, revisit=True)
    lab = bo.session(bo.campaign(lambda key, x: x[0], space.grid(), surrogate(space), RULE, config))
    state = lab.start(key)
    with pytest.raises(ValueError, match="context columns"):
        lab.ask(state)
    with pytest.raises(ValueError, match="each of"):
        lab.ask(state, context={"date": 1})
    x = {}
    for day in range(12):
        x = lab.ask(state, context={"day": day})
        assert x["day"] == day and isinstance(x["n"], int)
        state, _ = lab.tell(state, x, -abs(x["n"] - 10 - day) / 10)
    assert abs(x["n"] - 21) <= 3
    evaluated = np.unique(np.asarray(state.state.data.x)[:12, 0] * 40)
    np.testing.assert_allclose(np.flatnonzero(state.state.visited), evaluated)  # row by row of the grid

    with pytest.raises(ValueError, match="whole number"):
        lab.tell(state, x | {"n": 2.5}, 0.0)


def test_contexts_are_the_same_up_to_rounding_alone():
    space = bo.Space([bo.integer("n", 0, 7), bo.real("day", 0, 20, context=True), bo.real("gas", 0, 1, context=True)])
    rows = space.to_cube(np.array([[0, 3.1, 0.5], [7, 3.1 + 1e-15, 0.5], [1, 3.1, 0.6], [2, 3.1 + 1e-9, 0.5]]))
    for x in (rows, jnp.asarray(rows)):
        assert list(np.asarray(in_same_context(space, x, x[0, 1:]))) == [True, True, False, False]
    single = rows.astype(np.float32)
    assert list(in_same_context(space, single, single[0, 1:])) == [True, True, False, True]


@pytest.mark.slow
def test_a_candidate_is_closed_in_the_contexts_of_its_evaluations_alone(key):
    space = bo.Space(
        [bo.integer("n", 0, 7), bo.real("day", 0, 20, context=True), bo.category("gas", ["u", "v"], context=True)]
    )
    config = bo.CampaignConfig(initial_points=2, steps=10, refit_every=5)
    lab = bo.session(bo.campaign(lambda key, x: x[0], space.grid(), surrogate(space), RULE, config))
    state, today, tomorrow = lab.start(key), {"day": 3.1, "gas": "u"}, {"day": 3.2, "gas": "u"}
    seen = []
    for _ in range(6):
        x = lab.ask(state, context=today)
        seen.append(x["n"])
        state, _ = lab.tell(state, x, -((x["n"] - 4.2) ** 2) / 10)
    assert len(set(seen)) == 6
    waiting = lab.ask(state, 2, context=today)
    assert sorted([*seen, *(x["n"] for x in waiting)]) == list(range(8))
    with pytest.raises(ValueError, match="1 candidates left and 2 were asked for at .*3.1.*of 8 candidates 7"):
        lab.ask(state, 2, pending=waiting[:1], context=today)
    with pytest.raises(ValueError, match="is used up at"):
        lab.ask(state, pending=waiting, context=today)
    open_ = lab.ask(state, 8, pending=waiting, context=tomorrow)
    assert {x["n"] for x in open_} == set(range(8)) and open_[0]["n"] == 4  # the best of today is asked first


@pytest.mark.slow
@pytest.mark.parametrize("fantasies", [True, False])
def test_runs_evaluate_a_candidate_once_in_a_context(fantasies, key):
    space = bo.Space([bo.integer("n", 0, 7), bo.category("day", [1, 2], context=True)])
    config = bo.CampaignConfig(initial_points=2, steps=12, refit_every=6)
    days = [1, 2] * 7

    def made(days):
        context = {"day": days}
        return bo.campaign(
            lambda key, x: -((x[0] - 4) ** 2), space.grid(), surrogate(space), RULE, config, context=context
        )

    infos = [bo.batch.run(key, made(days), 3, fantasies=fantasies)[1]]
    infos += [bo.run(key, made(days))[1]] if fantasies else []
    for info in infos:
        assert len({tuple(row) for row in np.asarray(info.x).tolist()}) == 14
    with pytest.raises(ValueError, match="11 of the 14 evaluations are in one context, and there are 8"):
        made([1] * 11 + [2] * 3)


def test_a_run_without_a_schedule_is_refused():
    campaign = bo.box(moving, SPACE, surrogate(SPACE), RULE, CONFIG)
    with pytest.raises(ValueError, match="values are not known"):
        campaign.init(jax.random.key(0))
    with pytest.raises(ValueError, match="20 evaluations"):
        bo.box(moving, SPACE, surrogate(SPACE), RULE, CONFIG, context={"day": [1.0, 2.0]})


def bumps(points, shift):
    """Two bumps and a slope on the unit square."""

    def bump(centre, width):
        return jnp.exp(-((points[..., 0] - centre[0]) ** 2 + (points[..., 1] - centre[1]) ** 2) / width)

    return bump((0.25 + shift, 0.7 + shift), 0.02) + 0.7 * bump((0.75, 0.3), 0.05) + 0.3 * points[..., 0]


@pytest.mark.slow
def test_an_earlier_campaign_saves_evaluations_and_a_misleading_one_costs_few():
    space = bo.Space([bo.real("x", 0, 1), bo.real("y", 0, 1), bo.category("campaign", ["then", "now"], context=True)])
    grid, config = space.grid(21), bo.CampaignConfig(2, 22, 2, 1)
    old = np.random.default_rng(0).random((24, 2))
    encoded, top = (
        jnp.asarray(np.column_stack([old, np.zeros(24)])),
        float(bumps(jnp.asarray(grid.x), 0.0).max()),
    )

    def run(key, y, used):
        prior = bo.Data(encoded, y, jnp.broadcast_to(used, y.shape), jnp.zeros_like(y))
        campaign = bo.campaign(
            lambda key, x: bumps(x[:2], 0.0), grid, surrogate(space), RULE, config,
            context={"campaign": "now"}, prior=prior,
        )  # fmt: skip
        return bo.run(key, campaign)[1].best

    study, keys = jax.jit(jax.vmap(run, (0, None, None))), jax.random.split(jax.random.key(5), 16)

    def needed(y, used=True):
        found = np.asarray(study(keys, y, jnp.asarray(used))) > top - 0.03
        return np.median(np.where(found.any(1), found.argmax(1) + 1, 25))

    def regret(y, used=True):
        return top - np.median(np.asarray(study(keys, y, jnp.asarray(used)))[:, -1])

    shifted = bumps(jnp.asarray(old), 0.04)
    alone = needed(jnp.zeros(24), used=False)
    assert needed(shifted) <= 0.6 * alone
    assert needed(1.3 * shifted + 2) <= 0.7 * alone  # also where the earlier values lie higher and further apart
    assert regret(-shifted) <= regret(jnp.zeros(24), used=False) + 0.02
