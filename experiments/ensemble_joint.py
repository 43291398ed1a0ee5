"""Eight joint VAEs in one program: what they agree on, where they do not, and what that says of the number of classes.

    python -m experiments.ensemble_joint    # 12 × 12, 2,000 images, eight members, K from 2 to 8: 20 CPU-minutes
    python -m experiments.ensemble_joint --smoke    # a small one
    python -m experiments.ensemble_joint --size 48 --per-suit 3000 --epochs 100 --width 128    # as published

Members differ in initial weights, order and noise. Their classes are matched (Hungarian method on the co-assignment of
fresh images) before predictions are averaged. The disagreement of an image is H(mean q) − mean H(q) in nats, the
stability of a class the mean overlap |A ∩ B| / |A ∪ B| of its images in a member and in the mean. The guide trains
fewer members with other numbers of classes on the same cards: low disagreement means that a number separates them
well (the lecture's use of the dispersion); too short a training leaves all undecided, which looks like agreement, and
so do too few classes. Members that have too many leave some empty, so the report also says how many are used where
the bound is lowest. On cards neither is dependable: each was right for one of two seeds.
Source: arXiv 2104.10180; the lecture.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments import harness
from experiments.vae_options import CardSettings, at_least

if TYPE_CHECKING:
    from experiments.datasets import Images
    from experiments.harness import Run


@dataclass(frozen=True)
class Config(CardSettings):
    """Options of the ensemble."""

    seeds: int = 8
    """Members of the ensemble."""
    shear_degrees: float = 20.0
    """Cards are sheared by up to ± this."""
    guide_members: int = 4
    """Members of each ensemble of the guide."""
    guide_epochs: int = 40
    """Epochs of each of them."""
    guide_classes: tuple[int, ...] = (2, 3, 4, 5, 6, 7, 8)
    """Numbers of classes that the guide tries."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, seeds=2, guide_members=2, guide_epochs=1)
        if not self.guide_classes or min(self.guide_classes) < 2:
            raise ValueError(f"--guide-classes are {self.guide_classes}: give numbers of two or more")


SMOKE = Config(smoke=True, per_suit=50, held_out_per_suit=15, epochs=3, seeds=3, width=16, manifold_points=5,
               guide_members=2, guide_epochs=2, guide_classes=(2, 4))  # fmt: skip
STAGES = ("data", "fits", "consensus", "guide", "figures")


def compute(run: "Run", config: Config) -> None:
    """Members, their consensus, and the guide."""
    import jax

    from experiments import vae_runs, vae_scores
    from experiments.datasets import to_batch
    from models import recipes
    from models.ensemble import class_guide
    from models.vae import vae

    to_data, to_fits, to_scores, to_guide = jax.random.split(jax.random.key(config.seed), 4)
    with run.stage("data"):
        images = vae_runs.cards(to_data, "cards_full", config, shear_degrees=config.shear_degrees)
        vae_runs.add_images(run, images.test, "full")
        training, validation, test = map(to_batch, images)
    vae_runs.record_size(run, images, config)
    shape, suits, how = images.test.x.shape[1:], len(images.test.classes), vae_runs.fit_recipe(config)
    with run.stage("fits"):
        model = recipes.joint(shape, suits, hidden=config.hidden)
        keys = jax.random.split(to_fits, config.seeds)
        fitted = vae_runs.fit(run, "joint", keys, model, training, validation, how)
    with run.stage("consensus"):
        code = vae_scores.judge(run, to_scores, fitted, test, "full")
        vae_scores.add_classes(run, "joint", images.test, np.asarray(code.probabilities), known=False)
        vae_scores.add_manifolds(run, fitted, config.manifold_points)
        agree(run, fitted, np.asarray(code.probabilities), images.test)
    with run.stage("guide"), run.progress(len(config.guide_classes), "number of classes") as bar:

        def told(number: int) -> None:
            bar.update(1)

        guide = class_guide(
            to_guide, lambda number: vae(recipes.joint(shape, number, hidden=config.hidden)), training, test,
            replace(how, epochs=config.guide_epochs), classes=config.guide_classes, members=config.guide_members,
            search=True, progress=told,  # what the encoder alone says of classes is undecided
        )  # fmt: skip
        for name, values in guide._asdict().items():
            dims = ("number", "guide_member") if values.ndim == 2 else ("number",)
            units = "nats per image" if name == "negative_elbo" else "1"
            run.add(f"guide_{name}", dims, values, units, f"guide to the number of classes: {name.replace('_', ' ')}")
        whole = guide.used == guide.classes  # members that leave classes empty agree easily
        best = guide.classes[whole][np.argmin(guide.disagreement[whole])] if whole.any() else np.nan
        row = np.argmin(np.median(guide.negative_elbo, axis=1))
        run.record(guide_best_classes=best, guide_numbers_with_all_classes_used=int(whole.sum()),
                   guide_best_classes_by_bound=guide.classes[row], guide_used_by_bound=guide.used[row])  # fmt: skip


