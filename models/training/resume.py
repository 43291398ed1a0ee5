"""Training that survives being killed: in pieces, with its state on disk after each."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ferro_jax import identity, trees, values
from ferro_jax.compiling import quickly
from ferro_jax.files import made, write_json
from models.data import Data, as_data, check
from models.training.config import FitConfig
from models.training.epochs import Progress, TrainState
from models.training.loop import fit_trainer
from models.types import FitHistory, Model, Params


def fit_resumable(
    key: jax.Array,
    model: Model,
    data: Data,
    config: FitConfig,
    folder: Path | str,
    *,
    every: int = 10,
    progress: Progress | None = None,
) -> tuple[Params, FitHistory]:
    """Train as ``fit(key, model, data, config)`` does, in pieces of ``every`` epochs with a checkpoint after each.

    The state is written to ``folder``. Called again with the same arguments the function goes on after the last piece
    that was written, and ends with exactly the numbers of a run that was never interrupted, because pieces begin at the
    same epochs and run the same program, compiled once. An array of keys trains an ensemble. This function jits,
    because it has to stop in between.

    Raises ValueError when ``folder`` holds the state of another fit (key, data, FitConfig, Config or functions of the
    model) and for ``every`` below one. Other versions of Python, JAX or this project are a warning.
    """
    every, key = values.whole(every, "every", 1), values.key(key)
    data = check(model, data)
    folder = made(values.path(folder, "folder"))
    _same_fit(folder / "fit.json", _identity(key, model, data, config))
    data = as_data(data)

    def start(key: jax.Array, data: Any) -> TrainState:
        training, to_training = fit_trainer(key, model, data, config)
        return training.start(to_training)

    def advance(key: jax.Array, data: Any, state: TrainState, until: int | jax.Array) -> TrainState:
        training, to_training = fit_trainer(key, model, data, config, progress=progress)
        return training.advance(to_training, state, until)

    def finish(key: jax.Array, data: Any, state: TrainState) -> tuple[Params, FitHistory]:
        return fit_trainer(key, model, data, config)[0].finish(state)

    if key.ndim:
        start, finish = jax.vmap(start, (0, None)), jax.vmap(finish, (0, None, 0))
        advance = jax.vmap(advance, (0, None, 0, None))
    begin, advance = partial(jax.jit(start, compiler_options=quickly()), key, data), jax.jit(advance)

    plan = [min(done + every, config.epochs) for done in range(0, config.epochs, every)]
    record = folder / "fit.json"
    state = advanced(folder / "epochs", config, begin, partial(advance, key, data), plan, record=record)
    return jax.jit(finish)(key, data, state)


def advanced(
    folder: Path,
    config: FitConfig,
    start: partial[TrainState],
    advance: Callable[[TrainState, int], TrainState],
    plan: Sequence[int],
    *,
    least: float = 0.0,
    record: Path | None = None,
) -> TrainState:
    """Return the state after the last epoch of ``plan``, saved in ``folder`` when each of its epochs is done.

    ``start`` is a compiled function with its arguments.
    It goes on from the newest state that is there, whole, and belongs to ``record`` (``ferro_jax.trees``). A state is
    not saved within ``least`` seconds of the one before it.
    """
    done, saved = trees.newest(folder) or 0, time.monotonic()
    compiled: Any = start.func
    state = _restored(folder, done, compiled.eval_shape(*start.args), record) if done else start()
    for until in plan:
        if until <= done or _ended(state, config):
            continue
        state = jax.block_until_ready(advance(state, until))
        if time.monotonic() - saved >= least:
            trees.save(folder, until, state, record)
            saved = time.monotonic()
    return state


def _ended(state: TrainState, config: FitConfig) -> bool:
    """Say whether patience has ended every member's training."""
    return bool(config.patience) and bool(np.all(np.asarray(state.waited) >= config.patience))


def _restored(folder: Path, epoch: int, expected: TrainState, record: Path | None) -> TrainState:
    """Read the state after ``epoch`` epochs. ValueError where its shapes are not the ``expected`` ones."""
    try:
        return trees.restore(folder, epoch, expected, record=record)
    except ValueError as error:
        raise ValueError(
            f"{folder} holds the state of another model, or no whole one: resume with the model that began, or give a "
            f"new folder. ({error})"
        ) from error


def _identity(key: jax.Array, model: Model, data: Data, config: FitConfig) -> dict[str, Any]:
    """Return what must be the same for a fit to go on, as JSON has it."""
    return {
        "key": np.asarray(jax.random.key_data(key)).tolist(),
        "data": identity.digest(jax.tree.leaves(data)),
        "model": repr(model.config),
        "functions of the model": identity.digest(model),
        **asdict(config),
        **identity.reached(model),
    }


def _same_fit(path: Path, ours: dict[str, Any]) -> None:
    """Write the identity of a new fit; raise a ValueError where the folder holds another one."""
    if not path.exists():
        write_json(path, ours)
        return
    identity.check(path.parent, identity.read(path), ours, "fit")
