"""What the harness knows of an experiment."""

from importlib import import_module
from typing import Any, NamedTuple

from experiments.lab.options import Settings


class Description(NamedTuple):
    """An experiment's package, docstring, options and stages (the last stage draws the figures).

    ``picture`` is the figure of the report that stands for the experiment in the gallery.
    """

    package: str
    doc: str
    config: type[Settings]
    smoke: Settings
    stages: tuple[str, ...]
    picture: str = ""

    @property
    def name(self) -> str:
        """Name on the command line: the last part of the package's name."""
        return self.package.rpartition(".")[2]

    def module(self, part: str) -> Any:
        """Import ``compute`` or ``figures`` of the experiment. Call it only after XLA has been set up."""
        return import_module(f"{self.package}.{part}")
