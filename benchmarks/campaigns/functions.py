"""The continuous test functions in NumPy, for the process of a peer; a test compares them with ``bo.problems``.

All are maximised, on the unit cube, from x (..., d) to (...). Source: Surjanovic and Bingham, Virtual Library of
Simulation Experiments, where each has its own box, to which the unit cube is mapped.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Function(NamedTuple):
    """A test function, its number of inputs, its maximum, and the length of a campaign on it."""

    value: Callable[[np.ndarray], np.ndarray]
    dim: int
    optimum: float
    evaluations: int  # of a whole campaign, initial points included


def branin(x: np.ndarray) -> np.ndarray:
    """Return −Branin on [−5, 10] × [0, 15]."""
    u, v = 15 * x[..., 0] - 5, 15 * x[..., 1]
    valley = v - 5.1 * u**2 / (2 * np.pi) ** 2 + 5 * u / np.pi - 6
    return -(valley**2) - (10 - 10 / (8 * np.pi)) * np.cos(u) - 10


def hartmann6(x: np.ndarray) -> np.ndarray:
    """Return Hartmann's function of six dimensions with its sign reversed, so that it is maximised."""
    widths = "10 3 17 3.5 1.7 8 / 0.05 10 17 0.1 8 14 / 3 3.5 1.7 10 17 8 / 17 8 0.05 10 0.1 14"
    centres = "1312 1696 5569 124 8283 5886 / 2329 4135 8307 3736 1004 9991 / 2348 1451 3522 2883 3047 6650"
    centres += " / 4047 8828 8732 5743 1091 381"
    a, p = (np.array([row.split() for row in table.split("/")], float) for table in (widths, centres))
    exponents = np.einsum("...ij,ij->...i", (x[..., None, :] - 1e-4 * p) ** 2, a)
    return np.exp(-exponents) @ np.array([1, 1.2, 3, 3.2])


def levy(x: np.ndarray) -> np.ndarray:
    """Return −Levy on [−10, 10]^d."""
    w = 1 + (20 * x - 10 - 1) / 4
    inner, last = w[..., :-1] - 1, w[..., -1] - 1
    middle = inner**2 * (1 + 10 * np.sin(np.pi * inner + np.pi + 1) ** 2)
    return -(np.sin(np.pi * w[..., 0]) ** 2) - middle.sum(-1) - last**2 * (1 + np.sin(2 * np.pi * w[..., -1]) ** 2)


def ackley(x: np.ndarray) -> np.ndarray:
    """Return −Ackley on [−32.768, 32.768]^d."""
    z = 32.768 * (2 * x - 1)
    bowl = 20 * np.exp(-0.2 * np.sqrt((z**2).mean(-1)))
    return bowl + np.exp(np.cos(2 * np.pi * z).mean(-1)) - 20 - np.e


FUNCTIONS = {
    "branin": Function(branin, 2, -0.39788735772973816, 50),
    "hartmann6": Function(hartmann6, 6, 3.3223680114155, 60),
    "levy4": Function(levy, 4, 0.0, 60),
    "ackley5": Function(ackley, 5, 0.0, 60),
}
