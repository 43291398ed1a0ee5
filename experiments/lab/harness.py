"""Run an experiment from its command line, or from Python, to its folder of results and its report.

An experiment is a package ``experiments/<name>/``. Its ``__init__`` holds an ``Experiment``; ``config.py`` the options
(``Config``, ``SMOKE``, ``STAGES``), without JAX, so that ``--help`` starts at once; ``compute.py`` a function
``compute(run, config)`` and, where the user's own data are read, ``check(config)``; ``figures.py`` the tuple ``PANELS``
and the text ``SUMMARY``. The harness imports ``compute`` and ``figures`` by name, after it has set up XLA. Every stage
that ends leaves its numbers and arrays on disk, so that an interrupted run can be read up to its last whole stage.
"""

import os
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import tyro

from experiments.lab.options import Settings
from experiments.lab.run import Run, RunError, read


class Results(NamedTuple):
    """What a finished run holds: labelled arrays (xarray.Dataset), numbers by name, and the folder they lie in."""

    arrays: Any
    numbers: dict[str, Any]
    folder: Path


class Experiment(NamedTuple):
    """An experiment as the harness knows it: the package's name, its docstring, its options and its stages."""

    package: str
    doc: str
    config: type[Settings]
    smoke: Settings
    stages: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name on the command line: the last part of the package's name."""
        return self.package.rpartition(".")[2]

    def module(self, part: str) -> Any:
        """Import ``compute`` or ``figures`` of the experiment. Call it only after XLA has been set up."""
        return import_module(f"{self.package}.{part}")

    def run(self, config: Settings | None = None) -> Results:
        """Compute, draw and read back a run with these options (by default the experiment's own).

        ValueError for options or data that cannot be used, RunError for a computation that cannot go on; what has
        been written until then can be read.
        """
        return load(compute_and_draw(self, self.config() if config is None else config, from_shell=False))

    def main(self, argv: Sequence[str] | None = None) -> Path:
        """Run the experiment from its command line (``argv``, by default the process's own)."""
        return main(self, argv)


_C = TypeVar("_C", bound=Settings)


def parse(config: type[_C], smoke: _C, doc: str, argv: Sequence[str] | None, prog: str | None = None) -> _C:
    """Read the command line; ``--smoke`` changes the defaults of all other options first."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    default = smoke if "--smoke" in arguments else config()
    return tyro.cli(config, args=arguments, default=default, description=doc, prog=prog)


def load(folder: Path) -> Results:
    """Read a run's folder: arrays, numbers, folder. RunError names a file that is missing."""
    arrays, numbers, _ = read(folder)
    return Results(arrays, numbers, folder)


def draw(folder: Path, experiment: Experiment) -> Path:
    """Draw every figure of a run and its report from what is on disk; returns the report's path."""
    from experiments.lab import report  # matplotlib: only when it is time to draw

    results, metrics, config = read(folder)
    if not metrics.get("complete"):
        missing = [name for name in experiment.stages[:-1] if f"{name}_wall_s" not in metrics]
        raise RunError(f"{folder} is not a finished run: its figures need {', '.join(missing)}, which it lacks")
    return report.write(folder, experiment.doc, results, metrics, config, experiment.module("figures"))


def main(experiment: Experiment, argv: Sequence[str] | None = None) -> Path:
    """Run an experiment from its command line to its report; returns the run's folder.

    Leaves by ``SystemExit`` after saying in words what went wrong, which files can be read and what they lack.
    """
    config = parse(experiment.config, experiment.smoke, experiment.doc, argv, f"python -m {experiment.package}")
    try:
        if config.replot is not None:
            page = draw(config.replot, experiment)
            print(f"report: {page}")
            return config.replot
        return compute_and_draw(experiment, config, from_shell=argv is None)
    except (RunError, ValueError) as error:
        raise SystemExit(f"\n{experiment.name}: {error}") from error


def compute_and_draw(experiment: Experiment, config: Settings, *, from_shell: bool) -> Path:
    """Set up XLA, check the user's data, compute, draw; returns the folder, which holds what was done if it stops."""
    from experiments.lab import runtime  # kept here because --help must not wait for it

    begin = time.perf_counter()
    runtime.start(config.devices, runtime.launch(config.coordinator, config.processes, config.process_id))
    module = experiment.module("compute")
    if hasattr(module, "check"):
        module.check(config)
    stamp = runtime.agree(f"{datetime.now():%Y%m%d-%H%M%S}-{os.getpid():08d}")
    folder = config.runs / experiment.name / stamp
    run = Run(folder, config, experiment.stages, runtime.writes())
    if run.writes:
        print(f"{experiment.name}: results in {folder}", flush=True)
    if run.writes and runtime.compilation_count() == 0:
        print("  first run on this machine: stages include their compilation, which later runs find in a cache")
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)  # a scheduler's end is an interruption too
    try:
        module.compute(run, config)
        run.record(complete=1)
        run.save()
        if run.writes:
            with run.stage("figures"):
                page = draw(folder, experiment)
            run.record(total_wall_s=round(time.perf_counter() - begin, 3))
            run.save()
            print(f"{run.metrics['total_wall_s']:.0f} s in all; report: {page}")
        runtime.finish()
    except BaseException as error:
        _stop(run, error, from_shell=from_shell, several=runtime.several())
        raise
    finally:
        signal.signal(signal.SIGTERM, previous)
    return folder


def _stop(run: Run, error: BaseException, *, from_shell: bool, several: bool) -> None:
    """Save what a stopped run holds, say what is missing, and end the process where an orderly end would hang."""
    run.log("stopped", error=repr(error), missing=run.missing())
    run.save()
    if run.writes:
        print(f"\nstopped: {run.folder} holds {', '.join(run.done) or 'no stage'}; missing: {', '.join(run.missing())}")
    interrupted = isinstance(error, KeyboardInterrupt)
    if several or (from_shell and interrupted):
        # The interpreter's orderly end would wait for other processes, which wait for this one, and crash on
        # XLA's threads, which after an interruption may still be computing.
        if not interrupted:
            traceback.print_exc()
        sys.stdout.flush()
        os._exit(130 if interrupted else 1)
    if interrupted:
        raise SystemExit(130) from error
