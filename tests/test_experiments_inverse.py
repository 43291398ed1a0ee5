"""Inference of parameters: sensitivities against differences, bounds, recovery without noise, ranks, one small run."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray

from experiments import gradient_latent, inverse_parameters
from experiments.inverse_parameters import estimating, figures, information, measuring
from experiments.inverse_parameters.config import NAMES
from helpers import finished_runs


@pytest.fixture(scope="module")
def problem():
    """A small lattice that is measured almost without noise."""
    config = inverse_parameters.Config(size=4, time_steps=60, loop_noise=1e-5, snapshot_noise=1e-5)
    return measuring.problem_of(jax.random.key(1), config)


def simulated(problem, truth, field):
    """Return what is measured without noise at parameters ``truth``, in units of the noise."""
    measure = lambda truth: measuring.in_units_of_noise(problem, measuring.measured(problem, truth, field))  # noqa: E731
    return jax.jit(measure)(truth)


def test_sensitivities_by_forward_differentiation_and_by_differences_are_the_same(problem):
    field = jnp.asarray(measuring.courses(problem)["rotating"])
    exact = jax.jit(lambda field: information.sensitivity(problem, field))(field)
    near = jax.jit(lambda field: information.differences(problem, field))(field)
    for one, other in zip(exact, near, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6 * float(jnp.abs(one).max()))
    matrix = np.asarray(information.information_of(problem, exact, snapshot=True))
    np.testing.assert_allclose(matrix, matrix.T)
    assert np.linalg.eigvalsh(matrix).min() > 0


def test_a_second_measurement_only_sharpens_the_bounds():
    generator = np.random.default_rng(0)
    first, second = (part.T @ part for part in generator.normal(size=(2, 20, len(NAMES))))
    assert (information.bounds(first + second) < information.bounds(first)).all()
    np.testing.assert_allclose(information.bounds(4 * first), information.bounds(first) / 2, rtol=1e-6)


def test_parameters_are_recovered_without_noise(problem):
    truth = jnp.asarray([0.1, -0.2, 0.15, 0.2, -0.1, 0.05])
    field = jnp.asarray(measuring.courses(problem)["rotating"])
    data = simulated(problem, truth, field)
    found = jax.jit(lambda data: estimating.fit(problem, field, data, jnp.zeros(6)))(data)
    spread = np.sqrt(np.diag(np.linalg.inv(np.asarray(found.factor @ found.factor.T))))
    assert (np.abs(found.mode - truth) < 2 * spread).all() and spread[[1, 2, 5]].max() < 0.02
    assert float(found.half_squares) < 5  # the prior's share: the measurement is met


def test_draws_around_a_fit_count_where_the_posterior_is_nearly_normal(problem):
    noisy = problem._replace(config=replace(problem.config, loop_noise=0.05, snapshot_noise=0.05, prior=0.1))
    field = jnp.asarray(measuring.courses(problem)["x"])
    data = simulated(noisy, jnp.zeros(6), field)

    def draw(key):
        fitted = estimating.fit(noisy, field, data, jnp.zeros(6))
        draws = estimating.importance(key, noisy, field, data, fitted, 200)
        return fitted, draws, estimating.moments(draws)

    fitted, draws, (mean, std) = jax.jit(draw)(jax.random.key(0))
    assert float(draws.effective) > 100
    assert (np.abs(mean - fitted.mode) < 0.5 * std).all() and (std < 0.13).all()


def test_ranks_of_the_truth_are_uniform_where_draws_are_from_its_distribution():
    points = jax.random.normal(jax.random.key(0), (400, 300, len(NAMES)))
    truth = jax.random.normal(jax.random.key(1), (400, len(NAMES)))
    draws = estimating.Draws(points, jnp.full((400, 300), 1 / 300), jnp.full(400, 300.0))
    rank = np.asarray(jax.jit(jax.vmap(estimating.rank_of))(draws, truth))
    np.testing.assert_allclose(np.quantile(rank, [0.25, 0.5, 0.75], axis=0).mean(1), [0.25, 0.5, 0.75], atol=0.03)


def test_options_that_cannot_determine_the_parameters_are_refused():
    with pytest.raises(ValueError, match="lower --every"):
        inverse_parameters.Config(time_steps=40, every=20)
    with pytest.raises(ValueError, match="no divisors"):
        inverse_parameters.Config(frames=(7,))


@pytest.mark.slow
def test_a_small_run_draws_its_report(tmp_path):
    folder, _, metrics = finished_runs.checked("inverse_parameters", tmp_path)
    assert (folder / "report.html").is_file() and metrics["field_6_frames_correlation"] > 0.9


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (inverse_parameters, "amplitude"),
        (inverse_parameters, "loop_noise"),
        (inverse_parameters, "own_prior"),
        (gradient_latent, "price"),
    ],
)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_options_that_are_not_finite_are_refused(module, name, value):
    with pytest.raises(ValueError, match=f"--{name.replace('_', '-')} is {value}"):
        module.Config(**{name: value})


def test_the_table_of_bounds_has_plain_numbers():
    bound = np.array([[5.31, 0.234, 20, 0.0204, 1e-3, 9.96]])
    weakest = np.array([[-0.001, 0.5, 0, 0, 0, -0.98]])
    dims = ("measurement", "parameter")
    results = xarray.Dataset({"bound": (dims, bound), "weakest": (dims, weakest)}, {"measurement": ["loop"]})
    drawn = [{text.get_text() for text in ax.texts} for ax in figures.information(results, {}).axes[:2]]
    assert drawn[0] == {"530", "23", "> 1000", "2", "0.1", "1000"}
    assert drawn[1] == {"0.00", "0.50", "-0.98"}
