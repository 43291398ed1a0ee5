"""A trained model on disk: its Config as JSON and its parameters as npz, nothing that could run code when read."""

import dataclasses
import hashlib
import json
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ferro_jax import trees, values
from ferro_jax.files import made, whole, write_json
from models.paired.config import DualVAEConfig, EncoderDecoderConfig
from models.paired.dual_vae import dual_vae
from models.paired.encoder_decoder import encoder_decoder
from models.types import Model, Params
from models.vaes.config import VAEConfig
from models.vaes.model import vae

PARAMS = "params.npz"
FORMAT = 2  # 1 had its parameters from orbax
MODELS: Mapping[type, Callable[[Any], Model]] = {
    VAEConfig: vae,
    EncoderDecoderConfig: encoder_decoder,
    DualVAEConfig: dual_vae,
}
"""The Config classes that ``load`` knows, each with the function that makes its model.

``load(folder, {**MODELS, Mine: make})`` adds others."""


def save(folder: Path | str, config: Any, params: Params) -> Path:
    """Write a model to ``folder/model.json`` and ``folder/params.npz``, and return the folder.

    The folder is made where it is missing; an older model in it is replaced. ``params`` may have a leading axis of
    members (an ensemble's). ValueError for a Config that holds anything but numbers, words, tuples and Configs.
    """
    folder = made(values.path(folder, "folder"))
    trees.write(folder / PARAMS, params)
    record = {
        "format": FORMAT,
        "config": _encoded(config),
        "shapes": _shapes(params),
        "types": {name: str(np.dtype(leaf.dtype)) for name, leaf in _named(params).items()},
        "sha256": _digest(folder / PARAMS),
    }
    write_json(folder / "model.json", record)
    return folder


def load(folder: Path | str, models: Mapping[type, Callable[[Any], Model]] = MODELS) -> tuple[Any, Model, Params]:
    """Return (config, model, params) of a saved model, bit for bit as they were.

    Raises ValueError for a folder without a model, a Config class that is not in ``models``, a field that the class
    does not have, files that are not whole, and parameters that do not belong to the Config.
    """
    folder = values.path(folder, "folder").resolve()
    file = folder / "model.json"
    if not file.is_file():
        raise ValueError(f"{folder} holds no model.json: give a folder that models.storage.save has written.")
    saved = words_of(file)
    if saved.get("format") != FORMAT:
        raise ValueError(f"{file} has format {saved.get('format')!r}, this version reads {FORMAT}: fit it again.")
    with whole(file):
        config = _decoded(saved["config"], {kind.__name__: kind for kind in models}, file)
        model = models[type(config)](config)
        single = jax.eval_shape(model.init, jax.random.key(0))
        shapes, saved_shapes = _shapes(single), saved["shapes"]
        lead = _members(saved_shapes, shapes)
    expected = {name: [*lead, *shape] for name, shape in shapes.items()}
    if wrong := sorted(name for name in {*saved_shapes, *expected} if saved_shapes.get(name) != expected.get(name)):
        raise ValueError(f"{folder}: the parameters do not belong to its Config; they differ in {', '.join(wrong)}.")
    if not (folder / PARAMS).is_file() or _digest(folder / PARAMS) != saved["sha256"]:
        raise ValueError(f"{folder / PARAMS} is missing, or was not saved with this model.json: save the model again.")
    with whole(file):
        types = {name: jnp.dtype(word) for name, word in saved["types"].items()}
        expected = [jax.ShapeDtypeStruct((*lead, *leaf.shape), types[name]) for name, leaf in _named(single).items()]
    return config, model, trees.read(folder / PARAMS, jax.tree.unflatten(jax.tree.structure(single), expected))


def words_of(file: Path) -> dict[str, Any]:
    """Return the JSON object of a file. ValueError names a file that holds anything else."""
    with whole(file):
        found = json.loads(file.read_text())
    if not isinstance(found, dict):
        raise ValueError(f"{file} holds a {type(found).__name__}, no record of what was saved: take it from a copy.")
    return found


def _named(params: Params) -> dict[str, Any]:
    """Return every parameter by its path."""
    return {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(params)}


def _shapes(params: Params) -> dict[str, list[int]]:
    """Return the shape of every parameter by its path."""
    return {name: list(np.shape(leaf)) for name, leaf in _named(params).items()}


def _digest(file: Path) -> str:
    """Return the SHA-256 of a file, because of two processes one may have written it and the other ``model.json``."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _members(saved: dict[str, list[int]], single: dict[str, list[int]]) -> list[int]:
    """Return the axes that every saved parameter has in front of those of a single model: an ensemble's members."""
    extra = {tuple(saved[name][: len(saved[name]) - len(single[name])]) for name in saved if name in single}
    return list(extra.pop()) if len(extra) == 1 else []


def _encoded(value: Any) -> Any:
    """Turn a Config into JSON: Configs as {"class", "fields"}, tuples as lists, numbers and words as they are."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: _encoded(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"class": type(value).__name__, "fields": fields}
    if isinstance(value, (tuple, list)):
        return [_encoded(entry) for entry in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise ValueError(f"a Config holds {value!r}: only numbers, words, tuples and other Configs can be saved.")


def _decoded(value: Any, known: dict[str, type], file: Path) -> Any:
    """Turn JSON back into a Config of one of the ``known`` classes."""
    if isinstance(value, list):
        return tuple(_decoded(entry, known, file) for entry in value)
    if not isinstance(value, dict):
        return value
    name, fields = value["class"], value["fields"]
    if name not in known:
        raise ValueError(
            f"{file} holds a {name}, known are {', '.join(sorted(known))}: load(folder, {{**MODELS, {name}: ...}})."
        )
    kind = known[name]
    names = {field.name for field in dataclasses.fields(kind)}
    if unknown := sorted(set(fields) - names):
        raise ValueError(f"{file}: {name} has no {', '.join(unknown)}; it was saved by another version.")
    within = {nested.__name__: nested for nested in _configs_in(typing.get_type_hints(kind).values())}
    return kind(**{field: _decoded(entry, within, file) for field, entry in fields.items()})


def _configs_in(hints: Any) -> set[type]:
    """Return the dataclasses among type hints, inside unions and tuples too."""
    classes: set[type] = set()
    for hint in hints:
        classes |= {hint} if isinstance(hint, type) and dataclasses.is_dataclass(hint) else set()
        classes |= _configs_in(typing.get_args(hint))
    return classes
