"""Policy of the whole suite: double precision, no silent broadcasting, types and shapes checked at run time."""

import gc
import os

from jaxtyping import config as jaxtyping_config
from jaxtyping import install_import_hook

from helpers.compilation import QUICK, TWO_DEVICES, keep_programs

os.environ.setdefault("XLA_FLAGS", f"{QUICK} {TWO_DEVICES}")

# One hook for all four packages, before any of them is imported.
install_import_hook(["ferro_jax", "models", "bo", "experiments"], "beartype.beartype").__enter__()

import ferro_jax  # noqa: F401 (sets what XLA reads when it starts)

keep_programs()

# isort: split
import jax
import matplotlib
import pytest

# The hook imports JAX, so a process that starts without the variables of keep_programs has not read them.
jax.config.update("jax_compilation_cache_dir", os.environ["JAX_COMPILATION_CACHE_DIR"])
least = float(os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"])
jax.config.update("jax_persistent_cache_min_compile_time_secs", least)
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
matplotlib.use("Agg")

# Collections of garbage walk through all that JAX has traced, so they are made seldom, and never through the libraries.
gc.freeze()
gc.set_threshold(20_000, 20, 20)


@pytest.fixture
def key() -> jax.Array:
    return jax.random.key(20260)


@pytest.fixture(scope="module")
def as_users_run():
    """Let a module's tests give functions what the suite's own check of types would refuse before they see it."""
    jaxtyping_config.update("jaxtyping_disable", True)
    yield
    jaxtyping_config.update("jaxtyping_disable", False)
