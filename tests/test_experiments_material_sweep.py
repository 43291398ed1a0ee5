"""The sweep over materials: lanes against single campaigns, a stopped sweep against a whole one, random search."""

from dataclasses import replace
from functools import partial
from itertools import combinations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ferro_jax as ferro
from experiments import material_sweep
from experiments.lab import checkpoints
from experiments.lab.parallel import over_devices
from experiments.material_sweep import campaigns, card, landscapes
from experiments.material_sweep.problem import Material, materials_of, problem_of, refuse_unstable, simulated
from experiments.shared.lattices.family import family_curves
from helpers import finished_runs

SMALL = replace(material_sweep.SMOKE, steps=3, hold=10)


@pytest.fixture(scope="module")
def problem():
    """A problem of eighteen materials, two weights and two seeds on a short drive."""
    whole = problem_of(SMALL)
    curves = whole.histories.curves[:, :60]
    return whole._replace(setup=whole.setup._replace(drive_steps=60), histories=whole.histories._replace(curves=curves))


@pytest.fixture(scope="module")
def program(problem):
    """The campaigns of all lanes, two at a time."""
    return over_devices(partial(campaigns.run_lane, problem), 2)


class Killed(Exception):
    """The end of a process."""


@pytest.mark.slow
def test_a_lane_is_the_single_campaign_and_a_stopped_sweep_goes_on_bit_for_bit(problem, program, tmp_path):
    lanes = campaigns.lanes_of(problem, 4, 16)
    whole = program(lanes)
    lane = jax.tree.map(lambda leaf: jnp.asarray(leaf)[9], lanes)
    single = jax.jit(partial(campaigns.run_lane, problem))(lane)
    np.testing.assert_array_equal(whole.history[9], single.history)
    np.testing.assert_allclose(whole.value[9], single.value, rtol=1e-5)

    def stop(done):
        if done >= 8:
            raise Killed

    with pytest.raises(Killed), checkpoints.within(tmp_path):
        program(lanes, progress=stop)
    kept = {path: path.read_bytes() for path in tmp_path.rglob("*piece_of.npz")}
    assert 0 < len(kept) < 3  # of three pieces, or two where devices share them
    with checkpoints.within(tmp_path):
        resumed = program(lanes)
    for one, other in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture(scope="module")
def curl(problem):
    """The compiled Σ|curl P| of a material, its defects and a history."""
    return jax.jit(partial(simulated, problem.setup))


def test_the_objective_is_the_curl_of_the_material_minus_the_weighted_cost(problem, curl):
    lane = jax.tree.map(lambda leaf: jnp.asarray(leaf)[0], campaigns.lanes_of(problem, 3, 4))
    assert float(lane.weight) == SMALL.weights[1]
    number = 7
    campaign = campaigns.campaign_of(problem, lane)
    found = jax.jit(campaign.evaluate)(jax.random.key(0), jnp.asarray(problem.histories.inputs[number]))
    local, curve = jnp.asarray(problem.defects[1]), jnp.asarray(problem.histories.curves[number])
    expected = curl(Material(12.5, 0.3, 1.0, 300.0), local, curve)  # the first material is the preset's
    np.testing.assert_allclose(found.value, expected - SMALL.weights[1] * problem.histories.cost[number], rtol=2e-5)


def test_the_temperature_and_the_disorder_of_a_material_reach_the_lattice(problem, curl):
    curve, local = jnp.asarray(problem.histories.curves[3]), jnp.asarray(problem.defects[0])
    hot = curl(Material(12.5, 0.3, 1.0, 400.0), local, curve)  # alpha1 is 0 there
    setup = problem.setup._replace(params=ferro.physical().params._replace(alpha1=jnp.zeros(())))
    end = jax.jit(lambda curve: ferro.simulate(None, curve, local, setup).state)(curve)
    np.testing.assert_allclose(hot, ferro.target(end, setup), rtol=1e-5)
    assert abs(float(curl(Material(12.5, 0.3, 0.0, 300.0), local, curve))) < 1e-4  # a uniform lattice has no curl


