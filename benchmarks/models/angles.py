"""Recovered angles of the VAE family: a part of ``vae_family``."""

import jax
import numpy as np

from benchmarks.models.cases import RECIPE, cards
from benchmarks.timing import timed
from experiments import datasets
from models import FitConfig, encode_all, recipes, restarts, scores, vae

SYMMETRY = (1, 1, 2, 1)  # of datasets.cards.SUITS: a diamond looks the same after half a turn


def angle(options) -> dict:
    """Score the recovered angles: mean |error| of each suit in degrees, with an offset fitted to each suit or one for
    all, and how the errors fall into branches (angles that differ by a symmetry)."""
    size, rows, epochs = (12, 200, 2) if options.smoke else (24, 2000, options.epochs)
    fit_config = FitConfig(**{**RECIPE.__dict__, "epochs": epochs})
    measured = {}
    cases = {
        "shear ±1°": ("cards_rotated", ("angle", "shift")),
        "shear ±20°": ("cards_full", ("angle", "shift")),
        "shear ±20°, affine pose": ("cards_full", ("angle", "shift", "shear")),
    }
    for name, (which, pose) in [list(cases.items())[n - 1] for n in options.cases]:
        config = recipes.invariant((size, size), pose=pose, hidden=(options.width,) * 2, likelihood="bernoulli")
        model, runs = vae(config), []

        @jax.jit
        def run(key, data, test, model=model):
            params = restarts(key, 3, model, data, fit_config, search=True).params
            return encode_all(model, params, test, 100, search=True)

        for seed in range(options.seeds):
            training, held = cards(jax.random.key(500 + seed), which, size, rows, 100 if options.smoke else 1000)
            code, cpu, _ = timed(run, jax.random.key(600 + seed), datasets.to_batch(training), datasets.to_batch(held))
            estimate, true = np.asarray(code.pose.angle), held.factors["angle"]
            of_suit = scores.angle_errors(true, estimate, held.label, SYMMETRY)
            shared = scores.angle_errors(true, estimate, held.label, SYMMETRY, common_offset=True)
            first = [scores.branches(of_suit.error[held.label == k], SYMMETRY[k])[0] for k in range(4)]
            runs.append(
                {
                    "per_suit_deg": np.degrees(of_suit.mean).tolist(),
                    "common_offset_deg": np.degrees(shared.mean).tolist(),
                    "largest_branch_share": [b.share for b in first],
                    "spread_in_branch_deg": [float(np.degrees(b.spread)) for b in first],
                    "cpu_s": cpu,
                }
            )
            print(f"  seed {seed}: {np.round(runs[-1]['per_suit_deg'], 1)} ({cpu:.0f} CPU-s)", flush=True)
        measured[name] = runs
        print(f"{name}: suits {', '.join(held.classes)}")
        for what in ("per_suit_deg", "common_offset_deg", "largest_branch_share", "spread_in_branch_deg"):
            middle = np.median([run[what] for run in runs], axis=0)
            print(f"  {what.replace('_', ' '):24} median of {len(runs)} seeds {np.round(middle, 2)}", flush=True)
    return measured
