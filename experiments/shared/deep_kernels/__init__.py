"""TODO face of experiments/shared/deep_kernels."""
