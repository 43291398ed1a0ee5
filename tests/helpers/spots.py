"""Images of bright spots as counts, for fits."""

import numpy as np


def blobs(count, seed=0, height=3000, size=8):
    """Counts of a bright spot of varying width near the middle of an image, on a background of 200."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    x, y = (part[None] - generator.normal(0, 0.5, (count, 1, 1)) for part in (x, y))
    width = generator.uniform(0.8, 2, (count, 1, 1))
    return generator.poisson(200 + height * np.exp(-(x**2 + 0.4 * y**2) / (2 * width**2))).astype(np.uint16)
