"""Data sets: generated, embedded or read from the user's files.

Imports neither JAX nor the sets before one is asked for, so that a listing of options starts at once.
"""

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from experiments.datasets.types import Images, angle_errors, hide_labels, labels_per_class, take, to_batch, true_pose

if TYPE_CHECKING:
    import jax

NAMES = ("cards_full", "cards_mild", "cards_rotated", "cards_deep_kernel", "digits", "lattice", "plasmonics", "own")
__all__ = [
    "NAMES",
    "Images",
    "angle_errors",
    "hide_labels",
    "labels_per_class",
    "load",
    "take",
    "to_batch",
    "true_pose",
]


def _options(config: Any, options: dict[str, Any]) -> Any:
    known = [field.name for field in fields(config)]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(f"{type(config).__name__} has no option {', '.join(unknown)}; it has {', '.join(known)}")
    return replace(config, **options)


def load(key: "jax.Array", name: str, **options: Any) -> Images:
    """A data set by its name, with options of its Config: ``load(key, "cards_full", size=12, per_suit=500)``.

    The names are ``NAMES``: the presets of ``cards.Cards``, ``digits.Digits`` (MNIST with ``path=``),
    ``lattice.Lattice``, ``plasmonics.Plasmonics`` (its images alone) and ``own.Own`` (which needs ``path=``, and uses
    no key). ValueError for an unknown name or option, and whatever the set itself refuses.
    """
    if name.startswith("cards_") and name in NAMES:
        from experiments.datasets import cards

        return cards.generate(key, _options(cards.PRESETS[name.removeprefix("cards_")], options))
    if name == "digits":
        from experiments.datasets import digits

        return digits.read(key, _options(digits.Digits(), options))
    if name == "lattice":
        from experiments.datasets import lattice

        return lattice.generate(key, _options(lattice.Lattice(), options))
    if name == "plasmonics":
        from experiments.datasets.plasmonics import particles

        return particles.as_images(particles.generate(key, _options(particles.Plasmonics(), options)))
    if name == "own":
        from experiments.datasets import own

        return own.read(_options(own.Own(), options))
    raise ValueError(f"no data set {name!r}; there are {', '.join(NAMES)}")
