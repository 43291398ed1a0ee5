"""Models on disk: bit for bit as they were, with their own Config, and refused where they were tampered with."""

import json
import shutil
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import models
from models import VAEConfig, storage, vae


@dataclass(frozen=True)
class Inner:
    knots: tuple[tuple[float, float], ...] = ((0.0, 4.0), (0.5, 1.0))


@dataclass(frozen=True)
class Outer:
    size: int = 3
    inner: Inner | None = None
    limit: float = float("inf")


def make_outer(config):
    return vae(VAEConfig(shape=(2, 3)))._replace(
        init=lambda key: {"w": jax.random.normal(key, (config.size,), jnp.float32)}
    )


def test_a_model_is_saved_and_loaded_bit_for_bit_with_its_config(key, tmp_path):
    config = VAEConfig(shape=(12,), hidden=(16,), kl_weight=((0.0, 4.0), (1.0, 1.0)))
    params = jax.jit(vae(config).init)(key)
    loaded_config, model, loaded = models.load(models.save(tmp_path / "plain", config, params))
    assert loaded_config == config
    jax.tree.map(np.testing.assert_array_equal, params, loaded)
    assert model.decode(loaded, jnp.zeros(2)).shape == (12,)

    members = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf + 1]), params)
    jax.tree.map(np.testing.assert_array_equal, members, models.load(models.save(tmp_path, config, members))[2])

    half = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params)
    back = models.load(models.save(tmp_path / "half", config, half))[2]
    assert {leaf.dtype for leaf in jax.tree.leaves(back)} == {jnp.dtype(jnp.bfloat16)}
    jax.tree.map(np.testing.assert_array_equal, half, back)
    shutil.copy(tmp_path / "half" / storage.PARAMS, tmp_path / "plain")
    with pytest.raises(ValueError, match="was not saved with this model.json"):
        models.load(tmp_path / "plain")
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="cannot be made a folder .*: give another one"):
        models.save(tmp_path / "file", config, params)

    outer = Outer(inner=Inner())
    folder = models.save(tmp_path / "own", outer, make_outer(outer).init(key))
    with pytest.raises(ValueError, match="holds a Outer, known are .*VAEConfig: load"):
        models.load(folder)
    assert models.load(folder, {**storage.MODELS, Outer: make_outer})[0] == outer


def test_a_saved_model_that_was_tampered_with_is_refused(key, tmp_path):
    outer = Outer()
    folder = models.save(tmp_path, outer, make_outer(outer).init(key))
    saved = json.loads((folder / "model.json").read_text())
    for change, words in (({"speed": 1}, "has no speed"), ({"size": 4}, "do not belong to its Config")):
        changed = {"class": "Outer", "fields": saved["config"]["fields"] | change}
        (folder / "model.json").write_text(json.dumps(saved | {"config": changed}))
        with pytest.raises(ValueError, match=words):
            models.load(folder, {Outer: make_outer})
    with pytest.raises(ValueError, match=r"no model\.json"):
        models.load(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="only numbers"):
        models.save(tmp_path, Outer(inner=print), {})  # type: ignore[arg-type]
