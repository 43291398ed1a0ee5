"""A measured loop to parameters: recovery, what cannot be told, files, refusals in words."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import inverse_parameters
from experiments.inverse_parameters import (
    chains,
    estimating,
    own_fit,
    own_loops,
    own_model,
    own_noise,
    own_posterior,
    own_search,
    own_words,
)
from experiments.inverse_parameters.compute import check
from experiments.inverse_parameters.config import NAMES, PARAMETERS

SMALL = inverse_parameters.Config(size=4, defect_draws=1)
STEPS = 32


def sweep(steps=STEPS, reach=8.0):
    """A triangular sweep of the bias."""
    quarter = np.linspace(0, reach, steps // 4 + 1)[:-1]
    return np.concatenate([quarter, reach - quarter, -quarter, quarter - reach])


def shape(bias):
    """A loop of some shape."""
    rising = bias > np.roll(bias, 1)
    return np.tanh((bias - np.where(rising, 3.0, -3.0)) / 1.5)


@pytest.fixture(scope="module")
def problem():
    """A loop of known parameters, all of them fitted."""
    loop = own_loops.loop_of_arrays(sweep(), shape(sweep()), noise=1e-3)
    problem = own_model.loop_problem(jax.random.key(1), loop, SMALL)
    truth = jnp.zeros(len(PARAMETERS)).at[jnp.array([3, 6, 8, 11])].set(jnp.array([0.3, -0.4, 0.2, 0.1]))
    clean = np.asarray(jax.jit(partial(own_model.response, problem))(truth))
    measured = loop._replace(response=clean)
    theta = dict(zip(PARAMETERS, np.asarray(truth) * problem.prior, strict=True))
    truth = np.array(list(own_model.in_units_of(theta, loop, measured).values())) / problem.prior
    return problem._replace(loop=measured), truth


@pytest.mark.slow
def test_parameters_that_a_loop_tells_are_recovered_from_where_a_fit_starts(problem):
    problem, truth = problem
    programs = own_search.programs_of(problem)
    fits = [own_search.best_fit(programs, jax.random.key(seed), problem, SMALL.own_generations) for seed in (0, 1)]
    for fitted in fits:
        mode = jnp.asarray(fitted.mode)
        found = own_model.told(problem, mode, 1e-3)
        away = np.abs(np.asarray(mode) - truth)
        told = found.left < own_model.TOLD
        assert told.sum() >= 4 and (away[told] < 3 * found.left[told] + 0.02).all()
        np.testing.assert_allclose(own_model.response(problem, mode), problem.loop.response, atol=5e-3)
    assert min(float(fitted.half_squares) for fitted in fits) < 3  # the prior's share; one ends elsewhere on a ridge


def test_populations_draw_from_two_peaks_by_their_weights():
    centres, width, share = jnp.array([[-2.0, 0, 0], [1.5, 0, 0]]), 0.2, jnp.log(jnp.array([0.3, 0.7]))

    @jax.jit
    def log_likelihood(points):  # so that posterior and prior together are two normal peaks of these weights
        away = jnp.sum((points[:, None] - centres[None]) ** 2, -1) / (2 * width**2)
        return jax.nn.logsumexp(share[None] - away, 1) + jnp.sum(points**2, 1) / 2

    near = estimating.Fit(centres[1], jnp.eye(3) / width, jnp.zeros(()))
    shares = []
    draws = own_posterior.posterior(jax.random.key(0), log_likelihood, near, 512, shares.append)
    points, weights = np.asarray(draws.points), np.asarray(draws.weights)
    left = points[:, 0] < 0
    assert weights.sum() == pytest.approx(1) and weights[left].sum() == pytest.approx(0.3, abs=0.12)
    for side, centre in ((left, -2.0), (~left, 1.5)):
        assert points[side, 0].mean() == pytest.approx(centre, abs=0.06)
        assert points[side].std(0) == pytest.approx(width, rel=0.25)
    assert 20 < draws.effective <= 512 and shares[-1] == 1 and shares == sorted(shares)


@pytest.mark.slow
def test_chains_draw_from_a_normal_density_and_end_where_it_is_far_narrower_than_its_fit():
    def log_density(data, point):
        return -jnp.sum((point - data) ** 2 / jnp.array([1.0, 1e-6])) / 2

    each = 32  # chains from a fit of the right axes and from one that is far too wide, because one wanders too little
    centre = jnp.array([[0.5, -1.0]] * 2 * each)
    factor = jnp.stack([jnp.diag(jnp.array([1.0, 1e3]))] * each + [jnp.eye(2)] * each)
    fits = estimating.Fit(centre, factor, jnp.zeros(2 * each))
    points, _ = chains.chained(log_density, jax.random.split(jax.random.key(0), 2 * each), centre, fits)
    assert points.shape == (2 * each, chains.SAMPLES, 2)
    away = (points - np.asarray(centre)[:, None]) / np.array([1, 1e-3])
    np.testing.assert_allclose(away[:each].mean((0, 1)), 0, atol=0.15)
    np.testing.assert_allclose(away[:each].std((0, 1)), 1, rtol=0.15)
    # the second kind moves in steps of 1e-3, at most 32 in a transition
    assert np.sqrt(np.mean(away[each:, :, 1] ** 2)) == pytest.approx(1, rel=0.15)


def test_residuals_that_keep_their_sign_count_as_few():
    rng = np.random.default_rng(0)
    white = rng.normal(size=4000)
    assert own_noise.correlated_steps(white) == pytest.approx(1, abs=0.15)
    kept = np.fft.irfft(np.fft.rfft(white) / (1 - 0.7 * np.exp(-2j * np.pi * np.fft.rfftfreq(4000))), 4000)
    assert own_noise.correlated_steps(kept) == pytest.approx(1.7 / 0.3, rel=0.3)  # of an autoregression of .7


def test_a_loop_that_no_lattice_shows_tells_nothing_and_the_report_says_so():
    loop = own_loops.loop_of_arrays(sweep(), shape(sweep()), noise=0.02)
    found = own_model.Told(np.where(np.arange(12) < 5, 0.1, 0.9), np.ones(1), np.zeros((1, 12)))
    said = {}
    for misfit in (0.02, 0.08, 0.2):
        noise = own_noise.Noise(misfit, misfit, misfit, 4.0)
        said[misfit] = own_words.words_of(loop, found, noise, 7.0, SMALL)
    assert "within its noise" in said[0.02]["own_described"] and "intervals include" in said[0.08]["own_described"]
    assert "cannot show" in said[0.2]["own_described"]
    assert said[0.08]["own_tells"].count(",") == 4 and said[0.2]["own_tells"] == "none"
    assert said[0.2]["own_tells_not"].count(",") == 11
    assert "fewer than 30" in said[0.02]["own_drawn"] and "--own-population" in said[0.02]["own_drawn"]


@pytest.mark.slow
def test_a_loop_of_a_lattice_without_defects_does_not_tell_what_turns_or_couples_sites(problem):
    clean = problem[0]._replace(lattice=problem[0].lattice._replace(defects=jnp.zeros((2, 4, 4))))
    found = own_model.told(clean, jnp.zeros(len(PARAMETERS)), 0.02)
    left = dict(zip(PARAMETERS, found.left, strict=True))
    for name in ("alpha3", "coupling", "disorder"):
        assert left[name] > 0.999 and name in found.untold
    assert {"mobility"} | {"offset"} & set(found.names)
    assert left["response_scale"] > 0.3 or left["alpha2"] > 0.3  # a unit of response that is not known hides alpha2


def test_directions_are_named_by_their_largest_parts():
    direction = np.zeros((2, len(PARAMETERS)))
    direction[0, [0, 7]] = -0.8, -0.6
    direction[1, 5] = 1
    found = own_model.Told(np.full(len(PARAMETERS), 0.9), np.array([0.5, 30.0]), direction)
    assert found.directions() == ["+0.8 alpha1 +0.6 response_scale"]
    assert found.names == [] and len(found.untold) == len(PARAMETERS)


def test_the_spread_over_draws_of_the_defects_widens_what_is_told_and_nothing_beyond_the_prior():
    rng = np.random.default_rng(0)
    points, fitted = 0.1 * rng.normal(size=(5000, 2)), np.array([[0.2, 3], [-0.2, -3], [0.2, -3], [-0.2, 3]])
    draws = estimating.Draws(points, np.full(5000, 1 / 5000), np.array(5000.0))
    moved, weights = own_words.widened(draws, points, fitted, np.ones(2))
    between = (2.353 / 1.645) ** 2 * (1 + 1 / 4) * np.var(fitted[:, 0], ddof=1)  # Student's t of three degrees, 90 %
    assert weights.sum() == pytest.approx(1) and weights @ moved == pytest.approx(points.mean(0), abs=1e-9)
    std = np.sqrt(weights @ (moved - weights @ moved) ** 2)
    assert std == pytest.approx([np.sqrt(0.1**2 + between), 1], rel=0.02)
    few, _ = own_words.widened(draws._replace(effective=np.array(4.0)), points, fitted[:1], np.ones(2))
    assert few.std(0) == pytest.approx(2.353 / 1.645 * np.sqrt(1 + 1 / 4) * points.std(0), rel=1e-3)


def test_quantiles_of_equal_weights_are_the_usual_ones():
    values = np.random.default_rng(0).normal(size=(2000, 2))
    expected = np.quantile(values, [0.05, 0.95], axis=0)
    np.testing.assert_allclose(own_words.quantiles(values, np.full(2000, 1 / 2000)), expected, atol=0.02)


def write(path, bias, *columns):
    """Write loops as columns beside the bias."""
    names = ["bias (V)", *(f"loop {number} (pm)" for number in range(len(columns)))]
    rows = [",".join(map(str, row)) for row in zip(bias, *columns, strict=True)]
    path.write_text("\n".join([",".join(names), *rows]))
    return str(path)


def test_a_loop_is_read_from_text_and_from_a_scan_in_spite_of_bad_samples(tmp_path):
    bias = sweep()
    loop = shape(bias)
    single = own_loops.loop_of_file(write(tmp_path / "one.csv", bias, 5 * loop))
    np.testing.assert_allclose(single.response, 5 * loop, rtol=1e-6)
    assert single.bias_unit == "V" and single.known.all() and single.noise == pytest.approx(0.1, rel=0.1)
    scan = loop + 0.01 * np.random.default_rng(0).normal(size=(4, 5, STEPS))
    scan[1, 2, 7] = 1e4
    np.savez(tmp_path / "scan.npz", loops=scan)
    stored = write(tmp_path / "many.csv", bias, *scan.reshape(-1, STEPS))
    middle = own_loops.loop_of_file(stored)
    np.testing.assert_allclose(middle.response, loop, atol=0.02)
    assert "median" in middle.source
    chosen = own_loops.loop_of_file(stored, point=(7,))
    assert not chosen.known[7] and chosen.known.sum() >= STEPS - 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"point": (99,)}, "99"),
        ({"own_noise": -1.0}, "own-noise"),
        ({"parameters": ("gamma",)}, "gamma"),
        ({"path": "", "point": (1,)}, "--path"),
        ({"own_population": 100}, "multiple of 8"),
    ],
)
def test_options_that_do_not_fit_the_loop_are_refused(change, words, tmp_path):
    path = write(tmp_path / "one.csv", sweep(), shape(sweep()))
    with pytest.raises(ValueError, match=words):
        check(replace(SMALL, **{"path": path} | change))


def test_the_bias_of_loops_without_one_is_another_array_or_file(tmp_path):
    bias = sweep()
    loops = np.stack([shape(bias), 2 * shape(bias)])
    np.save(tmp_path / "loops.npy", loops)
    np.save(tmp_path / "bias.npy", bias)
    np.savez(tmp_path / "both.npz", loops=loops, bias=bias)
    with pytest.raises(ValueError, match="--bias"):
        own_loops.loop_of_file(tmp_path / "loops.npy")
    for loop in (
        own_loops.loop_of_file(tmp_path / "loops.npy", point=(1,), bias_in=str(tmp_path / "bias.npy")),
        own_loops.loop_of_file(tmp_path / "both.npz", "loops", point=(1,), bias_in="bias"),
    ):
        np.testing.assert_allclose(loop.bias, bias)
        np.testing.assert_allclose(loop.response, loops[1])
    np.save(tmp_path / "short.npy", bias[:-1])
    with pytest.raises(ValueError, match="31.*32 steps"):
        own_loops.loop_of_file(tmp_path / "loops.npy", bias_in=str(tmp_path / "short.npy"))


def test_a_gap_in_the_bias_is_refused_without_an_option_that_the_command_lacks(tmp_path):
    gapped = np.where(np.arange(STEPS) == 3, np.nan, sweep())
    with pytest.raises(ValueError, match="first column has gaps: fill them in the file"):
        own_loops.loop_of_file(write(tmp_path / "gap.csv", gapped, shape(sweep())))


def test_a_run_on_a_loop_of_the_users_own_announces_no_stages_that_it_leaves_out(tmp_path):
    own = replace(SMALL, path="loop.csv")
    assert own.stages_of(inverse_parameters.STAGES) == ("own_loop", "figures")
    assert SMALL.stages_of(inverse_parameters.STAGES) == inverse_parameters.STAGES


def test_files_that_hold_no_loop_are_refused_in_words(tmp_path):
    np.save(tmp_path / "four.npy", np.zeros((2, 2, 2, 8)))
    with pytest.raises(ValueError, match="4 axes"):
        own_loops.loop_of_file(tmp_path / "four.npy")
    ramp = write(tmp_path / "ramp.csv", np.linspace(-8, 8, 32), np.arange(32.0))
    with pytest.raises(ValueError, match="rises and falls"):
        own_loops.loop_of_file(ramp)
    with pytest.raises(ValueError, match="does not change"):
        own_loops.loop_of_arrays(sweep(), np.ones(STEPS))
    with pytest.raises(ValueError, match="two arrays"):
        own_loops.loop_of_arrays(sweep(), np.ones(STEPS - 1))
    with pytest.raises(ValueError, match="thin"):
        own_loops.loop_of_arrays(sweep(2048), shape(sweep(2048)))


def test_a_loop_with_fewer_samples_than_parameters_is_refused_by_what_it_does_not_tell(tmp_path):
    path = write(tmp_path / "short.csv", sweep(8), shape(sweep(8)))
    with pytest.raises(ValueError, match="8 good samples cannot determine 12 .*not identifiable are .*coupling"):
        check(replace(SMALL, path=path))
    check(replace(SMALL, path=path, parameters=("mobility", "response_scale", "bias_scale", "offset")))


@pytest.mark.slow
def test_the_truth_of_the_simulated_loop_is_in_the_units_of_its_fit():
    loop = own_fit.loop_of(jax.random.key(3), SMALL)
    assert loop.truth is not None
    to_defects = jax.random.split(jax.random.key(3))[0]  # the defects that it was simulated with
    problem = own_model.loop_problem(to_defects, loop, SMALL)
    point = jnp.array([loop.truth[name] for name in PARAMETERS]) / problem.prior
    missed = own_model.response(problem, point) - loop.response
    assert float(jnp.std(missed)) < 1.3 * loop.noise and problem.prior[0] == SMALL.own_prior and NAMES[0] == "alpha1"


@pytest.mark.slow
def test_a_measured_loop_runs_to_its_report(tmp_path):
    bias = sweep()
    noisy = shape(bias) + 0.02 * np.random.default_rng(1).normal(size=STEPS)
    path = write(tmp_path / "loop.csv", bias, noisy)
    found = inverse_parameters.run(replace(inverse_parameters.SMOKE, path=path, runs=tmp_path))
    assert (found.folder / "report.html").is_file() and "bound" not in found.arrays
    assert found.arrays.attrs["own_tells"] and found.numbers["own_good_samples"] == STEPS
    assert 0 < found.numbers["own_effective_draws"] <= inverse_parameters.SMOKE.own_population
    low, high = found.arrays.own_predicted.to_numpy()
    assert np.mean((low <= noisy + 0.06) & (noisy - 0.06 <= high)) > 0.9
