"""What ``datasets.find_columns`` reaches on simulated frames: positions, columns found, vacancies found and false ones.

    python -m benchmarks.structure.columns            # five seeds of each kind of frame, a processor-minute
    python -m benchmarks.structure.columns --seeds 2

The median and range over seeds; sites within 0.4 spacings of a column count as found. The columns nearest to the middle
of mass of the pixels around each true site are the baseline of positions: they know where to look.
"""

import argparse
import time

import jax
import numpy as np
from scipy.spatial import KDTree

from experiments import datasets
from experiments.datasets.frames.simulated import Simulated

CASES = {
    "honeycomb, two grains": {},
    "honeycomb, 15 electrons": {"dose": 15.0},
    "honeycomb, B of 0.35": {"brightness": 0.35},
    "honeycomb, 7 px": {"spacing": 7.0, "size": (256, 256)},
    "honeycomb, 20 px": {"spacing": 20.0, "size": (640, 600)},
    "honeycomb, wide columns": {"width": 3.6},
    "square": {"lattice": "square"},
    "hexagonal, four grains": {"lattice": "hexagonal", "grains": 4, "size": (512, 512)},
    "perovskite, steep background": {"lattice": "perovskite", "background": 0.5, "gradient": 1.5},
    "honeycomb, strain and drift": {"strain": 0.03, "drift": 8.0},
    "honeycomb, a tenth missing": {"vacancies": 0.1},
}


def main() -> None:
    """Print a table of medians and ranges over seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=1000)
    options = parser.parse_args()
    print("frames | position px | centre of mass px | found | vacancies found | of completed right | CPU s")
    for name, case in CASES.items():
        rows = []
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            truth = datasets.lattice.frame(jax.random.key(seed), **case)
            start = time.process_time()
            columns = datasets.find_columns(truth.image, complete_lattice=True)
            rows.append((*score(truth, columns), time.process_time() - start))
        cells = [
            f"{np.nanmedian(part):.3f} [{np.nanmin(part):.3f}, {np.nanmax(part):.3f}]"
            for part in zip(*rows, strict=True)
        ]
        print(" | ".join([name, *cells]), flush=True)


def score(truth: Simulated, columns: datasets.Columns) -> tuple[float, float, float, float, float]:
    """Return the median errors of position and of the centre of mass, and shares found and right."""
    reach, lost = 0.4 * truth.spacing, truth.vacancies
    distance, number = KDTree(columns.xy).query(truth.xy)
    near = distance < reach
    completed = columns.xy[columns.completed]
    right = np.nan
    if len(completed):
        away, site = KDTree(truth.xy).query(completed)
        right = float((lost[site] & (away < reach)).mean())
    missing = float((near & columns.completed[number])[lost].mean()) if lost.any() else np.nan
    return (
        float(np.median(distance[near & ~lost])),
        centre_of_mass(truth),
        float(near[~lost].mean()),
        missing,
        right,
    )


def centre_of_mass(truth: Simulated) -> float:
    """Return the median error in pixels of centres of mass around the true sites, over the local minimum."""
    radius = max(1, int(0.4 * truth.spacing))
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    middle = np.round(truth.xy).astype(int)
    height, width = truth.image.shape
    inner = ((middle >= radius) & (middle < np.array([width, height]) - radius)).all(1) & ~truth.vacancies
    patches = truth.image[middle[inner, 1, None, None] + y, middle[inner, 0, None, None] + x]
    weight = patches - patches.min((1, 2), keepdims=True)
    moved = np.stack([(weight * x).sum((1, 2)), (weight * y).sum((1, 2))], -1) / weight.sum((1, 2))[:, None]
    return float(np.median(np.linalg.norm(middle[inner] + moved - truth.xy[inner], axis=1)))


if __name__ == "__main__":
    main()
