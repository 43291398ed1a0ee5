"""Sessions, refits on surprise, stopping, calibration: all on one small campaign."""

import dataclasses
import os
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.custom_batching import custom_vmap

import bo
from bo.campaigns import calibration, rules
from bo.campaigns.points import capacity_for
from bo.campaigns.running import schedule
from bo.numerics.members import one_after_another
from helpers import small_campaign
from helpers.small_campaign import BRANIN, CONFIG, POOL

PROBLEM = small_campaign.build()
run_all = jax.jit(jax.vmap(lambda key: bo.run(key, PROBLEM)))


@pytest.fixture(scope="module")
def keys():
    return jax.random.split(jax.random.key(3), 4)


class Compiled(NamedTuple):
    """State and Info of four compiled campaigns."""

    state: bo.State
    info: bo.Info


@pytest.fixture(scope="module")
def compiled(keys):
    return Compiled(*jax.tree.map(np.asarray, run_all(keys)))


def measure(x):
    return float(BRANIN(None, jnp.asarray(x)))


def test_asked_and_told_from_outside_equals_the_compiled_run(keys, compiled):
    lab = bo.session(PROBLEM)
    state, infos = lab.start(keys[0]), []
    for _ in range(CONFIG.evaluations):
        x = lab.ask(state)
        np.testing.assert_array_equal(lab.ask(state), x)
        state, info = lab.tell(state, x, measure(x))
        infos.append(info)
    assert infos[: CONFIG.initial_points - 1] == [None] * (CONFIG.initial_points - 1)
    expected = jax.tree.map(lambda leaf: leaf[0], compiled.info)
    design, steps = infos[CONFIG.initial_points - 1], infos[CONFIG.initial_points :]
    index = np.concatenate([design.index, [step.index for step in steps]])
    np.testing.assert_array_equal(index, expected.index)
    refitted = np.concatenate([design.refitted, [step.refitted for step in steps]])
    np.testing.assert_array_equal(refitted, expected.refitted)
    np.testing.assert_allclose([step.z_score for step in steps], expected.z_score[5:], rtol=1e-5, atol=1e-7)
    assert state.state is not None and state.state.chosen.shape == (CONFIG.evaluations,)
    assert lab.compiled.ask._cache_size() == lab.compiled.follow._cache_size() == 1  # compiled once
    state, info = lab.tell(state, lab.ask(state), 0.5)  # beyond the budget: twice the room
    assert int(state.state.count) == 18 and state.state.chosen.shape[0] == capacity_for(CONFIG, 18)

    with pytest.raises(ValueError, match="has been told already"):
        lab.tell(state, POOL[info.index], 0.5)
    with pytest.raises(ValueError, match="no candidate; the nearest is number 10"):
        lab.tell(state, POOL[10] + 0.01, 0.5)
    for bad in ([1.0], "1.0", 1j):
        with pytest.raises(ValueError, match="one number, or None"):
            lab.tell(state, POOL[11], bad)
    with pytest.raises(ValueError, match=r"such as jax\.random\.key"):
        lab.start(0)
    with pytest.raises(ValueError, match="variance of y's noise"):
        lab.tell(state, POOL[11], 0.5, noise=-1)


def test_a_point_of_the_users_own_choice_takes_the_place_of_a_planned_one(keys):
    lab = bo.session(PROBLEM)
    state = lab.start(keys[1])
    planned = lab.ask(state)
    other = POOL[int(np.argmax(((np.asarray(POOL) - planned) ** 2).sum(1)))]
    state, _ = lab.tell(state, other, measure(other))
    np.testing.assert_array_equal(lab.ask(state), planned)


@pytest.mark.slow
def test_a_session_over_a_box_equals_its_compiled_run(keys):
    config = bo.BoxConfig(initial_points=4, steps=3, leaders=2, raw_points=16, local_points=8, starts=2, iterations=4)
    bounds = jnp.array([[0.0, 1.0], [0.0, 1.0]])
    problem = bo.box(BRANIN, bounds, small_campaign.surrogate(), bo.upper_confidence_bound(2.0), config)
    lab = bo.session(problem)
    state, points = lab.start(keys[0]), []
    for _ in range(config.evaluations):
        points.append(lab.ask(state))
        state, _ = lab.tell(state, points[-1], measure(points[-1]))
    _, info = jax.jit(lambda key: bo.run(key, problem))(keys[0])
    np.testing.assert_allclose(points, info.x, atol=1e-4)
    with pytest.raises(ValueError, match="between"):
        lab.tell(state, [0.5, 1.5], 0.0)


