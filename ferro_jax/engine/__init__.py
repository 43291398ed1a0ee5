"""TODO face of ferro_jax/engine."""
