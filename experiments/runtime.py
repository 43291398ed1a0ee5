"""Settings that XLA reads once, when it starts: devices, threads, precision, compilation cache.

``start`` must run before anything imports JAX; the harness, the benchmarks and nobody else call it.
"""

import hashlib
import os
import platform
import sys
from pathlib import Path


def cpu_model() -> str:
    """Name of the processor, as the operating system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith(("model name", "flags"))]
    return " ".join(names[:2]) or platform.machine()


def cache_folder() -> Path:
    """Folder of JAX's compiled programs for this processor and these libraries.

    Machine code built for one processor can crash another, so the folder's name is a digest of the processor's name
    and flags and of the installed jaxlib. ``FERRO_JAX_CACHE`` moves the parent (default: ``.cache``, git-ignored).
    """
    from importlib.metadata import version

    digest = hashlib.sha256(f"{cpu_model()} {version('jaxlib')}".encode()).hexdigest()[:12]
    return Path(os.environ.get("FERRO_JAX_CACHE", ".cache")).absolute() / "jax" / digest


def start(devices: int = 0) -> int:
    """Prepare the environment for JAX and return the number of devices it will see.

    One host device per core (``devices=0``) lets independent work (cells of a map, seeds of a campaign) run side by
    side: XLA's own threads inside one operation gain little on arrays this small. Double precision is on because
    Gaussian-process algebra needs it; networks and simulator ask for float32 themselves. Variables that the user has
    set are left alone. ValueError when JAX has been imported already and works in single precision.
    """
    if "jax" in sys.modules:  # a notebook or a test: too late to change anything, so only check what matters
        import jax

        if not jax.config.read("jax_enable_x64"):
            raise ValueError(
                "JAX was imported in single precision: call jax.config.update('jax_enable_x64', True) first"
            )
        return jax.local_device_count()
    import bo  # noqa: F401  (sets NPROC, with the reason)

    count = devices or os.cpu_count() or 1
    flag = "--xla_force_host_platform_device_count"
    flags = os.environ.get("XLA_FLAGS", "")
    if flag not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} {flag}={count}".strip()
    os.environ.setdefault("JAX_ENABLE_X64", "1")
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache_folder()))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")
    # XLA warns of every cached program whose build host had other preferred vector widths, one long line each
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return count


def compilation_count() -> int:
    """Programs in the compilation cache: zero means that this run pays for every compilation."""
    folder = Path(os.environ.get("JAX_COMPILATION_CACHE_DIR", ""))
    return sum(1 for _ in folder.glob("*-cache")) if folder.is_dir() else 0
