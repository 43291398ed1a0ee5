"""FerroSIM in JAX: a square lattice of continuous polarization vectors, differentiable from end to end."""
