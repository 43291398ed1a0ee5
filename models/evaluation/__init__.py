"""TODO face of models/evaluation."""