def agree(run: "Run", fitted: Any, probabilities: np.ndarray, images: "Images") -> None:
    """Match the members' classes, average, and say where they differ; templates of every member's classes."""
    import jax
    import jax.numpy as jnp

    from experiments.vae_scores import name_classes, true_classes
    from models import alignment
    from models.latent import decode_all

    label, classes = true_classes(images), len(images.classes)
    permutations = alignment.align(probabilities)
    ours = alignment.consensus(alignment.aligned(probabilities, permutations))
    names, found = name_classes(label, ours.mean)
    order = np.argsort(names)  # classes under the names of the suits
    for name, values, units, text in (
        ("mean", ours.mean[:, order], "1", "mean q(class | image) of the matched members"),
        ("disagreement", ours.disagreement, "nat", "H(mean q) − mean H(q)"),
        ("total", ours.total, "nat", "H(mean q)"),
        ("std", ours.std, "1", "standard deviation of q over members, root mean square over classes"),
        ("found", found, "1", "class of the mean, named after the suit it matches best"),
    ):
        run.add(f"ensemble_{name}", ("full_image", *(("class",) if name == "mean" else ())), values, units, text)
    run.add("ensemble_stability", ("class",), ours.stability[order], "1", "mean overlap of members with the mean")
    wrong = found != label
    run.record(
        ensemble_accuracy=np.mean(~wrong), ensemble_disagreement_nats=ours.disagreement.mean(),
        ensemble_dispersion_nats=ours.total.mean(), ensemble_least_stability=np.nan_to_num(ours.stability).min(),
        ensemble_disagreement_where_right_nats=ours.disagreement[~wrong].mean() if (~wrong).any() else np.nan,
        ensemble_disagreement_where_wrong_nats=ours.disagreement[wrong].mean() if wrong.any() else np.nan,
    )  # fmt: skip
    for k, suit in enumerate(images.classes):
        run.record(**{f"ensemble_stability_{suit}": ours.stability[order][k],
                      f"ensemble_disagreement_{suit}_nats": ours.disagreement[label == k].mean()})  # fmt: skip
    content = jnp.zeros((classes, fitted.config.latent_dim), jnp.float32)
    decoded = jax.jit(jax.vmap(lambda params, label: decode_all(fitted.model, params, content, label=label)))
    templates = decoded(fitted.params, jnp.asarray(permutations[:, order], jnp.int32))
    run.add("ensemble_templates", ("seed", "class", "row", "column"), templates, "1",
            "what each member decodes at latent zero for the matched classes")  # fmt: skip


EXPERIMENT = harness.Experiment(
    "ensemble_joint", __doc__ or "", Config, SMOKE, STAGES, compute, "experiments.figures.ensemble_joint"
)

if __name__ == "__main__":
    harness.main(EXPERIMENT)
