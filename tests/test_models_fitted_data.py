"""What ``models.fit_vae`` makes of data before it trains: stacks, labels, scaling, outliers; and its progress."""

import re
from collections import namedtuple

import jax
import numpy as np
import pandas as pd
import pytest

import models
from experiments.datasets import lattice, loops
from helpers.spots import blobs
from models import stacks
from models.fitted import fitting, labels, scaling
from models.fitted.fitting import _prepared
from models.fitted.progress import Line, duration
from models.fitted.records import axis_of

Axis = namedtuple("Axis", ("name", "unit", "values"))


def test_hot_pixels_of_the_fit_do_not_set_the_scale():
    stack = blobs(200).astype(float)
    clean, _ = scaling.scaling_of(stack)
    stack[5, 2, 2] = stack[9, 7, 0] = 1e6
    hot, _ = scaling.scaling_of(stack)
    np.testing.assert_allclose(hot.spread, clean.spread, rtol=0.02)
    np.testing.assert_allclose(hot.offset, clean.offset, rtol=0.02)
    scaled = scaling.scaled(stack, hot)
    assert scaled.outliers.sum() == 2 and scaled.mask is not None and scaled.mask[5, 2, 2] == 0


def test_saturated_counts_are_said_and_notes_of_a_record_passed_on():
    counts = np.random.default_rng(0).poisson(200 + 100 * np.sin(np.arange(16)), (100, 16)).astype(np.uint16)
    clipped = np.minimum(counts, 300)
    assert stacks.saturation_in_words(counts) == stacks.saturation_in_words(np.minimum(counts, 20)) == ""
    record = namedtuple("Record", ("values", "notes"))(clipped.astype(np.float32), ("as read",))
    stack = stacks.stack_of(record)
    assert stack.notes == ("as read",)
    with pytest.warns(UserWarning, match=r"are the largest one, 300: .*mask=stack < 300"):
        prepared = _prepared(stack, None, None, None, None, "auto", 0)
    assert prepared.notes[0] == "as read" and "saturated" in prepared.notes[1]


@pytest.mark.parametrize("dose", [2.0, 60.0])
def test_nothing_natural_is_an_outlier(dose):
    """Counting noise and dopants twice as bright as any column of the fit stay; the share that is masked is < 1e-4."""

    def cut(seed, **options):
        frame = lattice.frame(jax.random.key(seed), dose=dose, size=(200, 200), **options)
        corner = np.round(frame.xy).astype(int) - 12
        corner = corner[((corner >= 0) & (corner <= 176)).all(1)]
        return np.stack([frame.image[y : y + 24, x : x + 24] for x, y in corner]).astype(float)

    own, other = cut(1, dopants=0.0), cut(2, dopants=0.03, dopant_brightness=2.0)
    fitted_to, _ = scaling.scaling_of(own)
    assert scaling.scaled(own, fitted_to).outliers.sum() == 0
    scaling.check_range(stacks.stack_of(other), fitted_to)
    other[7, 3:9, 3:9] = 1e5  # a particle: no outlier, so a fit with it has it in its range
    assert scaling.with_range_of(stacks.stack_of(other), fitted_to).most == 1e5
    with pytest.raises(ValueError, match="1 of .* examples, the first is number 7"):
        scaling.check_range(stacks.stack_of(other), fitted_to)
    assert scaling.scaled(other, fitted_to).outliers.sum() < 1e-4 * other.size


def test_one_image_instead_of_a_stack_of_curves_is_recognised():
    generator = np.random.default_rng(0)
    y, x = np.mgrid[:96, :96]
    image = generator.poisson(50 + 40 * np.cos(x / 2) * np.cos(y / 2))
    with pytest.raises(ValueError, match="ONE image"):
        stacks.stack_of(image)
    assert stacks.stack_of(image[..., None]).values.shape == (96, 96, 1)
    rate = generator.uniform(1, 5, (96, 1))
    stacks.stack_of(np.linspace(0, 1, 96)[None] ** rate + generator.normal(0, 0.1, (96, 96)))


