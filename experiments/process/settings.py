"""What is searched for and how: ``study.toml``, read, checked, and written for the first time."""

import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from experiments.process.formula import Formula, parse

FILE = "study.toml"
ACQUISITIONS = ("log_ei", "ucb", "thompson")
TEXT = """\
# What is searched for, and how. Every command reads this file anew: change it whenever you like.
objective = ""           # to be maximised: a formula over the outcomes that are told, such as
                         # "cap - 0.1 * max(temp - 45, 0)"; "" is the only outcome that is told
budget = 60              # evaluations of the study, failed ones included
initial_points = 10      # of these, random candidates before the model chooses
acquisition = "log_ei"   # or "ucb": mean + kappa * standard deviation, or "thompson"
kappa = 2.0
seed = 0

[limits]                 # an evaluation beyond a limit counts as failed; its outcomes stay in the log
# temp = { below = 45 }
# cap = { above = 0.5 }
"""


class Limit(NamedTuple):
    """The values that an outcome may have; ±inf where there is no limit."""

    above: float
    below: float

    def words(self, name: str) -> str:
        """Return the limit as a person would write it."""
        parts = [f"{self.above:g} < "] if self.above > -float("inf") else []
        return "".join([*parts, name, f" < {self.below:g}" if self.below < float("inf") else ""])


class StudySettings(NamedTuple):
    """The settings of ``study.toml``; ``objective`` is None where the only outcome is meant."""

    objective: Formula | None
    limits: dict[str, Limit]
    budget: int
    initial_points: int
    acquisition: str
    kappa: float
    seed: int


def read(folder: Path) -> StudySettings:
    """Return the settings of a study. ValueError says which line of ``study.toml`` to change."""
    path = folder / FILE
    try:
        table = tomllib.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        table = {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    default = tomllib.loads(TEXT)
    if unknown := table.keys() - default.keys():
        raise ValueError(f"{path}: unknown {', '.join(sorted(unknown))}; it may hold {', '.join(default)}")
    values: dict[str, Any] = default | table
    for name, least in (("budget", 2), ("initial_points", 1), ("seed", 0)):
        if type(values[name]) is not int or values[name] < least:
            raise ValueError(f"{path}: {name} = {values[name]!r}; give a whole number of at least {least}")
    if values["initial_points"] >= values["budget"]:
        raise ValueError(
            f"{path}: initial_points = {values['initial_points']}, budget = {values['budget']}: the budget counts the "
            "initial points, raise it or lower these"
        )
    if values["acquisition"] not in ACQUISITIONS:
        raise ValueError(f"{path}: acquisition = {values['acquisition']!r}; give one of {', '.join(ACQUISITIONS)}")
    if type(values["kappa"]) not in (int, float) or not values["kappa"] >= 0:
        raise ValueError(f"{path}: kappa = {values['kappa']!r}; give a number of at least 0")
    try:
        values["objective"] = _objective(values["objective"])
        values["limits"] = {name: _limit(name, limit) for name, limit in values["limits"].items()}
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return StudySettings(**values)


def write_first(folder: Path) -> Path:
    """Write ``study.toml`` with its defaults unless there is one; returns its path."""
    path = folder / FILE
    if not path.exists():
        path.write_text(TEXT, "utf-8")
    return path


def _objective(text: Any) -> Formula | None:
    """Return the formula of the objective, None where it is the only outcome."""
    if isinstance(text, list):
        raise ValueError(
            'objective is a list; several objectives are not searched yet, give one formula, such as "cap"'
        )
    if not isinstance(text, str):
        raise ValueError(f"objective = {text!r}; give a formula in quotation marks")
    if not text.strip():
        return None
    formula = parse(text)
    if not formula.names:
        raise ValueError(f"objective = {text!r} names no outcome")
    return formula


def _limit(name: str, given: Any) -> Limit:
    """Return a limit. ValueError unless it is a table of numbers ``above`` and ``below``."""
    good = isinstance(given, dict) and given and given.keys() <= {"above", "below"}
    if not good or any(type(value) not in (int, float) for value in given.values()):
        raise ValueError(f"limit {name} = {given!r}; give {name} = {{ above = 0, below = 45 }}, or one of the two")
    limit = Limit(float(given.get("above", -float("inf"))), float(given.get("below", float("inf"))))
    if not limit.above < limit.below:
        raise ValueError(f"limit {name}: above = {limit.above:g} leaves nothing below {limit.below:g}")
    return limit
