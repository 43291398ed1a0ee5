"""TODO docstring of experiments.spectrum_to_image.compute.compute"""

from experiments.lab.run import Run
from experiments.shared.structure_property import patches, scans
from experiments.spectrum_to_image.config import Config


def compute(run: "Run", config: Config) -> None:
    """Data, baselines, ensemble, maps, leaky split."""

    patches.compute(run, config, "spectrum_to_image")


def check(config: Config) -> None:
    """The user's scan, if there is one."""

    scans.check_own(config)
