"""TODO face of experiments/shared/images."""
