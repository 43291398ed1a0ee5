"""Models of two measurements of the same object, an image and a spectrum: dual VAE and encoder–decoder."""

__all__ = ["baselines", "checks", "config", "dual_vae", "encoder_decoder", "networks", "regions"]
