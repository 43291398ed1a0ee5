"""Flags with which the suite compiles quickly, because XLA would else spend two thirds of its time on fast code.

LLVM's optimisations are off, fusions are written by XLA's older emitters (the gradient of a lattice: 2 s instead of 13
s), and two passes over loops are left out, which take a tenth of what then remains. JAX gives XLA the same programs as
for users; the machine code differs, and so do its fusions and rounding. An ``XLA_FLAGS`` set outside has precedence:
with it ``make test-all`` runs every test on the code that users run.
"""

import os
import shutil

MOST_BYTES = 1_000_000_000  # of kept programs
TWO_DEVICES = "--xla_force_host_platform_device_count=2"
QUICK = (
    "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false "
    "--xla_disable_hlo_passes=simplify-while-loops,while-loop-invariant-code-motion"
)

AS_USERS = {"xla_cpu_use_fusion_emitters": True}  # compiler options for tests that inspect the compiled program


def keep_programs() -> None:
    """Let both processes of the suite, and those that tests start, keep what they compile for each other and the next.

    Programs are told by what JAX gives to XLA and by the flags, so another source compiles anew. A folder that has
    grown large is deleted. One that is set outside has precedence.
    """
    from experiments.lab.runtime import cache_folder  # here, because conftest.py hooks the packages first

    folder = cache_folder() / "tests"
    first = "PYTEST_XDIST_WORKER" not in os.environ
    if first and folder.is_dir() and sum(file.stat().st_size for file in folder.iterdir()) > MOST_BYTES:
        shutil.rmtree(folder)
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # because XLA warns of every kept program


def user_environment(**more: str) -> dict[str, str]:
    """Return the environment of a process as a user starts it, which compiles as quickly as the suite.

    It has no second device of the host, and nothing that our packages set for this process.
    """
    from ferro_jax.before_xla import NO_SUMS_BY_YNNPACK  # here, because conftest.py sets flags before it imports us

    flags = os.environ.get("XLA_FLAGS", "").replace(TWO_DEVICES, "").replace(NO_SUMS_BY_YNNPACK, "").strip()
    environment = {name: value for name, value in os.environ.items() if name not in ("NPROC", "OPENBLAS_NUM_THREADS")}
    return {**environment, "XLA_FLAGS": flags, **more}
