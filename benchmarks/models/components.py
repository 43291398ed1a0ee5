"""How often the number of components of simulated counts is found: ``python -m benchmarks.models.components``.

18 scans for each mean of 100, 10 and 1 counts a channel: 24 or 40 points a side, 80 channels, 3 to 5 components of
three lines each at random places, whose maps overlap. Rules: counts that were held out (a tenth of them, as
``models.fit_nmf`` does, or a half), and blocks that were held out, which weigh all values alike.

    python -m benchmarks.models.components            # three CPU-minutes
    python -m benchmarks.models.components --smoke
"""

import argparse
import json
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from models import nmf

RULES = {"a tenth held out": (True, 0.9), "a half held out": (True, 0.5), "blocks held out": (False, 0.9)}


def counts_of(
    seed: int, components: int, mean: float, size: int = 24, channels: int = 80
) -> tuple[np.ndarray, np.ndarray]:
    """Return counts [y x channel] of a simulated scan with the given mean, and their expectation."""
    rng, energy = np.random.default_rng(seed), np.linspace(0, 1, channels)
    centre, width, height = (
        rng.uniform(low, high, (components, 3, 1)) for low, high in ((0, 1), (0.02, 0.06), (0.3, 1))
    )
    spectra = (height * np.exp(-0.5 * ((energy - centre) / width) ** 2)).sum(1) + 0.05
    maps = np.maximum([gaussian_filter(rng.standard_normal((size, size)), 3) for _ in range(components)], 0) + 1e-3
    expected = np.einsum("kyx,ke->yxe", maps, spectra)
    expected *= mean / expected.mean()
    return rng.poisson(expected), expected


def found(counts: np.ndarray, rule: str) -> int:
    """Return the number of components that a rule chooses, of one to seven."""
    as_counts, kept = RULES[rule]
    table = counts.reshape(-1, counts.shape[-1]).astype(float)
    return nmf.choose(table, range(1, 8), np.random.default_rng(0), counts=as_counts, kept=kept).chosen


def main() -> None:
    """Measure, print a table, and write what was found as JSON where --out says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="two scans of each mean")
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--out", type=Path, help="JSON of everything measured")
    options = parser.parse_args()
    scans = [(k, size, n) for k in (3, 4, 5) for size in (24, 40) for n in range(3)][: 2 if options.smoke else None]
    results: dict[str, dict[str, list[int]]] = {}
    for mean in (100, 10, 1):
        made = [counts_of(options.seed + n, k, mean, size)[0] for k, size, n in scans]
        results[str(mean)] = {rule: [found(counts, rule) for counts in made] for rule in RULES}
        for rule, numbers in results[str(mean)].items():
            errors = [number - k for number, (k, _, _) in zip(numbers, scans, strict=True)]
            low, high = sum(error < 0 for error in errors), sum(error > 0 for error in errors)
            print(
                f"{mean:4d} counts a channel, {rule}: right {errors.count(0)} of {len(scans)}, low {low}, high {high}"
            )
    if options.out:
        options.out.write_text(json.dumps({"truth": [k for k, _, _ in scans], "found": results}, indent=1))


if __name__ == "__main__":
    main()
