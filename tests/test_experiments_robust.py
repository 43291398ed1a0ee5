"""Robust optima: objectives over several worlds against single ones, what a draw varies, refusals, one run."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ferro_jax as ferro
from experiments import robust_bo
from experiments.robust_bo import searching, worlds
from experiments.robust_bo.config import VARIED, conditions_of
from helpers import finished_runs


@pytest.fixture(scope="module")
def setup():
    """A small lattice whose sites move by random subsets, in double precision."""
    lecture = ferro.lecture(jnp.float64)
    lattice = replace(lecture.lattice, shape=(6, 6))
    return lecture._replace(settle=None, drive_steps=30, hold_steps=4, lattice=lattice)


@pytest.fixture(scope="module")
def drawn(setup):
    """Worlds of every condition around one published world."""
    defects = np.asarray(ferro.random_field(jax.random.key(3), setup.lattice))
    world = worlds.published(setup, defects, jax.random.key(4))
    return {name: worlds.draw(jax.random.key(5), setup, varied, world, 3) for name, varied in VARIED.items()}


def same(left, right):
    return all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True))


def test_a_draw_varies_what_its_condition_says_and_nothing_else(drawn):
    published = drawn["published"]
    for name, varied in VARIED.items():
        for part in ("subsets", "local", "noise"):
            assert same(getattr(drawn[name], part), getattr(published, part)) == (part not in varied)
    noise = np.asarray(drawn["noise"].noise)
    assert noise.std() == pytest.approx(0.02, rel=0.2) and not np.array_equal(noise[0], noise[1])


def test_objectives_over_worlds_are_mean_and_least_of_single_simulations_with_their_gradients(setup, drawn):
    """Slopes by differences in double precision; a schedule of subsets is what the simulator draws from its key."""
    start, along = jnp.sin(jnp.linspace(0, 9, 30)), jnp.cos(jnp.linspace(0, 5, 30))

    @jax.jit
    def several(t, worst):
        value = lambda t: worlds.robust_value(setup, drawn["all"], worst, start + t * along)  # noqa: E731
        return jax.value_and_grad(value)(t)

    key = jax.random.split(jax.random.split(jax.random.key(5), 3)[0], 3)[0]
    alone = jax.jit(lambda world: worlds.value_in(setup, world, start))
    single = [float(alone(jax.tree.map(lambda leaf, n=n: leaf[n], drawn["all"]))) for n in range(3)]
    assert len(set(single)) == 3
    noise, local = drawn["all"].noise[0], drawn["all"].local[0]  # subsets drawn by the simulator from the key
    of_key = jax.jit(lambda curve: ferro.target(ferro.simulate(key, curve, local, setup, check=False).state, setup))
    assert single[0] == pytest.approx(float(of_key(start + noise)), rel=1e-9)
    step = 1e-6
    for worst, known in ((False, np.mean(single)), (True, np.min(single))):
        value, slope = several(0.0, worst)
        assert float(value) == pytest.approx(known, rel=1e-9)
        differences = (several(step, worst)[0] - several(-step, worst)[0]) / (2 * step)
        assert float(slope) == pytest.approx(float(differences), rel=1e-5)


def test_what_is_judged_is_reduced_as_the_condition_says():
    values = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(searching.reduced("worst", values), [0, 3])
    np.testing.assert_array_equal(searching.reduced("noise", values), [1, 4])


def test_the_physical_preset_has_no_subsets_and_options_without_room_are_refused():
    assert "subsets" in conditions_of("lecture") and "subsets" not in conditions_of("physical")
    assert robust_bo.Config(evaluations=100, steps=20).handed_over == 40
    with pytest.raises(ValueError, match="--bank is 4"):
        robust_bo.Config(bank=4)
    with pytest.raises(ValueError, match="costs 60"):
        robust_bo.Config(evaluations=65)


@pytest.mark.slow
def test_a_small_run_draws_its_report(tmp_path):
    folder, results, _ = finished_runs.checked("robust_bo", tmp_path)
    assert (folder / "report.html").is_file()
    assert (results.value.sel(preset="lecture") > 0).all()
    assert results.value.sel(preset="physical", judged="subsets").isnull().all()
