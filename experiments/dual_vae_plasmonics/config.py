"""Options of dual_vae_plasmonics; imports no JAX."""

from dataclasses import dataclass

from experiments.shared.structure_property.options import ParticleSettings


@dataclass(frozen=True)
class Config(ParticleSettings):
    """Options of the dual VAE."""


SMOKE = Config(
    smoke=True, per_class=40, held_out_per_class=20, pool=10, width=16, latent_dim=3, epochs=2, batch_size=20, seeds=2,
    manifold_points=4,
)  # fmt: skip
STAGES = ("data", "baselines", "dual", "predictions", "figures")
