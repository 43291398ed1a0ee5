"""A hyperspectral scan of nanoparticles in a few non-negative components: their spectra, and where each is found.

    python -m experiments.nmf_maps            # a simulated scan: about two minutes of processor time
    python -m experiments.nmf_maps --smoke    # a small one
    python -m experiments.nmf_maps --path SCAN.npz    # your own: image, spectrum image, energy axis, scale

Non-negative matrix factorisation by scikit-learn. How many components the data carry is decided by blocks of spectra
and channels that no factorisation has seen (bi-cross-validation, Owen & Perry 2009). Expected: losses inside the metal
(3.8 eV) and plasmons of discs, triangles and rods in components of their own.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from experiments import harness
from experiments.structure_property_options import ScanSettings
from experiments.vae_options import at_least

if TYPE_CHECKING:
    from experiments.harness import Run


@dataclass(frozen=True)
class Config(ScanSettings):
    """Options of the component maps."""

    size: int = 160
    components: int = 0
    """Number of components; 0: as many as held-out blocks ask for."""
    most: int = 12
    """Largest number that is tried."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, components=0, most=2)


SMOKE = Config(smoke=True, size=40, most=4)
STAGES = ("data", "rank", "components", "figures")


def compute(run: "Run", config: Config) -> None:
    """The scan, the number of components, the components."""
    import jax

    from experiments import nmf
    from experiments import structure_property_runs as shared

    to_data, to_rank = jax.random.split(jax.random.key(config.seed))
    with run.stage("data"):
        scan = shared.scan_of(to_data, config)
        shared.add_scan(run, scan)
        spectra = scan.cube.reshape(-1, len(scan.energy))
    with run.stage("rank"):
        generator = np.random.default_rng(np.asarray(jax.random.key_data(to_rank)).tolist())
        most = min(config.most, len(scan.energy) // 2)
        rank = nmf.choose(spectra, range(1, most + 1), generator)
        run.add("tried", ("tried",), rank.tried, "1", "number of components", coordinate=True)
        run.add("held_out_error", ("tried", "fold"), rank.error, "1", "relative error of blocks that nobody saw")
        run.record(components_by_held_out_blocks=rank.chosen)
    with run.stage("components"):
        chosen = config.components or rank.chosen
        found = nmf.factorise(spectra, chosen)
        run.record(components=chosen, relative_error=found.error)
        maps = found.loading.reshape(*scan.image.shape, chosen)
        run.add(
            "component", ("component_number", "energy"), found.component, "1", "component's spectrum, largest value 1"
        )
        run.add("loading", ("y", "x", "component_number"), maps, scan.units, "how much of each component")
        run.add("share", ("component_number",), found.share, "1", "share of the whole intensity")
        if scan.regions is not None:
            means = np.stack([maps[scan.regions == kind].mean(0) for kind in range(4)])
            run.add(
                "loading_by_region",
                ("kind", "component_number"),
                means,
                scan.units,
                "mean loading on each kind of point",
            )


def check(config: Config) -> None:
    """The user's scan, if there is one."""
    from experiments import structure_property_runs

    structure_property_runs.check_own(config)


EXPERIMENT = harness.Experiment(
    "nmf_maps", __doc__ or "", Config, SMOKE, STAGES, compute, "experiments.figures.nmf_maps", check
)

if __name__ == "__main__":
    harness.main(EXPERIMENT)
