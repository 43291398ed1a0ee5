"""TODO face of experiments/datasets/plasmonics."""
