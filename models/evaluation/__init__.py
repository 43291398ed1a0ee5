"""What a trained model is worth: held-out bounds, latent manifolds and traversals, scores against the truth."""

__all__ = ["alignment", "existence", "latent", "problems", "scores", "support", "traversal"]
