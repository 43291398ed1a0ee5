"""How does the best field history move through material space? A thousand campaigns in one program.

    python -m experiments.material_sweep            # 1,020 campaigns
    python -m experiments.material_sweep --smoke    # a small one

A campaign chooses among 512 damped oscillations of different growth, frequency and amplitude the one that leaves most
Σ|curl P| behind, 1,000 steps after the field has stopped; a second weight charges for the field. There is a campaign
for each of ten draws of the defects, for both weights, and for materials on two planes through the physical preset:
coupling × depolarization and strength of the defects × temperature. All are lanes of one compiled program, which is
called in pieces: memory stays bounded, devices share a piece, and a stopped run goes on after the last one.
``--executor ray`` and ``submitit`` spread the pieces over machines. Every history is also simulated in every material,
which the campaigns do not see: the truth for regrets, for random search, and for what a history found in one material
or for one draw of the defects is worth in another.

Expected: filled in after the full run.
"""

from experiments.lab.harness import Experiment
from experiments.material_sweep.config import SMOKE, STAGES, Config

__all__ = ["EXPERIMENT", "SMOKE", "STAGES", "Config", "run"]

EXPERIMENT = Experiment(__name__, __doc__ or "", Config, SMOKE, STAGES, picture="profiles")
run = EXPERIMENT.run
