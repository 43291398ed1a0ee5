"""Columns of simulated frames against the truth, and what must not change them."""

import jax
import numpy as np
import pytest
from scipy.spatial import KDTree

from experiments import datasets
from experiments.datasets import lattice
from experiments.datasets.files.checking import measured
from experiments.datasets.files.records import Axis
from experiments.datasets.frames import completing, periods, refining


def frame(seed=0, **options):
    return datasets.lattice.frame(jax.random.key(seed), **{"size": (170, 190), "spacing": 9.0, **options})


def matched(truth, columns):
    """Distance [n] of each true site to the nearest column, and the number of that column."""
    return KDTree(columns.xy).query(truth.xy)


CASES = {
    "honeycomb": {"vacancies": 0.08},
    "square": {"lattice": "square", "vacancies": 0.05, "dose": 30.0, "grains": 1},
    "hexagonal of three grains": {"lattice": "hexagonal", "grains": 3, "vacancies": 0.05},
    "perovskite": {"lattice": "perovskite", "brightness": 0.4, "vacancies": 0.05, "gradient": 1.5},
}


@pytest.fixture(scope="module")
def honeycomb():
    truth = frame(**CASES["honeycomb"])
    return truth, datasets.find_columns(truth.image, complete_lattice=True)


@pytest.mark.parametrize("case", CASES)
def test_columns_are_found_to_a_quarter_pixel_and_vacancies_from_the_lattice(case):
    distances, found, missing, completed, right = [], [], [], 0, 0
    for seed in range(2):
        truth = frame(seed, **CASES[case])
        columns = datasets.find_columns(truth.image, complete_lattice=True)
        assert abs(columns.spacing / truth.spacing - 1) < 0.06
        distance, number = matched(truth, columns)
        near = distance < 0.4 * truth.spacing
        there = ~truth.vacancies
        distances.append(distance[there & near])
        found.append(near[there])
        missing.append(near[truth.vacancies] & columns.completed[number[truth.vacancies]])
        lost, site = KDTree(truth.xy).query(columns.xy[columns.completed])
        completed, right = completed + len(lost), right + (truth.vacancies[site] & (lost < 0.4 * truth.spacing)).sum()
    assert np.median(np.concatenate(distances)) < 0.25
    assert np.concatenate(found).mean() > 0.99
    assert len(np.concatenate(missing)) >= 10 and np.concatenate(missing).mean() >= 0.9
    assert right / completed > 0.75


def test_noiseless_columns_are_found_to_a_hundredth_pixel():
    truth = frame(dose=0.0, vacancies=0.0, dopants=0.0, brightness=1.0, grains=1)
    columns = datasets.find_columns(truth.image)
    inner = (np.abs(truth.xy - [94.5, 84.5]) < [80, 70]).all(1)
    distance, _ = matched(truth, columns)
    assert distance[inner].max() < 0.05 and columns.width == pytest.approx(1.8, rel=0.05)
    assert not columns.completed.any()


def same(one, other, tolerance=1e-3):
    """Whether two sets of places are the same, in any order."""
    distance, number = KDTree(one).query(other)
    return len(one) == len(other) and len(np.unique(number)) == len(one) and distance.max() < tolerance


def test_columns_turn_and_mirror_with_the_frame(honeycomb):
    truth, columns = honeycomb
    transposed = datasets.find_columns(truth.image.T, complete_lattice=True)
    assert same(columns.xy, transposed.xy[:, ::-1])
    flipped = datasets.find_columns(truth.image[:, ::-1], complete_lattice=True)
    inside = columns.completed.sum()
    assert abs(int(flipped.completed.sum()) - int(inside)) <= 1
    assert (KDTree(flipped.xy * [-1, 1] + [189, 0]).query(columns.xy)[0] < 0.05).mean() > 0.99


