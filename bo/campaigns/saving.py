"""Sessions on disk: what was told as JSON, everything else as arrays in an npz; nothing that is read can run code."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bo.campaigns.points import SessionState
from bo.campaigns.problem import described
from bo.campaigns.protocols import Campaign
from bo.campaigns.records import Pool, State
from bo.data import Observation
from ferro_jax import identity, values
from ferro_jax.files import arrays_of, held, made, whole, write_arrays, write_json

FILE = "session.json"
FORMAT = 1


def save(folder: Path | str, campaign: Campaign, state: SessionState) -> Path:
    """Write a session to ``folder/session.json`` and an npz beside it, and return the folder.

    The JSON is replaced last, and names the npz with its SHA-256: a save that is interrupted leaves the one before.
    """
    folder = made(values.path(folder, "folder"))
    with held(folder):
        _write(folder, campaign, state)
    return folder


def _write(folder: Path, campaign: Campaign, state: SessionState) -> None:
    """Write a session, and delete the arrays of the one before."""
    arrays = {f"{number:04d}": np.asarray(leaf) for number, leaf in enumerate(_leaves(state))}
    state_file = folder / "state.npz"
    write_arrays(state_file, arrays)
    digest = hashlib.sha256(state_file.read_bytes()).hexdigest()
    name = f"state-{digest[:12]}.npz"
    os.replace(state_file, folder / name)
    inner = state.state
    record = {
        "format": FORMAT,
        "arrays": {"file": name, "sha256": digest},
        "told": len(state.value) if inner is None else int(inner.count),
        "rows": len(state.value),
        "capacity": None if inner is None else int(inner.z_score.shape[0]),
        "key": str(jax.random.key_impl(state.key)),
        "problem": described(campaign),
    }
    write_json(folder / FILE, record)
    for old in folder.glob("state-*.npz"):
        if old.name != name:
            old.unlink()


def load(folder: Path | str, campaign: Campaign) -> SessionState:
    """Return the session of a folder, bit for bit as it was saved.

    ValueError for a folder without one, for a file that is not whole, and for another problem, with what differs.
    """
    folder = values.path(folder, "folder").absolute()
    file = folder / FILE
    if not file.is_file():
        raise ValueError(f"{folder} holds no {FILE}: give a folder that a session's save has written")
    with held(folder):
        return _read(folder, file, campaign)


def _read(folder: Path, file: Path, campaign: Campaign) -> SessionState:
    """Return the session of a folder that holds one."""
    with whole(file):
        record = json.loads(file.read_text())
        form, problem = record["format"], dict(record["problem"])
        name, digest, rows = record["arrays"]["file"], record["arrays"]["sha256"], int(record["rows"])
        capacity = None if record["capacity"] is None else int(record["capacity"])
    if form != FORMAT:
        raise ValueError(f"{file} has format {form!r}, this version reads {FORMAT}")
    with whole(file):
        identity.check(file, problem, described(campaign), "session")
    with whole(folder):
        held = _arrays(folder / Path(name).name, digest)
        like = jax.tree.map(lambda leaf: (leaf.shape, np.dtype(leaf.dtype)), _shapes(campaign, rows, capacity))
        expected = jax.tree.leaves(like, is_leaf=_is_form)
        if [(leaf.shape, leaf.dtype) for leaf in held] != expected:
            raise ValueError("its arrays are not those of a state of this campaign; another version saved them")
        state = jax.tree.unflatten(jax.tree.structure(like, is_leaf=_is_form), held)
        inner = None if state.state is None else jax.tree.map(jnp.asarray, state.state)
        return state._replace(key=jax.random.wrap_key_data(jnp.asarray(state.key), impl=record["key"]), state=inner)


def _is_form(leaf: Any) -> bool:
    """Return whether a node of a tree is a shape with a type."""
    return isinstance(leaf, tuple) and len(leaf) == 2 and isinstance(leaf[1], np.dtype)


def _leaves(state: SessionState) -> list[Any]:
    """Return the arrays of a session in a fixed order, its key as data."""
    return jax.tree.leaves(state._replace(key=jax.random.key_data(state.key)))


def _arrays(file: Path, digest: str) -> list[np.ndarray]:
    """Return the arrays of an npz in their order. ValueError for a file that is not the one that was saved."""
    if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != digest:
        raise ValueError(f"{file} is missing or was changed since it was saved: take it from a copy")
    arrays = arrays_of(file)
    return [arrays[name] for name in sorted(arrays)]


def _shapes(campaign: Campaign, rows: int, capacity: int | None) -> SessionState:
    """Return the shapes of a session: ``rows`` told of the initial design and, after it, room for ``capacity``."""
    points = campaign.domain[0]
    pool = isinstance(campaign.domain, Pool)
    names = () if campaign.outcomes is None else campaign.outcomes.names
    number = campaign.config.initial_points

    def inner(key: jax.Array) -> State:
        proposal = campaign.design(key)
        unknown = proposal.mean
        others = None if campaign.outcomes is None else jnp.zeros((number, len(names)), unknown.dtype)
        state, _ = campaign.begin(key, proposal, Observation(unknown, unknown, others))
        return campaign.grow(state, capacity or number)

    key = jax.random.key(0)
    rest: dict[str, Any] = {
        "key": jax.eval_shape(jax.random.key_data, key),
        "index": jax.ShapeDtypeStruct((rows if pool else 0,), np.int32),
        "x": jax.ShapeDtypeStruct((rows, np.shape(points)[int(pool)]), np.float64),
        "value": jax.ShapeDtypeStruct((rows,), np.float64),
        "noise": jax.ShapeDtypeStruct((rows,), np.float64),
        "outcomes": jax.ShapeDtypeStruct((rows, len(names)), np.float64),
    }
    return SessionState(**rest, state=None if capacity is None else jax.eval_shape(inner, key))
