"""The VAE family: cost, quality and recovered angles beside pyroVED, and the default fit over seeds.

Commands: ``python -m benchmarks.models.vae_family`` and ``….vae_training``.
"""

__all__ = ["angles", "cases", "cost", "digits", "pyroved_side", "quality", "vae_family", "vae_training"]
