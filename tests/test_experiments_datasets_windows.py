"""Windows of frames and movies, and the way back to the frame."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import models
from experiments import datasets
from experiments.datasets.files.checking import measured
from experiments.datasets.files.records import Axis
from models.parts import coordinates


@pytest.mark.parametrize("window", [7, 8, (5, 8)])
def test_windows_are_the_pixels_around_their_middles(window):
    image = np.arange(40.0)[:, None] * 100 + np.arange(30.0)
    positions = np.array([[10.0, 12.0], [11.4, 20.7], [2.0, 20.0], [28.9, 3.1], [15.5, 15.5]])
    windows = datasets.cut(image, positions, window, normalise="none")
    height, width = windows.window
    assert windows.x.shape[1:] == (height, width) and windows.dropped == 2 and "2 of 5 windows" in windows.notes[-1]
    assert windows.number.tolist() == [0, 1, 4]
    # the mean of a plane over a window is its value at the window's middle
    means = windows.x.mean((1, 2))
    np.testing.assert_allclose(means, windows.centres @ [1, 100], rtol=1e-6)
    rest = windows.positions - windows.centres
    assert (np.abs(rest) <= 0.5).all()
    np.testing.assert_array_equal(windows.positions, positions[windows.number])
    if window == 7:
        np.testing.assert_array_equal(windows.centres[0], [10, 12])
    sampled = datasets.cut(image, positions, window, resample=(height, width), normalise="none")
    np.testing.assert_allclose(sampled.x.mean((1, 2)), sampled.positions @ [1, 100], rtol=1e-5)
    np.testing.assert_allclose(sampled.centres, sampled.positions)


def test_windows_of_movies_and_channels():
    movie = np.random.default_rng(0).normal(size=(3, 20, 24, 2)).astype(">f4")
    places = np.array([[10.0, 9.0], [12.0, 11.0]])
    windows = datasets.cut(movie, places, 5, layout="tyxc", normalise="none")
    assert windows.x.shape == (6, 5, 5, 2) and windows.time.tolist() == [0, 0, 1, 1, 2, 2]
    np.testing.assert_array_equal(windows.x[3], movie[1, 9:14, 10:15].astype(np.float32))
    apart = datasets.cut(movie[..., 0], [places, places[:1], places + 1], 5, layout="tyx", normalise="none")
    assert apart.time.tolist() == [0, 0, 1, 2, 2] and apart.number.tolist() == [0, 1, 0, 0, 1]
    np.testing.assert_array_equal(apart.x[3], movie[2, 8:13, 9:14, 0].astype(np.float32))
    named = measured(
        movie[..., 0], tuple(Axis(n, "", np.arange(float(s))) for n, s in (("time", 3), ("y", 20), ("x", 24)))
    )
    np.testing.assert_array_equal(datasets.cut(named, places, 5).x.shape, (6, 5, 5))


def test_a_background_that_changes_over_the_frame_is_taken_off():
    """Windows of one pattern on a slope are the same, and their values are those of the frame again."""
    y, x = np.mgrid[:60, :60].astype(float)
    frame = np.sin(2 * np.pi * x / 6) * np.sin(2 * np.pi * y / 6) + 0.05 * x
    frame[30, 30] = np.nan
    places = np.array([[12, 12], [42, 12], [12, 42], [30, 30]])
    cut = datasets.cut(frame, places, 7, normalise="level")
    np.testing.assert_allclose(cut.x[1], cut.x[0], atol=1e-6)
    assert np.nanmin(cut.x) < 0.1 and np.nanmax(cut.x) > 0.9
    back = cut.low + cut.x * (cut.high - cut.low)
    np.testing.assert_allclose(back[1], frame[9:16, 39:46], atol=1e-5)
    assert np.isnan(back[3]).sum() == 1
    assert np.ptp(datasets.cut(frame, places, 7).x[:2].mean((1, 2))) > 0.2


def test_values_go_back_to_the_frame():
    y, x = np.mgrid[:60, :70]
    places = np.array([[20.3, 18.7], [41.8, 33.2]])
    image = 100 + sum(50 * np.exp(-((x - u) ** 2 + (y - v) ** 2) / 8) for u, v in places)
    axes = (Axis("y", "nm", 0.2 * np.arange(60)), Axis("x", "nm", 0.1 * np.arange(70)))
    windows = datasets.cut(measured(image, axes), places, 15)
    np.testing.assert_allclose(
        windows.low + windows.x[0] * (windows.high - windows.low), image[12:27, 13:28], rtol=1e-5
    )
    assert windows.pixel == pytest.approx((0.2, 0.1)) and windows.unit == "nm"
    weight = windows.x - windows.x.min()
    columns, rows = np.arange(15) - 7, np.arange(15) - 7
    moved = np.stack([(weight.sum(1) @ columns), (weight.sum(2) @ rows)], -1) / weight.sum((1, 2))[:, None]

    class Codes:
        shift = moved

        @staticmethod
        def columns():
            return {"label": np.array([0, 1])}

    table = windows.to_frame(Codes(), z=np.array([[1.0, 2.0], [3.0, 4.0]]))
    np.testing.assert_allclose(np.stack([table["x"], table["y"]], -1), places, atol=0.1)
    np.testing.assert_allclose(table["y_nm"], 0.2 * table["y"])
    assert table["z2"].tolist() == [2, 4] and table["label"].tolist() == [0, 1]
    again = datasets.cut(image * 3, places, 15, normalise=(3 * windows.low, 3 * windows.high))
    np.testing.assert_allclose(again.x, windows.x, rtol=1e-5)


def test_a_shift_of_the_models_moves_windows_as_pixels_say():
    """A pose shifted by one pixel to the right and down, in the models' units, moves the content by that pixel."""
    size = 15
    grid = coordinates.pixel_grid((size, size)).reshape(size, size, 2)
    pose = models.Pose(None, jnp.asarray([2 / size, -2 / size], jnp.float32), None, None)
    content = np.asarray(coordinates.transform(pose, jnp.asarray(grid.reshape(-1, 2)))).reshape(size, size, 2)
    np.testing.assert_allclose(content[7, 7], grid[6, 6], atol=1e-6)


