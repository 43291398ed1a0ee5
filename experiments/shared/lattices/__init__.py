"""Driven lattices: set-ups, field histories and the VAE that learns them, maps over latents and over parameters."""

__all__ = [
    "ascent",
    "evolution",
    "family",
    "histories",
    "latent_map",
    "options",
    "parameter_map",
    "setups",
    "splines",
    "sweep",
    "targets",
]