def test_unknown_labels_may_be_written_in_any_way():
    def numbers(given, classes=None):
        return labels.numbered(given, labels.class_names(classes, given), len(given)).tolist()

    assert numbers(["S", "Mo", "", None, -1, float("nan"), "Mo"]) == [1, 0, -1, -1, -1, -1, 0]
    assert numbers(["S", "Mo ", "  ", "Mo", "S\n"]) == [1, 0, -1, 0, 1]  # blanks around a word make no other class
    assert numbers(np.array([42, 16, -1])) == [1, 0, -1]  # of the classes "16" and "42"
    assert numbers(np.array([0, 2, -1]), classes=3) == [0, 2, -1]
    assert numbers(np.ma.masked_array([0, 1, 1], [False, False, True])) == [0, 1, -1]
    assert numbers(pd.array(["S", pd.NA, "Mo"] * 2, "string")) == [1, -1, 0] * 2
    assert numbers(np.array([b"S", b"Mo", b""] * 2)) == [1, 0, -1] * 2
    assert labels.class_names(None, [b"S", b"Mo"]) == ("Mo", "S")
    with pytest.raises(ValueError, match="give a label for each example"):
        numbers(np.array(1))
    with pytest.raises(ValueError, match="3 labels for 4 examples"):
        labels.numbered([0, 1, 1], ("a", "b"), 4)


def test_the_line_of_progress_measures_time_left_without_the_compilation(monkeypatch, capsys):
    clock = iter([0.0, 100.0, 110.0, 200.0])  # 100 s of compilation and first piece, then 10 s for 5 epochs
    monkeypatch.setattr("models.fitted.progress.time.monotonic", lambda: next(clock))
    line = Line("fit", 20)
    line.show(5)
    line.show(10)
    line.end("20 epochs")
    shown = capsys.readouterr().err.split("\r")
    assert "left" not in shown[2] and "about 20 s left" in shown[3] and shown[-1].rstrip() == "fit: 20 epochs, 3 min"
    assert (duration(5.0), duration(600.0), duration(7200.0)) == ("5 s", "10 min", "2.0 h")


def test_the_axis_of_measured_curves_is_kept():
    measured = namedtuple("Measured", ("values", "axes", "mask"))
    axis = Axis("bias", "V", np.linspace(-1, 1, 20))
    stack = stacks.stack_of(measured(np.ones((30, 20)), (Axis("", "", np.arange(30.0)), axis), None))
    assert stack.axis is axis and stack.known is None
    three = axis_of((0.0, 2.0, 1.0), 3)  # a tuple of three numbers is values, not (name, unit, values)
    assert three is not None and three.name == "" and list(three.values) == [0, 2, 1]
    named = axis_of(("bias", "V", [0, 1]), 2)
    assert named is not None and (named.name, named.unit) == ("bias", "V")


def test_half_of_the_examples_keep_a_label_the_same_share_of_each_class():
    label = np.r_[np.full(60, 0), np.full(30, 1), np.full(8, 2), [-1, -1]]
    kept, note = fitting._half_known(label, np.random.default_rng(0))
    assert list(np.bincount(kept + 1)) == [51, 30, 15, 4] and np.all((kept == label) | (kept == -1))
    assert note.startswith("49 labels were not used")


def test_one_spike_does_not_make_curves_one_image():
    rng, bias = np.random.default_rng(0), np.concatenate([np.linspace(-8, 8, 40), np.linspace(8, -8, 40)])
    curves = np.tanh(bias - rng.normal(0, 1, (300, 1))) + 0.02 * rng.standard_normal((300, 80))
    curves[7, 20] = 50
    assert stacks.stack_of(curves).values.shape == (300, 80)
    image = np.cumsum(np.cumsum(rng.standard_normal((80, 80)), 0), 1)  # alike in both directions
    with pytest.raises(ValueError, match="ONE image"):
        stacks.stack_of(np.kron(rng.standard_normal((40, 40)), np.ones((3, 3))))
    assert stacks.stack_of(image, curves=True).values.shape == (80, 80)
    with pytest.raises(ValueError, match=r"stack\[None\]"):
        stacks.stack_of(curves[0])


