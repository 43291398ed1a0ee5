"""Options of the experiments between structure and property; imports no JAX, so that --help stays quick."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from experiments.lab.options import Settings, at_least

PATCH_STAGES = ("data", "baselines", "ensemble", "maps", "leaky", "figures")


@dataclass(frozen=True)
class ScanSettings(Settings):
    """Options of every experiment on a scan."""

    path: str = ""
    """A scan of your own (npz, HDF5, a microscope's format, or a dictionary in npy) instead of a simulated one."""
    image: str = "image"
    """Name of its array of brightness (rows, columns)."""
    spectra: str = "spectrum image"
    """Name of its array of spectra (rows, columns, channels)."""
    energy: str = "energy axis"
    """Name of its array of energies (channels); without one they are those of the last axis of the spectra."""
    format: str = ""
    """Ending that says how to read it where its own does not, such as h5 or dm4."""
    size: int = 384
    """Points along each side of the simulated scan, 4 nm apart."""

    def __post_init__(self) -> None:
        at_least(self, size=32)
        defaults = {"image": "image", "spectra": "spectrum image", "energy": "energy axis", "format": ""}
        given = [name for name, default in defaults.items() if getattr(self, name) != default]
        if given and not self.path:
            raise ValueError(f"--{given[0]} names a part of a scan of your own: give the file with --path")

    @property
    def assemblies(self) -> int:
        """Number of assemblies that a simulated scan tries to hold, in proportion to its area."""
        return max(2, round(420 * (self.size / 256) ** 2))


@dataclass(frozen=True)
class PatchSettings(ScanSettings):
    """Options of every experiment that predicts spectra from patches, or patches from spectra."""

    direction: ClassVar[Literal["image_to_spectrum", "spectrum_to_image"]]

    patch: int = 0
    """Points along each side of a patch; 0: 16, or as many as a smaller scan has room for."""
    split: Literal["columns", "rows", "blocks"] = "columns"
    """How the scan is divided to train on, to watch and to score on: bands of columns or rows, or random blocks."""
    stride: int = 0
    """Points between training patches (scores and figures use --map-stride); 0: 3, in a small scan 1."""
    map_stride: int = 2
    """Points between the patches that maps and scores are made from."""
    epochs: int = 0
    """Passes through the training patches; 0: 10, in a small scan as many as make 2,000 steps."""
    batch_size: int = 200
    """Patches per step."""
    latent_dim: int = 10
    """Numbers that a patch or spectrum is squeezed through."""
    seeds: int = 5
    """Fits with initial weights, order and noise of their own, trained side by side; also the ensemble's members."""

    def __post_init__(self) -> None:
        super().__post_init__()
        smallest = {"patch": 4 if self.patch else 0, "stride": 0, "epochs": 0}
        at_least(self, **smallest, map_stride=1, batch_size=2, latent_dim=1, seeds=1)


@dataclass(frozen=True)
class ParticleSettings(Settings):
    """Options of the experiment on single assemblies."""

    counts: tuple[int, ...] = (1, 2, 3)
    """Numbers of particles that occur, one class each; 4 is possible too."""
    per_class: int = 1500
    """Training assemblies of each class; each is also used turned by 60° and 120°, and mirrored."""
    held_out_per_class: int = 300
    """Assemblies of each class that scores and figures are made from, never trained on."""
    pool: int = 3
    """Neighbouring channels of 2 nm that are averaged."""
    width: int = 192
    """Units of each of the two hidden layers of every encoder and decoder."""
    latent_dim: int = 16
    """Numbers that image and spectrum share."""
    epochs: int = 10
    """Passes through the training assemblies, turned and mirrored."""
    batch_size: int = 50
    """Assemblies per step."""
    seeds: int = 5
    """Fits with initial weights, order and noise of their own, trained side by side; figures show the first."""
    manifold_points: int = 9
    """Points per axis of the decoded latent grid."""
    elongated: float = 1.5
    """Angles are scored for assemblies of at least this aspect ratio: those of rounder ones are ill defined."""

    def __post_init__(self) -> None:
        at_least(self, per_class=20, held_out_per_class=10, pool=1, width=2, latent_dim=2, epochs=1, batch_size=2,
                 seeds=1, manifold_points=2)  # fmt: skip
        if len(set(self.counts)) < 2 or set(self.counts) - {1, 2, 3, 4}:
            raise ValueError(f"--counts is {self.counts}; give two or more different numbers from 1 to 4")
        if self.pool > 30 or not self.elongated > 1:
            raise ValueError(
                f"--pool is {self.pool}, --elongated is {self.elongated}; give at most 30, and more than 1"
            )
