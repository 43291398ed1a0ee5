"""TODO face of models/parts."""
