"""Features that are learned from a pool of unlabelled points: blocks for deep kernels."""

__all__ = ["base", "convolution", "diffusion"]
