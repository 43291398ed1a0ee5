"""From a command line to a folder of results: options, stages, files, figures, report.

An experiment is a module with a docstring, a ``Config`` dataclass, a ``STAGES`` tuple and ``compute(run, config)``; it
ends in ``harness.main(...)``. What it computes goes through a ``Run``: every stage that ends leaves its numbers and
arrays on disk, so an interrupted run is readable up to its last whole stage.
"""

import json
import math
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import tyro

if TYPE_CHECKING:
    from tqdm import tqdm


@dataclass(frozen=True)
class Settings:
    """Options of every experiment."""

    seed: int = 0
    """Seed of everything that is drawn; seeds of repeated campaigns follow from it."""
    smoke: bool = False
    """A small job of the same kind, for trying things out (a minute or two with compilation); numbers mean nothing."""
    runs: Path = Path("runs")
    """Folder for results; a run is written to RUNS/<experiment>/<date-time>."""
    replot: Path | None = None
    """Redraw figures and report of this finished run's folder; nothing is computed."""
    devices: int = 0
    """Devices to spread independent work over (on a CPU: one per core at most); 0 means all there are."""
    coordinator: str = ""
    """HOST:PORT of process 0, for one run in several processes; under SLURM or Open MPI it is found without."""
    processes: int = 1
    """Number of processes of the run; they compute together, and process 0 writes."""
    process_id: int = 0
    """Which of them this one is, from 0 on."""


class Experiment(NamedTuple):
    """What ``main`` needs to know of an experiment."""

    name: str
    doc: str
    config: type[Settings]
    smoke: Settings
    stages: tuple[str, ...]
    compute: Callable[["Run", Any], None]
    figures: str  # module with FIGURES and SUMMARY, imported only when it is time to draw
    check: Callable[[Any], None] = lambda config: None  # ValueError for a user's data, before anything is written


class RunError(RuntimeError):
    """A run that cannot go on, in words for its user."""


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all: a reader never meets half of it."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(text)
    os.replace(temporary, path)


class Run:
    """A folder of results in the making.

    ``record`` takes numbers (flat, unit in the name), ``add`` labelled arrays, ``log`` events with a time stamp.
    In a run of several processes all compute and hold the same numbers, and the one that ``writes`` leaves files.
    """

    def __init__(self, folder: Path, config: Settings, stages: Sequence[str], writes: bool = True):
        import xarray

        from experiments import environment

        self.folder, self.config, self.stages = folder, config, tuple(stages)
        self.done: list[str] = []
        self.metrics: dict[str, float | int] = {"complete": 0}
        self.results = xarray.Dataset(attrs={"title": folder.parent.name, "Conventions": "CF-1.8"})
        self._unsaved, self.writes = False, writes
        if not writes:
            return
        folder.mkdir(parents=True)
        _write(folder / "config.json", json.dumps(asdict(config), indent=2, default=str))
        _write(folder / "environment.json", json.dumps(environment.describe(), indent=2))
        self.save()

    def record(self, **numbers: Any) -> None:
        """Add numbers to ``metrics.json``; the unit belongs into the name."""
        for name, value in numbers.items():
            self.metrics[name] = value if isinstance(value, int) else float(value)

    def add(
        self,
        name: str,
        dims: Sequence[str],
        values: Any,
        units: str,
        long_name: str,
        coordinate: bool = False,
    ) -> None:
        """Add an array to ``results.nc`` with its axes' names, unit (``1`` if it has none) and meaning."""
        import numpy
        import xarray

        array = xarray.Variable(tuple(dims), numpy.asarray(values), {"units": units, "long_name": long_name})
        if array.dtype == bool:
            array = array.astype("int8", keep_attrs=True)
            array.attrs["flag_meanings"] = "false true"
            array.attrs["flag_values"] = numpy.array([0, 1], dtype="int8")
        self.results = self.results.assign_coords({name: array}) if coordinate else self.results.assign({name: array})
        self._unsaved = True

    def describe(self, setup: Any) -> None:
        """Add a set-up of the simulator to the attributes of ``results.nc``: its parameters, lattice and conventions,
        each name after the preset's, so that the file can be simulated again without this code."""
        parts = {**setup.params._asdict(), **asdict(setup.lattice), **setup._asdict()}
        if setup.settle is not None:
            parts |= {f"settle_{name}": value for name, value in setup.settle._asdict().items()}
        for name, value in parts.items():
            if name in ("name", "params", "lattice", "settle"):
                continue
            if not isinstance(value, (str, int, tuple, type(None))):
                value = float(value)
            plain = int(value) if isinstance(value, bool) else "none" if value is None else value
            self.results.attrs[f"{setup.name}_{name}"] = list(plain) if isinstance(plain, tuple) else plain

    def log(self, event: str, **values: Any) -> None:
        """Append a line to ``history.jsonl``."""
        if not self.writes:
            return
        line = {"time": datetime.now().isoformat(timespec="milliseconds"), "event": event, **values}
        with (self.folder / "history.jsonl").open("a") as file:
            file.write(json.dumps(line, default=float) + "\n")

    def save(self) -> None:
        """Write numbers and arrays as they are now."""
        if not self.writes:
            return
        finite = {name: value if math.isfinite(value) else None for name, value in self.metrics.items()}
        _write(self.folder / "metrics.json", json.dumps(finite, indent=2))
        if self._unsaved:
            part = self.folder / "results.nc.part"
            self.results.to_netcdf(part, engine="h5netcdf")
            os.replace(part, self.folder / "results.nc")
            self._unsaved = False

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage, print it, and leave its results on disk when it ends."""
        if name not in self.stages:
            raise ValueError(f"stage {name!r} is not announced; the experiment has {', '.join(self.stages)}")
        if self.writes and sys.stdout.isatty():
            print(f"  {name.replace('_', ' '):<22}", end="\r", flush=True)
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        self.record(**{f"{name}_wall_s": round(wall, 3), f"{name}_cpu_s": round(cpu, 3)})
        self.log("stage", name=name, wall_s=wall, cpu_s=cpu)
        self.done.append(name)
        self.save()
        if self.writes:
            print(f"  {name.replace('_', ' '):<22}{wall:7.1f} s wall {cpu:7.1f} s CPU", flush=True)

    @contextmanager
    def progress(self, total: int, unit: str) -> Iterator["tqdm[Any]"]:
        """A progress bar on a terminal (nothing elsewhere) that leaves no trace."""
        from tqdm import tqdm

        with tqdm(total=total, unit=unit, leave=False, disable=None if self.writes else True) as bar:
            yield bar

    def missing(self) -> list[str]:
        """Stages that have not ended."""
        return [stage for stage in self.stages if stage not in self.done]


_C = TypeVar("_C", bound=Settings)


def parse(config: type[_C], smoke: _C, doc: str, argv: Sequence[str] | None) -> _C:
    """Read the command line; ``--smoke`` changes the defaults of all other options first."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    default = smoke if "--smoke" in arguments else config()
    return tyro.cli(config, args=arguments, default=default, description=doc)


