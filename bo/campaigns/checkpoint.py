"""Campaigns that survive being killed: state and Info on disk every so many evaluations.

``run_resumable`` makes the same moves as ``campaign.run``, but as a sequence of compiled pieces between which all that
a continuation needs is saved with orbax. A saved step is written under a temporary name and renamed when it is whole,
so a kill at any moment leaves the step before; and the pieces are the same programs whether a run was interrupted or
not, so it continues bit for bit.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as orbax
from jax import lax

from bo.campaigns.assembly import at_last
from bo.campaigns.records import Campaign, Info, State
from bo.campaigns.running import moves, schedule, watching
from bo.data import Shared

SIGNATURE = "campaign.json"


def save(folder: Path, step: int, tree: Any) -> None:
    """Save a pytree of arrays as the newest step of ``folder`` (typed keys as their data), and drop older ones."""
    with manager(folder) as saved:
        saved.save(step, args=orbax.args.StandardSave(untyped(tree)))


def latest(folder: Path) -> int | None:
    """The newest step that is whole, or None."""
    with manager(folder) as saved:
        return saved.latest_step()


def restore(folder: Path, step: int, like: Any) -> Any:
    """The tree saved as ``step``; ``like`` is a tree of arrays or shapes (``jax.eval_shape``) of the same structure."""
    shapes = jax.eval_shape(untyped, like)
    with manager(folder) as saved:
        found = saved.restore(step, args=orbax.args.StandardRestore(shapes))
    return jax.tree.map(
        lambda leaf, model: jax.random.wrap_key_data(leaf, impl=jax.random.key_impl(model)) if is_key(model) else leaf,
        found, like,
    )  # fmt: skip


def manager(folder: Path) -> orbax.CheckpointManager:
    options = orbax.CheckpointManagerOptions(max_to_keep=1, enable_async_checkpointing=False)
    return orbax.CheckpointManager(Path(folder).absolute(), options=options)


def is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def untyped(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: jax.random.key_data(leaf) if is_key(leaf) else leaf, tree)


class Piece(NamedTuple):
    """Steps done before, capacity, number of advances, and whether a refit follows them."""

    start: int
    capacity: int
    length: int
    refit: bool


def pieces(campaign: Campaign, every: int) -> Iterator[Piece]:
    """The steps of a run, cut where the capacity grows, where a refit is due and after each ``every`` steps."""
    config = campaign.config
    sizes = [capacity for capacity, cycles in schedule(config) for _ in range(cycles)] + [config.evaluations]
    start = 0
    while start < config.steps:
        cycle = start // config.refit_every
        stop = min((cycle + 1) * config.refit_every, (start // every + 1) * every, config.steps)
        yield Piece(start, sizes[cycle], stop - start, stop % config.refit_every == 0)
        start = stop


def run_resumable(
    key: jax.Array,
    campaign: Campaign,
    folder: Path,
    *,
    every: int | None = None,
    observe: Callable[..., Any] | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[State, Info]:
    """``campaign.run``, saved to ``folder`` after the initial design, after each ``every`` steps and at the end.

    ``key`` may be an array of keys, one for each seed of a vmapped run. ``every`` is by default the refit interval;
    a save holds the whole state, capacity × pool numbers a seed. Called again with the same arguments it continues
    from the newest save, or returns at once what is finished. ``progress(evaluations)`` is called after each save.
    ValueError for a folder that holds another campaign (other key, config, shapes or options).
    """
    every = campaign.config.refit_every if every is None else every
    if every < 1:
        raise ValueError(f"every is {every}; it must be at least 1 step")
    if key.ndim > 1:
        raise ValueError(f"key has shape {key.shape}; expected one key or an array (seeds,) of them")
    folder = Path(folder).absolute()
    watch = watching(campaign, observe)

    def begin(key):
        state, info = campaign.init(jax.random.split(key)[0])
        return state, info._replace(observed=at_last(watch(state), campaign.config.initial_points))

    axes = axes_of(jax.eval_shape(begin, key[0])[0]) if key.ndim else None

    def lanes(function, inputs, outputs):
        return jax.vmap(function, inputs, outputs) if key.ndim else function

    def grown(state, capacity):
        grow = lanes(lambda one: campaign.grow(one, capacity), (axes,), axes)
        return state if capacity == state.z_score.shape[-1] else grow(state)

    def compiled(length, refit_after):
        def piece(key, state):
            advance, refit = moves(campaign, jax.random.split(key)[1], watch)
            state, infos = lax.scan(advance, state, length=length)
            if refit_after:
                state, last = refit(state, jax.tree.map(lambda leaf: leaf[-1], infos))
                infos = jax.tree.map(lambda leaf, end: leaf.at[-1].set(end), infos, last)
            return state, infos

        return jax.jit(lanes(piece, (0, axes), (axes, 0)), donate_argnums=1)

    plan, programs = list(pieces(campaign, every)), {}
    start = lanes(begin, (0,), (axes, 0))
    first = jax.eval_shape(start, key)
    check_signature(folder, signature(key, campaign, every, first))
    step = latest(folder)
    if step is None:
        step, (state, info) = 0, jax.jit(start)(key)
        save(folder, step, {"state": state, "info": info})
    else:
        capacity = max([campaign.config.initial_points, *(part.capacity for part in plan if part.start < step)])
        like = {
            "state": jax.eval_shape(lambda state: grown(state, capacity), first[0]),
            "info": jax.tree.map(lambda leaf: longer(leaf, key.ndim, step), first[1]),
        }
        saved = restore(folder, step, like)
        state, info = saved["state"], saved["info"]
    infos = [jax.tree.map(np.asarray, info)]
    for part in plan:
        if part.start < step:
            continue
        form = (part.length, part.refit)
        programs.setdefault(form, compiled(*form))
        state, one = programs[form](key, grown(state, part.capacity))
        infos.append(jax.tree.map(np.asarray, one))
        done = part.start + part.length
        if done % every == 0 or done == campaign.config.steps:
            infos = [joined(infos, key.ndim)]
            save(folder, done, {"state": state, "info": infos[0]})
            if progress is not None:
                progress(campaign.config.initial_points + done)
    return state, joined(infos, key.ndim)


def axes_of(state: State) -> State:
    """Return the vmap axis of each leaf of a state: 0, but None for ``count`` and for what is ``Shared``."""
    marked = jax.tree.map(lambda leaf: None if is_shared(leaf) else 0, state, is_leaf=is_shared)
    return marked._replace(count=None)


def is_shared(leaf: Any) -> bool:
    """Return whether a node of a state is one number for all members."""
    return isinstance(leaf, Shared)


def joined(infos: list[Info], axis: int) -> Info:
    return jax.tree.map(lambda *leaves: np.concatenate(leaves, axis=axis), *infos)


def longer(leaf: jax.ShapeDtypeStruct, axis: int, extra: int) -> jax.ShapeDtypeStruct:
    shape = list(leaf.shape)
    shape[axis] += extra
    return jax.ShapeDtypeStruct(tuple(shape), leaf.dtype)


def signature(key: jax.Array, campaign: Campaign, every: int, first: Any) -> dict[str, str]:
    """What must be the same for a continuation to make sense, as far as it can be seen from outside."""
    domain = hashlib.sha256(b"".join(np.asarray(leaf).tobytes() for leaf in campaign.domain)).hexdigest()
    shapes = hashlib.sha256(str(jax.tree.map(lambda leaf: (leaf.shape, str(leaf.dtype)), first)).encode()).hexdigest()
    return {
        "key": str(np.asarray(jax.random.key_data(key)).tolist()),
        "config": repr(campaign.config),
        "every": str(every),
        "candidates or bounds": domain,
        "shapes of state and info": shapes,
    }


def check_signature(folder: Path, ours: dict[str, str]) -> None:
    """Leave the signature in a new folder; ValueError that names what differs from an old one's."""
    file = folder / SIGNATURE
    if file.is_file():
        theirs = json.loads(file.read_text())
        different = [name for name in ours if ours[name] != theirs.get(name)]
        if different:
            raise ValueError(
                f"{folder} holds a campaign with other {', '.join(different)}: "
                "continue it with what it was started with, or give another folder"
            )
        return
    folder.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_text(json.dumps(ours, indent=2))
    part.replace(file)
