"""Ascent in a latent space of histories: a function of a latent point, climbed within the training support."""

from collections.abc import Callable

from jaxtyping import Array, Float

from models.evaluation.support import Support, to_support
from models.parts.climbing import Climbed, climb

RATE = 0.05  # of Adam's first steps, in standard deviations of the encoded means


def ascent(
    value: Callable[[Array], Array],
    support: Support,
    spread: Float[Array, " latent"],
    steps: int,
    start: Float[Array, " latent"],
) -> Climbed:
    """Climb a function of a latent point from a start inside the support; every step is projected to it.

    ``spread`` is what counts as 1 along each latent. Each step costs one value with its gradient. Pure; vmap over
    starts.
    """
    found = climb(
        lambda scaled: value(spread * scaled),
        start / spread,
        lambda trial, good: to_support(support, spread * trial, spread * good) / spread,
        steps=steps,
        rate=RATE,
        keep_path=True,
    )
    assert found.path is not None
    return found._replace(point=spread * found.point, path=spread[None] * found.path)
