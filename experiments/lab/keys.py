"""Keys by name, so that what is drawn later does not depend on what was drawn before."""

from collections.abc import Sequence

import jax

Keys = dict[str, jax.Array]


def keys_of(seed: int, names: Sequence[str]) -> Keys:
    """Return a key for each name, split in this order from the key of ``seed``; a name added at the end changes all."""
    split = jax.random.split(jax.random.key(seed), len(names))
    return {name: split[number] for number, name in enumerate(names)}
