"""TODO face of models/vaes."""
