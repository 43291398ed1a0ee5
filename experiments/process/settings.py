"""What is searched for and how: ``study.toml``, read, checked, and written for the first time."""

import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from experiments.process import contexts
from experiments.process.cells import MOST, NAME, name_of
from experiments.process.contexts import Context
from experiments.process.formula import Formula, parse

FILE = "study.toml"
OF_ONE, OF_FRONT = ("log_ei", "ucb", "thompson"), ("hypervolume", "scalarisation")
MOST_OBJECTIVES = 3
LARGEST = 2**31 - 1  # of the whole numbers
TEXT = """\
# What is searched for, and how. Every command reads this file anew: change it whenever you like.
objective = ""           # to be maximised: a formula over the outcomes that are told, such as
                         # "cap - 0.1 * max(temp - 45, 0)"; "" is the only outcome that is told;
                         # two or three formulas make a front: ["cap", "-temp"]
budget = 60              # evaluations of the study, failed ones included
initial_points = 10      # of these, random candidates before the model chooses
acquisition = "auto"     # of one objective "log_ei", "ucb" (mean + kappa * standard deviation) or "thompson";
                         # of several "hypervolume" or "scalarisation" (random weights, kappa); the first is "auto"
kappa = 2.0
seed = 0
# safe = 0.95            # evaluate only where all limits hold with this probability; the log must already hold
                         # initial_points evaluations that keep them

[limits]                 # each limited outcome is learned; the best is the best within the limits
# temp = { below = 45 }
# cap = { above = 0.5 }

# [context]              # what is given with each evaluation and not chosen; its effect is learned
# day = { low = 0, high = 30 }
# batch = ["a", "b"]
"""
OPTIONAL = ("safe", "context")


class Limit(NamedTuple):
    """The smallest and the largest value that an outcome may have; ±inf where there is no limit."""

    above: float
    below: float

    def holds(self, value: Any) -> Any:
        """Return whether a value, or each of an array, keeps the limit; NaN does not."""
        return (self.above <= value) & (value <= self.below)

    def words(self, name: str) -> str:
        """Return the limit as a person would write it."""
        parts = [f"{self.above:g} ≤ "] if self.above > -math.inf else []
        return "".join([*parts, name, f" ≤ {self.below:g}" if self.below < math.inf else ""])


class StudySettings(NamedTuple):
    """The settings of ``study.toml``.

    ``objectives`` is empty where the only outcome is meant; two or three make a front. ``acquisition`` is never "auto".
    ``safe`` is None where limits are weighed and not enforced.
    """

    objectives: tuple[Formula, ...]
    limits: dict[str, Limit]
    safe: float | None
    context: tuple[Context, ...]
    budget: int
    initial_points: int
    acquisition: str
    kappa: float
    seed: int

    @property
    def front(self) -> bool:
        """Whether several objectives are searched for."""
        return len(self.objectives) > 1

    @property
    def text(self) -> str:
        """What is maximised, in words."""
        return ", ".join(formula.text for formula in self.objectives) or "the only outcome"

    def keeps(self, outcomes: Mapping[str, float]) -> bool:
        """Return whether outcomes keep all limits; one that is missing or NaN does not keep its limit."""
        return all(limit.holds(outcomes.get(name, math.nan)) for name, limit in self.limits.items())


