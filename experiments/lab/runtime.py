"""Start JAX for a run: devices, processes, threads, precision, compilation cache.

Call ``start`` before anything imports JAX, because XLA reads its settings once. The harness, the executor's workers and
the benchmarks call it. JAX is imported inside the functions, so that ``--help`` does not wait for it.
"""

import hashlib
import os
import platform
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from ferro_jax import before_xla

CORES = before_xla.cores()
_wanted = 0  # devices of each process, 0 for all; set by start


def cpu_model() -> str:
    """Return the name and the flags of the processor, as the operating system gives them."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith(("model name", "flags"))]
    return " ".join(names[:2]) or platform.machine()


def cache_folder() -> Path:
    """Return the folder of JAX's compiled programs for this processor and these libraries.

    Its name is a digest of the processor's name and flags and of the installed jaxlib, because machine code built for
    one processor can crash another. ``FERRO_JAX_CACHE`` moves the parent (default: ``.cache``, git-ignored).
    """
    digest = hashlib.sha256(f"{cpu_model()} {version('jaxlib')}".encode()).hexdigest()[:12]
    return Path(os.environ.get("FERRO_JAX_CACHE", ".cache")).absolute() / "jax" / digest


class Launch(NamedTuple):
    """How this process finds the others of its run; None where the launcher's variables say it."""

    coordinator: str | None = None
    processes: int | None = None
    process_id: int | None = None


def launch(
    coordinator: str, processes: int, process_id: int, environment: Mapping[str, str] = os.environ
) -> Launch | None:
    """Return how to join the other processes, from the options or from SLURM's or Open MPI's variables; None if alone.

    The options are ``--coordinator --processes --process-id``. An allocation of one task is a run of one process.
    ValueError for options that do not make up a run.
    """
    if coordinator:
        if not 0 <= process_id < processes or ":" not in coordinator:
            raise ValueError(
                f"--coordinator {coordinator} --processes {processes} --process-id {process_id} make up no run: give "
                "HOST:PORT of process 0, the number of processes, and each process its own id from 0 on"
            )
        return Launch(coordinator, processes, process_id)
    if processes > 1 or process_id > 0:
        raise ValueError("--processes and --process-id need --coordinator HOST:PORT, the address of process 0")
    tasks = environment.get("SLURM_NTASKS", "1") if "SLURM_STEP_NODELIST" in environment else "1"
    tasks = environment.get("OMPI_COMM_WORLD_SIZE", tasks)
    return Launch() if int(tasks) > 1 else None


def start(devices: int = 0, launched: Launch | None = None, *, small: bool = False) -> int:
    """Prepare the environment for JAX, start it, join the other processes; returns the number of this one's devices.

    ``devices=0`` makes one host device per core, so that independent work (cells of a map, seeds of a campaign) runs
    side by side, because XLA's own threads inside one operation gain little on arrays this small. Double precision is
    on because Gaussian-process algebra needs it; networks and simulator ask for float32 themselves. Variables that the
    user has set stay. A ``small`` job compiles quickly (``ferro_jax.compiling``), because most of its time would be
    compilation. ``jax.distributed`` joins the processes first, because other imports start XLA (gpjax does).

    ValueError for more devices than there are, when JAX works in single precision already, and when XLA runs already
    and the processes can no longer be joined.
    """
    if devices < 0:
        raise ValueError(f"--devices is {devices}; give the number of devices, or 0 for all")
    early = "jax" in sys.modules  # a notebook or a test: too late to set variables, so only check what matters
    if not early:
        _set_variables(min(devices or CORES, CORES), small)
    import jax

    if not jax.config.read("jax_enable_x64"):
        raise ValueError("JAX was imported in single precision: call jax.config.update('jax_enable_x64', True) first")
    if launched is not None:
        try:
            # the others wait at the end while process 0 draws; one that dies is missed by its heartbeat
            jax.distributed.initialize(*launched, heartbeat_timeout_seconds=30, shutdown_timeout_seconds=3600)
        except RuntimeError as error:
            raise ValueError(f"this process cannot join a run of several processes: {error}") from error
    count = len(jax.local_devices())
    if devices > count:
        cores = f"{CORES} cores, one host device each" if jax.default_backend() == "cpu" else f"{count} devices"
        raise ValueError(f"--devices {devices}, but this machine has {cores}: give at most {count}, or 0 for all")
    global _wanted
    _wanted = devices
    return devices or count


def devices() -> list[Any]:
    """Return the devices that work is spread over, of each process as many as ``start`` was given."""
    import jax

    by_process = [jax.local_devices(process_index=number) for number in range(jax.process_count())]
    return [device for local in by_process for device in local[: _wanted or len(local)]]


def _set_variables(host_devices: int, small: bool) -> None:
    before_xla.prepare()  # once more: who calls this may have replaced XLA_FLAGS since our packages were imported
    before_xla.add_flag(f"--xla_force_host_platform_device_count={host_devices}")
    os.environ.setdefault("JAX_ENABLE_X64", "1")
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache_folder()))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")
    # XLA warns of every cached program whose build host had other preferred vector widths, one long line each
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if small and version("jaxlib") == before_xla.WRONG_SUMS:  # XLA ends the process at a flag that it does not know
        from ferro_jax.compiling import QUICKLY  # last, because it imports JAX, which reads the variables above

        for name, value in QUICKLY.items():
            before_xla.add_flag(f"--{name}={str(value).lower()}")


def writes() -> bool:
    """Return whether this process writes files and prints, as process 0 of a run does."""
    import jax

    return jax.process_index() == 0


def several() -> bool:
    """Return whether this is a run of several processes."""
    import jax

    return jax.process_count() > 1


def agree(text: str) -> str:
    """Return process 0's text in all processes; each must pass a text of the same length."""
    from jax.experimental import multihost_utils
    from numpy import frombuffer, uint8

    return bytes(multihost_utils.broadcast_one_to_all(frombuffer(text.encode(), uint8))).decode()


def finish() -> None:
    """Wait for the other processes and leave the run together; alone, do nothing."""
    import jax

    jax.distributed.shutdown()


def compilation_count() -> int:
    """Count the programs in the compilation cache; zero means that this run compiles everything itself."""
    folder = Path(os.environ.get("JAX_COMPILATION_CACHE_DIR", ""))
    return sum(1 for _ in folder.glob("*-cache")) if folder.is_dir() else 0
