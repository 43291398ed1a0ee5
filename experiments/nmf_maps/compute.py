"""Factorise a scan into non-negative components, choose their number, and record all."""

import jax
import numpy as np

from experiments.datasets.plasmonics.scan import REGIONS, Scan
from experiments.lab.checkpoints import once
from experiments.lab.run import Array, Outcome, Run
from experiments.nmf_maps.config import Config
from experiments.shared.structure_property import arrays, scans
from models import nmf

RANK = {
    "tried": Array(("tried",), "1", "number of components", coordinate=True),
    "held_out_error": Array(("tried", "fold"), "1", "error on what was held out: relative, or deviance of counts"),
}


def compute(run: Run, config: Config) -> None:
    """Go through the stages: the scan, the number of components, the components."""
    to_data, to_rank = jax.random.split(jax.random.key(config.seed))
    with run.stage("data"):
        scan = scans.scan_of(to_data, config)
        run.keep(arrays.of_scan(scan), scans.described(scan, own=bool(config.path)))
        spectra = scan.cube.reshape(-1, len(scan.energy))
    with run.stage("rank"):
        generator = np.random.default_rng(np.asarray(jax.random.key_data(to_rank)).tolist())
        most = min(config.most, len(scan.energy) // 2)
        counts = nmf.is_counts(spectra, most)
        rank = once(nmf.choose)(spectra, range(1, most + 1), generator, counts=counts)
        run.add_all(RANK, {"tried": rank.tried, "held_out_error": rank.error})
        run.record(components_chosen=rank.chosen, counts=int(counts))
    with run.stage("components"):
        run.keep(arrays_of_components(scan), components(scan, spectra, config.components or rank.chosen, counts))


def check(config: Config) -> None:
    """Raise a ValueError for a user's scan that cannot be used, before anything is written."""
    scans.check_own(config)


def arrays_of_components(scan: Scan) -> dict[str, Array]:
    """Describe components and their maps in the units of a scan."""
    return {
        "component": Array(("component_number", "energy"), "1", "component's spectrum, largest value 1"),
        "loading": Array(("y", "x", "component_number"), scan.units, "how much of each component"),
        "share": Array(("component_number",), "1", "share of the whole intensity"),
        "loading_by_region": Array(("kind", "component_number"), scan.units, "mean loading on each kind of point"),
    }


@once
def components(scan: Scan, spectra: np.ndarray, count: int, counts: bool) -> Outcome:
    """Factorise the spectra (point, energy) of a scan into ``count`` components, and map their loadings."""
    factors = nmf.factorise(spectra, count, counts=counts)
    maps = factors.loading.reshape(*scan.image.shape, count)
    values = {"component": factors.component, "loading": maps, "share": factors.share}
    if scan.regions is not None:
        means = [maps[scan.regions == kind].mean(0) for kind in range(len(REGIONS))]
        values["loading_by_region"] = np.stack(means)
    return Outcome(values, {"components": count, "relative_error": factors.error})
