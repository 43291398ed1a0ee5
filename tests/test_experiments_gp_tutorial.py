"""The tutorial on Gaussian processes: its functions, its check of calibration, a whole small run."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bo.data import observations
from bo.surrogates import gp, process_types
from experiments import gp_tutorial
from experiments.gp_tutorial import config, figures, models
from helpers import finished_runs

ROOT = Path(__file__).parent.parent


def test_forresters_maximum():
    x = jnp.linspace(0, 1, 100_001)
    values = models.forrester(x)
    assert float(values.max()) == pytest.approx(6.02074, abs=1e-5)
    assert float(x[values.argmax()]) == pytest.approx(0.75725, abs=1e-4)


def test_draws_without_data_have_the_priors_variance(key):
    model = gp.gaussian_process(process_types.GPConfig(kernel="matern32"))
    nothing = observations(jnp.zeros((1, 1)), jnp.zeros(1), jnp.zeros(1, bool))
    x = jnp.array([[0.1], [0.25], [0.9]])
    fixed = models.params(0.15, 1e-6)
    draws = jax.jit(jax.vmap(lambda key: model.sample(key, fixed, nothing, x)))(jax.random.split(key, 4000))
    correlation = (1 + np.sqrt(3)) * np.exp(-np.sqrt(3))  # one length scale apart
    np.testing.assert_allclose(np.cov(draws.T)[0], [1, correlation, 0], atol=0.08)


@pytest.mark.parametrize(
    ("option", "words"),
    [({"points": 10}, "--points is 10"), ({"points": 20, "steps": 18}, "raise --points"), ({"steps": 2}, "at least 5")],
)
def test_a_tutorial_that_cannot_be_made_is_refused(option, words):
    with pytest.raises(ValueError, match=words):
        gp_tutorial.Config(**option)


@pytest.mark.slow  # a dozen programs to compile
def test_a_small_run_is_calibrated_equals_gpjax_and_nears_the_maximum(tmp_path):
    folder, results, metrics = finished_runs.smoke("gp_tutorial", tmp_path)
    assert (folder / "report.html").read_text().count(";base64,") == len(figures.PANELS)
    assert max(metrics["gpjax_mean_max_difference"], metrics["gpjax_std_max_difference"]) < 1e-8
    true, error = (results[name].sel(model="true") for name in ("coverage", "coverage_standard_error"))
    assert (abs(true - config.LEVELS) < 4 * error).all()
    assert (results.coverage.sel(model="too_short") > true).all()
    assert (results.coverage.sel(model="too_long") < true).all()
    # noise-free values: the posterior and its draws pass through them
    x, places = results.x.to_numpy(), results.observed_x.to_numpy()
    at = np.array([np.argmin(np.abs(x - place)) for place in places])
    on_grid = np.abs(x[at] - places) < 1e-9
    assert on_grid.any()
    for name in ("posterior_mean", "posterior_draw"):
        error = np.abs(results[name].to_numpy()[..., at] - results.observed_y.to_numpy())[..., on_grid]
        assert error.max() < 0.1
    # a logarithm does not change the choice
    for rule in ("ei", "pi"):
        assert metrics[f"{rule}_chooses_x"] == metrics[f"log_{rule}_chooses_x"]
    assert metrics["campaign_last_gap"] < metrics["campaign_first_gap"]
    assert len(set(results.campaign_x.to_numpy())) == results.sizes["evaluation"]
