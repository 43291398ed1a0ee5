"""Compute and record maps, searches of them by values and by gradients, and what hinders ascents."""

from typing import Any

import numpy as np

from experiments.gradient_latent import grounds, maps, price, searches, survey
from experiments.gradient_latent.accounting import Search
from experiments.gradient_latent.arrays import ARRAYS
from experiments.gradient_latent.config import SEARCHES, Config
from experiments.gradient_latent.grounds import Ground
from experiments.lab.progress import advance
from experiments.lab.run import Run
from experiments.lab.summaries import quantile, quartiles, spread
from experiments.shared.lattices.evolution import INSTALLED
from experiments.shared.lattices.options import LONG_HOLD, PRESETS, HistorySettings
from experiments.shared.lattices.setups import unsettled

PLACES = 60  # of the axis of costs


def compute(run: Run, config: Config) -> None:
    """Learn and simulate the maps, search them in every way at equal cost, survey their basins, hold what was found."""
    with run.stage("maps"), run.progress(config.maps, "map") as bar:
        settings = HistorySettings(histories=config.histories, epochs=config.epochs)
        found = []
        for number in range(config.maps):
            found.append(maps.learn(config.seed + number, settings, config.cells))
            advance(bar)(number + 1)
        programs = {name: maps.programs_of(unsettled(name), found[0].learned, config.steps) for name in PRESETS}
        ground = [grounds.ground_of(each, name, programs[name], config) for each in found for name in PRESETS]
        record_maps(run, ground, config)
    with run.stage("price"):
        for name, each in zip(PRESETS, ground, strict=False):
            seconds = price.cpu_seconds(each.programs, each.place, each.map.cells)
            run.record(**{f"{name}_{what}_cpu_ms": 1e3 * value for what, value in seconds.items()})
            for lanes in ("alone", "together"):
                ratio = seconds[f"gradient_{lanes}"] / seconds[f"rollout_{lanes}"]
                run.record(**{f"{name}_price_measured_{lanes}": ratio})
    with run.stage("campaigns"), run.progress(len(ground), "map") as bar:
        campaigns, orders = searches.campaign_programs(config), []
        for number, each in enumerate(ground):
            orders.append(searches.chosen(campaigns, each.map.cells, each.values, config))
            advance(bar)(number + 1)
    with run.stage("ascents"):
        done = [
            grounds.by_cells(*pair) | grounds.by_ascents(*pair, config) for pair in zip(ground, orders, strict=True)
        ]
    with run.stage("evolution"):
        done = [several | grounds.by_evolution(each, config) for several, each in zip(done, ground, strict=True)]
        record_searches(run, ground, done, config)
    with run.stage("survey"):
        record_survey(run, ground, config)
    with run.stage("held"):
        record_held(run, ground, done, config)


def names_of(done: list[dict[str, Search]]) -> list[str]:
    """Return the searches that were made, in the order of the report."""
    return [name for name in SEARCHES if name in done[0]]


def by_map(config: Config, values: list[Any]) -> np.ndarray:
    """Return values, one of each map under each preset, with axes of maps and presets."""
    array = np.stack([np.asarray(value) for value in values])
    return array.reshape(config.maps, len(PRESETS), *array.shape[1:])


def stems(config: Config) -> list[str]:
    """Return the beginnings of the names of numbers, of each map under each preset."""
    return [f"map{number}_{preset}" for number in range(config.maps) for preset in PRESETS]


def record_maps(run: Run, ground: list[Ground], config: Config) -> None:
    """Record cells, values, and what counts as arrived."""
    of_maps = ground[:: len(PRESETS)]
    run.add_all(
        ARRAYS,
        {
            "preset": np.array(list(PRESETS), dtype=object),
            "cell": np.stack([each.map.cells for each in of_maps]),
            "spread": np.stack([each.place.spread for each in of_maps]),
            "target": by_map(config, [each.values for each in ground]).astype(np.float32),
            "threshold": by_map(config, [each.threshold for each in ground]),
        },
    )
    for stem, each in zip(stems(config), ground, strict=True):
        run.record(**{f"{stem}_threshold": each.threshold, f"{stem}_best_cell": each.values.max()})
    run.record(**{name: getattr(config, name) for name in ("maps", "cells", "seeds", "budget", "price", "steps")})
    run.record(scouts=config.scouts, starts=config.starts, top_share=config.top_share)


