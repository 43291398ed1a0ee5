"""TODO face of experiments/shared/structure_property."""
