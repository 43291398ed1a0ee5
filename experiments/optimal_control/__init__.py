"""What a field history found by gradient gains over the published family, and what of it survives.

    python -m experiments.optimal_control            # some minutes on two cores
    python -m experiments.optimal_control --smoke    # a small one

The history of the field itself is climbed, as B-splines or sample by sample, within the amplitude and the slew of the
family. A value with its gradient counts as three rollouts, and every search may spend as many. The histories found are
tried again with a longer hold, other defects, other subsets of the sites that move, and noise. Three more controls:
the cheapest reversal of a uniform lattice and a course of the mean polarization, whose answers are known, and patterns
written by a uniform field or by pulses of a tip.

Expected: to be measured.
"""

from experiments.lab.harness import Experiment
from experiments.optimal_control.config import SMOKE, STAGES, Config

__all__ = ["EXPERIMENT", "SMOKE", "STAGES", "Config", "run"]

EXPERIMENT = Experiment(__name__, __doc__ or "", Config, SMOKE, STAGES, picture="histories")
run = EXPERIMENT.run
