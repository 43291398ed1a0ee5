"""Experiments on digits: style of known strokes, neighbours of known clusters, splits, refused options."""

import shutil
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from sklearn.datasets import load_digits

from experiments import conditional_digits, joint_digits, vae_digits
from experiments.datasets import Images
from experiments.shared.images.digits import chance, digits, less_class_mean, strokes
from experiments.shared.images.judging import true_classes
from experiments.shared.images.neighbours import neighbour_accuracy
from experiments.shared.images.options import DigitSettings
from helpers.compilation import user_environment

ROOT = Path(__file__).parent.parent


def test_sizes_follow_from_the_digits_unless_they_are_given():
    small, large = joint_digits.Config().resolved(), joint_digits.Config(digits="mnist", width=99).resolved()
    assert (small.held_out, small.watched, small.batch_size, small.width, small.epochs) == (400, 100, 32, 64, 120)
    assert small.semi_supervised_width == 128 and small == small.resolved()
    assert (large.held_out, large.width) == (1000, 99) and large.epochs > 0
    assert joint_digits.Config(path="stack.npy").resolved().epochs == 0  # they follow from the number of images


@pytest.mark.parametrize("slant", [-0.4, 0.0, 0.3])
def test_slant_is_the_shear_of_a_stroke(slant):
    """The image is a vertical bar sheared to the right by tan(slant) of the height, with more ink below than above."""
    row, column = np.mgrid[:81, :81]
    distance = (column - 44) - np.tan(slant) * (40 - row)
    bar = np.where(np.abs(row - 40) <= 30, np.exp(-(distance**2) / 8), 0.0) * (1 + row / 80)
    measured, ink = strokes(np.stack([bar, 0.5 * bar]))
    np.testing.assert_allclose(measured, slant, atol=1e-3)  # whatever place, weight and width
    assert np.isclose(ink[0], bar.mean()) and np.isclose(ink[1], 0.5 * ink[0])


def test_neighbours_recognise_clusters_and_guess_noise():
    rng = np.random.default_rng(3)
    label = rng.integers(0, 10, 1000)
    clusters = np.stack([np.cos(label), np.sin(label)], 1) + 0.01 * rng.normal(size=(1000, 2))
    assert neighbour_accuracy(clusters, label) == 1
    assert abs(neighbour_accuracy(rng.normal(size=(1000, 2)), label) - 0.1) < 0.04
    images = Images(clusters, label, {}, {}, tuple("0123456789"), "clusters")
    assert chance(images) == {"chance": np.bincount(label).max() / 1000} and chance(images._replace(label=None)) == {}
    values = less_class_mean(3.0 * label + rng.normal(size=1000), label)
    assert np.abs(np.bincount(label, values)).max() < 1e-9


def test_turned_digits_are_split_like_upright_ones(key):
    settings = DigitSettings(count=300, held_out=100, watched=50)
    upright, turned = digits(key, settings, padding=2), digits(key, settings, padding=2, rotation_degrees=60.0)
    assert [len(part.x) for part in upright] == [150, 50, 100]
    for part, same_part_turned in zip(upright, turned, strict=True):
        np.testing.assert_array_equal(true_classes(part), true_classes(same_part_turned))
        assert "angle" in same_part_turned.factors and not part.factors
    whole = np.concatenate([part.x for part in digits(key, DigitSettings())]).reshape(1797, -1)
    source = load_digits().data / 16
    np.testing.assert_array_equal(whole[np.lexsort(whole.T)], source[np.lexsort(source.T)])  # none lost, none twice


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: vae_digits.Config(path="stack.npy", digits="mnist"), "--path and --digits both name images"),
        (lambda: vae_digits.Config(label="kind"), "--label names a part of a file of your own"),
        (lambda: vae_digits.Config(held_out=10), "--held-out is 10; give at least 50"),
        (lambda: conditional_digits.Config(rotation_degrees=0.0), "--rotation-degrees is 0"),
        (lambda: joint_digits.Config(label_share=0.9), "--label-share is 0.9"),
        (lambda: joint_digits.Config(starts=0), "--starts is 0"),
        (lambda: digits(jax.random.key(0), DigitSettings(count=500)), "leave 0 to train on"),
        (lambda: digits(jax.random.key(0), DigitSettings(digits="/nowhere")), "neither a folder nor an npz file"),
    ],
)
def test_bad_options_are_refused_in_words(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def run_copy(folder, *arguments):
    """Run a copy of ``experiments/vae_digits`` as ``experiments.my_digits``, from a folder outside of this project."""
    copy = folder / "my_digits"
    if not copy.exists():
        shutil.copytree(ROOT / "experiments" / "vae_digits", copy, ignore=shutil.ignore_patterns("__pycache__"))
        for path in copy.glob("*.py"):
            path.write_text(path.read_text().replace("vae_digits", "my_digits"))
    code = f"import experiments; experiments.__path__.append({str(folder)!r})\n"
    code += "from experiments.my_digits import EXPERIMENT; EXPERIMENT.main()"
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=ROOT, env=user_environment(), capture_output=True, text=True, timeout=600)


def test_a_copy_of_vae_digits_is_an_experiment_that_needs_nothing_outside_its_folder(tmp_path):
    done = run_copy(tmp_path, "--help")
    assert done.returncode == 0 and "python -m experiments.my_digits --smoke" in done.stdout, done.stderr


@pytest.mark.slow
def test_a_copy_of_vae_digits_runs_and_draws_its_report(tmp_path):
    done = run_copy(tmp_path, "--smoke", "--runs", str(tmp_path / "runs"))
    assert done.returncode == 0, done.stdout + done.stderr
    (page,) = (tmp_path / "runs" / "my_digits").glob("*/report.html")
    assert page.read_text().count("data:image/png;base64,") == 7
