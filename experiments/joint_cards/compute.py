"""TODO docstring of experiments.joint_cards.compute.compute"""

import jax
import numpy as np

from experiments.datasets import to_batch
from experiments.joint_cards.config import Config
from experiments.lab.run import Run
from experiments.shared.images import fits, judging
from experiments.shared.images.judging import name_classes
from models.training.ensemble import class_probabilities
from models.vaes import recipes


def compute(run: "Run", config: Config) -> None:
    """Fit all starts at once, choose, score."""

    to_data, to_fits, to_scores = jax.random.split(jax.random.key(config.seed), 3)
    with run.stage("data"):
        images = fits.cards(to_data, "cards_full", config, shear_degrees=config.shear_degrees)
        fits.add_images(run, images.test, "full")
        training, validation, test = map(to_batch, images)
    fits.record_size(run, images, config)
    suits, truth = len(images.test.classes), judging.true_classes(images.test)
    with run.stage("fits"):
        model = recipes.joint(images.test.x.shape[1:], suits, hidden=config.hidden)
        keys = jax.random.split(to_fits, config.seeds * config.starts)
        every = fits.fit(run, "joint", keys, model, training, validation, fits.fit_recipe(config))
    with run.stage("scores"):
        chosen = fits.choose(run, to_scores, every, validation, config.starts)
        probabilities = jax.jit(
            lambda params, data: class_probabilities(every.model, params, data, chunk=100, search=True)
        )(every.params, test)
        right = [_accuracy(truth, np.asarray(one)) for one in probabilities]
        right = np.reshape(right, (config.seeds, config.starts))
        run.add("start_accuracy", ("seed", "start"), right, "1", "clustering accuracy of every start")
        fits.record(run, "one_start_accuracy", right.mean(1), "1", "mean accuracy over a seed's starts")
        fits.record(run, "best_start_accuracy", right.max(1), "1", "accuracy of a seed's best start, by the labels")
        run.add("chosen_start", ("seed",), chosen % config.starts, "1", "start of the best held-out bound")
        best = fits.select(every, chosen)
        code = judging.judge(run, to_scores, best, test, "full")
        judging.add_classes(run, "joint", images.test, np.asarray(code.probabilities), known=False)
        judging.add_manifolds(run, best, config.manifold_points)


def _accuracy(truth: np.ndarray, probabilities: np.ndarray) -> float:

    return float(np.mean(name_classes(truth, probabilities)[1] == truth))
