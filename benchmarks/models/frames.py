"""Windows around the columns of simulated frames that differ at random in lattice, contrast, dose, spacing, window."""

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int

from experiments import datasets
from experiments.datasets import lattice


class Windows(NamedTuple):
    """Windows ``x [n side side]`` in counts around every site, with its kind (A, B, dopant, vacancy), sublattice and
    angle (radians, anticlockwise as shown) as the truth; ``symmetry`` turns leave A and B unchanged."""

    x: Float[np.ndarray, "n side side"]
    kind: Int[np.ndarray, " n"]
    sublattice: Int[np.ndarray, " n"]
    angle: Float[np.ndarray, " n"]
    symmetry: int
    options: dict[str, Any]


def drawn(seed: int) -> tuple[dict[str, Any], int]:
    """Draw the options of a frame and the side of its windows, within what a microscopist would still use."""
    generator = np.random.default_rng(seed)
    spacing = generator.uniform(7, 10)
    options = {
        "lattice": ("honeycomb", "perovskite")[seed % 2],
        "spacing": spacing,
        "width": spacing * generator.uniform(0.2, 0.27),
        "brightness": generator.uniform(0.35, 0.75),
        "background": generator.uniform(0.05, 0.5),
        "dose": float(np.exp(generator.uniform(np.log(20), np.log(1000)))),
        "vacancies": 0.0,
        "dopants": 0.0,
        "size": (320, 320),
    }
    return options, 2 * round(spacing * generator.uniform(1.1, 1.5))


def windows(options: dict[str, Any], side: int, seed: int, most: int = 2000, normalise: str = "none") -> Windows:
    """Simulate a frame, and cut windows of even ``side`` around ``most`` of its sites, in random order.

    Windows lie on whole pixels; values are the counts, unless ``normalise`` of ``datasets.cut`` says otherwise.
    """
    frame = lattice.frame(jax.random.key(seed), **options)
    cut = datasets.cut(frame.image, frame.xy, window=side, normalise=normalise)
    chosen = np.random.default_rng(seed).permutation(len(cut.x))[:most]
    site = cut.number[chosen]
    return Windows(cut.x[chosen], frame.kind[site], frame.sublattice[site], frame.angle[site], frame.symmetry, options)
