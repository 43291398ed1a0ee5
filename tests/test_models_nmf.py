"""Components of spectra: their number from counts, places and gaps kept, grey levels told from counts, bad input."""

import numpy as np
import pytest

import models
from benchmarks.models.components import counts_of
from models import nmf


@pytest.mark.parametrize("mean", [100, 10, 1])
def test_held_out_counts_find_the_number_of_components(mean):
    counts, expected = counts_of(12, 4, mean)
    found = models.fit_nmf(counts, most=7)
    assert found.counts and len(found.share) == 4
    model = found.loading @ found.component
    assert np.linalg.norm(model - expected) < 0.5 * np.linalg.norm(counts - expected)


def test_the_same_spectra_give_the_same_bits_whatever_numpy_has_drawn_before():
    counts, _ = counts_of(12, 4, 30)
    found = []
    for seed in (0, 1):
        np.random.seed(seed)  # noqa: NPY002 because code that forgets a seed draws from this one
        found.append(models.fit_nmf(counts, 4, counts=False))
    np.testing.assert_array_equal(found[0].component, found[1].component)
    np.testing.assert_array_equal(found[0].loading, found[1].loading)


def test_weights_of_poisson_noise_make_components_better():
    counts, expected = counts_of(0, 3, 100)
    errors = [
        np.linalg.norm((found.loading @ found.component - expected) / np.sqrt(expected))
        for found in (models.fit_nmf(counts, 3, counts=True), models.fit_nmf(counts, 3, counts=False))
    ]
    assert errors[0] < 0.95 * errors[1]


def test_grey_levels_and_amplified_counts_are_no_counts():
    counts, _ = counts_of(0, 3, 20)
    assert nmf.is_counts(counts.reshape(-1, 80).astype(float), 5)
    assert not nmf.is_counts(7.0 * counts.reshape(-1, 80), 5)
    assert not nmf.is_counts(counts.reshape(-1, 80) / 3, 5)


def test_places_units_and_gaps_are_kept():
    counts, _ = counts_of(0, 2, 50)
    holes = np.ma.masked_array(counts, np.zeros(counts.shape, bool))
    holes[3, 5, 7] = np.ma.masked
    with pytest.warns(UserWarning, match="1 of 576 spectra"):
        found = models.fit_nmf(holes, 2)
    assert found.loading.shape == (24, 24, 2) and np.isnan(found.loading[3, 5]).all()
    assert np.isnan(found.loading).sum() == 2
    again = models.fit_nmf(np.delete(counts.reshape(-1, 80), 3 * 24 + 5, 0), 2)
    np.testing.assert_allclose(found.component, again.component)
    whole = found.loading[0] @ found.component
    assert whole.mean() == pytest.approx(counts[0].mean(), rel=0.1)


@pytest.mark.parametrize(
    ("spectra", "words"),
    [
        (np.random.default_rng(3).poisson(0.005, (60, 30)), "too few"),
        (np.where(np.arange(12) == 4, np.where(np.arange(30)[:, None] % 3, 0, 0.5), 0), "too few"),
        (np.zeros((20, 9)), "all spectra are zero"),
        (-np.ones((20, 9)), "180 values are below zero"),
        (np.ones(20), r"\[n channel\]"),
        (np.full((20, 9), np.nan), "missing"),
        (np.zeros((0, 9)), "hold no value"),
        (np.where(np.arange(9) == 4, np.nan, np.ones((20, 9))), r"channel 4 \(counted from 0; in 100 % of"),
    ],
)
def test_spectra_that_cannot_be_factorised_are_refused_in_words(spectra, words):
    with pytest.raises(ValueError, match=words):
        models.fit_nmf(spectra, most=3)


def test_the_choice_of_a_number_shows_how_far_it_is(capsys):
    table = np.random.default_rng(0).uniform(size=(30, 9))
    models.fit_nmf(table, most=2)
    shown = capsys.readouterr().err
    assert "factorisation 6 of 6" in shown and "of at most 2 components" in shown
    models.fit_nmf(table, most=2, progress=False)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("exponent", [-600, -40, 20, 66, 600])  # 1e-181, 1e-12, 1e6, 7e19, 1e181
def test_components_do_not_depend_on_the_unit_of_the_spectra(exponent):
    """Far from 1 the start that NNDSVD makes of spectra depends on their unit, and iterations end before it is lost."""
    random, axis = np.random.default_rng(0), np.linspace(0, 10, 60)
    lines = np.exp(-((axis - np.array([[2.0], [5.0], [7.5]])) ** 2)) + 0.05
    spectra = np.abs(random.gamma(0.5, size=(200, 3)) @ lines + random.normal(0, 0.02, (200, 60)))
    unit = 2.0**exponent
    found, wanted = (models.fit_nmf(spectra * by, most=4, counts=False) for by in (unit, 1.0))
    assert (
        len(found.share) == len(wanted.share) == 3 and found.error == pytest.approx(wanted.error) and found.error < 0.05
    )
    np.testing.assert_allclose(found.component, wanted.component)
    np.testing.assert_allclose(found.loading / unit, wanted.loading)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"components": True}, "components is True"), ({"most": 0}, "most is 0"), ({"seed": -1}, "seed")],
)
def test_numbers_that_count_nothing_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        models.fit_nmf(np.ones((20, 9)), **options)
