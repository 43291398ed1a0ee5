"""Do independent jobs, such as chunks of seeds, in this process, as Ray tasks or as submitit jobs (SLURM).

A job is ``function(item, folder) -> result``. The folder belongs to the job and lies on a file system that all workers
see. A job whose worker is killed is started again with the same arguments, so it goes on from what it has saved there
(``bo.run_resumable``). Functions and results travel pickled; therefore build campaigns inside the function.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from experiments.lab import runtime

ENGINES = ("local", "ray", "submitit")


def run_jobs(
    executor: str,
    function: Callable[[Any, Path], Any],
    items: Sequence[Any],
    folder: Path,
    *,
    retries: int = 3,
    devices: int = 0,
    **options: Any,
) -> list[Any]:
    """Return ``function(item, folder / "job-0000")`` and so on, in the order of ``items``.

    A job whose worker was killed is started again, ``retries`` times at most. ``devices`` is that of the command line,
    for each worker. ``options`` go to the engine: ``ray.remote`` (``num_cpus``), ``submitit``'s ``update_parameters``
    (``timeout_min``, ``slurm_partition``; ``cluster="local"`` runs its jobs on this machine). ValueError for an engine
    that is unknown or not installed; an exception of a job is raised here.
    """
    if executor not in ENGINES:
        raise ValueError(f"--executor is {executor!r}; expected one of {', '.join(ENGINES)}")
    folders = [Path(folder).absolute() / f"job-{number:04d}" for number in range(len(items))]
    for path in folders:
        path.mkdir(parents=True, exist_ok=True)
    engine = {"local": _local, "ray": _ray, "submitit": _submitit}[executor]
    return engine(Job(function, devices), list(zip(items, folders, strict=True)), retries, options)


def parse(options: Sequence[str]) -> dict[str, Any]:
    """Read engine options from words NAME=VALUE, whole numbers as numbers; ValueError for a word without "="."""
    pairs = [word.partition("=") for word in options]
    if bad := [name for name, equals, _ in pairs if not equals]:
        raise ValueError(f"--executor-options has {bad[0]!r}; expected NAME=VALUE, such as timeout_min=60")
    return {name: int(value) if value.isdigit() else value for name, _, value in pairs}


class Job:
    """The function of a job, called after JAX has been started in its worker."""

    def __init__(self, function: Callable[[Any, Path], Any], devices: int):
        self.function, self.devices = function, devices

    def __call__(self, item: Any, folder: Path) -> Any:
        runtime.start(self.devices)
        return self.function(item, folder)

    def checkpoint(self, item: Any, folder: Path) -> Any:
        """Let submitit queue the job again when its time is up, or another one takes its place."""
        return _engine("submitit", "slurm").helpers.DelayedSubmission(self, item, folder)


def _local(job: Job, work: list[tuple[Any, Path]], retries: int, options: dict[str, Any]) -> list[Any]:
    del retries, options
    return [job(item, folder) for item, folder in work]


def _ray(job: Job, work: list[tuple[Any, Path]], retries: int, options: dict[str, Any]) -> list[Any]:
    ray: Any = _engine("ray", "ray")
    if not ray.is_initialized():
        ray.init(log_to_driver=False, include_dashboard=False)
    task = ray.remote(max_retries=retries, **options)(lambda item, folder: job(item, folder))
    return ray.get([task.remote(item, folder) for item, folder in work])


def _submitit(job: Job, work: list[tuple[Any, Path]], retries: int, options: dict[str, Any]) -> list[Any]:
    submitit: Any = _engine("submitit", "slurm")
    cluster = options.pop("cluster", None)
    logs = work[0][1].parent / "submitit"
    engine = submitit.AutoExecutor(folder=logs, cluster=cluster)
    engine.update_parameters(**options)
    started = [engine.submit(job, item, folder) for item, folder in work]
    results = []
    for number, (item, folder) in enumerate(work):
        for left in range(retries, -1, -1):
            try:
                results.append(started[number].result())
                break
            except submitit.core.utils.UncompletedJobError:  # the worker is gone, and left no exception of its own
                if left == 0:
                    raise
                started[number] = engine.submit(job, item, folder)
    return results


def _engine(module: str, extra: str) -> Any:
    """Import an engine; ValueError says how to install it."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ValueError(f"{module} is not installed: pip install 'ferro-jax[{extra}]'") from error
