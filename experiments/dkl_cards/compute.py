"""Draw cards, train VAEs on them, compare static fits and campaigns on four targets, and record all."""

import jax
import numpy as np

from experiments import datasets
from experiments.datasets import Images
from experiments.dkl_cards.config import Config
from experiments.lab import training
from experiments.lab.progress import advance
from experiments.lab.run import Array, Run
from experiments.shared.deep_kernels import study, vaes
from experiments.shared.deep_kernels.study import Target


def compute(run: Run, config: Config) -> None:
    """Go through the stages."""
    to_data, to_vae = jax.random.split(jax.random.key(config.seed))
    with run.stage("data"):
        images = datasets.load(to_data, "cards_deep_kernel", size=config.size, per_suit=config.per_suit)
        x, targets = np.asarray(images.x), targets_of(images, config)
        run.add("image", x, Array(("candidate", "row", "column"), "1", images.source))
        run.results.attrs["classes"] = list(images.classes)
    with run.stage("vae"):
        rows = np.broadcast_to(np.arange(len(x)), (config.seeds, len(x)))
        with run.progress(config.epochs, "epoch") as bar:
            fitted = vaes.fit(to_vae, x, x[:200], rows, config.epochs, config.width, progress=advance(bar))
        training.record(run, "vae", fitted)
        latents = vaes.means(fitted, x)
    tables, arrays = study.tables_of(x, latents, config.seed, config.shift), study.arrays_of(targets)
    with run.stage("static"):
        run.keep(arrays, study.static(tables, targets, config))
    with run.stage("campaigns"), run.progress(len(targets) * len(study.METHODS), "set of campaigns") as bar:
        run.keep(arrays, study.campaigns(tables, targets, config, bar.update))


def targets_of(images: Images, config: Config) -> dict[str, Target]:
    """Return the four targets: one suit, number of the suit, shear, rotation.

    Their best candidates are a quarter of the cards for suits, and ``config.share`` of them for angles.
    """
    label = np.asarray(images.label)
    number = images.classes.index(config.suit)
    shear, angle = (np.rad2deg(np.asarray(images.factors[name], float)) for name in ("shear", "angle"))
    return {
        "one_suit": Target((label == number).astype(float), "1", 0.25),
        "suits": Target(label.astype(float), "1", 0.25),
        "shear": Target(shear, "degree", config.share),
        "rotation": Target(angle, "degree", config.share),
    }
