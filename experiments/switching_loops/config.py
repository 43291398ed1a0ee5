"""Options of switching loops; no JAX."""

from dataclasses import dataclass

from experiments.lab.options import Settings, at_least

STAGES = ("data", "loops", "vae", "clusters", "image_to_loop", "campaigns", "figures")


@dataclass(frozen=True)
class Config(Settings):
    """Options of switching loops."""

    path: str = ""
    """A file of loops [y x bias] of your own (HDF5 such as pycroscopy's, npy, npz, …) instead of simulated ones."""
    dataset: str = ""
    """Array of the file, where it holds several."""
    size: int = 50
    """Points along each side of the simulated scan."""
    seeds: int = 5
    """Fits of the VAE, and campaigns."""
    epochs: int = 100
    """Passes of the VAE's training."""
    width: int = 64
    """Units of each of its two hidden layers."""
    patch: int = 7
    """Points along each side of the patches of the domain image."""
    initial_points: int = 30
    """Random points that open a campaign."""
    steps: int = 120
    """Points that a campaign chooses."""
    refit_every: int = 30
    """Steps between two fits of the hyperparameters."""
    kappa: float = 3.0
    """Weight of the standard deviation in μ + κσ."""
    share: float = 0.02
    """The share of the largest loop areas whose recall is scored."""

    def __post_init__(self) -> None:
        at_least(self, size=16, seeds=1, epochs=1, width=2, patch=3, initial_points=3, steps=1, refit_every=1)
        if self.patch % 2 == 0:
            raise ValueError(f"--patch is {self.patch}; give an odd number: its point is in the middle")
        if not self.kappa >= 0 or not 0 < self.share < 1:
            raise ValueError(f"--kappa is {self.kappa}, --share is {self.share}; give at least 0, and between 0 and 1")

    @property
    def evaluations(self) -> int:
        """Budget of every campaign."""
        return self.initial_points + self.steps


SMOKE = Config(smoke=True, size=20, seeds=2, epochs=5, width=16, initial_points=8, steps=8, refit_every=8)
