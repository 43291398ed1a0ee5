"""TODO docstring of experiments.lab.keys"""

from typing import TYPE_CHECKING

import jax

if TYPE_CHECKING:
    pass


Keys = dict[str, jax.Array]


def keys_of(seed: int) -> Keys:
    """The key of everything that is drawn, by name."""
    names = ("data", "held_out", "fit", "field", "subset", "campaign", "other_subset")
    split = jax.random.split(jax.random.key(seed), len(names))
    return {name: split[number] for number, name in enumerate(names)}
