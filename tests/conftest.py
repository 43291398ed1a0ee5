"""Policy of the whole suite: double precision, no silent broadcasting, types and shapes checked at run time."""

import os

os.environ.setdefault("NPROC", "16")  # the thread-pool deadlock described in bo/__init__.py
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # and the spinning threads, before a test imports SciPy

from jaxtyping import install_import_hook

from helpers.compilation import QUICK, TWO_DEVICES

os.environ.setdefault("XLA_FLAGS", f"{QUICK} {TWO_DEVICES}")

# One hook for all four packages, before any of them is imported.
install_import_hook(["ferro_jax", "models", "bo", "experiments"], "beartype.beartype").__enter__()

import jax
import matplotlib
import pytest

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
matplotlib.use("Agg")


@pytest.fixture
def key() -> jax.Array:
    return jax.random.key(20260)
