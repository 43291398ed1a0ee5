"""The compiler of the C kernel (kernel.c), which is compiled when it is first used; without JAX."""

import ctypes
import hashlib
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

SOURCE = Path(__file__).with_name("kernel.c")
CACHE = Path(__file__).parents[2] / ".cache" / "ferrosim"
FLAGS = ("-O3", "-march=native", "-ffast-math", "-std=gnu11", "-shared", "-fPIC")
C_TYPES = {"float32": "float", "float64": "double"}


def compiler() -> str | None:
    """Return the path of a C compiler, None if there is none."""
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


def description() -> str:
    """Return the first line of the compiler's version, and the flags."""
    path = compiler()
    if path is None:
        return "no C compiler"
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=True, timeout=60)
    version = done.stdout.split("\n")[0]
    return f"{version}; {' '.join(FLAGS[:4])}"


@lru_cache
def library(dtype: str, lanes: int) -> ctypes.CDLL:
    """Return the kernel for an element type and a number of lanes per block, compiled if it is not in the cache."""
    text = SOURCE.read_bytes() + repr((FLAGS, description())).encode()
    path = CACHE / f"{hashlib.sha256(text).hexdigest()[:16]}-{dtype}-{lanes}.so"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        defines = [f"-DREAL={C_TYPES[dtype]}", f"-DLANES={lanes}"]
        subprocess.run([compiler() or "cc", *FLAGS, *defines, str(SOURCE), "-o", str(path)], check=True, timeout=300)
    return ctypes.CDLL(str(path))