def read(folder: Path) -> StudySettings:
    """Return the settings of a study. ValueError says which line of ``study.toml`` to change."""
    path = folder / FILE
    try:
        table = tomllib.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        table = {}
    except (tomllib.TOMLDecodeError, ValueError, OSError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    default = tomllib.loads(TEXT)
    if unknown := table.keys() - {*default, *OPTIONAL}:
        raise ValueError(
            f"{path}: unknown {', '.join(sorted(unknown))}; it may hold {', '.join([*default, *OPTIONAL])} "
            "(lines before the first [table])"
        )
    try:
        return _checked(default | table)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: {error}") from error


def write_first(folder: Path) -> Path:
    """Write ``study.toml`` with its defaults unless there is one; returns its path."""
    path = folder / FILE
    if not path.exists():
        path.write_text(TEXT, "utf-8")
    return path


def _checked(values: dict[str, Any]) -> StudySettings:
    """Return the settings of a table that has all entries. ValueError says which one to change."""
    for name, least in (("budget", 2), ("initial_points", 1), ("seed", 0)):
        if type(values[name]) is not int or not least <= values[name] <= LARGEST:
            raise ValueError(f"{name} = {values[name]!r}; give a whole number from {least} to {LARGEST}")
    if values["initial_points"] >= values["budget"]:
        raise ValueError(
            f"initial_points = {values['initial_points']}, budget = {values['budget']}: the budget counts the "
            "initial points, raise it or lower these"
        )
    if not _is_number(values["kappa"]) or values["kappa"] < 0:
        raise ValueError(f"kappa = {values['kappa']!r}; give a number of at least 0")
    if not isinstance(values["limits"], dict):
        raise ValueError(
            f"limits = {values['limits']!r}; give a table [limits], of lines such as temp = {{ below = 45 }}"
        )
    limits = {name_of(name): _limit(name, limit) for name, limit in values["limits"].items()}
    if len(limits) < len(values["limits"]):
        raise ValueError(f"limits gives one name twice: {', '.join(values['limits'])}")
    objectives = _objectives(values["objective"])
    if len(limits) > 1 and not objectives:
        raise ValueError(f"objective is empty, and {' and '.join(limits)} have limits: say what to maximise")
    return StudySettings(
        objectives=objectives,
        limits=limits,
        safe=_safe(values.get("safe"), limits),
        context=contexts.read(values.get("context", {})),
        budget=values["budget"],
        initial_points=values["initial_points"],
        acquisition=_acquisition(values["acquisition"], len(objectives) > 1),
        kappa=values["kappa"],
        seed=values["seed"],
    )


def _objectives(given: Any) -> tuple[Formula, ...]:
    """Return the formulas of the objectives, none where the only outcome is meant."""
    texts = given if isinstance(given, list) else [given]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError(f"objective = {given!r}; give a formula in quotation marks, or a list of two or three")
    if not isinstance(given, list) and not given.strip():
        return ()
    if not 1 <= len(texts) <= MOST_OBJECTIVES:
        raise ValueError(f"objective has {len(texts)} formulas; give one, two or three")
    formulas = tuple(parse(text) for text in texts)
    for formula in formulas:
        if not formula.names:
            raise ValueError(f"objective = {formula.text!r} names no outcome")
    if len({formula.text for formula in formulas}) < len(formulas):
        raise ValueError(f"objective = {given!r} holds the same formula twice")
    return formulas


def _acquisition(name: Any, front: bool) -> str:
    """Return the name of an acquisition that serves the objectives; the first of its kind for "auto"."""
    allowed, others = (OF_FRONT, OF_ONE) if front else (OF_ONE, OF_FRONT)
    if name == "auto":
        return allowed[0]
    if name in others:
        kind = "several objectives" if front else "one objective"
        raise ValueError(f'acquisition = {name!r} does not serve {kind}; give "auto" or one of {", ".join(allowed)}')
    if name not in allowed:
        raise ValueError(f'acquisition = {name!r}; give "auto" or one of {", ".join(allowed)}')
    return name


def _limit(name: str, given: Any) -> Limit:
    """Return a limit. ValueError unless it is a table of numbers ``above`` and ``below`` of an outcome."""
    if not NAME.fullmatch(name):
        raise ValueError(f"limit {name!r}: an outcome has a name of letters, digits and underscores")
    good = isinstance(given, dict) and given and given.keys() <= {"above", "below"}
    if not good or not all(map(_is_number, given.values())):
        raise ValueError(f"limit {name} = {given!r}; give {name} = {{ above = 0, below = 45 }}, or one of the two")
    limit = Limit(float(given.get("above", -math.inf)), float(given.get("below", math.inf)))
    if not limit.above < limit.below or limit == (-math.inf, math.inf):
        raise ValueError(f"limit {name}: {limit.above:g} to {limit.below:g} leaves out nothing, or everything")
    return limit


def _safe(given: Any, limits: dict[str, Limit]) -> float | None:
    """Return the probability with which all limits must hold. ValueError unless it is one, and there are limits."""
    if given is None:
        return None
    if not _is_number(given) or not 0 < given < 1:
        raise ValueError(f"safe = {given!r}; give a probability between 0 and 1, such as 0.95")
    if not limits:
        raise ValueError(f"safe = {given:g}, but [limits] is empty: say what must be kept")
    return float(given)


def _is_number(value: Any) -> bool:
    """Return whether an entry is a finite number."""
    return type(value) in (int, float) and abs(value) < MOST
