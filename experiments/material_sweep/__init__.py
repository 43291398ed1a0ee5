"""How does the best field history move through material space? A thousand campaigns in one program.

    python -m experiments.material_sweep            # 1,020 campaigns: seven minutes of processor time
    python -m experiments.material_sweep --smoke    # a small one

A campaign chooses among 512 damped oscillations of different growth, frequency and amplitude the one that leaves most
Σ|curl P| behind, 1,000 steps after the field has stopped; a second weight charges for the field. There is a campaign
for each of ten draws of the defects, for both weights, and for materials on two planes through the physical preset:
coupling × depolarization and strength of the defects × temperature. All are lanes of one compiled program, which is
called in pieces: memory stays bounded, devices share a piece, and a stopped run goes on after the last one.
``--executor ray`` and ``submitit`` spread the pieces over machines. Every history is also simulated in every material,
which the campaigns do not see: the truth for regrets, for random search, and for what a history found in one material
or for one draw of the defects is worth in another.

Expected (medians over draws of the defects, no charge for the field): 1,020 campaigns take 55 s of processor time, the
landscapes 262 s. The best Σ|curl P| falls from 46 at coupling 2 to 13 at 20, and rises from 4 to 30 with the strength
of the defects; depolarization hardly changes it. The regret of a campaign is .2 % of the range, of as many random
histories 1.7 %. The best history of the reference loses 1.5 % in another material, the best one for other defects
6.5 %. With weak defects in deep wells all of this breaks down: at a tenth of the strength and 200 K a campaign stays
32 % below the best, random search 59 %, the reference's history 89 %.
"""

from experiments.lab.harness import Experiment
from experiments.material_sweep.config import SMOKE, STAGES, Config

__all__ = ["EXPERIMENT", "SMOKE", "STAGES", "Config", "run"]

EXPERIMENT = Experiment(__name__, __doc__ or "", Config, SMOKE, STAGES, picture="profiles")
run = EXPERIMENT.run
