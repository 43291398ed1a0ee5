"""Compute and record optima found under every condition, and the value of each under every other."""

from itertools import product

import numpy as np

from experiments.lab.keys import keys_of
from experiments.lab.progress import advance
from experiments.lab.run import Array, Run, refuse_non_finite
from experiments.lab.summaries import spread
from experiments.robust_bo import searching
from experiments.robust_bo.config import CONDITIONS, VARIED, WAYS, Config, conditions_of
from experiments.robust_bo.worlds import World, draw, published
from experiments.shared.lattices import histories, latent_map, setups
from experiments.shared.lattices.options import LONG_HOLD, PRESETS, HistorySettings
from experiments.shared.lattices.setups import unsettled
from models.histories import Learned, decode

KEYS = ("bank", "campaign", "judges")  # of each seed
OF_OPTIMUM = ("preset", "found", "way", "seed")
CURL = "sum of |curl P|"
ARRAYS = {
    "preset": Array(("preset",), "1", "set-up of the lattice", coordinate=True),
    "found": Array(("found",), "1", "condition that a history was found under", coordinate=True),
    "way": Array(("way",), "1", "how it was searched", coordinate=True),
    "judged": Array(("judged",), "1", "condition that it is judged under", coordinate=True),
    "point": Array((*OF_OPTIMUM, "latent"), "1", "latent point of the optimum"),
    "curve": Array((*OF_OPTIMUM, "sample"), "largest field", "its history"),
    "seen": Array(("preset", "found", "seed", "evaluation"), "model unit", "values that the campaign saw"),
    "value": Array((*OF_OPTIMUM, "judged"), "model unit", f"{CURL} under fresh draws of the condition"),
    "drawn": Array((*OF_OPTIMUM, "judged", "world"), "model unit", f"{CURL} in each of these worlds"),
    "cell": Array(("cell", "latent"), "1", "cells inside the training support"),
}


def compute(run: Run, config: Config) -> None:
    """Learn histories, search them under every condition, judge every optimum under all of them."""
    with run.stage("histories"):
        keys = setups.keys(config.seed)
        settings = HistorySettings(histories=config.histories, epochs=config.epochs)
        learned = histories.learn(keys, histories.draw(keys["data"], settings), settings).learned
        cells = latent_map.supported_cells(learned, config.cells)
        run.add_all(ARRAYS, {"cell": cells})
        run.record(**{name: getattr(config, name) for name in ("seeds", "cells", "evaluations", "steps", "draws")})
        run.record(handed_over=config.handed_over, judges=config.judges, long_hold_steps=LONG_HOLD)
    with run.stage("searches"):
        found = {name: searches(run, name, learned, cells, config) for name in PRESETS}
        record_searches(run, learned, found, config)
    with run.stage("judging"):
        drawn = np.stack([judgements(name, learned, found[name], config) for name in PRESETS])
        record_judgements(run, drawn)


def worlds_of(preset: str, condition: str, seed: int) -> World:
    """Return the published world of a seed under a preset, with the longer hold where the condition has it."""
    keys = setups.keys(seed)
    lattices = latent_map.lattices(keys)
    return published(unsettled(preset, hold_of(condition)), lattices.defects, keys["subset"])


def hold_of(condition: str) -> int:
    """Return the steps that a condition adds to the hold."""
    return LONG_HOLD if condition == "held" else 0


def searches(
    run: Run, preset: str, learned: Learned, cells: np.ndarray, config: Config
) -> dict[str, list[searching.Found]]:
    """Return what is found under every condition of a preset, one for each seed; one world where nothing varies."""
    conditions, programs = conditions_of(preset), {}
    found: dict[str, list[searching.Found]] = {condition: [] for condition in conditions}
    seeds = range(config.seed, config.seed + config.seeds)
    with run.progress(len(conditions) * config.seeds, "search") as bar:
        for number, condition in product(seeds, conditions):
            setup, varied = unsettled(preset, hold_of(condition)), VARIED[condition]
            draws, bank = (config.draws, config.bank) if varied else (1, 1)
            if (draws, setup.hold_steps) not in programs:
                programs[draws, setup.hold_steps] = searching.programs_of(setup, learned, cells, draws, config)
            keys = keys_of(number, KEYS)
            worlds = draw(keys["bank"], setup, varied, worlds_of(preset, condition, number), bank)
            program, worst = programs[draws, setup.hold_steps], condition == "worst"
            found[condition].append(searching.search(program, cells, keys["campaign"], worlds, worst, draws, config))
            advance(bar, bar.n)(1)
    return found


