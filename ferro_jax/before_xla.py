"""Settle what XLA reads only once, when it starts: a flag against wrong sums and the size of its pool of threads.

Each of our packages calls ``prepare`` when it is imported, and again when one of its names is first used, because a
program may have replaced ``XLA_FLAGS`` in between. That must come before the first JAX computation and before
``import gpjax``, which starts XLA; ``import jax`` alone does not. Every package may import this module, because it
imports neither JAX nor anything of the project.

**Wrong sums.** On CPUs jaxlib 0.10.2 passes sums over products to a library (YNNPACK) that returns wrong numbers
without an error. ``(x @ ones((3, 4))).sum(-1)`` is wrong in almost every row from 1,024 rows on, in float32 and in
float64; ``vmap(lambda r: ((M @ r) ** 2).sum())`` in up to half of the rows at some numbers of rows above 16,384
(float64) or 32,768 (float32). With the flag XLA computes these sums itself.

**Deadlock.** With a pool of two threads, the default on two cores, vmapped Cholesky factorisations and triangular
solves inside a scan wait for ever: the threads that work on the batch wait for each other and none is left to go on.
Measured on two cores with jaxlib 0.10.2 and the flag: 16 matrices of 200 rows on one device hung in 5 of 5 runs, 8 of
100 rows on two devices in 2 of 2; matrices of 30 rows never did. jaxlib 0.10.1 hung as well (2 of 2). With ``NPROC``
(the number of threads XLA starts) at 1, 4, 8 or 16 no run hung, with 64 matrices on two devices neither.
"""

import os
import sys
import warnings
from functools import cache
from importlib.metadata import version
from pathlib import Path

WRONG_SUMS = "0.10.2"  # the jaxlib that needs the flag; XLA ends the process at a flag that it does not know
NO_SUMS_BY_YNNPACK = "--xla_cpu_experimental_ynn_fusion_type=-reduce"
THREADS = 16
PACKAGES = ("ferro_jax", "models", "bo", "experiments")


def prepare() -> None:
    """Set the flag against wrong sums, ``NPROC`` and ``OPENBLAS_NUM_THREADS``, each unless the user has set it.

    Warns where it is too late for that, with what can go wrong and what to do.
    """
    missing = []
    if version("jaxlib") == WRONG_SUMS and not add_flag(NO_SUMS_BY_YNNPACK):
        where = f"; add it to the file {_file_of_flags()}" if _file_of_flags() else ""
        missing.append(
            f"XLA_FLAGS={NO_SUMS_BY_YNNPACK} (jaxlib {WRONG_SUMS} returns wrong sums over products on CPUs, from 1,024 "
            f"rows on{where})"
        )
    if cores() < THREADS and "NPROC" not in os.environ:
        if _started():
            missing.append(f"NPROC={THREADS} (on few cores a vmapped campaign can wait for ever for a free thread)")
        else:
            os.environ["NPROC"] = str(THREADS)
    # jaxlib factorises through SciPy's OpenBLAS, whose threads spin while they wait for each other. A matrix of a few
    # hundred rows gains nothing from them, and where cores are shared a fit of 100 observations took 15 times the
    # processor time. The library reads the variable when it is loaded, at the first factorisation or by SciPy.
    if "OPENBLAS_NUM_THREADS" not in os.environ:
        os.environ["OPENBLAS_NUM_THREADS"] = "1"
        if "scipy.linalg" in sys.modules:
            _hold_openblas_to_one_thread()
    if missing and not _off_cpu():
        _warn(
            f"JAX runs here without {' and without '.join(missing)}. Restart Python and import ferro_jax, models, bo "
            "or experiments before the first JAX computation and before gpjax, or set the environment before Python "
            "starts."
        )


def _hold_openblas_to_one_thread() -> None:
    """Set the number of threads of SciPy's OpenBLAS, which is loaded already; NumPy's own copy keeps its number."""
    from threadpoolctl import ThreadpoolController  # here, because most programs do not need it

    for library in ThreadpoolController().select(internal_api="openblas").lib_controllers:
        folder = Path(library.filepath).parent.parts
        if folder[-1:] == ("scipy.libs",) or folder[-2:] == ("scipy", ".dylibs"):  # of Linux and Windows, of macOS
            library.set_num_threads(1)


def add_flag(flag: str) -> bool:
    """Append ``--name=value`` to the variable ``XLA_FLAGS``, unless it names that flag already; return success.

    A value that the user gave to the flag stays and counts as success. False where XLA has started without the flag,
    and where ``XLA_FLAGS`` is the path of a file of flags, which is left as it is.
    """
    flags, file = os.environ.get("XLA_FLAGS", "").strip(), _file_of_flags()
    text = Path(file).read_text() if Path(file).is_file() else flags
    if flag.split("=")[0] in [word.split("=")[0] for word in text.split()]:
        return True
    if file or _started():
        return False
    os.environ["XLA_FLAGS"] = f"{flags} {flag}".strip()
    return True


def cores() -> int:
    """Return the number of cores that this process may use, as XLA counts them: a job can be given few of many."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _file_of_flags() -> str:
    """Return the path that ``XLA_FLAGS`` holds, or an empty text where it holds the flags themselves or nothing."""
    flags = os.environ.get("XLA_FLAGS", "").strip()
    return "" if flags.startswith("-") else flags


def _started() -> bool:
    """Return whether XLA has started in this process."""
    bridge = sys.modules.get("jax._src.xla_bridge")
    return bridge is not None and bridge.backends_are_initialized()


def _off_cpu() -> bool:
    """Return whether XLA has started and computes on something other than a CPU."""
    return _started() and sys.modules["jax"].default_backend() != "cpu"


@cache
def _warn(text: str) -> None:
    """Warn at the line that imports one of our packages, once per process."""
    frame = sys._getframe()
    while frame.f_back and frame.f_globals["__name__"].split(".")[0] in (*PACKAGES, "importlib"):
        frame = frame.f_back
    warnings.warn_explicit(text, RuntimeWarning, frame.f_code.co_filename, frame.f_lineno)
