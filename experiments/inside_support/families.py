"""Families of histories: how each is generated, learned and evaluated."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from experiments.inside_support.config import Config
from experiments.lab.keys import keys_of
from experiments.shared.lattices import histories as field_histories
from experiments.shared.lattices import latent_map, setups
from experiments.shared.lattices.options import HistorySettings
from experiments.shared.processes import annealing, learning
from experiments.shared.processes.options import ProcessSettings
from models import histories

Evaluate = Callable[[np.ndarray, np.ndarray], np.ndarray]  # values (n, sample), durations (n,) -> worth (n,)


class Family(NamedTuple):
    """A learned family, fresh members of it as their generator makes them, and by problem what a history is worth."""

    learned: histories.Learned
    values: np.ndarray  # (member, sample)
    duration: np.ndarray  # (member,)
    evaluate: Mapping[str, Evaluate]


def learned_families(config: Config, progress: Callable[..., Any] | None = None) -> list[Family]:
    """Learn the families that the problems need; both presets of the lattice search one family."""
    found = []
    if names := [name for name in config.problems if name != "annealing"]:
        found.append(of_fields(names, config, progress))
    if "annealing" in config.problems:
        found.append(of_temperatures(config, progress))
    return found


def of_fields(names: list[str], config: Config, progress: Callable[..., Any] | None) -> Family:
    """Learn damped field histories, with the keys of ``latent_bo``; their worth is Σ|curl P| under each preset."""
    keys = setups.keys(config.seed)
    settings = HistorySettings(histories=config.histories, epochs=config.epochs)
    learned = field_histories.learn(keys, field_histories.draw(keys["data"], settings), settings, progress).learned
    members = field_histories.draw(keys["held_out"], HistorySettings(histories=config.members)).clean
    lattices = latent_map.lattices(keys)

    def curl_of(name: str) -> Evaluate:
        return lambda values, duration: latent_map.simulate(lattices, name, values).target

    return Family(learned, np.asarray(members), np.ones(len(members)), {name: curl_of(name) for name in names})


def of_temperatures(config: Config, progress: Callable[..., Any] | None) -> Family:
    """Learn temperature histories of a film; their worth is its quality."""
    keys = keys_of(config.seed, ("draw", "fit", "members"))
    settings = ProcessSettings(histories=config.film_histories, epochs=150 if config.smoke else 0)
    drawn = annealing.draw(keys["draw"], config.film_histories)
    learned, _ = learning.learn(keys["fit"], drawn, annealing.PROCESS, settings, progress)
    members = annealing.draw(keys["members"], config.members)
    values, duration = (np.asarray(part)[: config.members] for part in (members.values, members.duration))
    film = learning.in_jax(annealing.outcomes)
    return Family(learned, values, duration, {"annealing": lambda *history: film(*history).value})
