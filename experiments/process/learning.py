"""The family of a file's histories, learned and decoded to the candidates of a study."""

from dataclasses import replace

import jax
import numpy as np

from experiments.process import study
from experiments.process.config import Learn
from experiments.process.study import Candidates
from models import histories, latent
from models.histories import Histories
from models.histories.learning import default_fit
from models.histories.records import missing


def learn(options: Learn) -> Candidates:
    """Read, learn and decode; what is learned lies in the study's folder. ValueError says what to change."""
    if not 1 <= options.latent <= 3:
        raise ValueError(f"--latent is {options.latent}; the cells of a grid fill 1 to 3 dimensions")
    data = histories.read(
        options.file,
        samples=options.samples or None,
        form=options.form,
        step=options.step,
        dataset=options.dataset,
    )
    for note in data.notes:
        print(note)
    fit = default_fit(len(data.values))
    if options.epochs:
        fit = replace(fit, epochs=options.epochs)
    learned = histories.learn(
        data,
        key=jax.random.key(options.seed),
        latent=options.latent,
        scale=options.scale,
        bounds=options.bounds or range_of(data),
        duration=options.duration,
        fit_config=fit,
    )
    histories.save(learned, options.study / study.FAMILY)
    cells = latent.pool(learned, options.cells or (900 if options.latent < 3 else 3000)).supported
    candidates = Candidates(
        z=cells.z.astype(float),
        histories=cells.histories,
        duration=cells.duration.astype(float),
        own=np.asarray(data.values),
        own_duration=np.asarray(data.duration),
        known=~missing(data.mask, data.values),
        code=np.asarray(learned.mean, float),
        low=learned.low,
        high=learned.high,
        names=np.array(data.names),
        units=np.array(data.units),
        time_unit=np.array(data.time_unit),
        problems=np.array(learned.report.problems, dtype=str),
    )
    study.save(options.study, candidates)
    return candidates


def range_of(data: Histories) -> list[tuple[float, float]]:
    """Return the smallest and the largest value of each channel."""
    values = np.where(missing(data.mask, data.values), np.nan, data.values).reshape(*data.values.shape[:2], -1)
    low, high = np.nanmin(values, (0, 1)), np.nanmax(values, (0, 1))
    return [(float(a), float(b)) if a < b else (float(a) - 1, float(b) + 1) for a, b in zip(low, high, strict=True)]
