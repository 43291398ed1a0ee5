"""Eight joint VAEs in one program: what they agree on, where they do not, and what that says of the number of classes.

    python -m experiments.ensemble_joint    # 12 × 12, 2,000 images, eight members, K from 2 to 8: 20 CPU-minutes
    python -m experiments.ensemble_joint --smoke    # a small one
    python -m experiments.ensemble_joint --size 48 --per-suit 3000 --epochs 100 --width 128    # as published

Members differ in initial weights, order and noise. Their classes are matched (Hungarian method on the co-assignment of
held-out images) before predictions are averaged. The disagreement about an image is H(mean q) − mean H(q) in nats. The
stability of a class is the mean overlap |A ∩ B| / |A ∪ B| of its images in a member and in the mean. The guide trains
fewer members with other numbers of classes on the same cards. Low disagreement means that a number of classes separates
the cards well; but too short a training, or too few classes, leaves all members undecided, which looks like agreement.
Members with too many classes leave some empty, so the report also says how many are used where the bound is lowest.
Source: arXiv 2104.10180.

Expected: accuracy of the mean 1.00 for seeds 0 and 1, members 1.00 [.61, 1.00]; disagreement .02 and .14 nats. Neither
guide to the number of classes is dependable: each was right for one of two seeds.
"""

from experiments.ensemble_joint.config import SMOKE, STAGES, Config
from experiments.lab.harness import Experiment

__all__ = ["EXPERIMENT", "SMOKE", "STAGES", "Config", "run"]

EXPERIMENT = Experiment(__name__, __doc__ or "", Config, SMOKE, STAGES, picture="uncertainty")
run = EXPERIMENT.run
