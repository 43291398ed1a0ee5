"""TODO docstring of experiments.nmf_maps.compute.compute"""

import jax
import numpy as np

from experiments.lab.run import Run
from experiments.nmf_maps import nmf
from experiments.nmf_maps.config import Config
from experiments.shared.structure_property import scans
from experiments.shared.structure_property import scans as shared


def compute(run: "Run", config: Config) -> None:
    """The scan, the number of components, the components."""

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

    scans.check_own(config)
