"""GPyTorch's side of ``comparison``: its plain Gaussian process and its deep kernel on the same data and splits.

    python -m benchmarks.deep_kernels.gpytorch_side TASK.npz [--seeds N] [--steps 500]

Runs where torch, gpytorch and NumPy are (measured with gpytorch 1.15.2, torch 2.14.1), and imports neither ours nor
JAX. TASK.npz: ``x`` (points, d), standardised ``y`` (points,), ``train`` and ``test`` (seeds, n) rows. The last line of
the output is a JSON object: per method, per seed, ``rmse``, ``nll`` and ``coverage`` of the central 95 % on the test
rows, and ``cpu_s``. The plain one is ExactGP with a constant mean and a scaled RBF, 150 Adam steps at 0.1 (enough to
converge here). The deep kernel is that of GPyTorch's tutorial for this size: ReLU 64-64-2, features scaled to [−1, 1],
scaled RBF, Adam at 0.01, read off at 150 steps (the best count on digits' own test sets) and at the end. float64, one
thread, CPU seconds of the process.
"""

import argparse
import json
import sys
import time

import gpytorch
import numpy as np
import torch

from benchmarks.peers import versions


class Process(gpytorch.models.ExactGP):
    """An exact Gaussian process, constant mean and scaled RBF, on the outputs of ``network`` if there is one."""

    def __init__(self, x, y, likelihood, network=None):
        super().__init__(x, y, likelihood)
        self.mean_module = gpytorch.means.ConstantMean()
        self.covar_module = gpytorch.kernels.ScaleKernel(gpytorch.kernels.RBFKernel())
        self.network = network
        self.scale = gpytorch.utils.grid.ScaleToBounds(-1.0, 1.0)

    def forward(self, x):
        """Return the prior at x."""
        if self.network is not None:
            x = self.scale(self.network(x))
        return gpytorch.distributions.MultivariateNormal(self.mean_module(x), self.covar_module(x))


def score(model, likelihood, x, y) -> dict[str, float]:
    """Return RMSE, NLL and coverage of the predictions at x."""
    model.eval()
    likelihood.eval()
    with torch.no_grad():
        prediction = likelihood(model(x))
        mean, std = prediction.mean.numpy(), prediction.variance.sqrt().numpy()
    model.train()
    likelihood.train()
    z = (y.numpy() - mean) / std
    nll = float(np.mean(0.5 * z**2 + np.log(std) + 0.5 * np.log(2 * np.pi)))
    return {"rmse": float(np.sqrt(np.mean((z * std) ** 2))), "nll": nll, "coverage": float(np.mean(np.abs(z) < 1.96))}


def fitted(train, test, network, rate, stops):
    """Return the scores after each number of steps in ``stops``."""
    likelihood = gpytorch.likelihoods.GaussianLikelihood()
    model = Process(*train, likelihood, network).double()
    objective = gpytorch.mlls.ExactMarginalLogLikelihood(likelihood, model)
    optimiser = torch.optim.Adam(model.parameters(), lr=rate)
    model.train()
    likelihood.train()
    rows, start = [], time.process_time()
    for step in range(max(stops)):
        optimiser.zero_grad()
        loss = -objective(model(train[0]), train[1])
        loss.backward()
        optimiser.step()
        if step + 1 in stops:
            rows.append(score(model, likelihood, *test) | {"cpu_s": time.process_time() - start})
    return rows


def main() -> None:
    """Fit every split and print the JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("task")
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--steps", type=int, default=500)
    options = parser.parse_args()
    torch.set_num_threads(1)
    given = np.load(options.task)
    x, y = torch.tensor(given["x"]).double(), torch.tensor(given["y"]).double()
    early = min(150, options.steps)
    results = {"GPyTorch plain RBF": [], f"GPyTorch DKL {early}": [], f"GPyTorch DKL {options.steps}": []}
    for seed, (rows, others) in enumerate(zip(given["train"], given["test"], strict=True)):
        if options.seeds is not None and seed >= options.seeds:
            break
        torch.manual_seed(seed)
        train, test = (x[rows], y[rows]), (x[others], y[others])
        results["GPyTorch plain RBF"] += fitted(train, test, None, 0.1, [early])
        sizes = [x.shape[1], 64, 64, 2]
        layers = [torch.nn.Linear(sizes[0], sizes[1]), torch.nn.ReLU(), torch.nn.Linear(sizes[1], sizes[2])]
        network = torch.nn.Sequential(*layers, torch.nn.ReLU(), torch.nn.Linear(sizes[2], sizes[3]))
        first, *last = fitted(train, test, network, 0.01, sorted({early, options.steps}))
        results[f"GPyTorch DKL {early}"].append(first)
        if last:
            results[f"GPyTorch DKL {options.steps}"] += last
        print(f"seed {seed} done", file=sys.stderr, flush=True)
    print(json.dumps({"methods": results, "versions": versions("torch", "gpytorch", "numpy")}))


if __name__ == "__main__":
    main()
