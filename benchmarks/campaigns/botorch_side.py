"""BoTorch's side of ``against_botorch`` and ``fixed_pools``: campaigns on the same tables, functions and starts.

    python -m benchmarks.campaigns.botorch_side pool START.npz [--refit 10] [--steps 500] [--seeds N] [--kappa 10]
                                                     [--score {ucb,log_ei}]
    python -m benchmarks.campaigns.botorch_side box branin START.npz [--evaluations 50] [--seeds N] [--fit warm]

Runs where torch, botorch and NumPy are (measured with botorch 0.18.1, gpytorch 1.15.2, torch 2.14.1), and imports
neither ours nor JAX. START.npz of ``pool``: ``x`` (candidates, d) in any units, ``y`` (candidates,) to be maximised,
``initial`` (seeds, n) indices. Of ``box``: one array per function, ``branin``, ``hartmann6``, ``levy4``, ``ackley5``,
(seeds, n, d) in the unit cube. The last line of the output is a JSON object (``benchmarks.peers``); see ``pool`` and
``box`` for its fields. float64, one thread, CPU seconds of the process; imports are not counted.

BoTorch as it does best here: ``SingleTaskGP`` with its defaults (RBF with ARD, dimension-scaled log-normal priors,
standardised outcome) and ``fit_gpytorch_mll``, which starts from the last fit's values (``--fit warm``): 0.2 to 0.7 of
the CPU of a start from BoTorch's initial values (``--fit cold``), the same optimum nine times of ten and a better one
once on a pool table; on Branin, 10 seeds, neither has clearly the lower regret. Between refits the pool campaign calls
``set_train_data`` (``condition_on_observations`` costs as much or up to 20 % more) and takes the joint posterior
of 250 candidates at a time, the cheapest of six block sizes at n = 350 and 600, and cheaper there than q = 1 batches
and than the whole pool at once (0.45, 0.58 and 1.3 CPU-s at n = 600; 0.14, 0.11 and 1.4 at n = 100). The box campaigns
maximise ``qLogExpectedImprovement`` (q = 1, its 512 quasi-random samples) by ``optimize_acqf`` with 10 restarts from
512 raw samples, the values of BoTorch's tutorials, all restarts in one batch.
"""

import argparse
import json
import sys
import time

import numpy as np
import torch
from botorch.acquisition import LogExpectedImprovement, qLogExpectedImprovement
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.optim import optimize_acqf
from gpytorch.mlls import ExactMarginalLogLikelihood

from benchmarks.campaigns.functions import FUNCTIONS
from benchmarks.peers import versions

BLOCK = 250
CHECKPOINTS = (25, 50, 100, 500)


def fitted(x: torch.Tensor, y: torch.Tensor, last: SingleTaskGP | None) -> SingleTaskGP:
    """Return a model of y (n,) at x (n, d), its hyperparameters fitted from those of ``last``."""
    model = SingleTaskGP(x, y[:, None])
    if last is not None:
        for part in ("mean_module", "covar_module", "likelihood"):
            getattr(model, part).load_state_dict(getattr(last, part).state_dict())
    fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
    return model


def bounds_over(model: SingleTaskGP, candidates: torch.Tensor, kappa: float) -> torch.Tensor:
    """Return μ + κσ of the function, (candidates,), without the noise of the observations."""
    posteriors = (model.posterior(block) for block in candidates.split(BLOCK))
    return torch.cat([(p.mean + kappa * p.variance.sqrt())[:, 0] for p in posteriors])


def improvement_over(model: SingleTaskGP, candidates: torch.Tensor, best: torch.Tensor) -> torch.Tensor:
    """Return the logarithm of the expected improvement on ``best``, (candidates,)."""
    acquisition = LogExpectedImprovement(model, best)
    return torch.cat([acquisition(block[:, None]) for block in candidates.split(BLOCK)])


def pool_seed(x: torch.Tensor, y: torch.Tensor, initial: list[int], options: argparse.Namespace) -> dict:
    """Run one campaign over the candidates ``x`` with values ``y``; return its cost, regret and choices."""
    model, chosen, cpu_fit, start = None, list(initial), 0.0, time.process_time()
    for step in range(options.steps):
        x_observed, y_observed = x[chosen], y[chosen]
        if model is None or step % options.refit == 0:
            before = time.process_time()
            model = fitted(x_observed, y_observed, model if options.fit == "warm" else None)
            cpu_fit += time.process_time() - before
        else:
            standardised = model.outcome_transform(y_observed[:, None])[0]
            model.set_train_data(x_observed, standardised[:, 0], strict=False)
        with torch.no_grad():
            if options.score == "ucb":
                score = bounds_over(model, x, options.kappa)
            else:
                score = improvement_over(model, x, y_observed.max())
        score[chosen] = -torch.inf
        chosen.append(int(score.argmax()))
    cpu = time.process_time() - start
    best = y[chosen].cummax(0).values[len(initial) - 1 :]
    return {"cpu_s": cpu, "cpu_s_fit": cpu_fit, "regret": (y.max() - best).tolist(), "chosen": chosen}


