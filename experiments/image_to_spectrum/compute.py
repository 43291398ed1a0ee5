"""TODO docstring of experiments.image_to_spectrum.compute.compute"""

from experiments.image_to_spectrum.config import Config
from experiments.lab.run import Run
from experiments.shared.structure_property import patches, scans


def compute(run: "Run", config: Config) -> None:
    """Data, baselines, ensemble, maps, leaky split."""

    patches.compute(run, config, "image_to_spectrum")


def check(config: Config) -> None:
    """The user's scan, if there is one."""

    scans.check_own(config)