def test_bursts_of_bad_samples_set_nothing_where_tails_are_heavy():
    """Switching loops with bursts a thousand amplitudes away are scaled as those without, and a peak is no outlier."""
    clean = loops.simulate(0, loops.Simulated(size=16, bursts=0.0, broken=0.0))
    bad = loops.simulate(0, loops.Simulated(size=16, bursts=1.0, broken=0.0))
    stack = bad.response.reshape(256, -1)
    wanted, _ = scaling.scaling_of(clean.response.reshape(256, -1), "student_t")
    found, observed = scaling.scaling_of(stack, "student_t")
    np.testing.assert_allclose([found.spread, found.offset + 1], [wanted.spread, wanted.offset + 1], rtol=0.25)
    assert observed.sigma < 0.2
    scaled = scaling.scaled(stack, found)
    glitched = bad.glitched.reshape(256, -1)
    assert scaled.mask is not None and abs(scaled.x).max() < 5
    assert (scaled.mask[~glitched] == 1).mean() > 0.999 and (scaled.mask[glitched] == 0).mean() > 0.7
    scaling.check_range(stacks.stack_of(stack), found)
    peaks = np.zeros((100, 50)) + 0.01 * np.random.default_rng(0).normal(size=(100, 50))
    peaks[:, 20] += 10
    assert scaling.scaled(peaks, scaling.scaling_of(peaks, "student_t")[0]).outliers.sum() == 0
    spread = np.random.default_rng(1).uniform(0, 1, (200, 30))
    for beyond, bad in ((1.5, 0), (2.5, 1)):  # times the range of the middle values
        spread[7, 3] = 1 + beyond
        assert scaling.scaled(spread, scaling.scaling_of(spread, "student_t")[0]).outliers.sum() == bad


def test_bursts_in_curves_are_said_and_other_curves_are_left_alone():
    bad = loops.simulate(0, loops.Simulated(size=16, bursts=1.0, broken=0.0)).response.reshape(256, -1)
    clean = loops.simulate(0, loops.Simulated(size=16, bursts=0.0, broken=0.0)).response.reshape(256, -1)
    assert re.search(r"[\d.]+ % of the values, in \d+ of 256 curves.*student_t", scaling.bursts_in_words(bad))
    assert scaling.bursts_in_words(clean) == scaling.bursts_in_words(blobs(60).astype(float)) == ""
    noise = np.random.default_rng(0).poisson(3.0, (300, 40)).astype(float)
    assert scaling.bursts_in_words(noise) == ""


def test_the_number_of_classes_is_told_by_the_curves_or_refused(monkeypatch):
    def stop(config, batch, *rest):
        raise FloatingPointError(config.classes, config.class_mode, len(np.unique(batch.guess)))

    monkeypatch.setattr(fitting, "best_start", stop)
    rng, x = np.random.default_rng(0), np.linspace(0, 6, 20)
    curves = np.sin(x * np.repeat([1, 2, 3], [60, 40, 30])[:, None]) + rng.normal(0, 0.1, (130, 20))
    with pytest.raises(FloatingPointError) as found:
        models.fit_vae(curves, classes="auto", progress=False)
    assert found.value.args == (3, "joint", 3)
    for stack, given, words in ((rng.normal(size=(60, 20)), {}, "no groups"), (curves, {"labels": x}, "leave classes")):
        with pytest.raises(ValueError, match=words):
            models.fit_vae(stack, classes="auto", **given)


@pytest.mark.parametrize(
    ("factors", "words"),
    [
        (np.arange(24) * 1j, "complex"),
        ({"day": np.arange(24).astype("M8[D]")}, "day: .* dates"),
        (np.arange(24) * 1e300, "another unit"),
        (np.arange(24) * 1e-300, "another unit"),
        ({}, "leave factors out"),
    ],
)
def test_factors_that_are_no_numbers_or_have_no_spread_are_refused(factors, words):
    with pytest.raises(ValueError, match=words):
        labels.factors_of(*labels.factor_table(factors, 24))


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_channel_without_contrast_is_named(value):
    images = np.random.default_rng(0).uniform(0, 1, (30, 8, 8, 2))
    images[..., 1] = value
    with pytest.raises(ValueError, match="channel 1"):
        models.fit_vae(images, progress=False)


@pytest.mark.parametrize(("fit", "options"), [
    (models.fit_im2spec, {"steps": 0}), (models.fit_dual, {"steps": 0}), (models.fit_im2spec, {"seed": -1}),
    (models.fit_vae, {"seed": -1}),
])  # fmt: skip
def test_no_steps_and_no_seed_are_refused(fit, options):
    pair = np.random.default_rng(0).uniform(0, 1, (30, 8, 8)), np.random.default_rng(1).uniform(0, 1, (30, 9))
    with pytest.raises(ValueError, match=f"{next(iter(options))} is"):
        fit(*(pair[:1] if fit is models.fit_vae else pair), progress=False, **options)
