"""Drive a lattice with defects through bipolar field cycles: its microstates, and the loops seen from outside.

    python -m experiments.ferrosim_microstates            # about a minute on two cores
    python -m experiments.ferrosim_microstates --smoke    # a small one
    python -m experiments.ferrosim_microstates --preset lecture --steps-per-cycle 12800    # the published update

Eight realisations of the random-field defects, each with and without them (then with fields of 1 % of a coercive field
that break the symmetry) and with and without depolarization, go through triangular cycles of ±4 coercive fields along
the easy direction, at four sweep rates. Kept of each: mean P, mean |P|, Σ|curl P|, domain walls and vortices; of one
lattice every state of the last cycle, for frames and an animation. The published drive is ±150 coercive fields in 900
steps, where the width of the loop is that of the sweep and not of the material.

Expected, physical preset: without defects the half-width of the loop is 0.97 coercive fields, 9 % less at half the
rate, and tends to 0.73, between the fields at which the homogeneous lattice turns (0.68) and reverses without turning
(0.86). With defects (30 coercive fields at 15 % of the sites) it is 0.06 and halves with the rate; each realisation's
loop is shifted by up to 0.4 coercive fields, and Σ|curl P| goes from 13 at the largest field to 20 during reversal.
"""

from experiments.ferrosim_microstates.config import SMOKE, STAGES, Config
from experiments.lab.harness import Experiment

__all__ = ["EXPERIMENT", "SMOKE", "STAGES", "Config", "run"]

EXPERIMENT = Experiment(__name__, __doc__ or "", Config, SMOKE, STAGES, picture="microstates")
run = EXPERIMENT.run
