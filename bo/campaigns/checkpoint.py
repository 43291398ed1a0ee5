"""Pytrees of arrays on disk, one step at a time, such that a kill at any moment leaves a whole one.

Orbax writes a step under a temporary name and renames it when it is whole.
"""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import orbax.checkpoint as orbax

from ferro_jax.files import whole


def save(folder: Path, step: int, tree: Any) -> None:
    """Save a pytree of arrays as the newest step of ``folder`` (typed keys as their data), and drop older ones."""
    with manager(folder) as saved:
        saved.save(step, args=orbax.args.StandardSave(untyped(tree)))


def latest(folder: Path) -> int | None:
    """Return the newest step that is whole, or None."""
    with manager(folder) as saved:
        return saved.latest_step()


def restore(folder: Path, step: int, like: Any) -> Any:
    """Return the tree saved as ``step``; ``like`` has its structure, of arrays or shapes (``jax.eval_shape``).

    ValueError that names a folder whose files are not whole.
    """
    shapes = jax.eval_shape(untyped, like)
    with whole(folder), manager(folder) as saved:
        tree = saved.restore(step, args=orbax.args.StandardRestore(shapes))

    def typed(leaf, model):
        return jax.random.wrap_key_data(leaf, impl=jax.random.key_impl(model)) if is_key(model) else leaf

    return jax.tree.map(typed, tree, like)


def manager(folder: Path) -> orbax.CheckpointManager:
    """Return orbax's manager of a folder, which keeps one step."""
    options = orbax.CheckpointManagerOptions(max_to_keep=1, enable_async_checkpointing=False)
    return orbax.CheckpointManager(Path(folder).absolute(), options=options)


def is_key(leaf: Any) -> bool:
    """Return whether an array holds typed PRNG keys."""
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def untyped(tree: Any) -> Any:
    """Return the tree with typed keys as their data, since orbax saves plain arrays."""
    return jax.tree.map(lambda leaf: jax.random.key_data(leaf) if is_key(leaf) else leaf, tree)
