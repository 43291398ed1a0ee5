"""The benchmark of curves: the optima of its exercises, its maps from coefficients to curves, one small run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import minimize

from benchmarks.curves import methods, physics, report
from benchmarks.curves.exercises import EXERCISES
from benchmarks.curves.problem import invented

ROOT = Path(__file__).parent.parent
PUBLISHED = {"quadratic": -np.tanh(1.0), "reactor": 0.610775, "catalysts": 0.048055}


@pytest.mark.parametrize("problem", EXERCISES, ids=lambda problem: problem.name)
def test_direct_optimisation_reaches_the_published_optimum_and_not_more(problem):
    """L-BFGS-B in all 200 samples, which shares nothing with the methods that are compared."""
    middle, half = (problem.low + problem.high) / 2, (problem.high - problem.low) / 2
    slope = jax.jit(jax.value_and_grad(lambda x: -problem.value(middle + half * x)))
    found = minimize(
        lambda x: tuple(np.asarray(part, float) for part in slope(jnp.asarray(x))),
        np.zeros(problem.samples), jac=True, method="L-BFGS-B", bounds=[(-1, 1)] * problem.samples,
        options={"maxiter": 2000, "maxfun": 4000, "ftol": 1e-14, "gtol": 1e-9},
    )  # fmt: skip
    scale = abs(PUBLISHED[problem.name])
    assert abs(-found.fun - PUBLISHED[problem.name]) < 1e-4 * scale
    assert abs(-found.fun - problem.optimum) < 2e-5 * scale


def test_reactor_is_integrated_as_scipy_does():
    problem = EXERCISES[1]
    history = np.asarray(jax.jit(problem.draw, static_argnums=1)(jax.random.key(0), 3)[2], float)

    def rate(time, x):
        kelvin = np.interp(time, np.linspace(0, 1, 200), history)
        first, second = 4000 * np.exp(-2500 / kelvin) * x[0] ** 2, 620_000 * np.exp(-5000 / kelvin) * x[1]
        return [-first, first - second]

    end = solve_ivp(rate, (0, 1), [1, 0], rtol=1e-10, atol=1e-12, max_step=1 / 199).y[1, -1]
    np.testing.assert_allclose(jax.jit(problem.value)(jnp.asarray(history)), end, rtol=1e-6)


def test_invented_histories_keep_the_bounds_and_fill_them(key):
    curves = np.asarray(jax.jit(invented(298.0, 398.0), static_argnums=1)(key, 300))
    assert curves.shape == (300, 200)
    assert curves.min() == 298 and curves.max() == 398
    assert 340 < np.median(curves) < 356
    smooth, ramps = np.abs(np.diff(curves[2::3])).max(1), np.abs(np.diff(curves[1::3])).max(1)
    assert np.median(smooth) < 5 < np.median(ramps)  # every second of three is a step


def test_splines_reproduce_cubics_and_stay_within_their_coefficients():
    matrix = methods.spline_matrix(methods.COEFFICIENTS, 200)
    assert matrix.shape == (200, 8) and matrix.min() >= 0
    np.testing.assert_allclose(matrix.sum(1), 1, atol=1e-12)
    cubic = np.polynomial.Polynomial([1, -2, 3, -4])(np.linspace(0, 1, 200))
    fitted = matrix @ np.linalg.lstsq(matrix, cubic, rcond=None)[0]
    np.testing.assert_allclose(fitted, cubic, atol=1e-10)


def test_regret_counts_from_the_median_and_gradients_may_cost_three():
    regret = report.regret_of(np.array([[np.nan, 1.0, 3.0, 2.0]]), optimum=5.0, median=1.0)
    np.testing.assert_array_equal(regret, [[np.inf, 1.0, 0.5, 0.5]])
    dear = report.at_gradients_cost(np.array([[4.0, 3.0, 2.0, 1.0, 0.0]]), begun=1)
    np.testing.assert_array_equal(dear, [[4.0, 3.0, 3.0, 3.0, 2.0]])


@pytest.mark.slow
def test_the_best_known_film_is_that_of_sixteen_ascents():
    problem = physics.annealing_problem()
    drawn = np.asarray(problem.draw(jax.random.key(77), 1000), float)
    values = np.asarray(jax.jit(lambda x: jax.lax.map(problem.value, x, batch_size=250))(jnp.asarray(drawn)))
    starts = drawn[[*np.argsort(-values)[:10], *range(6)]]  # the ten best of a thousand, and six more
    found = methods.measured(methods._refined, (problem, 600), jnp.asarray(starts)).values
    assert np.nanmax(found) == pytest.approx(problem.optimum, abs=1e-4)


@pytest.mark.slow
def test_a_small_run_is_resumed_and_writes_its_tables(tmp_path):
    command = [sys.executable, "-m", "benchmarks.curves", "--smoke", "--problems", "quadratic", "--out", str(tmp_path)]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}

    def run(*methods):
        more = ("--methods", *methods)
        return subprocess.run([*command, *more], capture_output=True, text=True, cwd=ROOT, env=environment, check=True)

    run("random", "vae", "gradient")
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("quadratic.*")}
    again = run("random", "vae", "pca", "gradient")
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items()), "measured twice"
    assert (tmp_path / "regret.png").stat().st_size > 10_000
    rows = json.loads((tmp_path / "tables.json").read_text())[0]["rows"]
    assert [row["method"].split(":")[0] for row in rows][:3] == ["random generated histories", "VAE-BO", "PCA-BO"]
    regret = {row["method"]: row["30"]["median"] for row in rows}
    assert regret["gradient from a random history"] < regret["random generated histories"]
    assert "after 30" in again.stdout
    other = subprocess.run([*command, "--seeds", "3"], capture_output=True, text=True, cwd=ROOT, env=environment)
    assert other.returncode and "another folder" in other.stderr
