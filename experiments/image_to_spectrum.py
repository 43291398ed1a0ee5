"""Local spectra from local structure: a 16 × 16 patch of an electron image tells the energy losses at its middle.

    python -m experiments.image_to_spectrum            # a simulated scan, five seeds: eleven CPU-minutes
    python -m experiments.image_to_spectrum --smoke    # a small one
    python -m experiments.image_to_spectrum --path SCAN.npz    # your own: image, spectrum image, energy axis, scale

Trained on one region of a scan, scored on another (im2spec, arXiv 2002.04257). Beside the ensemble's error stand the
nearest training patch and PCA with ridge regression, and what all score on the random split of overlapping patches that
published numbers used. Maps of error and spread, spectra at the best, the median and the worst patch, and clusters of
the codes against what the points are: particle, edge, gap, background. Expected numbers: see the README's table.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from experiments import harness
from experiments.structure_property_options import PatchSettings

if TYPE_CHECKING:
    from experiments.harness import Run


@dataclass(frozen=True)
class Config(PatchSettings):
    """Options of image_to_spectrum."""


SMOKE = Config(smoke=True, size=64, patch=6, epochs=2, batch_size=20, latent_dim=4, seeds=2, stride=4, map_stride=3)
STAGES = ("data", "baselines", "ensemble", "maps", "leaky", "figures")


def compute(run: "Run", config: Config) -> None:
    """Data, baselines, ensemble, maps, leaky split."""
    from experiments import structure_property_patches

    structure_property_patches.compute(run, config, "image_to_spectrum")


def check(config: Config) -> None:
    """The user's scan, if there is one."""
    from experiments import structure_property_runs

    structure_property_runs.check_own(config)


EXPERIMENT = harness.Experiment(
    "image_to_spectrum", __doc__ or "", Config, SMOKE, STAGES, compute, "experiments.figures.image_to_spectrum", check
)

if __name__ == "__main__":
    harness.main(EXPERIMENT)
