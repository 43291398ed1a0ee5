"""Options of the convergence study, its stages, and what is compared with what."""

from dataclasses import dataclass

from experiments.lab.options import Settings, at_least

COARSE = 2  # by how much the time step is also made longer
# what is compared: name, its words, the choice (a) and the one it is compared with (b)
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
class Config(Settings):
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
