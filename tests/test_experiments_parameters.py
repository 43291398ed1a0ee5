"""Smoke runs of the parameter map and of the convergence study, and what the physics asks of their numbers."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import spearmanr

import ferro_jax as ferro
from experiments import convergence, ferrosim_parameters
from experiments.convergence import figures as convergence_figures
from experiments.convergence import simulation
from experiments.convergence.comparison import compare
from experiments.ferrosim_parameters import figures as parameters_figures
from experiments.ferrosim_parameters.scores import variance_shares
from experiments.lab import scores
from helpers import finished_runs, numpy_ferrosim


def finished(runs, module, figures):
    """A smoke run in a process of its own, with every figure in the report."""
    run = finished_runs.smoke(module.EXPERIMENT.name, runs, timeout=300)
    assert (run.folder / "report.html").read_text().count("data:image/png;base64,") == len(figures.PANELS)
    return run


@pytest.fixture(scope="module")
def parameters(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("runs"), ferrosim_parameters, parameters_figures)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("runs"), convergence, convergence_figures)


@pytest.mark.slow
def test_map_equals_single_calls_and_obeys_the_physics(parameters):
    results, metrics = parameters.results, parameters.metrics
    n = ferrosim_parameters.SMOKE.grid_points
    assert dict(results.area.sizes) == {"realisation": 2, "depolarization": n, "coupling": n}
    for name in ("area", "remnant", "coercive", "curl", "walls"):
        assert metrics[f"single_against_map_{name}_max_difference"] < 1e-4
        shares = [metrics[f"{name}_variance_share_{part}"] for part in ("coupling", "depolarization", "interaction")]
        assert np.isclose(sum(shares), 1) and all(share > -1e-9 for share in shares)
    assert (results.area > 0).all()  # a cycle never gives energy
    assert metrics["area_spearman_depolarization"] < -0.5  # depolarization tilts and narrows the loop
    assert metrics["curl_spearman_coupling"] < -0.5  # coupling smooths
    assert ((results.walls >= 0) & (results.walls <= 1)).all()


@pytest.mark.slow
def test_area_of_the_map_is_that_of_the_saved_loops(parameters):
    results, metrics = parameters.results, parameters.metrics
    field = results.loop_field.to_numpy() * metrics["coercive_field_model_units"]
    for point, (row, column) in enumerate([(0, 0), (0, -1), (-1, 0), (-1, -1)]):
        for number, polarization in enumerate(results.loop_polarization[:, point].to_numpy()):
            work = np.trapezoid(np.append(field, field[0]), np.append(polarization, polarization[0]))
            assert np.isclose(work, results.area[number, row, column], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"grid_points": 2}, "--grid-points is 2; give at least 3"),
        ({"steps_per_cycle": 1002}, "multiple of 4"),
        ({"amplitude": 0.0}, "positive number"),
        ({"realisations": 1}, "at least 2"),
    ],
)
def test_a_map_that_cannot_be_made_is_refused(option, words):
    with pytest.raises(ValueError, match=words):
        ferrosim_parameters.Config(**option)


def test_a_grid_beyond_the_stability_bound_is_refused_before_anything_is_computed(tmp_path):
    with pytest.raises(SystemExit, match="lower --coupling-max"):
        ferrosim_parameters.EXPERIMENT.main(["--smoke", "--coupling-max", "60", "--runs", str(tmp_path)])
    assert not list(tmp_path.rglob("report.html"))


def test_shares_of_variance_of_known_maps():
    x, y = np.meshgrid(np.arange(5.0), np.arange(5.0))
    assert variance_shares(x + 0 * y)["coupling"] == pytest.approx(1)
    shares = variance_shares((x - 2) * (y - 2))
    assert shares["interaction"] == pytest.approx(1)


@pytest.mark.slow  # twenty programs to compile
def test_time_step_converges_with_order_one_and_precision_does_not_matter(study):
    metrics = study.metrics
    assert 0.8 < metrics["time_step_order_median"] < 1.2
    assert (
        metrics["time_step_half_rms_median"] < metrics["time_step_rms_median"] < metrics["time_step_double_rms_median"]
    )
    assert metrics["precision_random_rms_over_std_max"] < 1e-3
    # what neighbours see beyond the polarization is one step's move: it falls with the step
    ratio = metrics["extrapolation_size_dt_over_1_median"] / metrics["extrapolation_size_dt_over_4_median"]
    assert 2.5 < ratio < 6


@pytest.mark.slow
def test_published_target_can_be_redone_from_the_saved_history_and_subsets(study):
    results = study.results
    unit = (2 / 3) * 1.6 * np.sqrt(1.6 / (3 * 12.2))  # the published coercive field
    curve = results.curve[3].to_numpy().astype(float)
    along = 150 * unit * np.append(curve, np.full(50, curve[-1]))
    applied = np.stack([along, np.zeros_like(along)], axis=-1)
    local, moves = unit * results.local_field[1].to_numpy().astype(float), results["subset"].to_numpy().astype(bool)
    params = (-1.6, 12.2, 40.0, 12.5, 0.3, 1.0, 4 / 1199)
    _, seen = numpy_ferrosim.simulate(applied, local, moves, params, "grounded", clip=10.0)
    curl = np.abs(numpy_ferrosim.wrapped_curl(seen)).sum()
    np.testing.assert_allclose(results.target.sel(choice="random_1")[1, 3], curl, atol=2e-3)


def test_finer_and_coarser_set_ups_see_the_same_history_for_the_same_time():
    setup, curve = ferro.lecture(jnp.float64), jnp.linspace(-1.0, 1.0, 900)
    duration = 950 * setup.params.dt
    for changed in (simulation.refined(setup, 4), simulation.coarsened(setup)):
        field = ferro.applied_field(simulation.resampled(curve, changed.drive_steps), changed)
        assert np.isclose(len(field) * changed.params.dt, duration)
        impulse = np.sum(field[:, 0][: changed.drive_steps]) * changed.params.dt
        assert np.isclose(impulse, np.sum(ferro.applied_field(curve, setup)[:900, 0]) * setup.params.dt, atol=1e-9)


def test_comparison_of_a_shifted_and_a_reversed_target():
    a = np.random.default_rng(0).normal(size=(3, 40))
    shifted, reversed_ = compare(a, a + 2), compare(a, -a)
    np.testing.assert_allclose(shifted["rms"], 2)
    np.testing.assert_allclose(shifted["scatter_over_std"], 0, atol=1e-12)
    assert (shifted["spearman"] == 1).all() and (shifted["top_kept"] == 1).all()
    np.testing.assert_allclose(reversed_["spearman"], -1)
    assert (reversed_["top_kept"] == 0).all()


def test_rank_correlation_is_spearmans():
    x, y = np.random.default_rng(0).integers(0, 6, (2, 3, 20)).astype(float)
    expected = [spearmanr(a, b).statistic for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(scores.rank_correlation(x, y), expected)


def test_a_study_too_small_is_refused():
    with pytest.raises(ValueError, match="--histories is 2"):
        convergence.Config(histories=2)
