"""The commands of a study with their options; imports no JAX."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

Folder = Annotated[Path, arg(metavar="STUDY")]


@dataclass(frozen=True)
class Learn:
    """Learn the family of the histories in a file, and decode the candidates of the study."""

    study: Positional[Folder]
    """Folder of the study; made where it is missing."""
    file: Positional[Path]
    """Histories: CSV (a row each, or id, time and values), npy, npz or HDF5 (docs/guide/histories.md)."""
    scale: str = "auto"
    """auto, standard or unit."""
    duration: str = "keep"
    """keep: the latent space carries durations; ignore: every candidate has their geometric mean."""
    bounds: tuple[float, float] | None = None
    """Lowest and highest value that every candidate keeps; by default those of the file."""
    latent: int = 2
    """Dimensions of the latent space, 1 to 3."""
    cells: int = 0
    """Cells of the grid over the latent space, about; 0: 900, with three latents 3,000."""
    samples: int = 0
    """Points of a history; 0: those that all have in common, else 200."""
    form: str = "auto"
    """Form of a CSV: rows (a history each), long (id, time, values) or auto."""
    id: str = ""
    """Column of a CSV that tells the histories apart, such as batch; by default one that is called id, name, run, …"""
    step: float = 1.0
    """Time between two samples of a row, where the file has no times."""
    dataset: str = ""
    """Array of an npz or HDF5 file that holds the histories."""
    smooth: str = "auto"
    """Width over which candidates are smoothed, as a share of the duration; 0: not; auto: as held-out histories say."""
    epochs: int = 0
    """Epochs of the training; 0: about 4,000 steps of the optimiser."""
    seed: int = 0
    """Seed of the training."""


@dataclass(frozen=True)
class Ask:
    """Ask for histories to run next: rows "asked" in log.csv, and a file study/asked/ID.csv for each."""

    study: Positional[Folder]
    """Folder of the study."""
    n: Annotated[int, arg(aliases=["-n"])] = 1
    """Number of histories."""
    context: tuple[str, ...] = ()
    """Kept in the log beside the rows: a day, a batch, an operator. With [context] in study.toml NAME=VALUE for each
    context, such as day=3 batch=a; the model learns its effect."""


@dataclass(frozen=True)
class Tell:
    """Tell what a history gave: tell STUDY 17 cap=3.41 temp=48.2"""

    study: Positional[Folder]
    """Folder of the study."""
    id: Positional[int]
    """Number of the row that was asked."""
    outcomes: Positional[tuple[str, ...]] = ()
    """Outcomes, NAME=VALUE each."""
    failed: bool = False
    """The experiment failed: such places are avoided. Outcomes that were measured all the same stay in the log."""
    withdrawn: bool = False
    """The experiment is not made: the candidate may be asked again."""
    replace: bool = False
    """Replace what has been told before."""
    context: tuple[str, ...] = ()
    """In place of the context in which it was asked."""
    noise: tuple[str, ...] = ()
    """Standard deviations of outcomes, NAME=VALUE each."""
    note: str = ""
    """Kept in the log."""


@dataclass(frozen=True)
class Run:
    """Run the study up to its budget: --command, any program; or --objective, a JAX function."""

    study: Positional[Folder]
    """Folder of the study."""
    command: str = ""
    """Program to run for each history: "python sim.py {history}". {history} is its CSV (time, value), {id} its number.
    It prints outcomes, a line NAME=VALUE each or one object in JSON; an exit status other than 0 is a failure."""
    context: tuple[str, ...] = ()
    """Context of all its evaluations, as of ask. The words of the command may hold {NAME} of a context."""
    workers: int = 1
    """Programs that run at the same time."""
    executor: str = "threads"
    """Where they run: threads, on this machine; or ray, on the machines of a Ray cluster that see the study's folder
    under the same path."""
    timeout: float = 3600.0
    """Seconds after which a program is ended and counts as failed."""
    evaluations: int = 0
    """End after so many evaluations of this run; 0: at the budget of study.toml."""
    patience: int = 20
    """End when so many programs failed before any has succeeded, because then the command itself is likely wrong."""
    objective: str = ""
    """MODULE:FUNCTION, a JAX function of a history [samples], or of a history and its duration, that returns a number
    or a dictionary of outcomes; all campaigns become one program. Results lie in study/campaigns."""
    seeds: int = 16
    """Campaigns of each acquisition (with --objective)."""
    kappa: tuple[float, ...] = ()
    """Weights of the standard deviation to compare, beside log expected improvement (with --objective)."""
    refine: int = 0
    """Steps of refinement of the best history along the gradient, in its samples (with --objective)."""
    slew: float = 0.0
    """Largest change of a refined history per unit of time; 0: the largest in the histories of the file."""


@dataclass(frozen=True)
class Report:
    """Write the report of the study: study/report/report.html, with its figures as PNG."""

    study: Positional[Folder]
    """Folder of the study."""


COMMANDS = {"learn": Learn, "ask": Ask, "tell": Tell, "run": Run, "report": Report}
