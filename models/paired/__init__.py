"""TODO face of models/paired."""
