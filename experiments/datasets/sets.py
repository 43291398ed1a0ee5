"""Load a data set by its name. A new set gets a line in ``SETS`` and its name in ``datasets.NAMES``."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, NamedTuple

import jax

from experiments.datasets import cards, digits, lattice, own
from experiments.datasets.plasmonics import particles
from experiments.datasets.types import Images
from ferro_jax import values


class DataSet(NamedTuple):
    """A data set: its default options, and the function of a key and options that makes it."""

    config: Any
    make: Callable[[jax.Array, Any], Images]


def _plasmonics(key: jax.Array, config: particles.Plasmonics) -> Images:
    """Return the images of plasmonic particles without their spectra."""
    return particles.as_images(particles.generate(key, config))


def _own(key: jax.Array, config: own.Own) -> Images:
    """Read the user's file; nothing is drawn, so the key is not used."""
    return own.read(config)


SETS = {
    "cards_full": DataSet(cards.PRESETS["full"], cards.generate),
    "cards_mild": DataSet(cards.PRESETS["mild"], cards.generate),
    "cards_rotated": DataSet(cards.PRESETS["rotated"], cards.generate),
    "cards_deep_kernel": DataSet(cards.PRESETS["deep_kernel"], cards.generate),
    "digits": DataSet(digits.Digits(), digits.read),
    "lattice": DataSet(lattice.Lattice(), lattice.generate),
    "plasmonics": DataSet(particles.Plasmonics(), _plasmonics),
    "own": DataSet(own.Own(), _own),
}


def load(key: jax.Array, name: str, **options: Any) -> Images:
    """Return the data set of this name, with options of its Config: ``load(key, "cards_full", size=12, per_suit=500)``.

    The names are ``datasets.NAMES``. The options are the fields of ``cards.Cards``, ``digits.Digits`` (5,000 digits of
    MNIST with ``set="mnist"``), ``lattice.Lattice``, ``plasmonics.particles.Plasmonics`` (its images alone) and
    ``own.Own`` (which needs ``path=`` and does not use the key). ValueError for an unknown name or option, and whatever
    the set itself refuses.
    """
    if name not in SETS:
        raise ValueError(f"no data set {name!r}; there are {', '.join(SETS)}")
    config, make = SETS[name]
    known = [field.name for field in fields(config)]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(f"{type(config).__name__} has no option {', '.join(unknown)}; it has {', '.join(known)}")
    return make(values.key(key), replace(config, **options))
