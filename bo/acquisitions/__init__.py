"""TODO face of bo/acquisitions."""
