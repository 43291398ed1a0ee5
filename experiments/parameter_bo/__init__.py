"""Can Bayesian optimisation do better than grid search? Global responses over coupling and depolarization.

    python -m experiments.parameter_bo            # 4,096 cells, four responses, 32 seeds: four minutes of CPU time
    python -m experiments.parameter_bo --smoke    # a small one

Every cell of the grid is simulated once (``ferrosim_parameters`` has the
simulation), so that the truth is known; campaigns then look values up, and one live campaign per response shows that
simulating on demand gives the same.

Maximised are the loop area, the remnant polarization, Σ|curl| at zero field, and a fit: minus the rms distance of the
loop from the one at the preset's own parameters, the only response whose optimum is not at the edge of the box by
nature.

Gaussian-process campaigns (log expected improvement, and μ + κσ) run against random and Sobol designs, against a
coarse-to-fine grid search at the same budget, and against plain k × k grids. Judged by: evaluations to within 1 % of
the map's range of its best cell; error of the surface at equal budgets.

Expected evaluations, medians: log EI needs 12.5 (area), 10 (remnant), 25 (curl) and 22 (match) and always gets there;
the coarse-to-fine grid needs more than 64, 48, 37.5 and 47.5, random and Sobol designs more than 64 everywhere. μ + 2σ
is as quick as log EI on remnant and match, but 81 % of its seeds miss the narrow corner of area.

Expected of plain grids: the optima of area and remnant lie in a corner, where a 2 × 2 grid with its points on the edge
has them; curl's lies at the edge, found by 44 × 44 points; match's lies inside and takes 8 × 8 points of a shifted
grid, 9 × 9 of one with ends.

Expected of the surfaces: that of log EI is as good as the designs' but on match (RMSE 10 % of the range, Sobol 3 %);
that of μ + 2σ is worse everywhere (9 to 19 %).
"""

from experiments.lab.harness import Experiment
from experiments.parameter_bo.config import SMOKE, STAGES, Config

__all__ = ["EXPERIMENT", "SMOKE", "STAGES", "Config", "run"]

EXPERIMENT = Experiment(__name__, __doc__ or "", Config, SMOKE, (*STAGES, "figures"), picture="maps")
run = EXPERIMENT.run
