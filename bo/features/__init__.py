"""TODO face of bo/features."""
