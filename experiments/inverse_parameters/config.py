"""Options of the inference of parameters, its stages, and what is measured."""

from dataclasses import dataclass

from experiments.lab.options import Settings, at_least

NAMES = ("alpha1", "alpha2", "alpha3", "coupling", "depolarization", "mobility")
STAGES = ("information", "design", "estimates", "posteriors", "random_field", "figures")


@dataclass(frozen=True)
class Config(Settings):
    """Options; the material is the tetragonal set on free edges, all sites moving."""

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
    """Effective draws below which Hamiltonian Monte Carlo takes over."""
    frames: tuple[int, ...] = (6, 60)
    """Snapshots that the random field is inferred from."""
    frame_noise: float = 0.002
    """Noise of each of these, model units."""

    def __post_init__(self) -> None:
        at_least(self, size=4, time_steps=40, every=1, data_sets=10, draws=50, fewest_effective=2)
        for name in ("amplitude", "loop_noise", "snapshot_noise", "prior", "frame_noise"):
            if not getattr(self, name) > 0:
                raise ValueError(f"--{name.replace('_', '-')} is {getattr(self, name)}; give a positive number")
        if self.time_steps % self.every:
            raise ValueError(f"--every {self.every} is no divisor of --time-steps {self.time_steps}")
        values = 2 * self.time_steps // self.every
        if values < len(NAMES):
            raise ValueError(f"a loop of {values} values cannot determine {len(NAMES)} parameters: lower --every")
        if bad := [count for count in self.frames if count < 1 or self.time_steps % count]:
            raise ValueError(f"--frames {bad} are no divisors of --time-steps {self.time_steps}")


SMOKE = Config(smoke=True, size=6, time_steps=120, data_sets=10, draws=50, frames=(6,))
