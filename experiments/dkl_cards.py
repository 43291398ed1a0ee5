"""Deep kernels on playing cards: static fits and campaigns for one suit against the rest, all suits, shear, rotation.

    python -m experiments.dkl_cards            # estimated at ten minutes of CPU time
    python -m experiments.dkl_cards --smoke    # a small one
    python -m experiments.dkl_cards --size 30 --per-suit 2000    # the paper's images: estimated at an hour

After the lecture and arXiv 2303.14554: unlabelled images, of which a campaign looks at 100 + 500 (μ + 10σ), here 2,000
of 12 × 12 pixels. The lecture's deep kernel is a 64-64-2 network trained with the likelihood; its 2-D layer is shown
for static fits. Campaigns use ``bo.dkl.frozen`` (kernels on pixels, components, diffusion coordinates and random
convolutions, whose weights follow the labels), shown by two principal components of its kernel's embedding, against a
Gaussian process in a VAE's 2-D latent, one on pixels, and random. Recall is of all cards of the suit, of the last suit
where the number of the suit is the target, and of the best 2 % for shear and rotation.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from experiments import harness
from experiments.dkl_campaigns import STAGES, Settings
from experiments.vae_options import at_least

if TYPE_CHECKING:
    from experiments.harness import Run


@dataclass(frozen=True)
class Config(Settings):
    """Options of the campaigns over cards."""

    size: int = 12
    """Pixels along each side of a card (published: 30)."""
    per_suit: int = 500
    """Cards of each suit (published: 2000)."""
    suit: Literal["spade", "heart", "diamond", "club"] = "spade"
    """The suit that stands against the rest."""
    share: float = 0.02
    """The share of the best whose recall is scored, for shear and rotation."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, size=8, per_suit=10)
        if not 0 < self.share < 1:
            raise ValueError(f"--share is {self.share}; it lies between 0 and 1")
        self.check_candidates(4 * self.per_suit, "--per-suit")


SMOKE = Config(
    smoke=True, size=8, per_suit=50, seeds=2, initial_points=8, steps=8, refit_every=4, labelled=20, network_steps=20,
    epochs=2, width=16,
)  # fmt: skip


def compute(run: "Run", config: Config) -> None:
    """Draw, encode, fit, search."""
    import jax
    import numpy as np

    from experiments import datasets, dkl_campaigns, dkl_vae

    to_data, to_vae = jax.random.split(jax.random.key(config.seed))
    with run.stage("data"):
        images = datasets.load(to_data, "cards_deep_kernel", size=config.size, per_suit=config.per_suit)
        x, label = np.asarray(images.x), np.asarray(images.label)
        number = images.classes.index(config.suit)
        angles = {name: np.rad2deg(np.asarray(images.factors[name], float)) for name in ("shear", "angle")}
        targets = {
            "one_suit": dkl_campaigns.Target((label == number).astype(float), "1", 0.25),
            "suits": dkl_campaigns.Target(label.astype(float), "1", 0.25),
            "shear": dkl_campaigns.Target(angles["shear"], "degree", config.share),
            "rotation": dkl_campaigns.Target(angles["angle"], "degree", config.share),
        }
        run.add("image", ("candidate", "row", "column"), x, "1", images.source)
        run.results.attrs["classes"] = list(images.classes)
    with run.stage("vae"):
        rows = np.broadcast_to(np.arange(len(x)), (config.seeds, len(x)))
        latents = dkl_vae.latents(run, "vae", to_vae, x, x, rows, config.epochs, config.width)
    spaces = dkl_campaigns.tables(x, latents, config.seed)
    with run.stage("static"):
        dkl_campaigns.static(run, spaces, targets, config)
    with run.stage("campaigns"):
        dkl_campaigns.campaigns(run, spaces, targets, config)


EXPERIMENT = harness.Experiment(
    "dkl_cards", __doc__ or "", Config, SMOKE, STAGES, compute, "experiments.figures.dkl_cards"
)

if __name__ == "__main__":
    harness.main(EXPERIMENT)
