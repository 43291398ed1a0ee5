"""Train all starts of the joint model in one program; record the accuracy of every start, and the chosen ones."""

import jax
import numpy as np
from jaxtyping import Float

import models
from experiments.datasets import Images, take, to_batch
from experiments.joint_cards.config import Config
from experiments.lab.checkpoints import once
from experiments.lab.run import Array, Run
from experiments.lab.summaries import record_scores
from experiments.lab.training import Fitted, fit_and_record, select
from experiments.shared.images import arrays, fits, judging
from experiments.shared.images.judging import name_classes, true_classes
from experiments.shared.images.options import BINARY

ARRAYS = {
    "start_accuracy": Array(("seed", "start"), "1", "clustering accuracy of every start"),
    "chosen_start": Array(("seed",), "1", "start of the best held-out bound"),
    "joint_start_negative_elbo_nats": fits.START_BOUNDS,
}
SCORES = {
    "one_start_accuracy": Array(("seed",), "1", "mean accuracy over a seed's starts"),
    "best_start_accuracy": Array(("seed",), "1", "accuracy of a seed's best start, by the labels"),
}


def compute(run: Run, config: Config) -> None:
    """Draw the cards, train all starts, choose one for each seed, and score."""
    to_data, to_fits, to_scores = jax.random.split(jax.random.key(config.seed), 3)
    with run.stage("data"):
        split = fits.cards(to_data, "cards_full", config, shear_degrees=config.shear_degrees)
        run.add_all(*arrays.of_images("full", split.test))
        run.results.attrs.update(arrays.attributes("full", split.test, own=bool(config.path)))
        training, validation, test = map(to_batch, split)
    run.record(**fits.size(split, config))
    with run.stage("fits"):
        noise, number = fits.for_recipe(config, split.training, BINARY), fits.classes_of(split.training, config)
        model = models.recipes.joint(split.test.x.shape[1:], number, hidden=config.hidden, **noise)
        keys = jax.random.split(to_fits, config.seeds * config.starts)
        fit_config = fits.fit_recipe(config, len(split.training.x))
        starts = fit_and_record(run, "joint", keys, model, training, validation, fit_config)
    with run.stage("scores"):
        chosen, bounds = fits.best_starts(to_scores, starts, validation, config.starts)
        run.add_all(ARRAYS, {"chosen_start": chosen % config.starts, "joint_start_negative_elbo_nats": bounds})
        known = take(split.test, judging.labelled_rows(split.test))
        if len(known.x):
            accuracy = accuracies(starts, known, to_batch(known)).reshape(config.seeds, config.starts)
            run.add_all(ARRAYS, {"start_accuracy": accuracy})
            of_starts = {"one_start_accuracy": accuracy.mean(1), "best_start_accuracy": accuracy.max(1)}
            record_scores(run, SCORES, of_starts)
        judged = judging.judge(to_scores, select(starts, chosen), test, config.manifold_points)
        classes = judging.judge_classes(split.test, np.asarray(judged.code.probabilities), known=False)
        run.add_all(*arrays.of_model("joint", "full", judged))
        run.add_all(*arrays.of_classes("joint", classes))
        of_classes = {} if classes is None else {"accuracy": classes.accuracy}
        record_scores(run, judging.SCORES, judged.scores | of_classes, prefix="joint_")


def check(config: Config) -> None:
    """Raise a ValueError for a user's own images that cannot be used, or whose number of classes is not known."""
    fits.check_classes(config)


@once
def accuracies(fitted: Fitted, images: Images, test: models.Batch) -> Float[np.ndarray, " fit"]:
    """Return the share of images in the right class for every fit, its classes named to fit best."""
    probabilities = jax.jit(
        lambda params, data: models.class_probabilities(fitted.model, params, data, chunk=100, search=True)
    )(fitted.params, test)
    truth = true_classes(images)
    return np.array([np.mean(name_classes(truth, np.asarray(member))[1] == truth) for member in probabilities])
