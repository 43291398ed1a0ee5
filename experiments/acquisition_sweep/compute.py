"""Compute the landscapes, the campaigns on them and their scores, and record what each stage returns."""

from collections.abc import Sequence

import numpy as np

from experiments.acquisition_sweep import arrays, campaigns, landscapes, results
from experiments.acquisition_sweep.campaigns import Choices
from experiments.acquisition_sweep.config import Config, methods_of
from experiments.acquisition_sweep.landscapes import Landscape
from experiments.lab.progress import advance
from experiments.lab.run import Run


def compute(run: Run, config: Config) -> None:
    """Run all weights, rules and seeds on every landscape, and score them beside blind orders."""
    with run.stage("landscapes"):
        places = []
        for name in config.places:
            places.append(landscapes.make(name, config))
            record_landscape(run, places[-1])
    with run.stage("sweep"):
        choices = run_sweeps(run, places, config)
    with run.stage("orders"):
        choices = [
            {**of_place, **campaigns.blind(place, config)} for of_place, place in zip(choices, places, strict=True)
        ]
    with run.stage("scores"):
        record_scores(run, places, choices, config)


def check(config: Config) -> None:
    """Raise a ValueError for a file of loops that cannot be used, before anything is written."""
    if config.loops is not None:
        landscapes.make("loops", config)


def record_landscape(run: Run, place: Landscape) -> None:
    """Record the candidates of a landscape, and how hard their best are to find."""
    name, table, good = place.name, place.table, place.good
    run.add_all(arrays.pool_arrays(name), {"pool": place.pool, "value": table}, prefix=f"{name}_")
    numbers = {
        "candidates": len(table),
        "good_candidates": int(good.sum()),
        "min": table.min(),
        "median": np.median(table),
        "max": table.max(),
        "good_within_share_of_range": (table.max() - table[good].min()) / np.ptp(table),
        "random_expected_evaluations": (len(table) + 1) / (good.sum() + 1),
    }
    run.record(**{f"{name}_{key}": value for key, value in numbers.items()})


def run_sweeps(run: Run, places: Sequence[Landscape], config: Config) -> list[dict[str, Choices]]:
    """Run the campaigns on every landscape with progress, and record what concerns them all."""
    found, choices, retries = campaigns.families(config), [], 0
    lanes = (len(config.kappas) + len(config.rules)) * config.campaigns
    with run.progress(len(places) * lanes, "campaign") as bar:
        for place in places:
            sweep = campaigns.sweep(found, place, config, advance(bar, bar.n))
            choices.append(sweep.choices)
            retries += sweep.retries
            run.record(**{f"{place.name}_noise_to_signal_median": np.median(sweep.noise)})
    run.record(gram_retries=retries, campaigns=config.campaigns, evaluations=config.evaluations)
    return choices


def record_scores(run: Run, places: Sequence[Landscape], choices: Sequence[dict[str, Choices]], config: Config) -> None:
    """Record the scores of every method, and the rules against the best κ in hindsight."""
    scored = results.score(places, choices, config)
    methods = methods_of(config)
    names = {"landscape": [place.name for place in places], "strategy": methods}
    run.add_all(arrays.SCORES, {axis: np.array(values, dtype=object) for axis, values in names.items()})
    run.add_all(arrays.SCORES, {"kappa": config.kappas, **scored._asdict()})
    for i, place in enumerate(places):
        for j, method in enumerate(methods):
            numbers = results.summary(scored.needed[i, j], scored.z_score[i, j], config.evaluations)
            run.record(**{f"{place.name}_{method}_{name}": value for name, value in numbers.items()})
    compared = results.compare(scored.needed, config)
    for part in results.PARTS:
        values = np.stack([getattr(comparison, part) for comparison in compared])
        run.add_all(arrays.RATIOS, {"ratio" if part == "ratio" else f"ratio_{part}": values})
    run.add_all(arrays.RATIOS, {"chosen_share": [comparison.chosen for comparison in compared]})
    run.record(**results.worst_ratios(compared, config))
    for place, needed, comparison in zip(places, scored.needed, compared, strict=True):
        numbers = results.envelope(needed, comparison, config)
        run.record(**{f"{place.name}_{name}": value for name, value in numbers.items()})
    if "calibrated" in config.rules:
        run.add_all(arrays.SCORES, {"calibrated_kappa": results.calibrated_kappa(scored.z_score, config)})
