"""Carry a run out: set up XLA, compute, save what a stopped run holds, draw the figures and the report."""

import os
import shlex
import signal
import sys
import time
import traceback
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from experiments.lab import resuming, runtime
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
    launched = runtime.launch(config.coordinator, config.processes, config.process_id)
    runtime.start(config.devices, launched, small=config.smoke)
    module = experiment.module("compute")
    if hasattr(module, "check"):
        module.check(config)
    with ExitStack() as held:
        return _carried_out(_begun(experiment, config, held), experiment, begin, leave)


def _begun(experiment: Description, config: Settings, held: ExitStack) -> Run:
    """Return the run in a new folder, or in the one that is resumed, ``held`` until its end by this process alone.

    ValueError where that cannot be.
    """
    ours = resuming.begun_with(experiment.name, config, len(runtime.devices()))
    stages = config.stages_of(experiment.stages)
    if config.resume is not None:
        if runtime.several():
            raise ValueError("--resume is for a run of one process: one of several is begun again, without it")
        resuming.check(config.resume, ours)
        held.enter_context(resuming.locked(config.resume))
        return Run(config.resume, config, stages, again=True)
    stamp = runtime.agree(f"{datetime.now():%Y%m%d-%H%M%S}-{os.getpid():08d}")
    try:
        run = Run(config.runs / experiment.name / stamp, config, stages, runtime.writes())
        if not runtime.several():
            resuming.begin(run.folder, ours)
            held.enter_context(resuming.locked(run.folder))
    except OSError as error:
        raise ValueError(f"cannot write a run to {config.runs} ({error}): give another folder with --runs") from error
    return run


def _carried_out(run: Run, experiment: Description, begin: float, leave: bool) -> Path:
    """Compute and draw a run, whose process has started at ``begin``; returns its folder."""
    if run.writes:
        print(f"{experiment.name}: results in {run.folder}", flush=True)
    if run.writes and runtime.compilation_count() == 0:
        print("  first run on this machine: stages include their compilation, which later runs find in a cache")
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)  # a scheduler's end is an interruption too
    try:
        experiment.module("compute").compute(run, run.config)
        run.record(complete=1)
        run.save(packed=True)
        if run.writes:
            with run.stage("figures"):
                page = draw(run.folder, experiment)
            total = time.perf_counter() - begin + sum(wall for wall, _ in run.ended.values())
            run.record(total_wall_s=round(total, 3))
            run.save()
            resuming.end(run.folder)
            print(f"{run.metrics['total_wall_s']:.0f} s in all; report: {page}")
        runtime.finish()
    except BaseException as error:
        _stop(run, error, experiment, leave=leave)
        raise
    finally:
        signal.signal(signal.SIGTERM, previous)
    return run.folder


def _stop(run: Run, error: BaseException, experiment: Description, *, leave: bool) -> None:
    """Save what a stopped run holds, say what is missing, and end the process where an orderly end would hang."""
    missing = run.missing()
    run.log("stopped", error=repr(error), missing=missing)
    run.save()
    if run.writes:
        held = [stage for stage in run.stages if stage not in missing]
        print(f"\nstopped: {run.folder} holds {', '.join(held) or 'no stage'}; missing: {', '.join(missing)}")
    if run.keeps and not isinstance(error, RunError | ValueError):
        print(f"to go on: python -m {experiment.package} --resume {shlex.quote(str(run.folder))}")
    interrupted = isinstance(error, KeyboardInterrupt)
    if runtime.several() or (leave and interrupted):
        # The interpreter's orderly end would wait for other processes, which wait for this one, and crash on
        # XLA's threads, which after an interruption may still be computing.
        if not interrupted:
            traceback.print_exc()
        sys.stdout.flush()
        os._exit(130 if interrupted else 1)
