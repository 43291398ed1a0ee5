"""PHYSBO's side of ``fixed_pools``, in an interpreter that has it; on one thread.

    python -m benchmarks.campaigns.physbo_side start.npz --steps 480 --refit 10

The file holds x (candidate, dim), y (candidate) and initial (seed, point), the numbers of the first candidates.
"""

import argparse
import json
import os
import sys
import time
from contextlib import redirect_stdout

import numpy as np
import physbo

from benchmarks.peers import versions


def search(x: np.ndarray, y: np.ndarray, initial: np.ndarray, seed: int, options: argparse.Namespace) -> dict:
    """Run one campaign of expected improvement; return its cost and the candidates that it chose, in order."""
    begun = time.process_time()
    policy = physbo.search.discrete.Policy(test_X=x, initial_data=[initial, y[initial]])
    policy.set_seed(seed)
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        policy.bayes_search(
            max_num_probes=options.steps,
            simulator=lambda action: y[action],
            score="EI",
            interval=options.refit,
            num_rand_basis=0,
            is_disp=False,
        )
    cpu = time.process_time() - begun
    history = policy.history
    return {"cpu_s": cpu, "chosen": np.asarray(history.chosen_actions)[: history.total_num_search].astype(int).tolist()}


def main() -> None:
    """Run the campaigns of all seeds and print their JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("start")
    parser.add_argument("--steps", type=int, default=480)
    parser.add_argument("--refit", type=int, default=10)
    options = parser.parse_args()
    given = np.load(options.start)
    x = physbo.misc.centering(given["x"])
    seeds = []
    for seed, initial in enumerate(given["initial"]):
        seeds.append(search(x, given["y"], initial, seed, options))
        print(f"PHYSBO, seed {seed}: {seeds[-1]['cpu_s']:.1f} CPU-s", file=sys.stderr, flush=True)
    print(json.dumps({"versions": versions("physbo", "numpy", "scipy"), "seeds": seeds}))


if __name__ == "__main__":
    main()
