"""TODO docstring of experiments.dkl_cards.compute.compute"""

import jax
import numpy as np

from experiments import datasets
from experiments.dkl_cards.config import Config
from experiments.lab import training
from experiments.lab.progress import advance
from experiments.lab.run import Run
from experiments.shared.deep_kernels import study, vaes


def compute(run: "Run", config: Config) -> None:
    """Draw, encode, fit, search."""

    to_data, to_vae = jax.random.split(jax.random.key(config.seed))
    with run.stage("data"):
        images = datasets.load(to_data, "cards_deep_kernel", size=config.size, per_suit=config.per_suit)
        x, label = np.asarray(images.x), np.asarray(images.label)
        number = images.classes.index(config.suit)
        angles = {name: np.rad2deg(np.asarray(images.factors[name], float)) for name in ("shear", "angle")}
        targets = {
            "one_suit": study.Target((label == number).astype(float), "1", 0.25),
            "suits": study.Target(label.astype(float), "1", 0.25),
            "shear": study.Target(angles["shear"], "degree", config.share),
            "rotation": study.Target(angles["angle"], "degree", config.share),
        }
        run.add("image", ("candidate", "row", "column"), x, "1", images.source)
        run.results.attrs["classes"] = list(images.classes)
    with run.stage("vae"):
        rows = np.broadcast_to(np.arange(len(x)), (config.seeds, len(x)))
        with run.progress(config.epochs, "epoch") as bar:
            fitted = vaes.fit(to_vae, x, x[:200], rows, config.epochs, config.width, progress=advance(bar))
        training.record(run, "vae", fitted)
        latents = vaes.means(fitted, x)
    spaces = study.tables(x, latents, config.seed)
    with run.stage("static"):
        study.static(run, spaces, targets, config)
    with run.stage("campaigns"):
        study.campaigns(run, spaces, targets, config)
