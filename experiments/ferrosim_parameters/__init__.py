"""Map global responses of the lattice against coupling and depolarization, thousands of simulations in one call.

    python -m experiments.ferrosim_parameters            # 64 × 64 parameters, three random fields: about a minute
    python -m experiments.ferrosim_parameters --smoke    # a small one

Every cell of the grid is driven through bipolar field cycles from p = 0; the last one is evaluated: loop area (energy
dissipated per site and cycle), remnant polarization, coercive field, Σ|curl| and domain-wall density where the field
is zero. Coupling K and depolarization are traced numbers, so the whole map is one vmapped call, compiled once.
Source of the simulator: arXiv 2206.12435.

Expected: area, remnant polarization and coercive field fall with the depolarization (rank correlation -0.9), have a
valley along K between 3 and 6 and their extremes on the edge of the grid; Σ|curl| and walls fall with K (-1.0) and are
largest one cell inside, at K = 0.4. The loops are far from quasi-static: four times slower, their area is 0.4 of that.
"""

from experiments.ferrosim_parameters.config import SMOKE, STAGES, Config
from experiments.lab.harness import Experiment

__all__ = ["EXPERIMENT", "SMOKE", "STAGES", "Config", "run"]

EXPERIMENT = Experiment(__name__, __doc__ or "", Config, SMOKE, STAGES, picture="maps")
run = EXPERIMENT.run
