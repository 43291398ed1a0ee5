"""TODO docstring of experiments.lab.run"""

import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm
from typing import TYPE_CHECKING

from experiments.lab.options import Settings

if TYPE_CHECKING:
    pass


def advance(bar: Any) -> Callable[..., None]:
    """A progress callback that sets the bar to the largest count it was told (devices report out of order)."""

    def told(count: Any, *_: Any) -> None:
        bar.update(max(0, int(count) - bar.n))

    return told


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

        from experiments.lab import environment

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
