"""Run an experiment from its command line, or from Python, to its folder of results and its report.

An experiment is a package ``experiments/<name>/``. Its ``__init__`` holds an ``Experiment``; ``config.py`` the options
(``Config``, ``SMOKE``, ``STAGES``), without JAX, so that ``--help`` starts at once; ``compute.py`` a function
``compute(run, config)`` and, where the user's own data are read, ``check(config)``; ``figures.py`` the tuple
``PANELS``; ``summary.html.j2`` the text that opens the report. ``compute`` and ``figures`` are imported by name, after
XLA has been set up. Every stage that ends leaves its numbers and arrays on disk, so that an interrupted run can be
read up to its last whole stage, and long functions leave what they returned (``checkpoints``), so that ``--resume``
goes on from there.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import tyro

from experiments.lab import resuming
from experiments.lab.experiment import Description
from experiments.lab.options import Settings


class Results(NamedTuple):
    """What a finished run holds: labelled arrays (xarray.Dataset), numbers by name, and the folder they lie in."""

    arrays: Any
    numbers: dict[str, Any]
    folder: Path


class Experiment(Description):
    """An experiment that runs: from Python by ``run``, from its command line by ``main``."""

    __slots__ = ()

    def run(self, config: Settings | None = None) -> Results:
        """Compute, draw and read back a run with these options (by default the experiment's own).

        ValueError for options or data that cannot be used, RunError for a computation that cannot go on. An
        interruption passes as KeyboardInterrupt. What has been written until then can be read.
        """
        from experiments.lab import execution  # JAX and xarray start here, because ``--help`` must not wait for them

        folder = execution.execute(self, self._checked(self.config() if config is None else config))
        arrays, numbers, _ = execution.read(folder)
        return Results(arrays, numbers, folder)

    def _checked(self, config: Settings) -> Settings:
        """Return the options with paths for texts; ValueError for another experiment's, or a full job called smoke."""
        if not isinstance(config, self.config):
            given = config if isinstance(config, type) else type(config)
            raise ValueError(
                f"run got {given.__module__}.{given.__qualname__}: give {self.package}.Config(...), with its "
                "options by name, or SMOKE"
            )
        folders = {name: getattr(config, name) for name in ("runs", "replot", "resume")}
        config = replace(config, **{name: None if path is None else Path(path) for name, path in folders.items()})
        full = self.config()
        small = [f.name for f in fields(full) if getattr(full, f.name) != getattr(self.smoke, f.name)]
        if config.smoke and all(getattr(config, name) == getattr(full, name) for name in small if name != "smoke"):
            raise ValueError(
                f"Config(smoke=True) has the sizes of the full job: give {self.package}.SMOKE, or "
                "dataclasses.replace(SMOKE, ...) for other options"
            )
        return config

    def main(self, argv: Sequence[str] | None = None) -> Path:
        """Run the experiment from its command line (``argv``, by default the process's own)."""
        return main(self, argv)


_C = TypeVar("_C", bound=Settings)


def parse(config: type[_C], smoke: _C, doc: str, argv: Sequence[str] | None, prog: str | None = None) -> _C:
    """Read the command line; ``--smoke`` changes the defaults of all other options first, ``--resume`` to a run's."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--resume", type=Path)
    folder = first.parse_known_args(arguments)[0].resume
    if folder is not None:
        default = resuming.options_of(config, folder)
    else:
        default = smoke if "--smoke" in arguments else config()
    return tyro.cli(config, args=arguments, default=default, description=doc, prog=prog)


def main(experiment: Experiment, argv: Sequence[str] | None = None) -> Path:
    """Run an experiment from its command line to its report; returns the run's folder.

    Leaves by ``SystemExit`` after saying in words what went wrong, which files can be read and what they lack.
    """
    try:
        config = parse(experiment.config, experiment.smoke, experiment.doc, argv, f"python -m {experiment.package}")
    except ValueError as error:
        raise SystemExit(f"\n{experiment.name}: {error}") from error
    os.environ.setdefault("MPLBACKEND", "Agg")  # files only: no window, no display needed
    from experiments.lab import execution  # JAX and xarray start here, because ``--help`` must not wait for them

    try:
        return execution.execute(experiment, config, leave=argv is None)
    except KeyboardInterrupt as error:
        raise SystemExit(130) from error
    except (execution.RunError, ValueError) as error:
        raise SystemExit(f"\n{experiment.name}: {error}") from error
