"""Experiments on cards: what they share, checked on one small pass; whole runs are marked slow."""

import json
from typing import NamedTuple

import jax
import numpy as np
import pytest

import models
from experiments import conditional_cards, ensemble_joint, invariant_cards, joint_cards, semi_supervised_cards
from experiments.datasets import to_batch
from experiments.lab import training
from experiments.lab.run import Run, RunError
from experiments.lab.summaries import record_scores
from experiments.semi_supervised_cards.compute import rows_of_fits
from experiments.shared.images import arrays, fits, judging
from experiments.shared.images.neighbours import neighbour_r2
from experiments.shared.images.options import CardSettings
from helpers import finished_runs
from models import storage

SETTINGS = CardSettings(size=6, per_suit=10, held_out_per_suit=10, epochs=3, batch_size=10, width=8, seeds=2)
EXPERIMENTS = (invariant_cards, conditional_cards, semi_supervised_cards, joint_cards, ensemble_joint)


class Whole(NamedTuple):
    """One pass through what experiments on images share: two seeds of two starts each, with rows of their own."""

    run: Run
    split: fits.Split
    batches: list
    fit_config: models.FitConfig
    keys: jax.Array
    rows: np.ndarray
    starts: training.Fitted
    chosen: np.ndarray


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    key = jax.random.key(7)
    run = Run(tmp_path_factory.mktemp("runs") / "joint" / "now", SETTINGS, ("all",))
    split = fits.cards(key, "cards_full", SETTINGS)
    run.add_all(*arrays.of_images("full", split.test))
    config = models.VAEConfig(
        shape=(6, 6), hidden=SETTINGS.hidden, likelihood="bernoulli", classes=4, class_mode="joint"
    )
    keys = jax.random.split(key, 4)
    rows = np.stack([np.random.default_rng(seed).permutation(40)[:30] for seed in range(4)])
    batches, fit_config = [to_batch(part) for part in split], fits.fit_recipe(SETTINGS, 40)
    starts = training.fit_and_record(run, "joint", keys, config, batches[0], batches[1], fit_config, rows=rows)
    chosen, bounds = fits.best_starts(key, starts, batches[1], 2)
    run.add("joint_start_negative_elbo_nats", bounds, fits.START_BOUNDS)
    judged = judging.judge(key, training.select(starts, chosen), batches[2], 3)
    classes = judging.judge_classes(split.test, np.asarray(judged.code.probabilities), known=False)
    run.add_all(*arrays.of_model("joint", "full", judged))
    run.add_all(*arrays.of_classes("joint", classes))
    record_scores(run, judging.SCORES, judged.scores | {"accuracy": classes.accuracy}, prefix="joint_")
    run.save()
    return Whole(run, split, batches, fit_config, keys, rows, starts, chosen)


@pytest.mark.slow
def test_a_fit_in_pieces_side_by_side_is_the_single_one(whole):
    model, fit_config = whole.starts.model, whole.fit_config
    single = jax.jit(lambda key, data, watched: models.fit_split(key, model, data, watched, fit_config))
    data = jax.tree.map(lambda leaf: leaf[whole.rows[1]], whole.batches[0])
    params, history = single(whole.keys[1], data, whole.batches[1])
    losses = whole.starts.history.validation["loss"][1]
    np.testing.assert_allclose(losses, history.validation["loss"], rtol=1e-4)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a[1], b, atol=1e-4), whole.starts.params, params)


@pytest.mark.slow
def test_the_start_of_the_lowest_held_out_bound_is_kept(whole):
    bound = whole.run.results.joint_start_negative_elbo_nats.to_numpy()
    assert bound.shape == (2, 2)
    np.testing.assert_array_equal(whole.chosen, np.array([0, 2]) + bound.argmin(1))


