"""Local structure from local spectra: an energy-loss spectrum tells the 16 × 16 patch of the electron image around it.

    python -m experiments.spectrum_to_image            # a simulated scan, five seeds: eleven CPU-minutes
    python -m experiments.spectrum_to_image --smoke    # a small one
    python -m experiments.spectrum_to_image --path SCAN.npz    # your own: image, spectrum image, energy axis, scale

The way back of image_to_spectrum (spec2im): a single spectrum cannot know on which side a particle lies, so that a
prediction is the mean over all that look alike to it. Trained on one region of a scan, scored on another, beside the
nearest training spectrum and PCA with ridge regression; and on the random split of overlapping patches.
Expected numbers: see the README's table.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from experiments import harness
from experiments.structure_property_options import PatchSettings

if TYPE_CHECKING:
    from experiments.harness import Run


@dataclass(frozen=True)
class Config(PatchSettings):
    """Options of spectrum_to_image."""


SMOKE = Config(smoke=True, size=64, patch=6, epochs=2, batch_size=20, latent_dim=4, seeds=2, stride=4, map_stride=3)
STAGES = ("data", "baselines", "ensemble", "maps", "leaky", "figures")


def compute(run: "Run", config: Config) -> None:
    """Data, baselines, ensemble, maps, leaky split."""
    from experiments import structure_property_patches

    structure_property_patches.compute(run, config, "spectrum_to_image")


def check(config: Config) -> None:
    """The user's scan, if there is one."""
    from experiments import structure_property_runs

    structure_property_runs.check_own(config)


EXPERIMENT = harness.Experiment(
    "spectrum_to_image", __doc__ or "", Config, SMOKE, STAGES, compute, "experiments.figures.spectrum_to_image", check
)

if __name__ == "__main__":
    harness.main(EXPERIMENT)
