"""TODO face of experiments/lab."""
