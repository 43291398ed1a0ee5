"""What loops and snapshots of a lattice tell of its parameters, and whether a posterior of them can be believed.

    python -m experiments.inverse_parameters            # fourteen minutes of processor time
    python -m experiments.inverse_parameters --smoke    # a small one
    python -m experiments.inverse_parameters --path loop.csv    # your own measured loop, or a scan of them: two minutes

First a loop, measured or simulated: its parameters with intervals, and which combinations it does not tell, because
neither the field of a volt nor the response of a unit of polarization nor the sample's defects are known; with
``--path`` that is all. The report says whether a lattice shows the loop at all, and how many draws its posterior is
worth. Then the Fisher information: how well noisy loops of the mean polarization, under fields of
several courses, with and without a snapshot of the lattice, determine Landau coefficients, coupling, depolarization and
mobility, and which measurement should come next. Then estimates from simulated measurements of known parameters: least
squares from one start and from eight, and posteriors by importance sampling around the best fit, by Hamiltonian Monte
Carlo where too few draws count. Ranks of the truth within its posterior must be uniform. Last, the random field of
every site from a few snapshots.

Expected: a loop without defects tells alpha2 to 2 %, mobility to .4 %, and nothing of the others; one with defects and
its snapshot also tells alpha3 to 2 %, coupling to 18 %, alpha1 to 23 %. Beside a loop a designed field gains 23 nats,
another loop 4 to 6. One start of least squares fails in 3 % of 200 data sets, eight in none. Ranks of the truth are
uniform for five of six parameters (χ² at 1 %). For depolarization they are not, and chains of Hamiltonian Monte Carlo
diverge. The random field is found from six snapshots with a correlation of .96.
"""

from experiments.inverse_parameters.config import SMOKE, STAGES, Config
from experiments.lab.harness import Experiment

__all__ = ["EXPERIMENT", "SMOKE", "STAGES", "Config", "run"]

EXPERIMENT = Experiment(__name__, __doc__ or "", Config, SMOKE, STAGES, picture="information")
run = EXPERIMENT.run
