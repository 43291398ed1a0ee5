"""Learn the families, evaluate all candidates, search them by every method, and record what each found."""

from dataclasses import replace

import numpy as np

from experiments.inside_support import arrays, campaigns
from experiments.inside_support.config import METHODS, OF_THE_FAMILY, Config
from experiments.inside_support.families import learned_families, left_out
from experiments.inside_support.problems import Problem, problems_of
from experiments.lab import scores, summaries
from experiments.lab.progress import advance
from experiments.lab.run import Run


def check(config: Config) -> None:
    """Raise a ValueError where what was asked for cannot be searched: the battery alone, or by a Python without PyBaMM.

    Among other problems the battery is left out, and the report says why.
    """
    for name, reason in left_out(config).items():
        if config.python or config.problems == (name,):
            raise ValueError(f"--problems {name}: {reason}")


def compute(run: Run, config: Config) -> None:
    """Go through the stages: families, candidates, campaigns, scores."""
    without = left_out(config)
    config = replace(config, problems=tuple(name for name in config.problems if name not in without))
    run.results.attrs |= {f"without_{name}": reason for name, reason in without.items()}
    with run.stage("families"), run.progress(config.epochs, "epoch") as bar:
        families = learned_families(config, advance(bar))
    with run.stage("candidates"):
        problems = [problem for family in families for problem in problems_of(family, config)]
        for problem in problems:
            record_problem(run, problem)
    with run.stage("campaigns"):
        calls, asked = {fails: campaigns.program(config, fails) for fails in (False, True)}, {}
        with run.progress(len(problems) * (len(METHODS) - 2) * config.campaigns, "campaign") as bar:
            for problem in problems:
                asked[problem.name] = campaigns.search(calls[problem.fails], problem, config, advance(bar, bar.n))
    with run.stage("scores"):
        run.add_all(arrays.COORDINATES, {"method": np.array(list(METHODS), dtype=object)})
        run.record(campaigns=config.campaigns, evaluations=config.evaluations)
        for problem in problems:
            record_scores(run, problem, asked[problem.name], config)


def record_problem(run: Run, problem: Problem) -> None:
    """Record the candidates of a problem, and by exhaustion what is best among those that exist."""
    name, each = problem.name, problem.candidates
    value, members = (np.where(np.isnan(part), -np.inf, part) for part in (problem.value, problem.members))
    exists = each.exists
    table = {
        "z": each.z,
        "example": each.examples.values,
        "best_member_example": problem.best_member,
        "value": problem.value,
        "inside": each.inside,
        "miss": each.miss,
        "distance": each.distance,
        "log_density": each.log_density,
        "exploration": each.exploration,
        "member_value": problem.members,
    }
    run.add_all(arrays.of_problem(name), table, prefix=f"{name}_")
    box = np.arange(len(value)) < len(value) // 2
    numbers = {
        "candidates": len(value),
        "failed_share": np.isnan(problem.value).mean(),
        "members": len(members),
        "support_width": np.ptp(each.z[each.inside], axis=0).min(),
        "exists_share": exists.mean(),
        "exists_share_of_box": exists[box].mean(),
        "exists_share_inside_support": exists[each.inside].mean(),
        "inside_share_of_existing": each.inside[exists].mean() if exists.any() else float("nan"),
        "best_anywhere": value.max(),
        "best_existing": _largest(value[exists]),
        "best_inside": _largest(value[each.inside]),
        "best_existing_of_box": _largest(value[exists & box]),
        "best_member": members.max(),
        "member_p99": np.nanquantile(problem.members, 0.99),
        "top_1_percent_of_box_exists_share": exists[box][scores.top_cells(value[box], 0.01)].mean(),
    }
    run.record(**{f"{name}_{key}": number for key, number in numbers.items()})


def record_scores(run: Run, problem: Problem, asked: dict[str, np.ndarray], config: Config) -> None:
    """Record the best examples so far of every method, existing ones and any, and where it asked."""
    found = {}
    for method, rows in asked.items():
        members = method in OF_THE_FAMILY
        value = (problem.members if members else problem.value)[rows]
        exists = np.ones(rows.shape, bool) if members else problem.candidates.exists[rows]
        found[method] = (rows, scores.best_so_far(np.where(exists, value, -np.inf)), scores.best_so_far(value))
        beyond = ~exists[:, config.initial_points :]
        run.record(**{f"{problem.name}_{method}_asked_outside_share": beyond.mean()})
    for method, (_, best, anywhere) in found.items():
        prefix = f"{problem.name}_{method}"
        run.record(**summaries.quartiles(f"{prefix}_best", best[:, -1]))
        run.record(**summaries.quartiles(f"{prefix}_best_half_way", best[:, best.shape[1] // 2 - 1]))
        run.record(**summaries.quartiles(f"{prefix}_best_anywhere", anywhere[:, -1]))
    stacked = [np.stack([found[method][part] for method in METHODS]) for part in range(3)]
    finite = [stacked[0], *(np.where(np.isfinite(part), part, np.nan) for part in stacked[1:])]
    names = ("asked", "best", "best_anywhere")
    named: dict[str, np.ndarray] = dict(zip(names, finite, strict=True))
    run.add_all(arrays.of_problem(problem.name), named, prefix=f"{problem.name}_")


def _largest(values: np.ndarray) -> float:
    """Return the largest value; NaN of none."""
    return float(values.max()) if len(values) else float("nan")