def read(folder: Path) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Arrays, numbers and options of a run on disk. RunError names the file that is missing."""
    import xarray

    for name in ("config.json", "metrics.json", "results.nc"):
        if not (folder / name).is_file():
            raise RunError(f"{folder} has no {name}: give the folder of a run, such as runs/latent_bo/<date-time>")
    with xarray.open_dataset(folder / "results.nc", engine="h5netcdf") as file:
        results = file.load()
    metrics = json.loads((folder / "metrics.json").read_text())
    return results, metrics, json.loads((folder / "config.json").read_text())


def draw(folder: Path, experiment: Experiment) -> Path:
    """Draw every figure of a run and its report from what is on disk; returns the report's path."""
    from importlib import import_module

    from experiments import report

    results, metrics, config = read(folder)
    if not metrics.get("complete"):
        missing = [name for name in experiment.stages[:-1] if f"{name}_wall_s" not in metrics]
        raise RunError(f"{folder} is not a finished run: its figures need {', '.join(missing)}, which it lacks")
    return report.write(folder, experiment.doc, results, metrics, config, import_module(experiment.figures))


def main(experiment: Experiment, argv: Sequence[str] | None = None) -> Path:
    """Run an experiment from its command line to its report; returns the run's folder.

    Leaves by ``SystemExit`` after telling in words what went wrong, which files can be read and what they lack.
    """
    config = parse(experiment.config, experiment.smoke, experiment.doc, argv)
    try:
        if config.replot is not None:
            page = draw(config.replot, experiment)
            print(f"report: {page}")
            return config.replot
        return _compute_and_draw(experiment, config, from_shell=argv is None)
    except (RunError, ValueError) as error:
        raise SystemExit(f"\n{experiment.name}: {error}") from error


def _compute_and_draw(experiment: Experiment, config: Settings, *, from_shell: bool) -> Path:
    from experiments import runtime

    begin = time.perf_counter()
    runtime.start(config.devices, runtime.launch(config.coordinator, config.processes, config.process_id))
    experiment.check(config)
    stamp = runtime.agree(f"{datetime.now():%Y%m%d-%H%M%S}-{os.getpid():08d}")
    folder = config.runs / experiment.name / stamp
    run = Run(folder, config, experiment.stages, runtime.writes())
    if run.writes:
        print(f"{experiment.name}: results in {folder}", flush=True)
    if run.writes and runtime.compilation_count() == 0:
        print("  first run on this machine: stages include their compilation, which later runs find in a cache")
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)  # a scheduler's end is an interruption too
    try:
        experiment.compute(run, config)
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
        run.log("stopped", error=repr(error), missing=run.missing())
        run.save()
        if run.writes:
            print(f"\nstopped: {folder} holds {', '.join(run.done) or 'no stage'}; missing: {', '.join(run.missing())}")
        interrupted = isinstance(error, KeyboardInterrupt)
        if runtime.several() or (from_shell and interrupted):
            # The interpreter's orderly end would wait for other processes, which wait for this one, and crash on
            # XLA's threads, which after an interruption may still be computing.
            if not interrupted:
                traceback.print_exc()
            sys.stdout.flush()
            os._exit(130 if interrupted else 1)
        if interrupted:
            raise SystemExit(130) from error
        raise
    finally:
        signal.signal(signal.SIGTERM, previous)
    return folder
