"""Predict spectra from patches, and record all."""

from functools import partial

from experiments.image_to_spectrum.config import Config
from experiments.lab.run import Run
from experiments.lab.training import fit_and_record
from experiments.shared.structure_property import patches, scans


def compute(run: Run, config: Config) -> None:
    """Go through the stages that both directions share."""
    patches.compute(config, stage=run.stage, keep=run.keep, fit=partial(fit_and_record, run))


def check(config: Config) -> None:
    """Raise a ValueError for a user's scan that cannot be used, before anything is written."""
    scans.check_own(config)
