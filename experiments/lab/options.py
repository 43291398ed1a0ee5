"""Options that every experiment has, and checks of options in the words of the command line."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

OF_THE_MACHINE = ("runs", "replot", "resume", "devices", "coordinator", "processes", "process_id")
"""Options that change nothing of what a run computes."""

_S = TypeVar("_S", bound="Settings")


def at_least(config: object, **smallest: int) -> None:
    """ValueError in the words of the command line for an option below its smallest value, NaN or infinite."""
    for name, least in smallest.items():
        if not least <= getattr(config, name) < float("inf"):
            raise ValueError(f"--{name.replace('_', '-')} is {getattr(config, name)}; give at least {least}")


@dataclass(frozen=True)
class Settings:
    """Options of every experiment."""

    seed: int = 0
    """Seed of everything that is drawn; seeds of repeated campaigns follow from it."""
    smoke: bool = False
    """A small job of the same kind, for trying things out (a few minutes with compilation); numbers mean nothing."""
    runs: Path = Path("runs")
    """Folder for results; a run is written to RUNS/<experiment>/<date-time>."""
    replot: Path | None = None
    """Redraw figures and report of this finished run's folder; nothing is computed."""
    resume: Path | None = None
    """Go on with this run's folder, which was stopped, with the options it was begun with."""
    devices: int = 0
    """Devices to spread independent work over (on a CPU: one per core at most); 0 means all there are."""
    coordinator: str = ""
    """HOST:PORT of process 0, for one run in several processes; under SLURM or Open MPI it is found without."""
    processes: int = 1
    """Number of processes of the run; they compute together, and process 0 writes."""
    process_id: int = 0
    """Which of them this one is, from 0 on."""

    def resolved(self: _S) -> _S:
        """Return the options with a number in place of every one that is left to others; a run keeps these."""
        return self

    def stages_of(self, stages: tuple[str, ...]) -> tuple[str, ...]:
        """Return those of an experiment's stages that these options lead through."""
        return stages
