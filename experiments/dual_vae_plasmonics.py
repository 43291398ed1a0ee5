"""Plasmonic particles and their dark-field spectra in one latent space: shapes told from spectra, spectra from shapes.

    python -m experiments.dual_vae_plasmonics            # monomers, dimers, trimers, five seeds: ten processor-minutes
    python -m experiments.dual_vae_plasmonics --smoke    # a small one
    python -m experiments.dual_vae_plasmonics --counts 1 2 3 4    # tetramers too

Assemblies of gold discs, rods and triangles, simulated by coupled dipoles; 32 × 32 images, spectra at three
polarizations. A dual VAE learns both without labels. From the spectrum alone then come the class (read out of the
code), the picture, and from that picture the angle and the aspect ratio; from the image the spectrum. Published on real
particles: classes right .96 / .86 / .58 (monomer / dimer / trimer), angles to 14°, aspect ratios to 0.21; ours are
simulated. Beside each stands what the nearest training example and ridge regression on principal components achieve.
Expected numbers: see the README's table.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from experiments import harness
from experiments.structure_property_options import ParticleSettings

if TYPE_CHECKING:
    from experiments.harness import Run


@dataclass(frozen=True)
class Config(ParticleSettings):
    """Options of the dual VAE."""


SMOKE = Config(
    smoke=True, per_class=40, held_out_per_class=20, pool=10, width=16, latent_dim=3, epochs=2, batch_size=20, seeds=2,
    manifold_points=4,
)  # fmt: skip
STAGES = ("data", "baselines", "dual", "predictions", "figures")


def compute(run: "Run", config: Config) -> None:
    """Data, baselines, the dual VAE, its predictions and their scores."""
    from experiments import structure_property_particles

    structure_property_particles.compute(run, config)


EXPERIMENT = harness.Experiment(
    "dual_vae_plasmonics", __doc__ or "", Config, SMOKE, STAGES, compute, "experiments.figures.dual_vae_plasmonics"
)

if __name__ == "__main__":
    harness.main(EXPERIMENT)
