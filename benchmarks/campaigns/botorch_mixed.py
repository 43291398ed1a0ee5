"""BoTorch's side of ``benchmarks.campaigns.mixed``: campaigns on mixed inputs from the same starts.

    python -m benchmarks.campaigns.botorch_mixed func2c START.npz [--optimiser exhaustive] [--seeds N]

Runs where torch, botorch and NumPy are, and imports neither ours nor JAX. START.npz holds one array per function,
(seeds, n, d) in the units of its columns. The last line of the output is a JSON object (``benchmarks.peers``). float64,
one thread, CPU seconds of the process without its imports.

BoTorch with its defaults: ``MixedSingleTaskGP`` where there are categories and ``SingleTaskGP`` where there are only
integers and reals, all but the categories scaled to [0, 1]; a fit by ``fit_gpytorch_mll`` at every step from the last
one's values; log expected improvement, maximised by ``optimize_acqf_mixed`` over all combinations of the categories
(``exhaustive``) or by ``optimize_acqf_mixed_alternating`` (``alternating``), with 512 raw samples and 10 restarts.
"""

import argparse
import json
import sys
import time
from itertools import product

import numpy as np
import torch
from botorch.acquisition import LogExpectedImprovement
from botorch.fit import fit_gpytorch_mll
from botorch.models import MixedSingleTaskGP, SingleTaskGP
from botorch.optim import optimize_acqf_mixed
from botorch.optim.optimize_mixed import optimize_acqf_mixed_alternating
from gpytorch.mlls import ExactMarginalLogLikelihood

from benchmarks.campaigns.mixed_functions import FUNCTIONS, MixedFunction
from benchmarks.peers import versions


def scaling(function: MixedFunction) -> tuple[np.ndarray, np.ndarray]:
    """Return offset and width of each column: its bounds, and (0, 1) for categories, whose codes stay."""
    category = np.array([column.kind == "category" for column in function.columns])
    low = np.array([column.low for column in function.columns])
    high = np.array([column.high for column in function.columns])
    return np.where(category, 0, low), np.where(category, 1, high - low)


def fitted(x: torch.Tensor, y: torch.Tensor, categories: list[int], last):
    """Return a model of y (n,) at x (n, d), its hyperparameters fitted from those of ``last``."""
    model = MixedSingleTaskGP(x, y[:, None], cat_dims=categories) if categories else SingleTaskGP(x, y[:, None])
    if last is not None:
        for part in ("mean_module", "covar_module", "likelihood"):
            getattr(model, part).load_state_dict(getattr(last, part).state_dict())
    fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
    return model


def highest(model, y: torch.Tensor, function: MixedFunction, optimiser: str) -> torch.Tensor:
    """Return the point, (1, d) as the model sees it, of the highest log expected improvement that is found."""
    offset, width = scaling(function)
    levels = {
        n: [float((value - offset[n]) / width[n]) for value in range(int(column.low), int(column.high) + 1)]
        for n, column in enumerate(function.columns)
        if column.kind != "real"
    }
    bounds = torch.tensor(
        [
            [(column.low - offset[n]) / width[n], (column.high - offset[n]) / width[n]]
            for n, column in enumerate(function.columns)
        ],
        dtype=torch.float64,
    ).T
    acquisition = LogExpectedImprovement(model, best_f=y.max())
    if optimiser == "exhaustive":
        fixed = [dict(zip(levels, values, strict=True)) for values in product(*levels.values())]
        return optimize_acqf_mixed(
            acquisition, bounds, q=1, num_restarts=10, raw_samples=512, fixed_features_list=fixed
        )[0]
    of_kind = {
        kind: {n: values for n, values in levels.items() if function.columns[n].kind == kind}
        for kind in ("integer", "category")
    }
    return optimize_acqf_mixed_alternating(
        acquisition,
        bounds,
        discrete_dims=of_kind["integer"],
        cat_dims=of_kind["category"],
        raw_samples=512,
        num_restarts=10,
    )[0]


def campaign(function: MixedFunction, initial: np.ndarray, evaluations: int, optimiser: str) -> dict:
    """Run one campaign from ``initial`` (n, d); return its cost and regret."""
    offset, width = scaling(function)
    categories = [n for n, column in enumerate(function.columns) if column.kind == "category"]
    x, y = torch.tensor((initial - offset) / width), torch.tensor(function.value(initial))
    model, start = None, time.process_time()
    while len(x) < evaluations:
        model = fitted(x, y, categories, model)
        new = highest(model, y, function, optimiser).detach()
        there = new.numpy() * width + offset
        rounded = np.array([column.kind != "real" for column in function.columns])
        there = np.where(rounded, np.round(there), there)
        x = torch.cat([x, torch.tensor((there - offset) / width)])
        y = torch.cat([y, torch.tensor(function.value(there))])
    cpu = time.process_time() - start
    regret = np.maximum(function.optimum - y.cummax(0).values.numpy(), 1e-16)
    steps = max(evaluations - len(initial), 1)
    return {"cpu_s_per_evaluation": cpu / steps, "log10_regret": np.log10(regret).tolist()}


def main() -> None:
    """Run the campaigns asked for and print their JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("function", choices=FUNCTIONS)
    parser.add_argument("start", help="the .npz with the initial points")
    parser.add_argument("--seeds", type=int, help="the first so many of those given")
    parser.add_argument("--evaluations", type=int, help="initial ones included; by default the function's own number")
    parser.add_argument("--optimiser", choices=("exhaustive", "alternating"), default="alternating")
    options = parser.parse_args()
    torch.set_num_threads(1)
    function, seeds = FUNCTIONS[options.function], []
    for seed, initial in enumerate(np.load(options.start)[options.function][: options.seeds]):
        torch.manual_seed(seed)
        seeds.append(campaign(function, initial, options.evaluations or function.evaluations, options.optimiser))
        last = seeds[-1]
        print(
            f"{options.function} ({options.optimiser}), seed {seed}: {last['cpu_s_per_evaluation']:.2f} CPU-s an "
            f"evaluation, log10 regret {last['log10_regret'][-1]:.2f}",
            file=sys.stderr,
            flush=True,
        )
    names = versions("torch", "botorch", "gpytorch", "numpy", "scipy")
    print(json.dumps({"versions": names, "threads": 1, "optimiser": options.optimiser, "seeds": seeds}))


if __name__ == "__main__":
    main()
