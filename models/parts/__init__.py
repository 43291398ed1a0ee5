"""Parts that several models share: networks, pixel coordinates, likelihoods, and the terms of a bound."""

__all__ = ["climbing", "coordinates", "likelihoods", "limits", "losses", "networks", "observation", "smoothing"]
