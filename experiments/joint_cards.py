"""Nothing known but the number of suits: a joint VAE finds them, whatever their rotation, shift and shear.

    python -m experiments.joint_cards            # 12 × 12, 2,000 images, five seeds of three starts: minutes
    python -m experiments.joint_cards --smoke    # a small one
    python -m experiments.joint_cards --size 48 --per-suit 3000 --epochs 100 --width 128    # as published

Clusters depend on the start, so a seed is three starts trained side by side, of which the one with the best held-out
bound is kept; no label is looked at. The accuracy counts the share of fresh images in the right class, each discovered
class named after the suit that it matches best, one each. Sources: arXiv 2104.10180 (joint invariant VAEs), 1804.00104.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from experiments import harness
from experiments.vae_options import CardSettings, at_least

if TYPE_CHECKING:
    from experiments.harness import Run


@dataclass(frozen=True)
class Config(CardSettings):
    """Options of the discovery of suits."""

    starts: int = 3
    """Starts of every seed, of which the held-out bound picks one."""
    shear_degrees: float = 20.0
    """Cards are sheared by up to ± this."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, starts=1)


SMOKE = Config(smoke=True, per_suit=50, held_out_per_suit=15, epochs=3, seeds=2, starts=2, width=16, manifold_points=5)
STAGES = ("data", "fits", "scores", "figures")


def compute(run: "Run", config: Config) -> None:
    """Fit all starts at once, choose, score."""
    import jax

    from experiments import vae_runs, vae_scores
    from experiments.datasets import to_batch
    from models import recipes
    from models.ensemble import class_probabilities

    to_data, to_fits, to_scores = jax.random.split(jax.random.key(config.seed), 3)
    with run.stage("data"):
        images = vae_runs.cards(to_data, "cards_full", config, shear_degrees=config.shear_degrees)
        vae_runs.add_images(run, images.test, "full")
        training, validation, test = map(to_batch, images)
    vae_runs.record_size(run, images, config)
    suits, truth = len(images.test.classes), vae_scores.true_classes(images.test)
    with run.stage("fits"):
        model = recipes.joint(images.test.x.shape[1:], suits, hidden=config.hidden)
        keys = jax.random.split(to_fits, config.seeds * config.starts)
        every = vae_runs.fit(run, "joint", keys, model, training, validation, vae_runs.fit_recipe(config))
    with run.stage("scores"):
        chosen = vae_runs.choose(run, to_scores, every, validation, config.starts)
        probabilities = jax.jit(
            lambda params, data: class_probabilities(every.model, params, data, chunk=100, search=True)
        )(every.params, test)
        right = [_accuracy(truth, np.asarray(one)) for one in probabilities]
        right = np.reshape(right, (config.seeds, config.starts))
        run.add("start_accuracy", ("seed", "start"), right, "1", "clustering accuracy of every start")
        vae_runs.record(run, "one_start_accuracy", right.mean(1), "1", "mean accuracy over a seed's starts")
        vae_runs.record(run, "best_start_accuracy", right.max(1), "1", "accuracy of a seed's best start, by the labels")
        run.add("chosen_start", ("seed",), chosen % config.starts, "1", "start of the best held-out bound")
        best = vae_runs.select(every, chosen)
        code = vae_scores.judge(run, to_scores, best, test, "full")
        vae_scores.add_classes(run, "joint", images.test, np.asarray(code.probabilities), known=False)
        vae_scores.add_manifolds(run, best, config.manifold_points)


def _accuracy(truth: np.ndarray, probabilities: np.ndarray) -> float:
    from experiments.vae_scores import name_classes

    return float(np.mean(name_classes(truth, probabilities)[1] == truth))


EXPERIMENT = harness.Experiment(
    "joint_cards", __doc__ or "", Config, SMOKE, STAGES, compute, "experiments.figures.joint_cards"
)

if __name__ == "__main__":
    harness.main(EXPERIMENT)
