"""Latent ascent: points brought into the support, the price of searches by counting calls, gradients, one run."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bo
import ferro_jax as ferro
import models
from experiments import gradient_latent
from experiments.gradient_latent import ascents, evolution, maps, searches, survey
from experiments.gradient_latent.accounting import Search, in_rounds
from experiments.shared.explorer.decoder import decoder_of
from experiments.shared.lattices.ascent import ascent
from experiments.shared.lattices.evolution import INSTALLED
from experiments.shared.lattices.targets import value_of
from helpers import finished_runs
from models import inside_support
from models.evaluation.support import support_of, to_support
from models.histories import Learned, Report, Scaling
from models.types import FitHistory

CONFIG = gradient_latent.Config(
    cells=400, seeds=2, budget=70, initial_points=5, scouts=10, starts=2, steps=4, survey_starts=2
)


@pytest.fixture(scope="module")
def cells():
    """Cells on a disc, some of which are the means of histories."""
    points = np.random.default_rng(0).uniform(-1, 1, (900, 2))
    return points[np.linalg.norm(points, axis=1) < 1][: CONFIG.cells]


def counted(of_value, of_gradient):
    """A hill over two latents whose evaluations, without and with gradient, call functions of the host."""

    @jax.custom_vjp
    def hill(z):
        jax.debug.callback(of_value, z)
        return -jnp.sum((z - 0.3) ** 2)

    def forward(z):
        jax.debug.callback(of_gradient, z)
        return -jnp.sum((z - 0.3) ** 2), z

    hill.defvjp(forward, lambda z, slope: (-2 * slope * (z - 0.3),))
    return hill


class Counter:
    def __init__(self):
        self.calls = 0

    def __call__(self, z):
        self.calls += 1


def test_points_outside_the_support_are_brought_to_its_edge_and_others_are_left_alone(cells):
    support = support_of(cells)
    rng = np.random.default_rng(1)
    wild = jnp.asarray(rng.normal(0, 3, (200, 2)), jnp.float32)
    good = jnp.asarray(cells[rng.integers(len(cells), size=200)], jnp.float32)
    brought = np.asarray(jax.jit(jax.vmap(partial(to_support, support)))(wild, good))
    assert inside_support(brought.astype(float), cells).all()
    inside = inside_support(np.asarray(wild, float), cells)
    assert 5 < inside.sum() < 150
    unmoved = np.linalg.norm(np.asarray(wild), axis=1) < 0.8  # well inside, whatever the rounding
    np.testing.assert_array_equal(brought[unmoved], np.asarray(wild)[unmoved])
    far = np.linalg.norm(np.asarray(wild), axis=1) > 1.5
    assert (np.linalg.norm(brought[far], axis=1) > 0.8).mean() > 0.9  # at the edge, or else the good point


def test_costs_of_a_search_are_those_of_its_evaluations_in_order():
    values = np.array([[1.0, 3.0, 2.0, 5.0, np.nan], [0.0, 1.0, 1.0, 1.0, 9.0]])
    search = Search(values, np.array([False, False, True, True, False]), np.arange(20.0).reshape(2, 5, 2))
    np.testing.assert_array_equal(search.worth(3), [1, 2, 5, 8, 9])
    np.testing.assert_array_equal(search.arrival(5, 3), [8, 9])
    np.testing.assert_array_equal(search.within(8, 3).arrival(5, 3), [8, np.inf])
    np.testing.assert_array_equal(search.best, [[6, 7], [18, 19]])
    np.testing.assert_array_equal(search.growth(np.array([0.0, 2, 4, 8]), 3)[0], [np.nan, 3, 3, 5])


def test_ascents_of_a_round_take_their_steps_by_turns():
    values = np.arange(12.0).reshape(1, 2, 2, 3)  # two rounds of two ascents of three steps
    search = in_rounds(-np.ones((1, 2, 1)), np.zeros((1, 2, 1, 2)), values, np.zeros((1, 2, 2, 3, 2)))
    np.testing.assert_array_equal(search.values[0], [-1, 0, 3, 1, 4, 2, 5, -1, 6, 9, 7, 10, 8, 11])
    assert search.gradient.sum() == 12 and not search.gradient[[0, 7]].any()


def test_a_search_by_ascents_pays_for_every_gradient_that_is_evaluated(cells):
    """Calls of the objective are counted, and cost what the search says, whatever ends beyond the budget."""
    values, gradients = Counter(), Counter()
    hill = counted(values, gradients)
    support, spread = support_of(cells), jnp.ones(2, jnp.float32)
    program = jax.jit(jax.vmap(lambda start: ascent(hill, support, spread, CONFIG.steps, start)))

    def ascend(points):
        found = jax.device_get(program(jnp.asarray(points, jnp.float32)))
        jax.effects_barrier()
        return found

    table = -((cells - 0.3) ** 2).sum(1)
    order = np.stack([np.random.default_rng(seed).permutation(len(cells))[: CONFIG.budget] for seed in range(2)])
    for search_of in (
        lambda: ascents.handed_over(ascend, order, cells, table, np.ones(2), CONFIG),
        lambda: ascents.from_nowhere(ascend, order, cells, CONFIG),
    ):
        gradients.calls = 0
        search = search_of()
        whole = gradients.calls / len(order)
        assert whole >= search.gradient.sum() > whole - CONFIG.starts * 2 * CONFIG.steps
        assert search.worth(CONFIG.price)[-1] <= CONFIG.budget < search.worth(CONFIG.price)[-1] + CONFIG.price
        assert values.calls == 0  # the compiled ascents take value and gradient from one call
        assert inside_support(search.points.reshape(-1, 2).astype(float), cells).all()
    assert CONFIG.rounds == 2 and search.best_value.min() > np.median(table)


@pytest.mark.slow
def test_a_campaign_evaluates_as_often_as_it_says(cells):
    values = Counter()
    hill = counted(values, Counter())
    order = np.random.default_rng(0).permutation(len(cells))[: CONFIG.initial_points]
    campaign = searches.campaign_of("log_ei", lambda key, z: hill(z), jnp.asarray(cells), jnp.asarray(order), CONFIG)
    info = jax.jit(lambda key: bo.run(key, campaign)[1])(jax.random.key(0))
    jax.effects_barrier()
    assert values.calls == CONFIG.budget == len(np.unique(info.index))
    np.testing.assert_array_equal(info.index[: CONFIG.initial_points], order)


@pytest.mark.skipif(not INSTALLED, reason="the library cma is not installed")
def test_evolution_evaluates_as_often_as_it_says_and_finds_the_top_of_a_hill(cells):
    asked = []

    def evaluate(points):
        asked.append(len(points))
        return -((points - 0.3) ** 2).sum(1)

    search = evolution.by_evolution(evaluate, lambda points: points, cells, [0, 1], 120)
    generation = asked[0] / 2
    assert search.values.shape == (2, 120) and 120 <= sum(asked) / 2 < 120 + generation
    assert (search.best_value > -0.01).all()


def test_ascents_begin_at_the_best_cells_that_were_seen_apart_from_each_other(cells):
    values = -((cells - 0.3) ** 2).sum(1)
    order = np.random.default_rng(2).permutation(len(cells))
    first = ascents.best_apart(order[:50], values, cells, [], 2)
    assert first[0] == order[:50][np.argmax(values[order[:50]])]
    assert np.linalg.norm(cells[first[0]] - cells[first[1]]) >= ascents.APART
    near = ascents.best_apart(order[:3], values, 1e-3 * cells, [], 3)  # none is apart: the best all the same
    assert sorted(near) == sorted(order[:3])


@pytest.mark.parametrize("preset", [ferro.physical, pytest.param(ferro.lecture, marks=pytest.mark.slow)])
def test_the_gradient_through_decoder_and_rollout_is_that_of_differences_in_double_precision(preset):
    """The decoder itself works in single precision; differences are of its layers, written out in double precision."""
    learned = _learned(models.VAEConfig(shape=(40,), hidden=(16,)))
    learned = learned._replace(params=jax.tree.map(lambda leaf: 3 * leaf, learned.params))
    layers = decoder_of(learned).layers

    def decode(z):
        for kernel, bias in layers[:-1]:
            z = jnp.tanh(z @ kernel.astype(float) + bias)
        return z @ layers[-1][0].astype(float) + layers[-1][1]

    setup = preset(jnp.float64)
    lattice = replace(setup.lattice, shape=(6, 6))
    setup = setup._replace(settle=None, drive_steps=40, hold_steps=5, lattice=lattice)
    local = setup.coercive_field * ferro.random_field(jax.random.key(1), lattice)
    subsets = ferro.subset_schedule(jax.random.key(2), 45, lattice) if lattice.update == "random_subset" else None
    place = maps.Place(learned.params, None, jnp.ones(2), local.astype(jnp.float64), subsets)
    z = jnp.array([0.7, -0.4])
    slope = jax.jit(jax.grad(partial(maps.value_at, setup, learned, 0.0, place)))(z)
    value = jax.jit(lambda z: value_of(setup, subsets, decode(z), place.local))
    step = 1e-6
    differences = [(value(z + step * unit) - value(z - step * unit)) / (2 * step) for unit in jnp.eye(2)]
    assert np.abs(slope).min() > 1e-3
    np.testing.assert_allclose(slope, differences, rtol=1e-4)


def test_basins_are_ends_apart_from_better_ones_and_peaks_have_a_width():
    ends = np.array([[0.0, 0], [0.1, 0], [2, 0], [2.0, 0.2], [4, 4]])
    assert survey.basins(ends, np.arange(5.0), np.ones(2)) == 3
    assert survey.basins(ends, np.arange(5.0), np.array([100.0, 100])) == 1
    assert survey.turns(np.array([1.0, 2, -1, -2, 3])) == 2
    assert survey.width(np.arange(6.0), np.array([5.0, 0, 4, 7, 4, 0]), 3.0) == 4


def test_options_that_leave_no_room_for_an_ascent_are_refused():
    with pytest.raises(ValueError, match="--budget 30 is less"):
        gradient_latent.Config(budget=30, scouts=40)
    with pytest.raises(ValueError, match="raise --cells"):
        gradient_latent.Config(cells=100)


def _learned(config):
    """A family with random weights whose histories come as they are."""
    losses = FitHistory({}, {}, jnp.ones(1, bool), jnp.array(1), jnp.array(1))
    report = Report(200, 20, 0.1, 1.0, 0.1, 0.0, 1.0, (1.0, 1.0), (2.0, 2.0), 0.1, 1, ())
    scaling = Scaling(np.zeros((40, 1)), np.ones(1), np.array([0.0, 0.0]), 1.0, 1.0)
    limits = (np.array([-np.inf]), np.array([np.inf]))
    params = jax.jit(models.vae(config).init)(jax.random.key(0))
    means = np.random.default_rng(0).normal(size=(50, 2))
    return Learned(config, params, scaling, *limits, means, 0 * means, True, ("E",), ("1",), "s", report, losses)


@pytest.mark.slow
def test_a_small_run_draws_its_report(tmp_path):
    folder, results, _ = finished_runs.checked("gradient_latent", tmp_path)
    assert (folder / "report.html").is_file()
    assert (results.value > 0).all() and (results.held > 0).all()
    spent = results.arrival_values + 3 * results.arrival_gradients
    assert (spent.where(np.isfinite(spent), 0) <= gradient_latent.SMOKE.budget).all()
