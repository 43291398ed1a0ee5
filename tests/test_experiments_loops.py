"""Switching loops: the hysteresis function, bad samples, areas and parameters against known truth, files."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from experiments.datasets import cleaning, loops
from experiments.switching_loops import forms, neighbourhoods, parameters
from experiments.switching_loops.compute import check
from experiments.switching_loops.config import Config

MEASURED = Path(__file__).parents[2] / "shared" / "data" / "pfm" / "BEPS_PTO_50x50.h5"


@pytest.fixture(scope="module")
def scan():
    return loops.simulate(0, loops.Simulated(size=20))


def test_the_area_of_an_ideal_loop_is_its_height_times_the_distance_of_its_coercive_biases():
    bias = loops.sweep(512, 10.0)
    truth = {"offset": 3.0, "slope": 0.0, "amplitude": 2.0, "coercive_up": 4.0, "coercive_down": -2.0, "width": 1e-3}
    response = loops.response_of(truth, bias)[None]
    assert loops.area(response, bias)[0] == pytest.approx(2.0 * 6.0, rel=0.01)
    assert loops.area(-response, bias)[0] == pytest.approx(-12.0, rel=0.01)
    assert loops.area(response + 5 + 0.3 * bias, bias)[0] == pytest.approx(12.0, rel=0.01)  # no loop in a line
    whole = np.array([[0, 300, 300, 0]] * 2, np.int16)  # whose products overflow in 16 bits
    np.testing.assert_allclose(loops.area(whole, np.array([0, 0, 300, 300], np.int16)), -9e4)
    with pytest.raises(ValueError, match="turn the sign"):
        loops.log_area(np.array([-1.0, -2.0, 3.0]))


def test_bad_samples_are_found_whatever_the_unit_and_good_ones_are_kept(scan):
    bad = cleaning.bad_samples(scan.response)
    kept = ~cleaning.broken_points(bad)
    assert bad[scan.glitched].mean() > 0.99
    assert bad[~scan.glitched & kept[..., None]].mean() < 0.003
    np.testing.assert_array_equal(kept, scan.glitched.mean(-1) <= cleaning.BROKEN)
    np.testing.assert_array_equal(cleaning.bad_samples(1e-9 * scan.response + 3e-9), bad)
    holes = scan.response.copy()
    holes[3, 4, 5:9] = np.nan
    assert cleaning.bad_samples(holes)[3, 4, 5:9].all()


def test_gaps_are_filled_across_the_end_of_the_sweep():
    loop, bad = np.arange(8.0)[None], np.zeros((1, 8), bool)
    bad[0, [0, 7]] = True
    np.testing.assert_allclose(cleaning.filled(loop, bad)[0, [7, 0]], [6 - 5 / 3, 6 - 10 / 3])


def test_fitted_parameters_are_the_true_ones(scan):
    bad = cleaning.bad_samples(scan.response)
    rows = np.flatnonzero(~cleaning.broken_points(bad).ravel())[::6]
    loop, hole = (values.reshape(400, -1)[rows] for values in (scan.response, bad))
    fitted = parameters.fit(loop, hole, scan.bias)
    assert np.median(fitted.explained) > 0.97
    for name in ("offset", "amplitude", "coercive_up", "coercive_down"):
        truth = scan.truth[name].ravel()[rows]
        assert np.median(np.abs(fitted.parameters[name] - truth)) < 0.08 * scan.truth[name].std(), name


def test_forms_have_no_size_and_no_offset(scan):
    loop = scan.response[0, :5]
    bad = np.zeros(loop.shape, bool)
    one, other = forms.forms_of(loop, bad), forms.forms_of(100 * loop - 7, bad)
    np.testing.assert_allclose(one.x, other.x, rtol=1e-4, atol=1e-5)


def test_baselines_know_nothing_of_the_loops_that_are_held_out():
    rng = np.random.default_rng(1)
    x, mask = rng.normal(size=(9, 6)), np.ones((9, 6))
    mask[0, 2] = 0
    held = np.arange(5, 9)
    changed = x.copy()
    changed[held] += 100
    np.testing.assert_array_equal(
        forms.median_of_others(forms.Forms(x, mask), held), forms.median_of_others(forms.Forms(changed, mask), held)
    )
    alone = forms.principal(forms.Forms(x, mask), held, components=0)
    np.testing.assert_allclose(alone[:, 3], np.median(x[:5, 3]))
    np.testing.assert_allclose(alone[:, 2], np.median(x[1:5, 2]))


def test_patches_have_their_point_in_the_middle_also_at_the_edge():
    image = np.random.default_rng(0).uniform(size=(9, 11))
    points = neighbourhoods.points_of(image, np.ones(image.shape, bool), 5)
    middle = points.patch[:, 2, 2].reshape(9, 11)
    assert np.corrcoef(middle.ravel(), image.ravel())[0, 1] > 0.99
    np.testing.assert_array_equal(points.patch[0, 2, :2], points.patch[0, 2, 4:2:-1])


def test_files_of_loops_are_read_upright_and_others_refused(scan, tmp_path):
    path = tmp_path / "scan.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("loops", data=np.swapaxes(scan.response, 0, 1))
        for number, (name, values, unit) in enumerate(
            [("X", np.arange(20) * 2e-9, "m"), ("Y", np.arange(20) * 2e-9, "m"), ("Voltage", scan.bias, "V")]
        ):
            scale = file.create_dataset(name, data=values)
            scale.attrs["units"] = unit
            scale.make_scale(name)
            data.dims[number].label = name
            data.dims[number].attach_scale(scale)
        file.create_dataset("image", data=scan.response[..., 0])
        file.create_dataset("ramp", data=scan.response)
    read = loops.of_file(path, "loops")
    np.testing.assert_allclose(read.response, scan.response, rtol=1e-6)
    np.testing.assert_allclose(read.bias, scan.bias)
    assert (read.bias_unit, read.pixel_unit) == ("V", "m") and read.pixel == pytest.approx(2e-9)
    with pytest.raises(ValueError, match="three: y, x"):
        loops.of_file(path, "image")
    with pytest.raises(ValueError, match="rises and falls"):
        loops.of_file(path, "ramp")
    with pytest.raises(ValueError, match="lower --steps"):
        check(Config(path=str(path), dataset="loops", steps=500))


@pytest.mark.skipif(not MEASURED.is_file(), reason="the measured loops are not beside the checkout: ../shared/data/pfm")
def test_measured_loops_of_lead_titanate_are_loops():
    scan = loops.of_file(MEASURED)
    bad = cleaning.bad_samples(scan.response)
    kept = ~cleaning.broken_points(bad)
    assert scan.response.shape == (50, 50, 64) and 0.8 < kept.mean() < 0.98
    own = scan.response[kept][::20]
    fitted = parameters.fit(own, bad[kept][::20], scan.bias)
    assert np.median(fitted.explained) > 0.9
    positive = loops.area(cleaning.filled(own, bad[kept][::20]), scan.bias) > 0
    assert positive.mean() > 0.8