@pytest.mark.parametrize("case", ["turned", "shifted only", "two classes, magnified and sheared", "resampled"])
def test_refined_positions_do_not_depend_on_where_the_site_lies_in_the_models_picture(case):
    """Sites at u in the picture of a model, whose poses put them where they are but for the noise, come back."""
    rng, count = np.random.default_rng(0), 300
    sites, label = rng.uniform(20, 180, (count, 2)), rng.integers(0, 2, count)
    positions = sites + rng.normal(0, 0.3, (count, 2))
    windows = datasets.cut(
        rng.normal(size=(200, 201)), positions, (15, 20), resample=(20, 20) if case == "resampled" else None
    )
    in_picture = np.array([[1.7, -0.6], [-0.9, 1.2]])[label if "two" in case else 0 * label]  # x right, y up
    pose = {"angle": None if case == "shifted only" else rng.uniform(-3, 3, count)}
    pose |= {name: rng.uniform(-0.2, 0.2, count) if "two" in case else None for name in ("scale", "shear")}
    given = models.Pose(pose["angle"], None, pose["scale"], pose["shear"])
    forth = np.linalg.inv(jax.vmap(lambda one: coordinates.affine(one, 2).inverse, axis_size=count)(given))
    size = np.array(windows.window[::-1]) / windows.x.shape[2:0:-1]
    measured_at = sites + rng.normal(0, 0.1, (count, 2))
    shift = (measured_at - windows.centres) / size - np.einsum("nij,nj->ni", forth, in_picture) * [1, -1]
    codes = SimpleNamespace(shift=shift, label=label if "two" in case else None, columns=dict, **pose)
    table = windows.to_frame(codes)
    off = np.linalg.norm(np.stack([table["x"], table["y"]], 1) - sites, axis=1)
    noise = np.median(np.linalg.norm(measured_at - sites, axis=1))
    assert np.median(np.linalg.norm(windows.centres + shift * size - sites, axis=1)) > 1
    assert np.median(off) < 1.2 * noise < 0.2


def test_angles_modulo_a_symmetry():
    angles = np.array([-0.1, 0.0, 2.0, 7.0, -1e-18])
    found = datasets.angle_modulo(angles, 3)
    assert ((found >= 0) & (found < 2 * np.pi / 3)).all()
    np.testing.assert_allclose(np.exp(3j * found), np.exp(3j * angles), atol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda image: datasets.cut(np.stack([image] * 4), [[50.0, 50.0]], 9), "layout='tyx'"),
        (lambda image: datasets.cut(image, [[50.0, 50.0]], 9, layout="tyx"), "give one of"),
        (lambda image: datasets.cut(image, np.zeros((0, 2)), 9), "no positions"),
        (lambda image: datasets.cut(image, [50.0, 50.0], 9), "expected finite x"),
        (lambda image: datasets.cut(image, [[50.0, np.nan]], 9), "expected finite x"),
        (lambda image: datasets.cut(image, [[1.0, 1.0]], 9), "no window of 9 × 9 pixels lies inside"),
        (lambda image: datasets.cut(image, [[50.0, 50.0], [400.0, 50.0]], 9), "1 of 2 positions lie far outside"),
        (lambda image: datasets.cut(image, [[50.0, 115.0], [60.0, 40.0]], 9), "x .column. before y"),
        (lambda image: datasets.cut(image, [[50.0, 50.0]], 999), "larger than the frame"),
        (lambda image: datasets.cut(image, [[50.0, 50.0]], 9.5), "whole number"),
        (lambda image: datasets.cut(image, [[50.0, 50.0]]), "has no spacing"),
        (lambda image: datasets.cut(image, [[50.0, 50.0]], 9, normalise="yes"), "normalise must be one of"),
        (lambda image: datasets.cut(image, [[50.0, 50.0]], 9, normalise=(2, 1)), "low < high"),
        (lambda image: datasets.cut(np.ones_like(image), [[50.0, 50.0]], 9), "nothing to normalise"),
    ],
)  # fmt: skip
def test_windows_that_cannot_be_cut_say_why(make, message):
    with pytest.raises(ValueError, match=message):
        make(np.random.default_rng(0).normal(size=(100, 120)))
