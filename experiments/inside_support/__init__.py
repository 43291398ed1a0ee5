"""Can a search of a latent space end at a history or image that exists, and is as good as the decoder's fantasies?

    python -m experiments.inside_support            # six problems, nine methods, 16 seeds: 28 CPU-minutes
    python -m experiments.inside_support --smoke    # a small one
    python -m experiments.inside_support --problems cards digits
    python -m experiments.inside_support --python PATH/bin/python    # where PyBaMM has an environment of its own

A decoder answers at every point of its latent space, and far from what it was trained on it extrapolates. A history
exists here if it re-encodes to itself and lies in the family: as near to its own code and to the nearest generated
history as 99 % of the reconstructions of generated histories are; so does an image. The same 5,000 candidates, half
over the whole box and half inside the support, are searched by log expected improvement without a constraint, inside
the support alone, weighed by the density of the encoded histories or of the decoder's outputs (latent exploration
score, arXiv 2406.09657), by a process on the decoded histories for which the prior of the VAE draws (COWBOYS, arXiv
2507.03910), where histories exist, and at random. Beside them members of the family themselves are searched, by their
principal components. All candidates are evaluated, so what lies inside is known.

Problems: Σ|curl P| of the lattice under two presets, the quality of an annealed film, the charge of a battery less
penalties (``experiments.battery``; without PyBaMM it is left out), the fourfold symmetry of playing cards (correlation
of a card with its copy turned by 90°; ``cards_mild``), and how far a handwritten digit leans to the right. The last two
were chosen before anything was searched, because a decoder can make them up.

Expected (medians of 16 seeds, 150 evaluations): an unconstrained search spends 64 % of its evaluations on histories
that do not exist (lecture preset; 47 % physical, 95 % film). On the lattice nothing is lost by staying with what
exists: the constraint reaches Σ|curl P| = 14.46 and 18.58, the unconstrained search, whatever it asked, 14.42 and
18.52. The film's fantasies are better than anything that exists: quality 0.691 against 0.661, the best of all
candidates that exist; a search of generated histories reaches 0.676, and the best of 10,000 of them is 0.681. The
battery's best candidate exists (2.08 Ah). Unconstrained searches of cards and digits ask outside for 100 % and 94 %:
symmetry 0.974 against 0.947 (the best of 10,000 cards has 0.923), a slant of 14.2° against 8.7° (digits: 17.5°).
"""

from experiments.inside_support.config import SMOKE, STAGES, Config
from experiments.lab.harness import Experiment

__all__ = ["EXPERIMENT", "SMOKE", "STAGES", "Config", "run"]

EXPERIMENT = Experiment(__name__, __doc__ or "", Config, SMOKE, STAGES, picture="progress")
run = EXPERIMENT.run
