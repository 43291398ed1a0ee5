"""TODO face of experiments/shared/lattices."""