@pytest.mark.parametrize("change", ["offset and contrast", "integers", "bytes swapped", "dark", "a Measured", "masked"])
def test_columns_do_not_depend_on_how_values_are_stored(change, honeycomb):
    truth, columns = honeycomb
    image = truth.image
    options = {}
    if change == "offset and contrast":
        image = 1e3 + 25.0 * image
    elif change == "integers":
        image = image.astype(np.uint16)
    elif change == "bytes swapped":
        image = image.astype(">u2")
    elif change == "dark":
        image, options = 500 - image, {"dark": True}
    elif change == "a Measured":
        image = measured(image, (Axis("y", "nm", np.arange(170.0)), Axis("x", "nm", np.arange(190.0))))
    else:
        image = np.ma.masked_array(image, mask=np.zeros(image.shape, bool))
    found = datasets.find_columns(image, complete_lattice=True, **options)
    assert same(columns.xy, found.xy) and (found.completed == columns.completed).all()
    factor = {"offset and contrast": 25.0, "dark": -1.0}.get(change, 1.0)
    np.testing.assert_allclose(found.amplitude, factor * columns.amplitude, rtol=1e-3, atol=1e-3 * abs(factor))


def test_hot_and_missing_pixels_move_no_column(honeycomb):
    truth, columns = honeycomb
    hurt = truth.image.copy()
    hurt[50, 60] = hurt[120, 151] = 1e5
    hurt[90:93, 100:104] = np.nan
    found = datasets.find_columns(hurt, complete_lattice=True)
    distance, _ = KDTree(found.xy).query(columns.xy)
    assert (distance < 0.1).mean() > 0.98 and np.isfinite(found.xy).all()
    assert any("2 single pixels" in note for note in found.notes) and any("missing" in note for note in found.notes)


def test_a_given_spacing_gives_the_same_columns(honeycomb):
    truth, columns = honeycomb
    found = datasets.find_columns(truth.image, spacing=9.5, complete_lattice=True)
    assert (KDTree(found.xy).query(columns.xy)[0] < 0.1).mean() > 0.97 and not found.notes
    wrong = datasets.find_columns(truth.image, spacing=30)
    assert f"are {wrong.spacing:.1f} px apart, spacing=30 was given" in wrong.notes[-1]


def test_fitted_columns_are_least_squares():
    """Two overlapping Gaussians on a constant are recovered exactly, from starts that are off."""
    y, x = np.mgrid[:30, :34]
    places, amplitude = np.array([[13.2, 14.6], [20.3, 15.1]]), np.array([2.0, 1.0])
    image = 0.3 + sum(
        a * np.exp(-((x - u) ** 2 + (y - v) ** 2) / 8) for a, (u, v) in zip(amplitude, places, strict=True)
    )
    fit = refining.fit_columns(image, None, np.round(places), 1.6, 7.0, 0.01)
    np.testing.assert_allclose(fit.xy, places, atol=0.01)
    np.testing.assert_allclose(fit.amplitude, amplitude, rtol=0.02)
    assert fit.width == pytest.approx(2.0, rel=0.02)
    moved = np.array([[13.2, 14.6], [20.6, 15.1]])
    held = refining.fit_columns(image, None, moved, 2.0, 7.0, 0.01, np.array([False, True]))
    assert held.xy[1].tolist() == moved[1].tolist()