def pool(options: argparse.Namespace) -> dict:
    """Run campaigns on a table without revisits.

    ``seeds`` of the result has for each seed ``cpu_s``, ``cpu_s_fit``, ``regret`` (steps + 1, entry k after k steps,
    the first after the initial points) and ``chosen``; ``regret_at`` is {steps: [of each seed]}.
    """
    given = np.load(options.start)
    x, y = given["x"], torch.tensor(given["y"], dtype=torch.float64)
    unit = torch.tensor((x - x.min(0)) / np.ptp(x, 0), dtype=torch.float64)
    seeds = []
    for seed, initial in enumerate(np.atleast_2d(given["initial"])[: options.seeds]):
        torch.manual_seed(seed)
        seeds.append(pool_seed(unit, y, initial.tolist(), options))
        print(f"pool, seed {seed}: {seeds[-1]['cpu_s']:.1f} CPU-s", file=sys.stderr, flush=True)
    reached = [k for k in CHECKPOINTS if k <= options.steps]
    return {
        "steps": options.steps,
        "refit": options.refit,
        "candidates": len(y),
        "regret_at": {k: [seed["regret"][k] for seed in seeds] for k in reached},
        "seeds": seeds,
    }


def box_seed(function, initial: np.ndarray, options: argparse.Namespace) -> dict:
    """Run one campaign on a function from ``initial`` (n, d); return its cost and regret."""
    x = torch.tensor(initial, dtype=torch.float64)
    y = torch.tensor(function.value(initial))
    corners = torch.stack([torch.zeros(function.dim), torch.ones(function.dim)]).double()
    model, start, evaluations = None, time.process_time(), options.evaluations or function.evaluations
    while len(x) < evaluations:
        model = fitted(x, y, model if options.fit == "warm" else None)
        acquisition = qLogExpectedImprovement(model, best_f=y.max())
        new, _ = optimize_acqf(acquisition, corners, q=1, num_restarts=10, raw_samples=512)
        x, y = torch.cat([x, new]), torch.cat([y, torch.tensor(function.value(new.numpy()))])
    cpu = time.process_time() - start
    regret = np.maximum(function.optimum - y.cummax(0).values.numpy(), 1e-16)
    steps = max(evaluations - len(initial), 1)
    return {"cpu_s": cpu, "cpu_s_per_evaluation": cpu / steps, "log10_regret": np.log10(regret).tolist()}


def box(options: argparse.Namespace) -> dict:
    """Run campaigns on a box.

    ``seeds`` of the result has for each seed ``cpu_s``, ``cpu_s_per_evaluation`` (without the initial points) and
    ``log10_regret`` (evaluations,) of the best value so far, initial points included, not below −16.
    """
    function, seeds = FUNCTIONS[options.function], []
    for seed, initial in enumerate(np.load(options.start)[options.function][: options.seeds]):
        torch.manual_seed(seed)
        seeds.append(box_seed(function, initial, options))
        last = seeds[-1]
        print(
            f"{options.function}, seed {seed}: {last['cpu_s']:.1f} CPU-s, log10 regret {last['log10_regret'][-1]:.2f}",
            file=sys.stderr,
            flush=True,
        )
    return {"function": options.function, "seeds": seeds}


def main() -> None:
    """Run the campaigns asked for and print their JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    kinds = parser.add_subparsers(dest="kind", required=True)
    of_pool, of_box = kinds.add_parser("pool"), kinds.add_parser("box")
    of_box.add_argument("function", choices=FUNCTIONS)
    of_box.add_argument("--evaluations", type=int, help="initial ones included; by default the function's own number")
    of_pool.add_argument("--steps", type=int, default=500)
    of_pool.add_argument("--refit", type=int, default=10, help="steps from one fit of the hyperparameters to the next")
    of_pool.add_argument("--kappa", type=float, default=10.0, help="weight of the standard deviation")
    of_pool.add_argument("--score", choices=("ucb", "log_ei"), default="ucb")
    for kind in (of_pool, of_box):
        kind.add_argument("start", help="the .npz with the initial points")
        kind.add_argument("--seeds", type=int, help="the first so many of those given")
        kind.add_argument("--fit", choices=("warm", "cold"), default="warm")
    options = parser.parse_args()
    torch.set_num_threads(1)
    result = {"pool": pool, "box": box}[options.kind](options)
    names = versions("torch", "botorch", "gpytorch", "numpy", "scipy")
    print(json.dumps({"versions": names, "threads": torch.get_num_threads(), "fit": options.fit, **result}))


if __name__ == "__main__":
    main()
