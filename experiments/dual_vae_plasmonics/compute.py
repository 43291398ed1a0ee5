"""Simulate assemblies, train a dual VAE on them, predict either modality from the other, and record all."""

import jax

from experiments.dual_vae_plasmonics import dual, rules
from experiments.dual_vae_plasmonics.arrays import BASELINES, arrays_of
from experiments.dual_vae_plasmonics.config import Config
from experiments.dual_vae_plasmonics.scores import score_angles, score_class, score_pictures, score_spectra
from experiments.dual_vae_plasmonics.sets import described, sets_of
from experiments.lab.run import Run
from experiments.lab.training import fit_and_record


def compute(run: Run, config: Config) -> None:
    """Go through the stages: data, baselines, the dual VAE, its predictions and their scores."""
    to_data, to_fits = jax.random.split(jax.random.key(config.seed))
    with run.stage("data"):
        sets = sets_of(to_data, config)
        table, test = arrays_of(sets.test.classes), sets.test
        run.keep(table, described(sets, config))
    with run.stage("baselines"):
        others = rules.predict(sets)
        for name, classes in others.classes.items():
            run.keep(table, score_class(f"{name}_", [classes], test, config.seeds))
        for name in BASELINES:
            for outcome in score_pictures(f"{name}_", others.pictures[name][None], sets, config):
                run.keep(table, outcome)
            run.keep(table, score_spectra(f"{name}_", others.spectra[name][None], sets, config))
    with run.stage("dual"):
        pairs = dual.on_device(sets.training), dual.on_device(sets.validation)
        keys = jax.random.split(to_fits, config.seeds)
        fitted = fit_and_record(run, "dual", keys, dual.model_of(sets, config), *pairs, dual.fit_config_of(config))
    with run.stage("predictions"):
        predicted = dual.predict(fitted, sets)
        shown = {
            "code": predicted.codes,
            "code_of_image": predicted.codes_of_images,
            "picture": predicted.pictures[0],
            "spectrum": predicted.spectra[0] ** 2 * sets.top,
            "nearest_picture": others.pictures["nearest"],
        }
        run.add_all(table, shown | dual.manifold(fitted, predicted, sets, config.manifold_points))
        read = rules.read_out(predicted.training_codes, predicted.codes, sets, config)
        run.add_all(table, {"found_class": read.classes})
        run.keep(table, score_class("dual_", read.classes, test, config.seeds))
        run.keep(table, score_angles("dual_code_", read.angle, read.ratio, sets, config))
        for outcome in score_pictures("dual_", predicted.pictures, sets, config):
            run.keep(table, outcome)
        run.keep(table, score_spectra("dual_", predicted.spectra, sets, config))
        record_ratios(run)


def record_ratios(run: Run) -> None:
    """Record the median errors of the dual VAE over those of the baselines."""
    for name in BASELINES:
        for part in ("spectrum", "picture"):
            ratio = run.metrics[f"dual_{part}_nmse_median"] / run.metrics[f"{name}_{part}_nmse_median"]
            run.record(**{f"{part}_over_{name}": ratio})