def test_numbers_are_medians_over_seeds_and_arrays_have_the_names_that_figures_read(whole):
    run = whole.run
    for name in ("joint_negative_elbo_nats", "joint_negative_elbo_searched_nats", "joint_accuracy"):
        values = run.results[name].to_numpy()
        assert values.shape == (2,) and np.isfinite(values).all()
        assert run.metrics[f"{name}_median"] == np.median(values) and run.metrics[f"{name}_min"] == values.min()
    assert run.results.joint_manifold.shape == (4, 3, 3, 6, 6)
    assert run.results.joint_reconstruction_of_x.shape == (2, judging.SHOWN, 6, 6)
    assert run.results.joint_confusion.sum() == 2 * len(whole.split.test.x)
    stored = json.loads((run.folder / "metrics.json").read_text())
    assert stored["joint_accuracy_median"] == run.metrics["joint_accuracy_median"]


def test_models_of_all_starts_are_saved_with_their_config(whole):
    config, _, params = storage.load(whole.run.folder / "models" / "joint")
    assert config == whole.starts.config
    jax.tree.map(np.testing.assert_array_equal, params, whole.starts.params)


def test_a_loss_that_is_not_finite_ends_the_run_with_its_fit_and_epoch(whole, tmp_path):
    run = Run(tmp_path / "joint" / "now", SETTINGS, ("all",))
    finite = np.asarray(whole.starts.history.finite).copy()
    finite[2, 1] = False
    broken = whole.starts._replace(history=whole.starts.history._replace(finite=finite))
    with pytest.raises(RunError, match="first in fit 2, epoch 2: lower the learning rate"):
        training.record(run, "joint", broken)
    assert "joint_train_loss" in run.results  # the losses can be read


def test_discovered_classes_get_the_names_that_fit_best():
    truth = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    swapped = np.eye(4)[np.array([2, 2, 0, 0, 3, 3, 1, 3])]
    names, named = judging.name_classes(truth, swapped)
    np.testing.assert_array_equal(names, [1, 3, 0, 2])
    assert (named == truth).sum() == 7


def test_neighbours_predict_what_a_latent_space_orders():
    generator = np.random.default_rng(0)
    z, noise = generator.normal(size=(500, 2)), generator.normal(size=500)
    assert neighbour_r2(z, np.sin(z[:, 0])) > 0.95 > 0.1 > neighbour_r2(z, noise)


def test_fits_train_on_the_share_of_labels_that_they_are_named_after():
    config = semi_supervised_cards.Config(per_suit=100, seeds=2, shares=(0.01, 0.1))
    rows = rows_of_fits(config, 400)
    assert rows.shape == (4, 400) and all(len(set(of_fit)) == 400 for of_fit in rows)
    np.testing.assert_array_equal((rows < 400).sum(1), [4, 4, 40, 40])
    np.testing.assert_array_equal(np.bincount(rows[2][rows[2] < 400] % 4), [10] * 4)


def test_missing_labels_are_refused_in_words(whole):
    with pytest.raises(ValueError, match="need the label of every image"):
        judging.true_classes(whole.split.test._replace(label=None))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: CardSettings(size=3), "--size is 3"),
        (lambda: CardSettings(per_suit=10, batch_size=50), "there are 40 training images"),
        (lambda: joint_cards.Config(starts=0), "--starts is 0"),
        (lambda: semi_supervised_cards.Config(shares=(0.3, 0.1)), "rising numbers"),
        (lambda: semi_supervised_cards.Config(shown_share=0.2), "none of --shares"),
        (lambda: ensemble_joint.Config(guide_classes=(1, 2)), "numbers of two or more"),
    ],
)
def test_bad_options_are_refused_in_words(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.slow
@pytest.mark.parametrize("module", EXPERIMENTS, ids=lambda module: module.EXPERIMENT.name)
def test_smoke_run_draws_its_whole_report(module, tmp_path):
    name = module.EXPERIMENT.name
    folder, _, metrics = finished_runs.smoke(name, tmp_path)
    assert metrics["complete"] == 1
    page = (folder / "report.html").read_text()
    assert page.count("data:image/png;base64,") == len(list(folder.glob("*.png"))) > 5
