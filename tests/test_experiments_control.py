"""Control of the field by gradient: splines and limits, known costs, the closed form of tracking, overlaps, one run."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ferro_jax as ferro
from experiments import optimal_control
from experiments.optimal_control import climbs, switching, tracking, writing
from experiments.shared.lattices.evolution import INSTALLED
from experiments.shared.lattices.splines import excess_slew, spline_matrix, within_limits
from experiments.shared.lattices.targets import value_of
from helpers import finished_runs


def test_limits_are_kept_and_what_keeps_them_is_left_alone():
    wild = np.random.default_rng(0).normal(0, 1, (4, 200))
    kept = within_limits(wild, 0.05)
    assert np.abs(kept).max() <= 1 and np.abs(np.diff(kept)).max() <= 0.05 + 1e-12
    slow = 0.9 * np.sin(np.linspace(0, 6, 200))
    np.testing.assert_allclose(within_limits(slow, 0.05), slow, atol=1e-12)
    assert float(excess_slew(jnp.asarray(slow), 0.05)) == 0 < float(excess_slew(jnp.asarray(wild[0]), 0.05))


def test_known_costs_of_switching_are_four_times_the_barriers_of_the_energy():
    """Barriers from the energy of the package itself, on a grid of p."""
    lattice = ferro.Lattice((4, 4), "periodic")
    params = ferro.landau_params("tetragonal", jnp.float64, depolarization=0.0)
    grid = np.linspace(-0.5, 0.5, 401)

    @jax.jit
    @partial(jax.vmap, in_axes=(0, None))
    @partial(jax.vmap, in_axes=(None, 0))
    def per_site(x, y):
        p = jnp.stack([jnp.full((4, 4), x), jnp.full((4, 4), y)])
        return ferro.energy(p, jnp.zeros(2), jnp.zeros((2, 4, 4)), params, lattice) / lattice.sites

    surface = np.asarray(per_site(grid, grid))
    depth, saddle = surface.min(), np.diagonal(surface).min()
    known = switching.known_costs()
    assert known["one"] == pytest.approx(-4 * depth, rel=1e-3)
    assert known["both"] == pytest.approx(8 * (saddle - depth), rel=1e-3)


def test_the_closed_form_makes_a_uniform_lattice_follow():
    setup = ferro.physical(jnp.float64)
    wanted = 0.2 * np.sin(np.linspace(0, 5, 60))
    field = tracking.uniform_field(wanted, setup.params)

    @jax.jit
    def course_of(field):
        return ferro.run(
            None, ferro.initial_state(setup.lattice, jnp.float64), jnp.stack([field, 0 * field], 1),
            jnp.zeros((2, 20, 20)), setup.params, setup.lattice, check=False,
            observe=lambda state: ferro.mean_polarization(state.visible)[0],
        )[1]  # fmt: skip

    course = course_of(field)
    np.testing.assert_allclose(course, wanted, atol=1e-10)


def test_overlap_is_that_of_directions_in_the_space_of_patterns():
    patterns = writing.patterns_of((20, 20))
    vortex, halves = jnp.asarray(patterns["vortex"]), jnp.asarray(patterns["halves"])
    assert float(writing.overlap(3 * vortex, vortex)) == pytest.approx(1, abs=1e-6)
    assert float(writing.overlap(-vortex, vortex)) == pytest.approx(-1, abs=1e-6)
    assert float(writing.overlap(0 * vortex, halves)) == 0
    assert float(ferro.curl(vortex)[10, 10]) > 0


def test_a_climb_counts_what_keeps_the_slew_and_beats_its_start():
    config = optimal_control.Config(coefficients=(6,), budget=108, steps=4, seeds=1)
    setup = ferro.physical()._replace(settle=None, drive_steps=40, hold_steps=5, lattice=ferro.Lattice((5, 5)))
    problem = climbs.problem_of("physical", jax.random.key(0), 0.2)._replace(setup=setup)
    problem = problem._replace(evaluate=jax.jit(jax.vmap(lambda c, f: value_of(setup, problem.subset, c, f))))
    local = np.asarray(setup.coercive_field * ferro.random_field(jax.random.key(1), setup.lattice), np.float32)
    family = climbs.family_of(config, 40)
    starts = climbs.starts_of(problem, 6, family, config.starts, 0)
    found = climbs.climbed(problem, climbs.climber(problem, 6, config), 6, local, starts)
    first = within_limits(np.tanh(starts) @ spline_matrix(6, 40).T, problem.slew)
    assert found.value > climbs.values_of(problem, first, local).max()
    assert np.abs(np.diff(found.curve)).max() <= 0.2 + 1e-12
    assert found.value == pytest.approx(float(climbs.values_of(problem, found.curve[None], local)[0]), rel=1e-5)


@pytest.mark.slow
def test_a_small_run_draws_its_report(tmp_path):
    folder, results, metrics = finished_runs.checked("optimal_control", tmp_path)
    assert (folder / "report.html").is_file()
    assert (results.value > 0).all() and metrics["switching_one_known"] == pytest.approx(0.2098, abs=1e-4)


@pytest.mark.skipif(not INSTALLED, reason="the library cma is not installed")
def test_evolution_spends_its_budget_within_the_slew_for_each_draw_of_the_defects():
    setup = ferro.physical()._replace(settle=None, drive_steps=40, hold_steps=5, lattice=ferro.Lattice((5, 5)))
    problem = climbs.problem_of("physical", jax.random.key(0), 0.2)._replace(setup=setup)
    problem = problem._replace(evaluate=jax.jit(jax.vmap(lambda c, f: value_of(setup, problem.subset, c, f))))
    fields = ferro.random_field(jax.random.key(1), setup.lattice), ferro.random_field(jax.random.key(2), setup.lattice)
    local = np.asarray(setup.coercive_field * np.stack(fields), np.float32)
    for field, found in zip(local, climbs.evolved(problem, local, 6, 60), strict=True):
        assert len(found.path) == 60 and (np.diff(found.path) >= 0).all() and found.path[-1] == found.value
        assert np.abs(np.diff(found.curve)).max() <= 0.2 + 1e-12
        assert found.value == pytest.approx(float(climbs.values_of(problem, found.curve[None], field)[0]), rel=1e-5)
