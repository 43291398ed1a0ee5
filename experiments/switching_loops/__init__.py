"""Switching loops of a scan: bad samples masked, a VAE's maps of switching, and which point to measure next.

    python -m experiments.switching_loops                          # simulated: about three minutes of processor time
    python -m experiments.switching_loops --smoke                  # a small one
    python -m experiments.switching_loops --path BEPS_PTO_50x50.h5 # measured, such as pycroscopy's NSID files

Band-excitation piezoresponse spectroscopy records a hysteresis loop at every point of a scan; where the fit of a
resonance failed, samples are off by orders of magnitude. Bad samples are found and masked, a VAE with Student's t as
its likelihood learns the form of the loops, and its latents are mapped, clustered and held against the parameters of a
fitted hysteresis function. Loops are predicted from patches of the domain image (the response before the sweep) on
another part of the scan. Campaigns then choose which of the points to measure next to find the largest loops, from what
the domain image shows around them.

Expected, simulated (measured, PbTiO3, where 10 % of the points are broken): all bad samples found, one good one in a
thousand lost; residual of held-out loops .04 of their extent with two latents, .05 with two principal components (.04,
.06). Loops from the domain image: ridge .80 of the mean loop's error, encoder–decoder 1.26 (.96, .86). The largest loop
is found after 32 of 2,450 points with a deep kernel, 43 by position, at random not in 150 (39 with the patches
themselves, 73 with a deep kernel, not at random).
"""

from experiments.lab.harness import Experiment
from experiments.switching_loops.config import SMOKE, STAGES, Config

__all__ = ["EXPERIMENT", "SMOKE", "STAGES", "Config", "run"]

EXPERIMENT = Experiment(__name__, __doc__ or "", Config, SMOKE, STAGES, picture="maps")
run = EXPERIMENT.run
