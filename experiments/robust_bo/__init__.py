"""Which field history is best when subsets, defects and noise are not known, or when the value has to last?

python -m experiments.robust_bo            # ten minutes of processor time
python -m experiments.robust_bo --smoke    # a small one
"""

from experiments.lab.harness import Experiment
from experiments.robust_bo.config import SMOKE, STAGES, Config

__all__ = ["EXPERIMENT", "SMOKE", "STAGES", "Config", "run"]

EXPERIMENT = Experiment(__name__, __doc__ or "", Config, SMOKE, STAGES, picture="table")
run = EXPERIMENT.run
