"""TODO face of models/training."""