def test_sites_without_a_column_are_those_that_siblings_predict():
    m, n = np.mgrid[:12, :10]
    lattice = np.stack([m + 0.5 * n, 0.87 * n], -1).reshape(-1, 2) * 9 + 5
    lost = np.array([37, 66, 67])
    kept = np.delete(lattice, lost, 0)
    cells = periods.Cells(np.array([[[9.0, 0.0], [4.5, 7.83]]]), np.array([[50.0, 40.0]]), np.array([9.0]))
    around = completing.lattice_around(kept, cells)
    assert around.fits.mean() > 0.95 and len(completing.steps_of(cells.vectors[0])) == 6
    np.testing.assert_allclose(around.vectors[around.fits] - cells.vectors, 0, atol=1e-6)
    sites = completing.missing_sites(kept, around, 9.0, (90, 170))
    np.testing.assert_allclose(np.sort(sites, 0), np.sort(lattice[lost], 0), atol=1e-6)


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (lambda image: np.stack([image, image]), {}, "a stack or a movie of 2 frames"),
        (lambda image: image[None], {}, r"a stack of one frame: give values\[0\]"),
        (lambda image: np.stack([image] * 3, -1), {}, "colours"),
        (lambda image: np.ones_like(image), {}, "all pixels are 1"),
        (lambda image: np.full_like(image, np.nan), {}, "every value is missing"),
        (lambda image: "frame.npy", {}, r"read the file first, datasets.read\('frame.npy'\)"),
        (lambda image: image[:4], {}, "two axes"),
        (lambda image: image * 1j, {}, "complex"),
        (lambda image: image, {"spacing": (9.0, 14.0)}, "two spacings, cut the frame"),
        (lambda image: image, {"spacing": 150.0}, "from 2 to half"),
        (lambda image: np.random.default_rng(0).normal(size=(170, 190)), {}, "no period was found"),
        (lambda image: np.random.default_rng(0).normal(size=(170, 190)), {"spacing": 9.0}, "no peaks were found"),
    ],
)  # fmt: skip
def test_frames_without_columns_say_what_to_change(make, options, message, honeycomb):
    with pytest.raises(ValueError, match=message):
        datasets.find_columns(make(honeycomb[0].image), **options)


def test_a_frame_of_two_spacings_is_refused_in_words():
    small, large = (frame(0, lattice="square", grains=1, spacing=s, size=(220, 200)).image for s in (9.0, 15.0))
    with pytest.raises(ValueError, match=r"two spacings: a lattice of \d+\.\d px.* Cut the frame"):
        datasets.find_columns(np.concatenate([small, large], 1))


def test_simulated_frames_are_what_their_truth_says():
    truth = frame(3, dose=0.0, background=0.0, blur=0.0, motion=0.0, jitter=0.0, drift=0.0, strain=0.0, grains=1)
    other = frame(3, dose=0.0, background=0.0, blur=0.0, motion=0.0, jitter=0.0, drift=0.0, strain=0.0, grains=1)
    np.testing.assert_array_equal(truth.image, other.image)
    # the angle is that of the lattice, anticlockwise as shown: A columns lie at √3 spacings in that direction
    a = truth.xy[truth.sublattice == 0]
    step = np.sqrt(3) * 9 * np.array([np.cos(truth.angle[0]), -np.sin(truth.angle[0])])
    inner = (np.abs(a - [94.5, 84.5]) < [60, 50]).all(1)
    assert KDTree(a).query(a[inner] + step)[0].max() < 1e-6
    rows, columns = np.round(truth.xy).astype(int).T[::-1]
    dark = truth.image[rows, columns][truth.vacancies]
    assert dark.max() < 0.1 < 0.4 < truth.image[rows, columns][~truth.vacancies].min()
    assert set(truth.kind) == {0, 1, 2, 3} and (truth.sublattice[truth.vacancies] == 1).all()
    for options, message in (({"lattice": "cubic"}, "must be one of"), ({"colour": 1}, "no option colour")):
        with pytest.raises(ValueError, match=message):
            frame(**options)


def test_sites_on_missing_pixels_are_no_vacancies():
    frame = lattice.frame(jax.random.key(5), lattice="perovskite", size=(160, 160), vacancies=0.0, dopants=0.0)
    hidden = np.ma.array(frame.image, mask=np.zeros(frame.image.shape, bool))
    hidden[60:90, 60:90] = np.ma.masked
    found = datasets.find_columns(hidden, complete_lattice=True)
    inside = ((found.xy > 62) & (found.xy < 87)).all(1)
    assert not (found.completed & inside).any()
    assert any("pixels are missing" in note for note in found.notes)
