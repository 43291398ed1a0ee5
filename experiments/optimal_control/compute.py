"""Compute and record histories found within the family and by gradient, what is left of them, and other controls."""

import jax
import numpy as np

from experiments.lab.keys import keys_of
from experiments.lab.progress import advance
from experiments.lab.run import Array, Run
from experiments.lab.summaries import spread
from experiments.optimal_control.climbs import (
    Problem,
    Search,
    best_of_family,
    climbed,
    climber,
    drawn_at_random,
    evolved,
    family_of,
    problem_of,
    starts_of,
)
from experiments.optimal_control.config import CONDITIONS, FREE, Config
from experiments.optimal_control.survival import survival
from experiments.optimal_control.switching import switching
from experiments.optimal_control.tracking import tracking
from experiments.optimal_control.writing import writing
from experiments.shared.lattices.evolution import INSTALLED
from experiments.shared.lattices.options import GRADIENT_COST, PRESETS
from experiments.shared.lattices.setups import random_fields
from experiments.shared.lattices.splines import family_slew

KEYS = ("family", "defects", "subset", "others")
OF_SEARCH = ("preset", "search", "seed")
ARRAYS = {
    "preset": Array(("preset",), "1", "set-up of the lattice", coordinate=True),
    "search": Array(("search",), "1", "how the history was found", coordinate=True),
    "condition": Array(("condition",), "1", "under what a history is simulated again", coordinate=True),
    "defects": Array(("seed", "component", "row", "column"), "coercive field", "random field"),
    "curve": Array((*OF_SEARCH, "sample"), "largest field", "best history found"),
    "value": Array((*OF_SEARCH,), "model unit", "sum of |curl P| of the best history"),
    "path": Array((*OF_SEARCH, "rollout"), "model unit", "best objective by the rollouts that it cost"),
    "rollout": Array(("rollout",), "1", "rollouts that a search has cost", coordinate=True),
    "left": Array(("preset", "condition", "search", "seed"), "model unit", "sum of |curl P| under other conditions"),
    "switching_time": Array(("switching_time",), "model time", "time of the switching field", coordinate=True),
    "switching_one_field": Array(("switching_time", "component"), "model unit", "cheapest field found, one component"),
    "switching_both_field": Array(
        ("switching_time", "component"), "model unit", "cheapest field found, both components"
    ),
    "tracked": Array(("tracked",), "1", "lattice and freedom of the field", coordinate=True),
    "tracking_time": Array(("tracking_time",), "1", "time over that of the drive", coordinate=True),
    "tracking_wanted": Array(("tracking_time",), "model unit", "wanted mean of Px"),
    "tracking_field": Array(("tracked", "tracking_time"), "model unit", "field along x"),
    "tracking_course": Array(("tracked", "tracking_time"), "model unit", "mean of Px"),
    "pattern": Array(("pattern",), "1", "wanted pattern", coordinate=True),
    "lattice_of": Array(("lattice_of",), "1", "whether the lattice has defects", coordinate=True),
    "way": Array(("way",), "1", "what the overlap is of", coordinate=True),
    "overlap": Array(("pattern", "lattice_of", "way"), "1", "overlap with the wanted pattern"),
    "wanted_pattern": Array(("pattern", "component", "row", "column"), "model unit", "wanted polarization"),
    "written_pattern": Array(
        ("pattern", "lattice_of", "component", "row", "column"), "model unit", "polarization written by the tip"
    ),
}


