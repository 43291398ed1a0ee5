"""TODO face of bo/numerics."""
