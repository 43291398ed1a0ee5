"""Hold what an experiment computes: numbers, labelled arrays and events, on disk after every stage.

``compute.py`` of an experiment describes its arrays once, in a table, and records values by name::

    ARRAYS = {
        "needed": Array(("method", "seed"), "1", "evaluations to the first good candidate"),
        "method": Array(("method",), "1", "what chose the candidates", coordinate=True),
    }
    run.add_all(ARRAYS, {"method": names, "needed": needed})
    run.record(seeds=config.seeds)
"""

import json
import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import xarray
from tqdm import tqdm

from experiments.lab import checkpoints, environment, finished, resuming
from experiments.lab.options import Settings
from ferro_jax import hdf5
from ferro_jax.files import replaced, whole, write_json

ENDED = "ended.json"  # of a stage, in its checkpoints: wall and CPU seconds
PACKED = {"compression": "gzip", "compression_opts": 4, "shuffle": True}


class RunError(RuntimeError):
    """A computation that cannot go on, in words for its user."""


def refuse_non_finite(what: str, values: np.ndarray, axes: Sequence[str] = ("cell",)) -> None:
    """RunError that names the first place, by the names of its axes, where a value is not finite."""
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        place = ", ".join(f"{axis} {number}" for axis, number in zip(axes, bad[0], strict=True))
        raise RunError(f"{what} went non-finite at {place} ({len(bad)} of {np.size(values)} values)")


class Array(NamedTuple):
    """Description of an array of ``results.nc``: names of its axes, unit (``1`` if it has none), meaning in words.

    A coordinate gives the places along an axis, such as the names of methods or the times of samples. With a ``step``,
    a power of two in the array's unit, values are rounded to multiples of it, for large arrays whose last digits nobody
    needs; the file says so.
    """

    dims: tuple[str, ...]
    units: str
    text: str
    coordinate: bool = False
    step: float | None = None


class Outcome(NamedTuple):
    """What a stage computed: arrays by the names of the experiment's table, and numbers for ``metrics.json``.

    ``attributes`` are those of ``results.nc`` as a whole, such as where data come from.
    """

    arrays: dict[str, Any]
    numbers: dict[str, Any]
    attributes: Mapping[str, Any] = MappingProxyType({})


