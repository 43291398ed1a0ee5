"""Carry a run out: set up XLA, compute, save what a stopped run holds, draw the figures and the report."""

import os
import signal
import sys
import time
import traceback
from datetime import datetime
from pathlib import Path

from experiments.lab import runtime
from experiments.lab.experiment import Description
from experiments.lab.options import Settings
from experiments.lab.run import Run, RunError, read


def draw(folder: Path, experiment: Description) -> Path:
    """Draw every figure of a run and its report from what is on disk; returns the report's path.

    RunError for a folder that holds no finished run.
    """
    from experiments.lab import report  # here, because matplotlib is imported only when it is time to draw

    results, metrics, config = read(folder)
    if not metrics.get("complete"):
        missing = [name for name in experiment.stages[:-1] if f"{name}_wall_s" not in metrics]
        raise RunError(f"{folder} is not a finished run: its figures need {', '.join(missing)}, which it lacks")
    return report.write(folder, experiment, results, metrics, config)


def execute(experiment: Description, config: Settings, *, leave: bool = False) -> Path:
    """Set up XLA, check the user's data, compute and draw; returns the folder, which holds what was done if it stops.

    With ``--replot`` draw the figures and the report of that folder instead, from what is on disk. With ``leave`` an
    interruption ends the process at once, as a command line does.
    """
    if config.replot is not None:
        print(f"report: {draw(config.replot, experiment)}")
        return config.replot
    config, begin = config.resolved(), time.perf_counter()
    runtime.start(config.devices, runtime.launch(config.coordinator, config.processes, config.process_id))
    module = experiment.module("compute")
    if hasattr(module, "check"):
        module.check(config)
    stamp = runtime.agree(f"{datetime.now():%Y%m%d-%H%M%S}-{os.getpid():08d}")
    folder = config.runs / experiment.name / stamp
    try:
        run = Run(folder, config, experiment.stages, runtime.writes())
    except OSError as error:
        raise ValueError(f"cannot write a run to {config.runs} ({error}): give another folder with --runs") from error
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
        _stop(run, error, leave=leave, several=runtime.several())
        raise
    finally:
        signal.signal(signal.SIGTERM, previous)
    return folder


def _stop(run: Run, error: BaseException, *, leave: bool, several: bool) -> None:
    """Save what a stopped run holds, say what is missing, and end the process where an orderly end would hang."""
    run.log("stopped", error=repr(error), missing=run.missing())
    run.save()
    if run.writes:
        print(f"\nstopped: {run.folder} holds {', '.join(run.done) or 'no stage'}; missing: {', '.join(run.missing())}")
    interrupted = isinstance(error, KeyboardInterrupt)
    if several or (leave and interrupted):
        # The interpreter's orderly end would wait for other processes, which wait for this one, and crash on
        # XLA's threads, which after an interruption may still be computing.
        if not interrupted:
            traceback.print_exc()
        sys.stdout.flush()
        os._exit(130 if interrupted else 1)
