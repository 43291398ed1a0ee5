"""What ``models.fit_vae`` with its defaults makes of windows from simulated frames: sublattices, angles, cost.

    python -m benchmarks.models.fitting --seeds 5 --out fitting.json

Frames are those of ``datasets.lattice.frame`` (honeycomb, two grains, vacancies, dopants, drift) with seeds and doses
that nothing was tuned on. Two clusters of z (k-means) are compared with the sublattices of all columns but dopants and
vacancies; angles are compared modulo the symmetry, with one offset for each sublattice.
"""

import argparse
import json
import time
from pathlib import Path

import jax
import numpy as np

import models
from experiments import datasets

FIRST_SEED = 9000
DOSES = (30.0, 60.0, 120.0, 250.0)


def measure(seed: int, count: int, options: dict) -> dict:
    """Simulate a frame, cut ``count`` windows around its true sites, fit, encode and compare with the truth."""
    frame = datasets.lattice.frame(jax.random.key(seed), dose=DOSES[seed % len(DOSES)], size=(512, 512))
    windows = datasets.cut(frame.image, frame.xy, normalise="none")
    rows, stack = windows.number[:count], windows.x[:count]
    began = time.process_time()
    fitted = models.fit_vae(stack, seed=seed, **options)
    cost, codes = time.process_time() - began, fitted.encode(stack)
    plain = np.isin(frame.kind[rows], [frame.kinds.index(name) for name in ("A", "B")])
    truth, angle = frame.sublattice[rows][plain], frame.angle[rows][plain]
    cluster = models.scores.kmeans(jax.random.key(0), codes.z[plain], 2)
    errors = models.scores.angle_errors(angle, codes.angle[plain], truth, (frame.symmetry,) * 2)
    return {
        "seed": seed,
        "windows": len(stack),
        "side": stack.shape[1],
        "sublattices": models.scores.clustering_accuracy(truth, cluster, 2),
        "angle_median_deg": float(np.rad2deg(np.median(np.abs(errors.error)))),
        "angle_mean_deg": float(np.rad2deg(np.abs(errors.error).mean())),
        "error": fitted.report.error,
        "latent_std": fitted.report.latent_std,
        "problems": fitted.report.problems,
        "cpu_s": cost,
    }


def main() -> None:
    """Measure every seed and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--windows", type=int, default=800)
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--steps", type=int, default=None)
    parser.add_argument("--out", type=Path, default=None)
    given = parser.parse_args()
    options = {"starts": given.starts, "steps": given.steps, "progress": False}
    rows = []
    for seed in range(FIRST_SEED, FIRST_SEED + given.seeds):
        rows.append(measure(seed, given.windows, options))
        print(json.dumps(rows[-1]), flush=True)
        if given.out is not None:
            given.out.write_text(json.dumps(rows, indent=1))
    for name in ("sublattices", "angle_median_deg", "angle_mean_deg", "cpu_s"):
        values = [row[name] for row in rows]
        print(f"{name}: median {np.median(values):.3f} [{min(values):.3f}, {max(values):.3f}] of {len(rows)} seeds")


if __name__ == "__main__":
    main()