@pytest.mark.slow
def test_the_example_of_the_face_says_how_far_it_came(capsys):
    example = [line[4:] for line in (bo.__doc__ or "").splitlines() if line.startswith("    ")]
    exec("\n".join(example), {})
    assert "after 20 evaluations" in capsys.readouterr().out


def test_every_name_of_the_face_is_documented():
    assert all(getattr(bo, name).__doc__ for name in bo.__all__) and sorted(dir(bo)) == sorted(bo.__all__)


def test_capacities_grow_by_buckets():
    config = bo.CampaignConfig(initial_points=100, steps=500)
    sizes = [capacity_for(config, count) for count in range(101, 901)]
    assert len(set(sizes)) <= 8 and all(size >= count for size, count in zip(sizes, range(101, 901), strict=True))
    over_a_pool, in_a_box = ((990, 1), (991, 2), (1990, 2), (1991, 4)), ((190, 1), (191, 2), (790, 2), (791, 4))
    for kind, expected in ((bo.CampaignConfig, over_a_pool), (bo.BoxConfig, in_a_box)):
        for steps, number in expected:
            assert len(schedule(kind(initial_points=10, steps=steps, refit_every=10))) == number


def test_fits_become_rarer_as_the_evaluations_grow():
    plan = bo.CampaignConfig(initial_points=100, steps=500, refit_every=25, refit_growth=0.25)
    due = [count for count in range(101, 601) if plan.fit_due(count)]
    assert due == [125, 175, 200, 250, 325, 400, 500, 600]
    np.testing.assert_array_equal(jax.jit(plan.fit_due)(np.arange(101, 601)), np.isin(np.arange(101, 601), due))
    with pytest.raises(ValueError, match=r"refit_growth is -0\.5"):
        bo.CampaignConfig(refit_growth=-0.5)


def test_run_session_batch_and_pieces_make_the_fits_that_growth_leaves(keys, tmp_path):
    plan = dataclasses.replace(CONFIG, refit_every=2, refit_growth=0.4)
    campaign = small_campaign.build(plan)
    _, expected = bo.run(keys[0], campaign)
    refitted = np.flatnonzero(expected.refitted) + 1
    assert refitted.tolist() == [5, 7, 11, 15]  # 5 · 1.4ⁿ is 7, 9.8 and 13.7
    _, info = bo.run_resumable(keys[0], campaign, tmp_path / "state", every=3)
    np.testing.assert_array_equal(info.index, expected.index)
    lab = bo.session(campaign)
    state, steps = lab.start(keys[0]), []
    for _ in range(plan.evaluations):
        x = lab.ask(state)
        state, step = lab.tell(state, x, measure(x))
        steps.append(step)
    np.testing.assert_array_equal([step.refitted for step in steps[5:]], expected.refitted[5:])
    np.testing.assert_array_equal([step.index for step in steps[5:]], expected.index[5:])
    _, pairs = jax.jit(lambda key: bo.batch.run(key, campaign, 2))(keys[0])
    assert (np.flatnonzero(pairs.refitted) + 1).tolist() == refitted.tolist()


@pytest.mark.slow
def test_a_surprise_brings_the_refit_forward_for_the_member_it_happens_to(keys, compiled):
    z = np.abs(compiled.info.z_score[:, 5:])
    threshold = float(np.nanquantile(z, 0.85))
    alert = small_campaign.build(dataclasses.replace(CONFIG, surprise=threshold))
    infos = jax.jit(jax.vmap(lambda key: bo.run(key, alert)[1]))(keys)
    scheduled = np.isin(np.arange(17), [4, 8, 12, 16])
    expected = scheduled | (np.abs(np.nan_to_num(infos.z_score)) > threshold)
    np.testing.assert_array_equal(infos.refitted, expected)
    assert expected.sum() > 4 * 4 and len({tuple(row) for row in expected.tolist()}) > 1