def test_materials_are_the_reference_and_two_planes_through_it():
    materials = materials_of(3)
    table = np.stack(materials, 1)
    assert table.shape == (19, 4)
    assert (table[1:10, 2:] == table[0, 2:]).all() and (table[10:, :2] == table[0, :2]).all()
    assert len(np.unique(table[1:], axis=0)) == 18


def test_random_search_is_counted_exactly():
    values = np.array([3.0, -1.0, 4.0, 1.5, 9.0, 2.0])
    draws = list(combinations(range(6), 3))
    expected = np.mean([values[list(draw)].max() for draw in draws])
    np.testing.assert_allclose(landscapes.expected_best(values, 3), expected)
    hit = np.mean([bool({2, 4} & set(draw)) for draw in draws])
    np.testing.assert_allclose(landscapes.chance_of_one(np.array([2]), 6, 3), hit)
    np.testing.assert_allclose(landscapes.chance_of_one(np.array([5]), 6, 3), 1.0)


def test_scores_are_zero_for_campaigns_that_find_the_best(problem):
    random = np.random.default_rng(0)
    curl = random.normal(size=(9, 2, 32)).astype(np.float32)
    truth = curl[:, None] - np.array(SMALL.weights)[:, None, None] * problem.histories.cost
    best = truth.argmax(-1).reshape(-1, 1)
    found = campaigns.Found(best, truth.max(-1).reshape(-1, 1), np.zeros_like(best))
    scored = landscapes.scores(problem, curl, found)
    assert np.abs(scored.regret).max() < 1e-6 and scored.near.all()
    assert (scored.reference_loss[0] == 0).all() and (scored.reference_loss >= 0).all()
    assert (scored.others_loss >= 0).all() and (scored.random_regret > 0).all()


def test_the_family_is_the_published_one():
    drawn = ferro.damped_oscillation(jax.random.key(0), 3)
    ours = family_curves(np.asarray(drawn.growth), np.asarray(drawn.frequency), 900)
    np.testing.assert_allclose(ours, drawn.clean, atol=2e-5)


def test_a_card_takes_as_long_as_its_launches_or_its_bytes():
    few = card.Work(1, 40, 1000, 400, 1000, 1000, 40)
    assert card.modelled(few).simulation == 40 * 1000 * card.LAUNCHES * card.H200.launch_s
    many = few._replace(campaigns=10**7)
    np.testing.assert_allclose(
        card.modelled(many).simulation, many.site_updates * card.SITE_BYTES / card.H200.bytes_per_s
    )


def test_options_and_materials_that_cannot_be_swept_are_refused(problem):
    for options, words in (
        ({"candidates": 500}, "power of two"),
        ({"candidates": 32}, "raise --candidates"),
        ({"weights": (1.0, 1.0)}, "once"),
        ({"weights": (-1.0,)}, "at least 0"),
        ({"executor_options": ("a=1",)}, "ray or submitit"),
    ):
        with pytest.raises(ValueError, match=words):
            material_sweep.Config(**options)
    stiff = problem._replace(materials=problem.materials._replace(coupling=problem.materials.coupling * 100))
    with pytest.raises(ValueError, match="time steps up to"):
        refuse_unstable(stiff)


@pytest.mark.slow
def test_jobs_of_an_engine_are_the_campaigns_of_this_process(tmp_path):
    config = replace(SMALL, points=2, job=18)
    here = campaigns.run_lanes(problem_of(config), campaigns.lanes_of(problem_of(config), 0, 18))
    job = campaigns.Job(config, 0, 18)
    there = campaigns.on_worker(job, tmp_path)
    np.testing.assert_array_equal(here.history, there.history)
    np.testing.assert_array_equal(campaigns.on_worker(job, tmp_path).value, there.value)  # read, not computed


@pytest.mark.slow
def test_a_small_run_draws_its_report(tmp_path):
    folder, _, metrics = finished_runs.checked("material_sweep", tmp_path)
    assert (folder / "report.html").is_file()
    assert metrics["live_against_landscape_max_difference"] < 1e-3
