"""Deep kernels: Gaussian processes on learned features.

``deep_kernel`` has one kernel per block of features, ``trained`` adds a network trained on the targets, ``sampled``
samples its weights, ``published`` is the form of the literature, ``static`` fits thousands of observations at once.
"""

__all__ = ["blocks", "candidates", "deep_kernel", "embedding", "published", "sampled", "static", "trained", "training"]
