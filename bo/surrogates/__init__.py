"""TODO face of bo/surrogates."""
