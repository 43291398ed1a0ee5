"""Pytrees on disk: they come back bit for bit, a file is whole or the one before, and another tree is refused."""

import multiprocessing
import resource
import threading
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ferro_jax import trees


class Record(NamedTuple):
    key: jax.Array
    rows: dict[str, jax.Array]
    half: jax.Array


@pytest.fixture
def tree(key):
    rows = {"x": jax.random.normal(key, (3, 4)), "n": jnp.arange(5, dtype=jnp.int16), "flag": jnp.array(True)}
    return Record(jax.random.split(key, 2), rows, jnp.linspace(0, 1, 7, dtype=jnp.bfloat16))


def bits(tree):
    return [(leaf.dtype, leaf.shape, np.asarray(leaf).tobytes()) for leaf in jax.tree.leaves(tree)]


def test_any_pytree_of_arrays_and_keys_comes_back(tree, tmp_path):
    assert trees.newest(tmp_path) is None
    trees.save(tmp_path, 7, tree)
    assert trees.newest(tmp_path) == 7
    restored = trees.restore(tmp_path, 7, tree)
    assert jax.random.key_data(restored.key).tolist() == jax.random.key_data(tree.key).tolist()
    assert bits(restored[1:]) == bits(tree[1:])
    shapes = jax.eval_shape(lambda: tree[1:])
    trees.write(tmp_path / "inner" / "rest.npz", tree[1:])
    assert bits(trees.read(tmp_path / "inner" / "rest.npz", shapes)) == bits(tree[1:])


def test_only_the_newest_step_is_kept(tree, tmp_path):
    for step in (0, 9, 10, 1000):
        trees.save(tmp_path, step, tree)
    assert [file.name for file in tmp_path.iterdir()] == ["step-000001000.npz"]


def test_another_tree_is_refused_with_what_differs(tmp_path):
    file = tmp_path / "a.npz"
    trees.write(file, {"x": jnp.zeros(3), "y": jnp.zeros(2, jnp.int32)})
    for like, words in (
        ({"x": jnp.zeros(3)}, "differ in \\['y'\\]"),
        ({"x": jnp.zeros(4), "y": jnp.zeros(2, jnp.int32)}, "'x'.*expected float64 \\(4,\\)"),
        ({"x": jnp.zeros(3), "y": jnp.zeros(2)}, "'y'.*expected float64 \\(2,\\)"),
    ):
        with pytest.raises(ValueError, match=f"a.npz.*{words}"):
            trees.read(file, like)
    with pytest.raises(ValueError, match="there is no file .*b.npz"):
        trees.read(tmp_path / "b.npz", {"x": jnp.zeros(3)})


def test_types_of_equal_size_are_told_apart(tmp_path, key):
    file, types = tmp_path / "a.npz", (jnp.bfloat16, jnp.float16, jnp.int16, jnp.uint16)
    for written in types:
        trees.write(file, {"x": jnp.arange(3).astype(written)})
        for read in types:
            like = {"x": jax.ShapeDtypeStruct((3,), read)}
            if read == written:
                assert bits(trees.read(file, like)) == bits({"x": jnp.arange(3).astype(written)})
            else:
                with pytest.raises(ValueError, match="a.npz"):
                    trees.read(file, like)
    trees.write(file, {"x": key})
    with pytest.raises(ValueError, match="another tree"):
        trees.read(file, {"x": jax.random.key_data(key)})
    shape = jax.eval_shape(lambda: {"x": key})
    assert jax.random.key_data(trees.read(file, shape)["x"]).tolist() == jax.random.key_data(key).tolist()
    trees.write(file, {"x": jnp.arange(3).astype(jnp.float8_e5m2)})
    assert bits(trees.read(file, {"x": jax.ShapeDtypeStruct((3,), jnp.float8_e5m2)}))[0][2] == bytes([0, 60, 64])


def test_a_save_starts_no_thread(tree, tmp_path, monkeypatch):
    monkeypatch.setattr(threading.Thread, "start", lambda _: pytest.fail("a thread, which may die while it starts"))
    trees.save(tmp_path, 1, tree)
    trees.restore(tmp_path, 1, tree)


def test_a_disk_that_is_full_leaves_the_step_before_and_no_rest(tree, tmp_path):
    trees.save(tmp_path, 1, tree)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            trees.save(tmp_path, 2, tree)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [file.name for file in tmp_path.iterdir()] == ["step-000000001.npz"]
    assert bits(trees.restore(tmp_path, 1, tree)[1:]) == bits(tree[1:])


def save_often(folder):
    for step in range(40):
        trees.save(folder, step, {"x": np.full(20_000, step)})


def test_two_processes_may_save_in_one_folder(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=save_often, args=(tmp_path,)) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert [file.name for file in tmp_path.iterdir()] == ["step-000000039.npz"]
    np.testing.assert_array_equal(trees.restore(tmp_path, 39, {"x": np.zeros(20_000, int)})["x"], np.full(20_000, 39))