@pytest.mark.slow
def test_a_member_stops_when_its_regret_is_bounded_and_the_others_go_on(keys, compiled):
    stopping = small_campaign.build(dataclasses.replace(CONFIG, steps=24, stop_regret=25.0))
    state, info = jax.jit(jax.vmap(lambda key: bo.run(key, stopping)))(keys)
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
    alone = jax.jit(lambda key: bo.run(key, stopping)[1])(keys[ends.argmin()])
    np.testing.assert_array_equal(info.index[ends.argmin()], alone.index)


def test_the_bound_holds_for_every_function_inside_the_band(keys):
    mean, std = jax.random.normal(keys[0], (30,)), jax.random.uniform(keys[1], (30,))
    observed = jnp.arange(30) % 3 == 0
    prediction = bo.Prediction(mean, std)
    bound = rules.regret_bound(prediction, prediction, observed, 1.5)
    functions = mean[None] + 1.5 * std[None] * jax.random.uniform(keys[2], (200, 30), minval=-1, maxval=1)
    regret = functions.max(1) - jnp.where(observed[None], functions, -jnp.inf).max(1)
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


def test_members_one_after_another_are_not_traced_at_every_turn_of_a_batched_scan():
    traces = []

    @one_after_another
    def twice(x):
        traces.append(x)
        return 2 * x

    def moved(carry, _):
        first, second, _ = carry
        return (twice(first), first, second), None  # what is batched spreads from turn to turn

    batch = jax.vmap(lambda x: jax.lax.scan(moved, (x, jnp.zeros(()), jnp.zeros(())), None, length=3)[0])
    np.testing.assert_array_equal(batch(jnp.arange(1.0, 4)), [np.arange(1, 4) * 2**n for n in (3, 2, 1)])
    assert len(traces) <= 2


def test_the_steps_of_many_seeds_are_batched_once(keys):
    """A leaf of the state that is batched only after the first step would make JAX batch all steps once more."""
    batched = []

    @custom_vmap
    def value(x):
        return BRANIN(None, x)

    @value.def_vmap
    def of_batch(axis_size, in_batched, x):
        del in_batched
        batched.append(axis_size)
        return jax.vmap(partial(BRANIN, None))(x), True

    problem = bo.campaign(lambda key, x: value(x), POOL, small_campaign.surrogate(), bo.variance(), CONFIG)
    jax.jit(jax.vmap(lambda key: bo.run(key, problem))).trace(keys)
    assert batched.count(len(keys)) == 1


@pytest.mark.parametrize("words", [{"surprise": 0.0}, {"stop_regret": -1.0}, {"stop_kappa": 0.0}])
def test_thresholds_must_be_positive(words):
    with pytest.raises(ValueError, match="must be positive"):
        dataclasses.replace(CONFIG, **words)


def test_calibration_tells_right_from_too_small_standard_deviations(keys, compiled):
    right = compiled.info._replace(z_score=np.asarray(jax.random.normal(keys[0], (20, 500))))
    coverage = calibration.calibration(right)
    np.testing.assert_allclose(coverage.coverage, coverage.level, atol=0.02)
    assert abs(coverage.z_std - 1) < 0.02 and coverage.number == 10_000
    confident = calibration.calibration(right._replace(z_score=3 * right.z_score))
    assert (confident.coverage < coverage.level - 0.1).all() and confident.z_std > 2.9
    assert calibration.calibration(compiled.info).number == 4 * CONFIG.steps
    assert calibration.calibration(right._replace(z_score=np.full(3, np.nan))).number == 0
    np.testing.assert_allclose(calibration.nominal(np.array([0.0, -1.959964])), [0, 0.95], atol=1e-6)
    with pytest.raises(ValueError, match="between 0 and 1"):
        calibration.calibration(right, [1.0])


def test_programs_that_wait_are_not_optimised_and_a_flag_keeps_its_value(monkeypatch):
    level = "xla_backend_optimization_level"
    others = [flag for flag in os.environ["XLA_FLAGS"].split() if level not in flag and "emitters" not in flag]
    monkeypatch.setenv("XLA_FLAGS", " ".join(others))
    assert bo.compiler_options(waits=True)[level] == 0 and bo.compiler_options()[level] == 1
    monkeypatch.setenv("XLA_FLAGS", " ".join([*others, f"--{level}=3"]))
    assert level not in bo.compiler_options() and "xla_cpu_use_fusion_emitters" in bo.compiler_options()
