"""TODO face of bo/deep_kernels."""
