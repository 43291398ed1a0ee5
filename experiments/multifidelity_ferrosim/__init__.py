"""Learn a response of the 20 × 20 lattice with the help of an 8 × 8 one, six times as cheap.

    python -m experiments.multifidelity_ferrosim            # 24 × 24 parameters, 16 seeds: a few minutes
    python -m experiments.multifidelity_ferrosim --smoke    # a small one

The response is Σ|curl P| per site at the end of a driven history exp(αt) cos(ωt), over growth α and frequency ω, under
one random field: a rough landscape, of which a hundred evaluations show little. The proxy is the same drive on the
8 × 8 corner of that field, at 64/400 = 0.16 of the site updates. Three campaigns of equal cost: a Gaussian process of
the target alone, the same with the proxy (high = ρ · low + δ, Kennedy & O'Hagan 2000), where information per cost
chooses the fidelity, and random target points.

Expected (16 seeds, cost 50): median RMSE over the grid 0.0044 with the proxy, 0.0064 without and for random points
(0.69 times as much, lower for 15 of 16 seeds); the proxy reaches the others' final RMSE at a cost of 22. The best value
found is not better, because a weight of 10 explores. About two CPU-minutes.
"""

from experiments.lab.harness import Experiment
from experiments.multifidelity_ferrosim.config import SMOKE, STAGES, Config

__all__ = ["EXPERIMENT", "SMOKE", "STAGES", "Config", "run"]

EXPERIMENT = Experiment(__name__, __doc__ or "", Config, SMOKE, STAGES, picture="maps")
run = EXPERIMENT.run
