"""Ask and tell from the host, refits on surprise, stopping, calibration: all on one small campaign."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bo.acquisitions.analytic import upper_confidence_bound
from bo.campaigns import calibration, rules, running
from bo.campaigns.box import BoxConfig, box
from bo.campaigns.records import CampaignConfig
from bo.campaigns.session import capacity_for, session
from bo.surrogates.base import Prediction
from helpers import small_campaign
from helpers.small_campaign import BRANIN, CONFIG, POOL

PROBLEM = small_campaign.build()
run_all = jax.jit(jax.vmap(lambda key: running.run(key, PROBLEM)))


@pytest.fixture(scope="module")
def keys():
    return jax.random.split(jax.random.key(3), 4)


@pytest.fixture(scope="module")
def compiled(keys):
    """State and Info of four compiled campaigns."""
    return jax.tree.map(np.asarray, run_all(keys))


def measure(x):
    return float(BRANIN(None, jnp.asarray(x)))


def test_asked_and_told_from_outside_equals_the_compiled_run(keys, compiled):
    ours = session(PROBLEM)
    state, infos = ours.start(keys[0]), []
    for _ in range(CONFIG.evaluations):
        x = ours.ask(state)
        np.testing.assert_array_equal(ours.ask(state), x)
        state, info = ours.tell(state, x, measure(x))
        infos.append(info)
    assert infos[: CONFIG.initial_points - 1] == [None] * (CONFIG.initial_points - 1)
    expected = jax.tree.map(lambda leaf: leaf[0], compiled[1])
    design, steps = infos[CONFIG.initial_points - 1], infos[CONFIG.initial_points :]
    index = np.concatenate([design.index, [step.index for step in steps]])
    np.testing.assert_array_equal(index, expected.index)
    refitted = np.concatenate([design.refitted, [step.refitted for step in steps]])
    np.testing.assert_array_equal(refitted, expected.refitted)
    np.testing.assert_allclose([step.z_score for step in steps], expected.z_score[5:], rtol=1e-5, atol=1e-7)
    assert state.state is not None and state.state.chosen.shape == (CONFIG.evaluations,)
    state, info = ours.tell(state, ours.ask(state), 0.5)  # beyond the budget: one more bucket
    assert int(state.state.count) == 18 and state.state.chosen.shape[0] == capacity_for(CONFIG, 18)

    with pytest.raises(ValueError, match="has been told already"):
        ours.tell(state, POOL[info.index], 0.5)
    with pytest.raises(ValueError, match="no candidate; the nearest is number 10"):
        ours.tell(state, POOL[10] + 0.01, 0.5)
    for bad in (np.nan, np.inf, [1.0], "1.0", None):
        with pytest.raises(ValueError, match="one finite number"):
            ours.tell(state, POOL[11], bad)
    with pytest.raises(ValueError, match=r"such as jax\.random\.key"):
        ours.start(0)
    with pytest.raises(ValueError, match="variance of y's noise"):
        ours.tell(state, POOL[11], 0.5, noise=-1)


def test_a_point_of_ones_own_choice_takes_the_place_of_a_planned_one(keys):
    ours = session(PROBLEM)
    state = ours.start(keys[1])
    planned = ours.ask(state)
    other = POOL[int(np.argmax(((np.asarray(POOL) - planned) ** 2).sum(1)))]
    state, _ = ours.tell(state, other, measure(other))
    np.testing.assert_array_equal(ours.ask(state), planned)


@pytest.mark.slow
def test_a_session_over_a_box_equals_its_compiled_run(keys):
    config = BoxConfig(initial_points=4, steps=3, leaders=2, raw_points=16, local_points=8, starts=2, iterations=4)
    bounds = jnp.array([[0.0, 1.0], [0.0, 1.0]])
    problem = box(BRANIN, bounds, small_campaign.surrogate(), upper_confidence_bound(2.0), config)
    ours = session(problem)
    state, seen = ours.start(keys[0]), []
    for _ in range(config.evaluations):
        seen.append(ours.ask(state))
        state, _ = ours.tell(state, seen[-1], measure(seen[-1]))
    _, info = jax.jit(lambda key: running.run(key, problem))(keys[0])
    np.testing.assert_allclose(seen, info.x, atol=1e-4)
    with pytest.raises(ValueError, match="between"):
        ours.tell(state, [0.5, 1.5], 0.0)


def test_capacities_grow_by_buckets():
    config = CampaignConfig(initial_points=100, steps=500)
    sizes = [capacity_for(config, count) for count in range(101, 901)]
    assert len(set(sizes)) <= 8 and all(size >= count for size, count in zip(sizes, range(101, 901), strict=True))


def test_a_surprise_brings_the_refit_forward_for_the_member_it_happens_to(keys, compiled):
    z = np.abs(compiled[1].z_score[:, 5:])
    threshold = float(np.nanquantile(z, 0.85))
    alert = small_campaign.build(dataclasses.replace(CONFIG, surprise=threshold, buckets=1))
    infos = jax.jit(jax.vmap(lambda key: running.run(key, alert)[1]))(keys)
    scheduled = np.isin(np.arange(17), [4, 8, 12, 16])
    expected = scheduled | (np.abs(np.nan_to_num(infos.z_score)) > threshold)
    np.testing.assert_array_equal(infos.refitted, expected)
    assert expected.sum() > 4 * 4 and len({tuple(row) for row in expected.tolist()}) > 1


def test_a_member_stops_when_its_regret_is_bounded_and_the_others_go_on(keys, compiled):
    stopping = small_campaign.build(dataclasses.replace(CONFIG, steps=24, stop_regret=25.0, buckets=1))
    state, info = jax.jit(jax.vmap(lambda key: running.run(key, stopping)))(keys)
    ends = np.asarray(info.stopped).argmax(1)
    assert np.asarray(info.stopped).any(1).sum() >= 2 and len(set(ends.tolist())) > 1
    for n in range(4):
        stopped = np.asarray(info.stopped[n])
        if not stopped.any():
            continue
        last = ends[n]
        assert info.regret_bound[n, last] < 25.0 and stopped[last:].all()
        assert (info.regret_bound[n, 5:last] >= 25.0).all()
        assert (info.index[n, last + 1 :] == -1).all() and np.isnan(info.value[n, last + 1 :]).all()
        assert (info.index[n, : last + 1] >= 0).all() and info.best[n, -1] == info.best[n, last]
        assert int(state.visited[n].sum()) == last + 1 == int(state.data.mask[n].sum())
    alone = jax.jit(lambda key: running.run(key, stopping)[1])(keys[ends.argmin()])
    np.testing.assert_array_equal(info.index[ends.argmin()], alone.index)


def test_the_bound_holds_for_every_function_inside_the_band(keys):
    mean, std = jax.random.normal(keys[0], (30,)), jax.random.uniform(keys[1], (30,))
    seen = jnp.arange(30) % 3 == 0
    prediction = Prediction(mean, std)
    bound = rules.regret_bound(prediction, prediction, seen, 1.5)
    functions = mean[None] + 1.5 * std[None] * jax.random.uniform(keys[2], (200, 30), minval=-1, maxval=1)
    regret = functions.max(1) - jnp.where(seen[None], functions, -jnp.inf).max(1)
    assert (regret <= bound).all() and regret.max() > 0
    assert rules.regret_bound(prediction, prediction, jnp.zeros(30, bool), 1.5) == jnp.inf


def test_one_condition_for_the_whole_batch_at_any_depth():
    flags = jnp.array([[False, False], [True, False]])
    both = jax.vmap(jax.vmap(rules.anywhere))(flags)
    assert both.all() and both.shape == (2, 2)
    assert not jax.vmap(rules.anywhere)(jnp.zeros(3, bool)).any()
    text = jax.jit(jax.vmap(lambda flag, x: jax.lax.cond(rules.anywhere(flag), jnp.sin, jnp.cos, x))).lower(
        flags[0], jnp.ones(2)
    )
    assert "stablehlo.case" in text.as_text()  # a branch, not a select of both


@pytest.mark.parametrize("words", [{"surprise": 0.0}, {"stop_regret": -1.0}, {"stop_kappa": 0.0}])
def test_thresholds_must_be_positive(words):
    with pytest.raises(ValueError, match="must be positive"):
        dataclasses.replace(CONFIG, **words)


def test_calibration_tells_honest_from_overconfident_error_bars(keys, compiled):
    honest = compiled[1]._replace(z_score=np.asarray(jax.random.normal(keys[0], (20, 500))))
    fair = calibration.calibration(honest)
    np.testing.assert_allclose(fair.coverage, fair.level, atol=0.02)
    assert abs(fair.z_std - 1) < 0.02 and fair.number == 10_000
    proud = calibration.calibration(honest._replace(z_score=3 * honest.z_score))
    assert (proud.coverage < fair.level - 0.1).all() and proud.z_std > 2.9
    assert calibration.calibration(compiled[1]).number == 4 * CONFIG.steps
    assert calibration.calibration(honest._replace(z_score=np.full(3, np.nan))).number == 0
    np.testing.assert_allclose(calibration.nominal(np.array([0.0, -1.959964])), [0, 0.95], atol=1e-6)
    with pytest.raises(ValueError, match="between 0 and 1"):
        calibration.calibration(honest, [1.0])