def compute(run: Run, config: Config) -> None:
    """Search the family, climb, try what was found under other conditions; then switching, tracking and patterns."""
    keys = keys_of(config.seed, KEYS)
    slew = family_slew(keys["family"])
    problems = [problem_of(name, keys["subset"], slew) for name in PRESETS]
    lattice = problems[0].setup.lattice
    defects = random_fields(keys["defects"], config.seeds, lattice)
    family = family_of(config, problems[0].setup.drive_steps)
    with run.stage("family"):
        rows = [[_family(problem, defects, family, config)] for problem in problems]
        run.record(slew_limit=slew, family_histories=len(family), starts=config.starts, gradient_cost=GRADIENT_COST)
        run.record(**{name: getattr(config, name) for name in ("seeds", "budget", "steps", "redraws")})
    with run.stage("climbs"), run.progress(len(problems) * (len(_names(config)) - 1), "search") as bar:
        for problem, found in zip(problems, rows, strict=True):
            for search in _searches(problem, defects, family, config):
                found.append(search)
                advance(bar, 1)
        _record(run, rows, config)
        run.add_all(ARRAYS, {"defects": defects})
    with run.stage("survival"):
        others = list(jax.random.split(keys["others"], config.redraws))
        left = []
        for problem, found in zip(problems, rows, strict=True):
            curves = np.stack([search.curve for row in found for search in row])
            local = np.concatenate([_local(problem, defects)] * len(found))
            values = survival(problem, curves, local, others, config.seed)
            left.append(values.reshape(len(values), len(found), -1))
        run.add_all(ARRAYS, {"condition": np.array(list(CONDITIONS), dtype=object), "left": np.stack(left)})
        for preset, table in zip(PRESETS, left, strict=True):
            for condition, of_searches in zip(CONDITIONS, table, strict=True):
                for search, values in zip(_names(config), of_searches, strict=True):
                    run.record(**spread(f"{preset}_{search}_{condition}", values))
    smoke = config.smoke
    with run.stage("switching"):
        run.keep(ARRAYS, switching(config.seed, config.writing_starts, 8 if smoke else 80))
    with run.stage("tracking"):
        run.keep(ARRAYS, tracking(defects[0], 6 if smoke else 60))
    with run.stage("writing"):
        run.keep(ARRAYS, writing(config, defects[0]))


def _local(problem: Problem, defects: np.ndarray) -> np.ndarray:
    """Return local fields in model units."""
    return (problem.setup.coercive_field * defects).astype(np.float32)


def _names(config: Config) -> list[str]:
    """Return the names of the searches."""
    splines = [f"splines_{count}" for count in config.coefficients]
    return ["family", *splines, "free", "random", *_evolutions(config)]


def _evolutions(config: Config) -> list[str]:
    """Return the names of the searches by CMA-ES, none where its library is not installed."""
    return [f"cma_{count}" for count in config.coefficients] if INSTALLED else []


def _family(problem: Problem, defects: np.ndarray, family: np.ndarray, config: Config) -> list[Search]:
    """Return the best of the family for each seed."""
    return [
        best_of_family(problem, _local(problem, field), family, config.budget, seed)
        for seed, field in enumerate(defects)
    ]


def _searches(problem: Problem, defects: np.ndarray, family: np.ndarray, config: Config):
    """Yield what every search finds, one Search for each seed: climbs, random histories at the same cost, CMA-ES."""
    for coefficients in (*config.coefficients, FREE):
        program = climber(problem, coefficients, config)
        yield [
            climbed(problem, program, coefficients, _local(problem, field),
                    starts_of(problem, coefficients, family, config.starts, seed))
            for seed, field in enumerate(defects)
        ]  # fmt: skip
    middle = config.coefficients[len(config.coefficients) // 2]
    yield [
        drawn_at_random(problem, _local(problem, field), middle, config.budget, seed)
        for seed, field in enumerate(defects)
    ]
    for name in _evolutions(config):
        yield list(evolved(problem, _local(problem, defects), int(name.removeprefix("cma_")), config.budget))


def _record(run: Run, rows: list[list[list[Search]]], config: Config) -> None:
    """Record the histories found, their values, and how they grew with the rollouts that they cost."""
    names = _names(config)
    rollout = np.unique(np.geomspace(min(100, config.budget), config.budget, 40).round().astype(int))
    cost_of_step = GRADIENT_COST * config.starts

    def path(name: str, search: Search) -> np.ndarray:
        single = name in ("family", "random", *_evolutions(config))
        place = np.minimum((rollout if single else rollout // cost_of_step) - 1, len(search.path) - 1)
        return np.where(place >= 0, search.path[np.maximum(place, 0)], np.nan)

    def stacked(part) -> np.ndarray:
        return np.array(
            [[[part(name, s) for s in row] for name, row in zip(names, found, strict=True)] for found in rows]
        )

    value = stacked(lambda _, search: search.value)
    run.add_all(
        ARRAYS,
        {
            "preset": np.array(list(PRESETS), dtype=object),
            "search": np.array(names, dtype=object),
            "curve": stacked(lambda _, search: search.curve).astype(np.float32),
            "value": value,
            "rollout": rollout,
            "path": stacked(path),
        },
    )
    for preset, table in zip(PRESETS, value, strict=True):
        for name, values in zip(names, table, strict=True):
            run.record(**spread(f"{preset}_{name}", values))
