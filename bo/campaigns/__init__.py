"""TODO face of bo/campaigns."""
