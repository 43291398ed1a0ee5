"""Does the gradient find the best field history sooner? Ascent through decoder and rollout, beside campaigns.

python -m experiments.gradient_latent            # ten minutes of processor time
python -m experiments.gradient_latent --smoke    # a small one
"""

from experiments.gradient_latent.config import SMOKE, STAGES, Config
from experiments.lab.harness import Experiment

__all__ = ["EXPERIMENT", "SMOKE", "STAGES", "Config", "run"]

EXPERIMENT = Experiment(__name__, __doc__ or "", Config, SMOKE, STAGES, picture="arrivals")
run = EXPERIMENT.run
