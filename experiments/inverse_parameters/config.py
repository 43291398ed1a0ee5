"""Options of the inference of parameters, its stages, and what is measured."""

from dataclasses import dataclass
from math import isfinite

from experiments.lab.options import Settings, at_least

NAMES = ("alpha1", "alpha2", "alpha3", "coupling", "depolarization", "mobility")
OF_LOOP = {"disorder": 1.0, "response_scale": 1.0, "bias_scale": 1.0, "offset": 1.0, "slope": 1.0, "imprint": 0.5}
"""Parameters of a measured loop beside NAMES, and their standard deviations before the loop: of logarithms, but for
offset and slope in half extents of the response, imprint in largest biases."""
PARAMETERS = (*NAMES, *OF_LOOP)
STAGES = ("own_loop", "information", "design", "estimates", "posteriors", "random_field", "figures")


@dataclass(frozen=True)
class Config(Settings):
    """Options; the material is the tetragonal set on free edges, all sites moving."""

    path: str = ""
    """A file with a measured loop of your own (csv of bias and response, HDF5 of a scan of loops, npy, …); with it
    nothing else is computed."""
    dataset: str = ""
    """Array of the file, where it holds several."""
    bias: str = ""
    """Where the bias of each step lies, if the loops have none (npy, HDF5 without a dimension scale): another array of
    the file, or another file."""
    point: tuple[int, ...] = ()
    """Which of the file's loops: its number, or row and column of a scan; without it the median of all."""
    own_prior: float = 1.0
    """Standard deviation of the logarithm of each parameter of the lattice before a loop: materials differ widely."""
    own_noise: float = 0.0
    """Standard deviation of a measured response, in its unit; 0: estimated from second differences."""
    parameters: tuple[str, ...] = ()
    """Parameters fitted to the loop, by name; the others stay at the reference. All by default."""
    defect_draws: int = 4
    """Draws of the defects that the loop is compared with, because those of the sample are not known."""
    own_generations: int = 60
    """Generations of the search for the best fit under each of them, of 64 points."""
    own_population: int = 1024
    """Points that are led from what is known before the loop to its posterior, in four groups."""
    size: int = 12
    """Sites along a side of the lattice."""
    time_steps: int = 600
    """Steps of the field: one and a half periods of a loop."""
    every: int = 10
    """Steps between two measured values of the mean polarization."""
    amplitude: float = 4.0
    """Largest field, in coercive fields."""
    loop_noise: float = 0.005
    """Standard deviation of the noise of the mean polarization, model units."""
    snapshot_noise: float = 0.02
    """Standard deviation of the noise of each component at each site, model units."""
    prior: float = 0.3
    """Standard deviation of the logarithm of every parameter, before any measurement."""
    data_sets: int = 200
    """Simulated measurements whose posteriors are checked."""
    draws: int = 300
    """Draws of importance sampling for each."""
    fewest_effective: int = 30
    """Effective draws below which Hamiltonian Monte Carlo takes over; and below which the report calls the intervals of
    a loop rough."""
    frames: tuple[int, ...] = (6, 60)
    """Snapshots that the random field is inferred from."""
    frame_noise: float = 0.002
    """Noise of each of these, model units."""

    def __post_init__(self) -> None:
        at_least(self, size=4, time_steps=40, every=1, data_sets=10, draws=50, fewest_effective=2)
        for name in ("amplitude", "loop_noise", "snapshot_noise", "prior", "frame_noise"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"--{name.replace('_', '-')} is {getattr(self, name)}; give a positive number")
        at_least(self, defect_draws=1, own_generations=1, own_population=32)
        if self.own_population % 8:
            raise ValueError(f"--own-population is {self.own_population}; give a multiple of 8")
        if not 0 < self.own_prior < float("inf"):
            raise ValueError(f"--own-prior is {self.own_prior}; give a positive number")
        if not (self.own_noise >= 0 and isfinite(self.own_noise)):
            raise ValueError(f"--own-noise is {self.own_noise}; give a standard deviation, or 0 to have it estimated")
        if unknown := set(self.parameters) - set(PARAMETERS):
            raise ValueError(f"--parameters {sorted(unknown)} are unknown: choose from {', '.join(PARAMETERS)}")
        if (self.dataset or self.point or self.bias) and not self.path:
            raise ValueError("--dataset, --bias and --point say which loop of a file: give it with --path")
        if self.time_steps % self.every:
            raise ValueError(f"--every {self.every} is no divisor of --time-steps {self.time_steps}")
        values = 2 * self.time_steps // self.every
        if values < len(NAMES):
            raise ValueError(f"a loop of {values} values cannot determine {len(NAMES)} parameters: lower --every")
        if bad := [count for count in self.frames if count < 1 or self.time_steps % count]:
            raise ValueError(f"--frames {bad} are no divisors of --time-steps {self.time_steps}")

    def stages_of(self, stages: tuple[str, ...]) -> tuple[str, ...]:
        """Return the stages; with a loop of the user's own the others are left out."""
        return tuple(stage for stage in stages if not self.path or stage in ("own_loop", "figures"))


SMOKE = Config(
    smoke=True,
    size=6,
    time_steps=120,
    data_sets=10,
    draws=50,
    frames=(6,),
    defect_draws=2,
    own_generations=4,
    own_population=64,
)
