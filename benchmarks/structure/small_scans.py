"""What ``models.fit_im2spec`` reaches on small simulated scans, beside the nearest patch and a ridge regression.

    python -m benchmarks.structure.small_scans            # 48, 64 and 96 points a side, three seeds: 12 CPU-minutes
    python -m benchmarks.structure.small_scans --sizes 128 --seeds 5 --out numbers.json

Spectra from patches, scored on a band of columns that shares no point with what is trained on or watched; every setting
is the default. A scan of 48 points a side holds about a dozen assemblies. Each line is one scan: normalised errors of
the ensemble and of both rules, and what the first is of the others; then the medians and ranges over seeds.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import jax
import numpy as np

import models
from experiments import image_to_spectrum
from experiments.datasets.plasmonics.scan import Scanned, generate

GOALS = {"over_nearest": 0.5, "over_ridge": 0.45}


def measure(seed: int, size: int, settings: dict) -> dict:
    """Return the errors on one scan of ``size`` points a side."""
    config = image_to_spectrum.Config(size=size)
    scan = generate(jax.random.key(seed), Scanned(size=size, assemblies=config.assemblies))
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # no better than a rule: the line says so
        found = models.fit_im2spec(scan.image, scan.cube, seed=seed, progress=False, **settings).report
    return {
        "size": size,
        "seed": seed,
        "patch": found.patch[0],
        "scored": found.scored,
        "error": found.error,
        "nearest": found.nearest,
        "ridge": found.ridge,
        "over_nearest": found.error / found.nearest,
        "over_ridge": found.error / found.ridge,
        "cpu_s": time.process_time() - start,
    }


def main() -> None:
    """Print a line for each scan, and the medians and ranges for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[48, 64, 96])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--steps", type=int, help="of the optimiser; the default of fit_im2spec without it")
    parser.add_argument("--out", type=Path, help="file for a JSON of all numbers")
    options = parser.parse_args()
    settings = {"starts": options.starts, "steps": options.steps}
    rows = []
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for size in options.sizes:
            rows.append(measure(seed, size, settings))
            print(" ".join(f"{name} {value:.4g}" for name, value in rows[-1].items()), flush=True)
            if options.out:
                options.out.write_text(json.dumps(rows, indent=2))
    for size in options.sizes:
        for name in ("error", "nearest", "ridge", *GOALS):
            values = [row[name] for row in rows if row["size"] == size]
            text = f"{size} points, {name}: {np.median(values):.3f} [{min(values):.3f}, {max(values):.3f}]"
            print(f"{text}, goal ≤ {GOALS[name]}" if name in GOALS else text)


if __name__ == "__main__":
    main()
