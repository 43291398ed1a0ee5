"""Experiments on a user's own images: how they are split and refused, and reports that show only what is known."""

import dataclasses

import numpy as np
import pytest

from experiments import (
    conditional_cards,
    conditional_digits,
    ensemble_joint,
    invariant_cards,
    joint_cards,
    joint_digits,
    semi_supervised_cards,
    vae_digits,
)
from experiments.lab.report import Panel
from experiments.shared.images import arrays, fits, judging
from experiments.shared.images.options import CardSettings, DigitSettings

LABELLED = (conditional_digits, conditional_cards, semi_supervised_cards)
ALL = (vae_digits, joint_digits, invariant_cards, joint_cards, ensemble_joint, *LABELLED)


def save(folder, count=120, labelled=1.0):
    """Save bars of two directions, 9 × 7 pixels, with their length as a factor; a share of the labels is known."""
    rng = np.random.default_rng(4)
    kind, length = np.arange(count) % 2, rng.uniform(1, 3, count)
    row, column = np.mgrid[:9, :7] - np.array([4, 3])[:, None, None]
    along, across = np.where(kind[:, None, None], row, column), np.where(kind[:, None, None], column, row)
    x = np.exp(-(across**2) - (along / length[:, None, None]) ** 2) + 0.05 * rng.normal(size=(count, 9, 7))
    names = np.array(["flat", "upright"])[kind]
    label = np.where(rng.random(count) < labelled, kind, -1)
    np.savez(folder / "bars.npz", bars=x, kind=names if labelled == 1 else label, length=length)
    return str(folder / "bars.npz")


def test_own_images_are_split_without_loss_and_at_most_a_fifth_is_held_out(tmp_path, key):
    path = save(tmp_path)
    options = {"path": path, "dataset": "bars", "label": "kind", "factors": ("length",)}
    split = fits.own(key, CardSettings(**options), held_out=600, watched=200)
    assert [len(part.x) for part in split] == [90, 6, 24] and split.test.classes == ("flat", "upright")
    lengths = np.concatenate([part.factors["length"] for part in split])
    np.testing.assert_allclose(np.sort(lengths), np.sort(np.load(path)["length"].astype(np.float32)))
    fit = fits.fit_recipe(CardSettings(**options).resolved(), 90)
    assert fit.batch_size == 22 and 1900 < fit.epochs * (90 // 22) < 2100
    assert fits.classes_of(split.test, joint_cards.Config(**options)) == 2


def test_known_labels_alone_are_scored(tmp_path, key):
    split = fits.own(key, DigitSettings(path=save(tmp_path, labelled=0.5), dataset="bars", label="kind"), 100, 20)
    rows = judging.labelled_rows(split.test)
    assert 0 < len(rows) < len(split.test.x)
    found = np.eye(2)[np.maximum(split.test.label, 0)][None]
    found[:, np.setdiff1d(np.arange(len(split.test.x)), rows)] = 0.5  # whatever is said of the others
    scored = judging.judge_classes(split.test, found, known=True)
    assert scored is not None and scored.accuracy[0] == 1 and scored.confusion.sum() == len(rows)
    assert judging.judge_classes(split.test._replace(label=None), found, known=True) is None


def test_names_of_classes_and_factors_survive_a_file_with_a_single_one(tmp_path, key):
    images = fits.own(key, DigitSettings(path=save(tmp_path), dataset="bars", factors=("length",)), 100, 20).test
    attributes = arrays.attributes("digits", images, own=True)
    assert attributes["own_data"].startswith("bars.npz") and arrays.class_names(attributes) == []
    assert arrays.own_factors(attributes | {"own_factors": "length"}) == ["length"]  # as netCDF gives it back


@pytest.mark.parametrize(
    ("check", "change", "words"),
    [
        (vae_digits, {"dataset": ""}, "dataset"),
        (vae_digits, {"path": "nowhere.npz"}, "there is no file"),
        (conditional_cards, {"label": ""}, "needs classes: name the array of .*bars.npz that holds them by --label"),
        (joint_cards, {"label": ""}, "say how many to look for by --classes"),
        (joint_cards, {"classes": 5}, "--classes is 5, but these images have 2 named classes"),
        (vae_digits, {"dataset": "length"}, "expected a stack"),
    ],
)
def test_files_that_do_not_suit_an_experiment_are_refused_before_it_starts(tmp_path, check, change, words):
    options = {"path": save(tmp_path), "dataset": "bars", "label": "kind"} | change
    with pytest.raises(ValueError, match=words):
        check.EXPERIMENT.module("compute").check(check.Config(**options))


def test_unknown_labels_and_few_images_are_refused_in_words(tmp_path):
    half = conditional_cards.Config(path=save(tmp_path, labelled=0.5), dataset="bars", label="kind")
    with pytest.raises(ValueError, match="of the labels 'kind' are unknown"):
        conditional_cards.EXPERIMENT.module("compute").check(half)
    with pytest.raises(ValueError, match="holds 40 images: give at least 60"):
        fits.read_own(vae_digits.Config(path=save(tmp_path, 40), dataset="bars"))
    np.save(tmp_path / "colour.npy", np.random.default_rng(0).random((70, 8, 8, 3)))
    with pytest.raises(ValueError, match="images with channels"):
        fits.read_own(vae_digits.Config(path=str(tmp_path / "colour.npy")))


def run(module, path, folder, **options):
    """Run the small job of an experiment on the bars and return its results with the text of its report."""
    config = dataclasses.replace(
        module.SMOKE,
        path=path,
        dataset="bars",
        epochs=2,
        seeds=max(1, module is ensemble_joint and 2),
        runs=folder,
        **options,
    )
    results = module.run(config)
    page = (results.folder / "report.html").read_text()
    assert results.numbers["complete"] == 1 and "data of your own, bars.npz" in page and "9 × 7" in page
    assert not [name for name, value in results.numbers.items() if value is None and "accuracy" in name]
    return results, page


@pytest.mark.slow
@pytest.mark.parametrize("module", ALL, ids=lambda module: module.EXPERIMENT.name)
def test_every_experiment_on_images_takes_a_labelled_file(module, tmp_path):
    results, _ = run(module, save(tmp_path), tmp_path / "runs", label="kind", factors=("length",))
    assert [name for name in results.numbers if "accuracy" in name or "r2" in name]


@pytest.mark.slow
@pytest.mark.parametrize(
    "module", [module for module in ALL if module not in LABELLED], ids=lambda m: m.EXPERIMENT.name
)
def test_every_experiment_that_needs_no_labels_does_without(module, tmp_path):
    options = {"classes": 2} if "classes" in {field.name for field in dataclasses.fields(module.Config)} else {}
    results, page = run(module, save(tmp_path), tmp_path / "runs", **options)
    assert not [name for name in results.numbers if "accuracy" in name]
    if module is vae_digits:  # the report shows what is known
        assert "vae_rmse_median" in results.numbers and "vae_z" in results.arrays
        assert "chance" not in results.numbers and "neighbour_accuracy" not in page


def test_panels_say_what_they_need():
    assert Panel("a", "A", "", lambda results, metrics: None).needs == ()
    for module in ALL:
        for panel in module.EXPERIMENT.module("figures").PANELS:
            assert all(isinstance(name, str) and name for name in panel.needs)
