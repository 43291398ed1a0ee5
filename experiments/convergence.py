"""Measure how time step, hold, update rule, edges, subsets and precision change the target, against its own spread.

    python -m experiments.convergence            # 128 histories, three random fields: one to two minutes
    python -m experiments.convergence --smoke    # a small one

The target is the lecture's, Σ|curl| of the final state. The same field histories and random fields are simulated again
with one choice changed at a time; the change is compared with the standard deviation of the target over the histories,
since that spread is what an optimiser works with, and with what happens to the histories' ranking.

Expected, in standard deviations over the histories: with the synchronous update the lecture's time step errs by 0.014
(order 1.0) and its 50 held steps by 0.35; with the random subset by 0.7 and 0.8, and a third of the best tenth of the
histories stays when all sites move. After 4000 held steps the two updates agree to 0.007. float32 errs by 1e-6.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from experiments import harness
from experiments.vae_options import at_least

if TYPE_CHECKING:
    from experiments.harness import Run

# what is compared: name, its words, the choice (a) and what it is held against (b)
COMPARISONS = (
    ("update_same_steps", "random subset → synchronous, same number of steps", "random_1", "synchronous_1"),
    ("update_same_site_updates", "random subset → synchronous, same number of site updates", "random_stretched",
     "synchronous_1"),
    ("update_same_rate", "random subset → synchronous, a quarter of the mobility", "random_1", "quarter_1"),
    ("update_same_rate_finest", "random subset → quarter mobility, both with the finest step", "random_finest",
     "quarter_finest"),
    ("time_step_double", "twice the time step → finest, synchronous", "synchronous_double", "synchronous_finest"),
    ("time_step", "time step → finest, synchronous", "synchronous_1", "synchronous_finest"),
    ("time_step_half", "half the time step → finest, synchronous", "synchronous_2", "synchronous_finest"),
    ("time_step_random", "time step → finest, random subset", "random_1", "random_finest"),
    ("hold_random", "hold of 50 steps → longest, random subset", "random_1", "random_held"),
    ("hold_synchronous", "hold of 50 steps → longest, synchronous", "synchronous_1", "synchronous_held"),
    ("update_held", "random subset → synchronous, both held longest", "random_held", "synchronous_held"),
    ("edges_open", "grounded edges → open", "random_1", "open"),
    ("edges_periodic", "grounded edges → periodic", "random_1", "periodic"),
    ("extrapolation", "as observers see it → the polarization itself", "random_1", "random_unprojected"),
    ("precision_random", "float32 → float64, random subset", "random_1", "random_float64"),
    ("precision_synchronous", "float32 → float64, synchronous", "synchronous_1", "synchronous_float64"),
)  # fmt: skip
PAIRED = (("subset_seed", "another seed of the subsets"), ("random_field", "another random field"))
LABELS = {name: label for name, label, *_ in COMPARISONS} | dict(PAIRED)


@dataclass(frozen=True)
class Config(harness.Settings):
    """Options of the convergence study."""

    histories: int = 128
    """Field histories."""
    realisations: int = 3
    """Random fields."""
    refinements: int = 3
    """Halvings of the time step."""
    longest_hold: int = 4000
    """Steps that the last field is held, at most."""
    subset_seeds: int = 4
    """Seeds of the random subsets."""

    def __post_init__(self) -> None:
        at_least(self, histories=8, realisations=2, refinements=2, longest_hold=100, subset_seeds=2)


SMOKE = Config(smoke=True, histories=12, realisations=2, refinements=2, longest_hold=200, subset_seeds=2)
STAGES = (
    "histories",
    "time_step",
    "update_rule",
    "hold",
    "edges",
    "subset_seeds",
    "precision",
    "comparison",
    "figures",
)


def compute(run: "Run", config: Config) -> None:
    """Do the study stage by stage."""
    from experiments import convergence_comparison
    from experiments import convergence_stages as stages
    from experiments.convergence_simulation import prepare

    with run.stage("histories"):
        problem = prepare(run, config)
    with run.stage("time_step"):
        stages.time_step(run, problem)
    with run.stage("update_rule"):
        stages.update_rule(run, problem)
    with run.stage("hold"):
        stages.hold(run, problem)
    with run.stage("edges"):
        stages.edges(problem)
    with run.stage("subset_seeds"):
        stages.subset_seeds(problem)
    with run.stage("precision"):
        stages.precision(problem)
    with run.stage("comparison"):
        convergence_comparison.compare_all(run, problem.targets, config.subset_seeds)


EXPERIMENT = harness.Experiment(
    "convergence", __doc__ or "", Config, SMOKE, STAGES, compute, "experiments.figures.convergence"
)

if __name__ == "__main__":
    harness.main(EXPERIMENT)