def points_of(found: dict[str, list[searching.Found]], config: Config) -> np.ndarray:
    """Return the optima (found, way, seed, latent); NaN for conditions that a preset does not have."""
    nowhere = np.full(2, np.nan)
    nothing = [searching.Found(nowhere, nowhere, np.full(config.evaluations, np.nan))] * config.seeds
    rows = [found.get(condition, nothing) for condition in CONDITIONS]
    return np.array([[[getattr(each, way) for each in row] for way in WAYS] for row in rows])


def record_searches(
    run: Run, learned: Learned, found: dict[str, dict[str, list[searching.Found]]], config: Config
) -> None:
    """Record the optima, their histories, and what the campaigns saw."""
    points = np.stack([points_of(found[name], config) for name in PRESETS])
    nothing = np.full((config.seeds, config.evaluations), np.nan)
    seen = [
        [[each.seen for each in found[name][row]] if row in found[name] else nothing for row in CONDITIONS]
        for name in PRESETS
    ]
    curves = np.asarray(decode(learned, np.nan_to_num(points)).values)
    run.add_all(
        ARRAYS,
        {
            "preset": np.array(list(PRESETS), dtype=object),
            "found": np.array(list(CONDITIONS), dtype=object),
            "way": np.array(list(WAYS), dtype=object),
            "judged": np.array(list(CONDITIONS), dtype=object),
            "point": points,
            "curve": np.where(np.isnan(points[..., :1]), np.nan, curves).astype(np.float32),
            "seen": np.array(seen).astype(np.float32),
        },
    )


def judgements(preset: str, learned: Learned, found: dict[str, list[searching.Found]], config: Config) -> np.ndarray:
    """Return the value (found, way, seed, judged, world) of every optimum in fresh worlds of every condition.

    NaN for conditions that the preset does not have, and beyond the one world of those that vary nothing.
    """
    points = points_of(found, config)
    values = np.full((*points.shape[:3], len(CONDITIONS), config.judges), np.nan)
    known = [number for number, name in enumerate(CONDITIONS) if name in found]
    judges = {hold: searching.judge_of(unsettled(preset, hold), learned) for hold in (0, LONG_HOLD)}
    for number, column in product(range(config.seeds), known):
        condition, seed = list(CONDITIONS)[column], config.seed + number
        setup, varied = unsettled(preset, hold_of(condition)), VARIED[condition]
        count = config.judges if varied else 1
        key = keys_of(seed, KEYS)["judges"]
        worlds = draw(key, setup, varied, worlds_of(preset, condition, seed), count)
        each = points[known, :, number].reshape(-1, points.shape[-1])
        row = searching.judged(judges[hold_of(condition)], each, worlds)
        refuse_non_finite(f"judging ({preset}, {condition})", row, ("optimum", "world"))
        values[known, :, number, column, :count] = row.reshape(len(known), len(WAYS), count)
    return values


def record_judgements(run: Run, drawn: np.ndarray) -> None:
    """Record the table: values, and how often an optimum beats the published one in the same worlds."""
    single = [not VARIED[name] for name in CONDITIONS]
    kept = np.where(np.array(single)[:, None] & np.isnan(drawn), drawn[..., :1], drawn)
    value = np.stack([searching.reduced(name, kept[..., column, :]) for column, name in enumerate(CONDITIONS)], -1)
    run.add_all(ARRAYS, {"value": value, "drawn": drawn.astype(np.float32)})
    for p, preset in enumerate(PRESETS):
        for row in (names := conditions_of(preset)):
            for w, way in enumerate(WAYS):
                at = list(CONDITIONS).index(row)
                for column in names:
                    b = list(CONDITIONS).index(column)
                    run.record(**spread(f"{preset}_{row}_{way}_{column}", value[p, at, w, :, b]))
                    published_row = value[p, 0, 0, :, b]
                    run.record(**spread(f"{preset}_{row}_{way}_{column}_gain", value[p, at, w, :, b] - published_row))
                better = drawn[p, at, w, :, at] > drawn[p, 0, 0, :, at]
                run.record(**{f"{preset}_{row}_{way}_better_share": better[~np.isnan(drawn[p, at, w, :, at])].mean()})
