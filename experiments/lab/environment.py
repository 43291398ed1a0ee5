"""Describe what a run depends on beside its options: versions, machine, switches, revision."""

import os
import platform
import subprocess
from importlib import metadata
from typing import Any

from experiments.lab.runtime import cpu_model

PACKAGES = (
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "gpjax",
    "numpyro",
    "chex",
    "numpy",
    "scipy",
    "xarray",
    "matplotlib",
)
SWITCHES = ("XLA_FLAGS", "NPROC", "OPENBLAS_NUM_THREADS", "JAX_ENABLE_X64", "JAX_PLATFORMS")


def revision() -> str:
    """Return the commit of the working folder, with ``+changes`` when files differ; empty outside a checkout."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], capture_output=True, text=True, check=True, timeout=20).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+changes" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.SubprocessError):
        return ""


def describe() -> dict[str, Any]:
    """Return versions, machine, devices, environment switches and revision as a dictionary for JSON."""
    import jax  # here, because runtime.start must come first

    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": cpu_model().split(" fpu ")[0],
        "cores": os.cpu_count(),
        "devices": [str(device) for device in jax.devices()],
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "switches": {name: os.environ.get(name, "") for name in SWITCHES},
        "revision": revision(),
    }
