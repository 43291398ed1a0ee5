"""Campaigns that survive being killed: State and Info on disk every so many evaluations.

``run_resumable`` makes the same steps as ``bo.run``, but as a sequence of compiled pieces between which all that a
continuation needs is saved (``ferro_jax.trees``). The pieces are the same programs whether a run was
interrupted or not, so it continues bit for bit.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import lax

from bo.campaigns import keys
from bo.campaigns.problem import described
from bo.campaigns.protocols import Campaign
from bo.campaigns.records import Info, State, axes_of
from bo.campaigns.running import Observe, Runner, advance, begin, refit, schedule
from bo.compiling import compiler_options
from ferro_jax import identity, trees, values
from ferro_jax.files import made, write_json

SIGNATURE = "campaign.json"


class Piece(NamedTuple):
    """Steps done before, capacity, number of steps, and whether a refit follows them."""

    start: int
    capacity: int
    length: int
    refit: bool


class Resumable(NamedTuple):
    """What all pieces of a run share: the campaign, what is observed, and the vmap axes of a state of many seeds."""

    campaign: Campaign
    observe: Observe | None
    axes: Any  # a State of 0 and None; None for a single seed


def run_resumable(
    key: jax.Array,
    campaign: Campaign,
    folder: Path | str,
    *,
    every: int | None = None,
    observe: Observe | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[State, Info]:
    """Run a campaign as ``bo.run``, saved to ``folder`` after the initial design, every ``every`` steps, at the end.

    ``key`` may be an array of keys, one for each seed of a vmapped run. ``every`` is by default the refit interval;
    a save holds the whole state, capacity × pool numbers a seed. Called again with the same arguments it continues
    from the newest save, or returns at once what is finished. ``progress(evaluations)`` is called after each save.
    ValueError for a folder that holds another campaign: another key, config, pool or bounds, surrogate, acquisition,
    objective or option, and for a save of another campaign. Other versions of Python, JAX or this project are a
    warning.
    """
    key = values.key(key)
    every = values.whole(campaign.config.refit_every if every is None else every, "every", 1)
    if key.ndim > 1:
        raise ValueError(f"key has shape {key.shape}; expected one key or an array (seeds,) of them")
    folder = made(values.path(folder, "folder"))
    resumable = resumable_of(key, campaign, observe)
    start = program_of_start(resumable)
    shapes = jax.eval_shape(start, key)
    check_signature(folder, signature(key, resumable, every, shapes))
    plan = list(pieces(campaign, every))
    step = trees.newest(folder)
    if step is None:
        step, (state, info) = 0, jax.jit(start, compiler_options=compiler_options())(key)
        trees.save(folder, step, {"state": state, "info": info}, folder / SIGNATURE)
    else:
        like = saved_shapes(resumable, shapes, plan, step)
        saved = trees.restore(folder, step, like, "delete it, and the campaign begins anew", folder / SIGNATURE)
        state, info = saved["state"], saved["info"]
    infos = [jax.tree.map(np.asarray, info)]
    programs = {}
    for piece in plan:
        if piece.start < step:
            continue
        form = (piece.length, piece.refit)
        programs.setdefault(form, program_of_piece(resumable, *form))
        state, info = programs[form](key, grown(resumable, state, piece.capacity))
        infos.append(jax.tree.map(np.asarray, info))
        done = piece.start + piece.length
        if done % every == 0 or done == campaign.config.steps:
            infos = [joined(infos, key.ndim)]
            trees.save(folder, done, {"state": state, "info": infos[0]}, folder / SIGNATURE)
            if progress is not None:
                progress(campaign.config.initial_points + done)
    return state, joined(infos, key.ndim)


def pieces(campaign: Campaign, every: int) -> Iterator[Piece]:
    """Yield the steps of a run, cut where the capacity grows, where a refit is due and after each ``every`` steps."""
    config = campaign.config
    sizes = [bucket.capacity for bucket in schedule(config) for _ in range(bucket.cycles)] + [config.evaluations]
    start = 0
    while start < config.steps:
        cycle = start // config.refit_every
        stop = min((cycle + 1) * config.refit_every, (start // every + 1) * every, config.steps)
        yield Piece(start, sizes[cycle], stop - start, stop % config.refit_every == 0)
        start = stop


def resumable_of(key: jax.Array, campaign: Campaign, observe: Observe | None) -> Resumable:
    """Return what the pieces share, for one key or an array of keys."""
    single = Resumable(campaign, observe, None)
    if key.ndim == 0:
        return single
    state, _ = jax.eval_shape(program_of_start(single), key[0])
    return single._replace(axes=axes_of(state))


def over_seeds(resumable: Resumable, function: Callable[..., Any], inputs: Any, outputs: Any) -> Callable[..., Any]:
    """Return ``function`` vmapped over seeds, with these axes; as it is for a single seed."""
    return function if resumable.axes is None else jax.vmap(function, inputs, outputs)


def program_of_start(resumable: Resumable) -> Callable[[jax.Array], tuple[State, Info]]:
    """Return the function from keys of runs to State and Info after the initial design."""

    def start(key):
        return begin(resumable.campaign, keys.split_run(key).initial, resumable.observe)

    return over_seeds(resumable, start, (0,), (resumable.axes, 0))


def program_of_piece(resumable: Resumable, length: int, refit_after: bool) -> Callable[..., tuple[State, Info]]:
    """Return the compiled function from (keys of runs, state) to State and Info after ``length`` more steps."""

    def piece(key, state):
        runner = Runner(resumable.campaign, keys.split_run(key).steps, resumable.observe)
        state, infos = lax.scan(partial(advance, runner), state, length=length)
        return refit(runner, state, infos) if refit_after else (state, infos)

    program = over_seeds(resumable, piece, (0, resumable.axes), (resumable.axes, 0))
    return jax.jit(program, donate_argnums=1, compiler_options=compiler_options())


def grown(resumable: Resumable, state: State, capacity: int) -> State:
    """Return the state, of one or many seeds, with room for ``capacity`` evaluations."""
    if capacity == state.z_score.shape[-1]:
        return state
    axes = resumable.axes
    return over_seeds(resumable, lambda member: resumable.campaign.grow(member, capacity), (axes,), axes)(state)


def saved_shapes(resumable: Resumable, first: Any, plan: list[Piece], step: int) -> dict[str, Any]:
    """Return the shapes of what was saved as ``step``, from those of (State, Info) after the initial design."""
    state, info = first
    initial_points = resumable.campaign.config.initial_points
    capacity = max([initial_points, *(piece.capacity for piece in plan if piece.start < step)])
    axis = 0 if resumable.axes is None else 1
    return {
        "state": jax.eval_shape(lambda state: grown(resumable, state, capacity), state),
        "info": jax.tree.map(lambda leaf: longer(leaf, axis, step), info),
    }


def longer(leaf: jax.ShapeDtypeStruct, axis: int, extra: int) -> jax.ShapeDtypeStruct:
    """Return the shape with ``extra`` more entries along an axis."""
    shape = list(leaf.shape)
    shape[axis] += extra
    return jax.ShapeDtypeStruct(tuple(shape), leaf.dtype)


def joined(infos: list[Info], axis: int) -> Info:
    """Return several Infos joined along their axis of evaluations."""
    return jax.tree.map(lambda *leaves: np.concatenate(leaves, axis=axis), *infos)


def signature(key: jax.Array, resumable: Resumable, every: int, shapes: Any) -> dict[str, Any]:
    """Return what must be the same for a continuation to make sense."""
    held = identity.attributes((resumable.campaign.parts, resumable.observe))
    forms = str(jax.tree.map(lambda leaf: (leaf.shape, str(leaf.dtype)), shapes))
    return {
        "key": str(np.asarray(jax.random.key_data(key)).tolist()),
        "every": str(every),
        "observe": identity.digest(resumable.observe),
        "shapes of state and info": identity.digest(forms),
        **({"values that its objects hold": held} if held else {}),
        **described(resumable.campaign),
        **identity.reached((resumable.campaign.parts, resumable.observe)),
    }


def check_signature(folder: Path, ours: dict[str, Any]) -> None:
    """Leave the signature in a new folder; ValueError that names what differs from an old one's."""
    file = folder / SIGNATURE
    if file.is_file():
        identity.check(folder, identity.read(file), ours, "campaign")
        return
    write_json(file, ours)
