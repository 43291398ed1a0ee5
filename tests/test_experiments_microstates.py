"""Smoke runs of the two experiments on microstates and on equilibration, and physics that must hold in any run."""

import numpy as np
import pytest

from experiments import equilibration, ferrosim_microstates
from helpers import finished_runs

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cycles(tmp_path_factory):
    return finished_runs.checked("ferrosim_microstates", tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def hold(tmp_path_factory):
    return finished_runs.checked("equilibration", tmp_path_factory.mktemp("runs"))


@pytest.mark.parametrize("run", ["cycles", "hold"])
def test_every_picture_is_in_the_page_and_every_array_is_labelled(run, request):
    folder, results, metrics = request.getfixturevalue(run)
    module = ferrosim_microstates if run == "cycles" else equilibration
    page = (folder / "report.html").read_text()
    panels = module.EXPERIMENT.module("figures").PANELS
    assert page.count("data:image/") == len(panels)
    assert metrics["complete"] == 1 and all(f"{stage}_wall_s" in metrics for stage in module.STAGES)
    for name, array in results.variables.items():
        assert array.attrs["units"] and array.attrs["long_name"], name


def test_a_film_is_saved_as_gif_and_embedded(cycles):
    film = (cycles.folder / "animation.gif").read_bytes()
    assert film.startswith(b"GIF89a") and len(film) < 3_000_000
    assert (cycles.folder / "report.html").read_text().count("data:image/gif;base64,") == 1


def test_saved_loops_give_the_saved_quantities(cycles):
    results, metrics = cycles.results, cycles.metrics
    field, along = results.field.to_numpy(), results.along.to_numpy()
    unit = metrics["coercive_field_unit_model_units"]
    next_field, next_along = np.roll(field, -1), np.roll(along, -1, axis=-1)
    area = unit * np.sum((field + next_field) / 2 * (next_along - along), axis=-1)
    np.testing.assert_allclose(results.loop_area_model_units_per_site_and_cycle, area, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        metrics["defects_area_model_units_per_site_and_cycle_median"], np.median(area[0]), rtol=1e-4
    )


def test_states_are_those_of_the_loop_and_bounded_by_what_the_field_can_do(cycles):
    results, metrics = cycles.results, cycles.metrics
    states = results.polarization.to_numpy()
    np.testing.assert_allclose(states[:, 0].mean((1, 2)), results.along[0, 0], atol=2e-6)
    np.testing.assert_allclose(np.abs(results.curl_map).sum(("row", "column")), results.curl[0, 0], rtol=1e-4)
    for name in ("walls", "aligned"):
        assert float(results[name].min()) >= 0 and float(results[name].max()) <= 1
    assert (results.magnitude.to_numpy() + 1e-6 >= np.hypot(results.along, results.across)).all()
    assert metrics["no_defects_aligned_share_at_peak_min"] == 1


def test_a_cycle_dissipates_and_slower_ones_less(cycles):
    results = cycles.results
    area = results.swept_area.to_numpy()
    assert (area > 0).all()
    # without defects, from the second fastest to the slowest: at the fastest rate P is too late to make a loop
    assert (np.diff(area[1:, 1], axis=0) < 0).all()


def test_without_defects_the_lattice_is_symmetric_and_its_curl_small(cycles):
    results, metrics = cycles.results, cycles.metrics
    assert abs(metrics["no_defects_imprint_ec_median"]) < 0.02
    assert metrics["no_defects_curl_at_peak_model_units_max"] < 0.1 * metrics["defects_curl_at_peak_model_units_min"]
    assert metrics["homogeneous_no_depolarization_coercive_field_ec"] == pytest.approx(1, rel=1e-5)
    width = results.loop_coercive_half_width_ec
    assert (width.sel(condition="no_defects") < width.sel(condition="no_defects_no_depolarization")).all()


@pytest.mark.parametrize(
    "options", [("--preset", "lecture", "--landau", "uniaxial"), ("--landau", "square_electric", "--shape", "sine")]
)
def test_other_presets_and_landau_sets_run(tmp_path, options):
    _, results, metrics = finished_runs.checked("ferrosim_microstates", tmp_path, *options, "--realisations", "1")
    assert metrics["complete"] == 1
    if "uniaxial" in options:
        assert not results.polarization[:, 0].any()


def test_field_is_held_and_the_lattice_comes_to_rest(hold):
    results, metrics = hold.results, hold.metrics
    assert metrics["physical_residual_rate_at_the_end_p50"] < 0.1
    held = results.step.to_numpy() >= metrics["drive_steps"] - 1
    curl = results.curl.to_numpy()[..., held]
    early, late = (np.abs(np.diff(part, axis=-1)).mean() for part in (curl[..., :5], curl[..., -5:]))
    assert late < early / 3
    np.testing.assert_allclose(curl[..., 0], results.onset, rtol=1e-5)
    np.testing.assert_allclose(curl[..., -1], results.final, rtol=1e-5)


def test_rates_and_shares_follow_from_the_saved_curves(hold):
    results, metrics = hold.results, hold.metrics
    onset, final = results.onset.to_numpy(), results.final.to_numpy()
    assert metrics["physical_end_falls_share_median"] == pytest.approx(np.median((final < onset)[2].mean(-1)))
    change = (final.mean(-1) / onset.mean(-1) - 1)[0]
    assert metrics["lecture_mean_change_share_of_onset_median"] == pytest.approx(np.median(change), abs=1e-6)
    rate = results.rate.to_numpy()
    assert np.isnan(rate[np.abs(final / onset - 1) < 0.0199]).all() and not (rate <= 0).any()


def test_maxima_of_curl_sit_where_the_polarization_reverses(hold):
    results, metrics = hold.results, hold.metrics
    assert metrics["physical_lag_behind_reversal_interquartile_ratio_to_shifted_median"] < 0.5
    assert 0 < metrics["physical_lag_behind_zero_median_steps_median"] < 60
    assert (results.lag_share.sum("lag") <= 1 + 1e-9).all()


@pytest.mark.parametrize(
    ("config", "option", "words"),
    [
        (ferrosim_microstates.Config, {"steps_per_cycle": 1000}, "multiple of 3200"),
        (ferrosim_microstates.Config, {"amplitude": 0.0}, "positive field"),
        (ferrosim_microstates.Config, {"samples": 100}, "multiple of 8"),
        (equilibration.Config, {"hold_steps": 10}, "--hold-steps is 10"),
    ],
)
def test_a_job_that_cannot_be_done_is_refused(config, option, words):
    with pytest.raises(ValueError, match=words):
        config(**option)
