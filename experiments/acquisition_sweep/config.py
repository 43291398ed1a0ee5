"""Options of the sweep, and the names of its methods."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args

from tyro.conf import arg

from experiments.lab.options import Settings, at_least

Name = Literal["ferrosim", "branin", "hartmann6", "ackley4", "matern12", "battery", "levy", "ackley"]
Rule = Literal[
    "logei",
    "pi",
    "scheduled",
    "randomised",
    "calibrated",
    "quantile",
    "portfolio",
    "max_value_entropy",
    "top_two",
    "logei_calibrated",
    "logei_mixture",
    "pi_mixture",
    "thompson",
]
STAGES = ("landscapes", "sweep", "orders", "scores", "figures")
DEAR = ("max_value_entropy", "pi_mixture", "thompson")  # on these pools; swept where they are asked for
BLIND = ("random", "sobol")  # orders that depend on no value
MIXED = ("logei_mixture", "pi_mixture")  # rules on a mixture over the hyperparameters, the others on one process
CALIBRATION = {"weight": 10.0, "memory": 50.0}  # observations: of the prior, and the time constant of forgetting
GOAL = 1.1  # of a rule's evaluations over those of the best κ


@dataclass(frozen=True)
class Config(Settings):
    """Options; the rules' settings hold for all landscapes."""

    landscapes: tuple[Name, ...] = ("ferrosim", "branin", "hartmann6", "ackley4", "matern12", "battery")
    """Where campaigns search; levy (2-d grid) and ackley (3-d random pool) are there to choose settings on."""
    loops: Path | None = None
    """A file of measured loops [y x bias], such as BEPS_PTO_50x50.h5 of pycroscopy/DTMicroscope on GitHub; their areas
    are then one more landscape."""
    kappas: tuple[float, ...] = (0.1, 0.3, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0)
    """Weights of the standard deviation that are swept."""
    rules: tuple[Rule, ...] = tuple(rule for rule in get_args(Rule) if rule not in DEAR)
    """Rules that need no ground truth. Left out, because they are dear on these pools: thompson, max_value_entropy (ten
    times as much as the others), pi_mixture."""
    calibrated_kappa: float = 2.0
    """The calibrated rule's κ, in units of the campaign's own rms z-score."""
    top_two_share: float = 0.5
    """Probability with which the top-two rule evaluates the leader and not its challenger."""
    members: int = 16
    """Members of the mixture over hyperparameters."""
    quantile_level: float = 0.95
    """The quantile rule's κ is this quantile of the campaign's own |z-scores|."""
    portfolio: tuple[float, ...] = (0.3, 1.0, 3.0, 10.0)
    """Weights that the portfolio uses in turn."""
    campaigns: int = 32
    """Seeds of every weight and rule; all share their random initial designs, seed by seed."""
    grid_side: int = 50
    """Points per axis of the grids of Branin, Levy and the rough draw."""
    pool: int = 4096
    """Candidates of the random pools of Hartmann-6 and Ackley's functions."""
    initial_points: int = 10
    """Random evaluations that open a campaign."""
    steps: int = 110
    """Evaluations that the acquisition chooses."""
    refit_every: int = 10
    """Steps between two fits of the hyperparameters."""
    top_share: float = 0.005
    """A candidate is good if it belongs to this share of the best."""
    map: Path | None = None
    """Folder of a finished latent_bo run whose map is searched; by default it is computed here."""
    map_seed: int = 0
    """Seed of the map that is computed here."""
    map_histories: Annotated[int, arg(aliases=("--map-trajectories",))] = 7500
    """Field histories its VAE learns from."""
    map_epochs: int = 75
    """Passes of the VAE's training."""
    map_side: int = 100
    """Points per axis of its latent grid."""
    map_stride: int = 2
    """Every so many rows and columns of the map are candidates."""

    def __post_init__(self) -> None:
        for name in ("landscapes", "kappas", "rules", "portfolio"):
            values = getattr(self, name)
            if not values or len(set(values)) < len(values):
                raise ValueError(f"--{name} is {values}; give distinct values, at least one")
        if min(self.kappas + self.portfolio) < 0:
            raise ValueError(f"--kappas are {self.kappas}, --portfolio {self.portfolio}; weights are at least 0")
        at_least(
            self,
            campaigns=4,
            grid_side=4,
            initial_points=2,
            steps=1,
            refit_every=1,
            map_stride=1,
            map_histories=100,
            map_epochs=1,
            members=1,
        )
        for name in ("quantile_level", "top_share", "top_two_share"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"--{name.replace('_', '-')} is {getattr(self, name)}; it lies between 0 and 1")
        smallest = min(self.grid_side**2, self.pool)
        if self.map is None:
            smallest = min(smallest, len(range(0, self.map_side, self.map_stride)) ** 2)
        if self.evaluations > smallest:
            raise ValueError(
                f"{self.evaluations} evaluations exceed the {smallest} candidates of the smallest pool: lower --steps"
            )

    @property
    def evaluations(self) -> int:
        """Budget of every campaign."""
        return self.initial_points + self.steps

    @property
    def places(self) -> tuple[str, ...]:
        """Names of the landscapes, the measured loops included where there is a file."""
        return self.landscapes if self.loops is None else (*self.landscapes, "loops")


SMOKE = Config(
    smoke=True,
    landscapes=("ferrosim", "branin", "hartmann6"),
    kappas=(0.3, 3.0, 30.0),
    rules=("logei", "calibrated", "portfolio", "logei_mixture"),
    members=4,
    campaigns=4,
    grid_side=16,
    pool=256,
    steps=20,
    top_share=0.02,
    map_histories=400,
    map_epochs=5,
    map_side=16,
    map_stride=1,
)


def kappa_name(kappa: float) -> str:
    """Return the name of a swept weight among the methods."""
    return f"kappa_{kappa:g}"


def methods_of(config: Config) -> list[str]:
    """Return the names of all methods: swept weights, rules, blind orders."""
    return [*map(kappa_name, config.kappas), *config.rules, *BLIND]