class Run:
    """A folder of results in the making.

    ``record`` takes numbers (flat, unit in the name), ``add`` and ``add_all`` labelled arrays, ``log`` events with a
    time stamp. In a run of several processes all compute and hold the same numbers; one of them ``writes`` files.

    With ``again`` the folder is that of a run that was stopped. It goes through all stages anew, but reads what those
    that have ended left in ``checkpoints``; until they are through, its files stay as they are.
    """

    def __init__(
        self, folder: Path, config: Settings, stages: Sequence[str], writes: bool = True, *, again: bool = False
    ):
        self.folder, self.config, self.stages = folder, config, tuple(stages)
        self.done: list[str] = []
        self.ended = {stage: took for stage in self.stages if again and (took := self._took(stage))}
        self.metrics: dict[str, float | int] = {"complete": 0}
        self.results = xarray.Dataset(attrs={"title": folder.parent.name, "Conventions": "CF-1.8"})
        self._unsaved, self.writes = False, writes
        if again:
            self.log("resumed", ended=list(self.ended))
        if again or not writes:
            return
        folder.mkdir(parents=True)
        write_json(folder / "config.json", json.loads(json.dumps(asdict(config), default=str)))
        write_json(folder / "environment.json", environment.describe())
        self.save()

    def record(self, **numbers: Any) -> None:
        """Add numbers to ``metrics.json``; the unit belongs into the name."""
        for name, value in numbers.items():
            self.metrics[name] = value if isinstance(value, int) else float(value)

    def add(self, name: str, values: Any, like: Array) -> None:
        """Add an array to ``results.nc``: its values, and the record of its axes, unit and meaning.

        True and false are saved as 1 and 0, values of a record with a step as its multiples. ValueError if the values
        have another number of axes than the record.
        """
        values = np.asarray(values)
        if values.ndim != len(like.dims):
            raise ValueError(
                f"{name} has shape {values.shape}, but its record names {len(like.dims)} axes ({', '.join(like.dims)})"
            )
        array = xarray.Variable(like.dims, values, {"units": like.units, "long_name": like.text})
        if like.step is not None:
            array = (array / like.step).round().astype(values.dtype) * values.dtype.type(like.step)
            array.attrs = {"units": like.units, "long_name": like.text, "rounded_to_multiples_of": like.step}
        if array.dtype == bool:
            array = array.astype("int8", keep_attrs=True)
            array.attrs["flag_meanings"] = "false true"
            array.attrs["flag_values"] = np.array([0, 1], dtype="int8")
        update = self.results.assign_coords if like.coordinate else self.results.assign
        self.results = update({name: array})
        self._unsaved = True

    def add_all(self, table: Mapping[str, Array], values: Mapping[str, Any], prefix: str = "") -> None:
        """Add ``values[name]`` as ``prefix + name`` described by ``table[name]``; KeyError without."""
        for name, array in values.items():
            self.add(prefix + name, array, table[name])

    def keep(self, table: Mapping[str, Array], outcome: Outcome) -> None:
        """Add the arrays of an outcome, described by ``table``, and its attributes, and record its numbers."""
        self.results.attrs.update(outcome.attributes)
        self.add_all(table, outcome.arrays)
        self.record(**outcome.numbers)

    def log(self, event: str, **values: Any) -> None:
        """Append a line to ``history.jsonl``."""
        if not self.writes:
            return
        line = {"time": datetime.now().isoformat(timespec="milliseconds"), "event": event, **values}
        with (self.folder / "history.jsonl").open("a") as file:
            file.write(json.dumps(line, default=float) + "\n")

    def save(self, *, packed: bool = False) -> None:
        """Write numbers and arrays as they are now, unless the folder holds those of later stages.

        ``packed`` arrays take more time to write and less room.
        """
        if not self.writes or not self.ended.keys() <= set(self.done):
            return
        finite = {name: value if math.isfinite(value) else None for name, value in self.metrics.items()}
        write_json(self.folder / "metrics.json", finite)
        if self._unsaved or (packed and self.results.variables):
            with replaced(self.folder / "results.nc") as part:
                self.results.to_netcdf(part, engine="h5netcdf", encoding=self._encoding() if packed else None)
            self._unsaved = False

    def _encoding(self) -> dict[str, dict[str, Any]]:
        """Return how arrays of some size are compressed, and those with a step as whole numbers. No value changes."""
        found = {}
        for name, array in self.results.variables.items():
            if array.nbytes < 10_000 or array.dtype.kind not in "fiub":
                continue
            found[name] = dict(PACKED)
            step = array.attrs.get("rounded_to_multiples_of")
            if step is not None and np.abs(array).max() < step * np.iinfo(np.int16).max:  # not for NaN either
                found[name] |= {"dtype": "int16", "scale_factor": array.dtype.type(step), "_FillValue": -(2**15)}
        return found

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage, print it, and leave its results on disk when it ends."""
        if name not in self.stages:
            raise ValueError(f"stage {name!r} is not announced; the experiment has {', '.join(self.stages)}")
        if self.writes and sys.stdout.isatty():
            print(f"  {name.replace('_', ' '):<22}", end="\r", flush=True)
        wall, cpu = time.perf_counter(), time.process_time()
        with self._kept(name) if self.keeps else nullcontext():
            yield
        wall, cpu = self.ended.get(name, (time.perf_counter() - wall, time.process_time() - cpu))
        self.record(**{f"{name}_wall_s": round(wall, 3), f"{name}_cpu_s": round(cpu, 3)})
        self.done.append(name)
        self.save()
        if name not in self.ended:
            self.log("stage", name=name, wall_s=wall, cpu_s=cpu)
            if self.keeps:
                self._checkpoints(name).mkdir(exist_ok=True)
                write_json(self._checkpoints(name) / ENDED, [wall, cpu])
        if self.writes:
            end = "  before" if name in self.ended else ""
            print(f"  {name.replace('_', ' '):<22}{wall:7.1f} s wall {cpu:7.1f} s CPU{end}", flush=True)

    @property
    def keeps(self) -> bool:
        """Whether long functions leave what they return in the folder, until the run has ended."""
        return self.writes and (self.folder / resuming.FOLDER).is_dir()

    def _kept(self, stage: str) -> AbstractContextManager[None]:
        """Return the block in which functions of a stage leave what they return."""
        return checkpoints.within(self._checkpoints(stage), self.folder / resuming.FOLDER / resuming.BEGUN)

    def _checkpoints(self, stage: str) -> Path:
        """Return where the functions of a stage leave what they return."""
        return self.folder / resuming.FOLDER / stage

    def _took(self, stage: str) -> tuple[float, float] | None:
        """Return wall and CPU seconds of a stage that has ended in an earlier process; None if it has not."""
        file = self._checkpoints(stage) / ENDED
        if not file.is_file():
            return None
        try:
            wall, cpu = json.loads(file.read_text())
            return float(wall), float(cpu)
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise ValueError(f"{file} cannot be read ({error}): delete it, and the stage is done again") from None

    @contextmanager
    def progress(self, total: int, unit: str) -> Iterator[tqdm]:
        """A progress bar on a terminal (nothing elsewhere) that leaves no trace."""
        with tqdm(total=total, unit=unit, leave=False, disable=None if self.writes else True) as bar:
            yield bar

    def missing(self) -> list[str]:
        """Return the stages that have not ended, in this process or in an earlier one."""
        return [stage for stage in self.stages if stage not in self.done and stage not in self.ended]


def read(folder: Path) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Read arrays, numbers and options of a run on disk.

    RunError names a file that is missing, ValueError one that is not whole.
    """
    for name in ("config.json", "metrics.json", "results.nc"):
        if not (folder / name).is_file():
            raise RunError(f"{folder} has no {name}: give the folder of a run, such as runs/latent_bo/<date-time>")
    path = folder / "results.nc"
    hdf5.check(path)
    with whole(path), xarray.open_dataset(path, engine="h5netcdf") as file:
        results = file.load()
    return results, finished.numbers_of(folder), finished.options_of(folder)