def record_searches(run: Run, ground: list[Ground], done: list[dict[str, Search]], config: Config) -> None:
    """Record what every search found, when it arrived, and how it grew."""
    names = names_of(done)
    spent = np.unique(np.linspace(config.initial_points, config.budget, PLACES).round())

    def all_of(part) -> np.ndarray:
        return by_map(config, [[part(each[name], at) for name in names] for each, at in zip(done, ground, strict=True)])

    def until(search: Search, at: Ground, with_gradient: bool) -> np.ndarray:
        place = search.arrival_place(at.threshold)
        counted = np.cumsum(search.gradient == with_gradient)
        return np.where(place < 0, np.inf, counted[place])

    run.add_all(
        ARRAYS,
        {
            "search": np.array(names, dtype=object),
            "value": all_of(lambda search, _: search.best_value),
            "point": all_of(lambda search, _: search.best),
            "arrival_values": all_of(lambda search, at: until(search, at, False)),
            "arrival_gradients": all_of(lambda search, at: until(search, at, True)),
            "spent": spent,
            "growth": all_of(lambda search, _: search.growth(spent, config.price)).astype(np.float32),
        },
    )
    run.record(cma_es_installed=int(INSTALLED))
    for stem, several, each in zip(stems(config), done, ground, strict=True):
        middle = {}
        for name in names:
            arrival = several[name].arrival(each.threshold, config.price)
            middle[name] = quantile(arrival, 0.5)
            run.record(**quartiles(f"{stem}_{name}_worth", arrival))
            run.record(**{f"{stem}_{name}_never": int(np.isinf(arrival).sum())})
            run.record(**spread(f"{stem}_{name}_value", several[name].best_value))
        of_ucb = min(middle["ucb"], config.budget)  # where it does not arrive, ratios are upper bounds
        run.record(**{f"{stem}_{name}_over_ucb": middle[name] / of_ucb for name in names})


def record_survey(run: Run, ground: list[Ground], config: Config) -> None:
    """Record ascents from random cells, of the objective and its smooth variant, and lines through the best cells."""
    learned = ground[0].map.learned
    rounded = [maps.programs_of(unsettled(name), learned, config.steps, survey.WIDTH) for name in PRESETS]
    surveys, lines = [], []
    for number, each in enumerate(ground):
        plain, smooth = each.programs, rounded[number % len(PRESETS)]
        rng = np.random.default_rng([config.seed, number, 2])
        starts = each.map.cells[rng.choice(config.cells, config.survey_starts)]
        surveys.append(survey.survey(plain, smooth, each.place, starts))
        lines.append(survey.line(plain, smooth, each.place, each.best_cell, config.line_points))
    parts = ("start", "values", "end", "end_value", "smooth_value")
    kept = {f"survey_{name}": by_map(config, [getattr(each, name) for each in surveys]) for name in parts}
    for name in ("value", "slope", "smooth_value", "smooth_slope"):
        kept[f"line_{name}"] = by_map(config, [getattr(each, name) for each in lines])
    run.add_all(ARRAYS, kept | {"line_distance": lines[0].distance})
    for stem, each, seen, along in zip(stems(config), ground, surveys, lines, strict=True):
        spread_of = np.asarray(each.place.spread)
        run.record(
            **{
                f"{stem}_best_ascent": seen.value,
                f"{stem}_basins": survey.basins(seen.end, seen.end_value, spread_of),
                f"{stem}_survey_arrived_share": np.mean(seen.end_value >= each.threshold),
                f"{stem}_survey_smooth_arrived_share": np.mean(seen.smooth_value >= each.threshold),
                f"{stem}_survey_median_end": np.median(seen.end_value),
                f"{stem}_survey_smooth_median_end": np.median(seen.smooth_value),
                f"{stem}_peak_width": survey.width(along.distance, along.value, each.threshold),
                f"{stem}_line_turns": survey.turns(along.slope),
                f"{stem}_line_smooth_turns": survey.turns(along.smooth_slope),
            }
        )
    run.record(survey_starts=config.survey_starts, smooth_width=survey.WIDTH)


def record_held(run: Run, ground: list[Ground], done: list[dict[str, Search]], config: Config) -> None:
    """Record what is left of what every search found, and of the best cell, after a longer hold."""
    names, held, learned = names_of(done), [], ground[0].map.learned
    longer = [unsettled(name, LONG_HOLD) for name in PRESETS]
    programs = [maps.programs_of(setup, learned, config.steps) for setup in longer]
    for number, (each, several) in enumerate(zip(ground, done, strict=True)):
        of_preset = number % len(PRESETS)
        points = np.concatenate([*(several[name].best for name in names), each.best_cell[None]])
        place = maps.place_of(longer[of_preset], each.map)
        values = maps.values_of(programs[of_preset], place, points, "a longer hold")
        held.append(values[:-1].reshape(len(names), config.seeds))
        stem = stems(config)[number]
        run.record(**{f"{stem}_best_cell_held": values[-1]})
        for name, row in zip(names, held[-1], strict=True):
            run.record(**spread(f"{stem}_{name}_held", row))
    run.add_all(ARRAYS, {"held": by_map(config, held)})
    run.record(long_hold_steps=LONG_HOLD)
