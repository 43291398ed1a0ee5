"""Linear algebra and optimisation that surrogates and campaigns share."""

__all__ = ["linalg", "members", "optimise", "rows"]
