"""Families of histories and images: how each is drawn and learned, and what its members are worth."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from experiments.inside_support import images, spaces
from experiments.inside_support.config import Config
from experiments.inside_support.spaces import Curves, Examples, Space
from experiments.lab.keys import keys_of
from experiments.shared.lattices import histories as field_histories
from experiments.shared.lattices import latent_map, setups
from experiments.shared.lattices.options import HistorySettings
from experiments.shared.processes import annealing, battery, learning
from experiments.shared.processes.options import ProcessSettings
from experiments.shared.processes.records import Process

Evaluate = Callable[..., np.ndarray]  # the arrays of Examples -> worth (n,); NaN where an evaluation failed


class Family(NamedTuple):
    """A learned family, fresh members of it, and by problem what an example is worth.

    ``known`` holds what the first members are worth, by problem, where that was computed before; the others are then
    not evaluated. Where a family ``fails``, an evaluation may, and is worth NaN.
    """

    space: Space
    members: Examples
    evaluate: Mapping[str, Evaluate]
    known: Mapping[str, np.ndarray] = MappingProxyType({})
    fails: bool = False


def left_out(config: Config) -> dict[str, str]:
    """Return in words, by problem, why a problem cannot be searched here."""
    reason = battery.lacking(config.python) if "battery" in config.problems else ""
    return {"battery": reason} if reason else {}


def learned_families(config: Config, progress: Callable[..., Any] | None = None) -> list[Family]:
    """Learn the families that the problems need; both presets of the lattice search one family."""
    found = []
    if names := [name for name in ("lecture", "physical") if name in config.problems]:
        found.append(of_fields(names, config, progress))
    others = {"annealing": of_temperatures, "battery": of_charges, "cards": of_cards, "digits": of_digits}
    return [*found, *(make(config, progress) for name, make in others.items() if name in config.problems)]


def of_fields(names: list[str], config: Config, progress: Callable[..., Any] | None) -> Family:
    """Learn damped field histories, with the keys of ``latent_bo``; their worth is Σ|curl P| under each preset."""
    keys = setups.keys(config.seed)
    settings = HistorySettings(histories=config.histories, epochs=config.epochs)
    learned = field_histories.learn(keys, field_histories.draw(keys["data"], settings), settings, progress).learned
    members = field_histories.draw(keys["held_out"], HistorySettings(histories=config.members)).clean
    lattices = latent_map.lattices(keys)

    def curl_of(name: str) -> Evaluate:
        return lambda values, duration: latent_map.simulate(lattices, name, values).target

    drawn = Curves(np.asarray(members), np.ones(len(members)))
    return Family(spaces.of_histories(learned), drawn, {name: curl_of(name) for name in names})


def of_temperatures(config: Config, progress: Callable[..., Any] | None) -> Family:
    """Learn temperature histories of a film; their worth is its quality."""
    film = learning.in_jax(annealing.outcomes)
    space, members = of_process(annealing.PROCESS, config, progress)
    return Family(space, members, {"annealing": lambda *history: film(*history).value})


def of_charges(config: Config, progress: Callable[..., Any] | None) -> Family:
    """Learn charging histories of a battery; their worth is its charge, NaN where the cell is cut off.

    The first members are those of the table that comes with the process, so that PyBaMM charges with candidates alone.
    """
    space, drawn = of_process(battery.PROCESS, config, progress)
    table, charged = battery.table()
    values = np.concatenate([np.asarray(table.values), drawn.values])[: config.members]

    def charge(current: np.ndarray, duration: np.ndarray) -> np.ndarray:
        return battery.charge(current, python=config.python, workers=config.workers).value

    known = {"battery": charged.value[: config.members]}
    return Family(space, drawn._replace(values=values), {"battery": charge}, known, fails=True)


def of_process(process: Process, config: Config, progress: Callable[..., Any] | None) -> tuple[Space, Curves]:
    """Learn histories of a process, and return their space and fresh ones."""
    keys = keys_of(config.seed, ("draw", "fit", "members"))
    settings = ProcessSettings(histories=config.process_histories, epochs=150 if config.smoke else 0)
    drawn = process.draw(keys["draw"], config.process_histories)
    learned, _ = learning.learn(keys["fit"], drawn, process, settings, progress)
    members = process.draw(keys["members"], config.members)
    values, duration = (np.asarray(part)[: config.members] for part in (members.values, members.duration))
    return spaces.of_histories(learned), Curves(values, duration)


def of_cards(config: Config, progress: Callable[..., Any] | None) -> Family:
    """Learn playing cards; their worth is the strength of their fourfold symmetry."""
    return Family(*images.cards(config, progress), {"cards": images.symmetry})


def of_digits(config: Config, progress: Callable[..., Any] | None) -> Family:
    """Learn handwritten digits; their worth is the slant of their strokes to the right."""
    return Family(*images.digits(config, progress), {"digits": images.slant})
