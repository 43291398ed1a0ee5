"""The family of a file's histories, learned and decoded to the candidates of a study."""

from dataclasses import replace

import jax
import numpy as np
from tqdm import tqdm

from experiments.lab.progress import advance
from experiments.process import study
from experiments.process.config import Learn
from experiments.process.saying import say, step
from experiments.process.study import Candidates
from models import histories, latent
from models.histories import Histories, Learned
from models.histories.learning import default_fit
from models.histories.records import missing
from models.histories.smoothing import check_smooth

MOST_CELLS = 1_000_000


def learn(options: Learn) -> Candidates:
    """Read, learn and decode; what is learned lies in the study's folder. ValueError says what to change."""
    if not 1 <= options.latent <= 3:
        raise ValueError(f"--latent is {options.latent}; the cells of a grid fill 1 to 3 dimensions")
    if options.cells != 0 and not 10 <= options.cells <= MOST_CELLS:
        raise ValueError(f"--cells is {options.cells}; give 10 to {MOST_CELLS}, or 0 for the number that is usual")
    if options.epochs < 0 or not 0 < options.step < float("inf"):
        raise ValueError(f"--epochs is {options.epochs}, at least 0; --step {options.step:g}, a positive time")
    check_smooth(width_of(options.smooth))
    with step(f"reading {options.file}"):
        data = histories.read(
            options.file,
            samples=options.samples or None,
            form=options.form,
            step=options.step,
            dataset=options.dataset,
            id_column=options.id,
        )
    for line in (read_words(data), *data.notes):
        say(f"  {line}")
    learned = trained(data, options)
    histories.save(learned, options.study / study.FAMILY)
    with step("decoding candidates"):
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


def trained(data: Histories, options: Learn) -> Learned:
    """Return the family of the histories that were read, saying how far the training is and what came of it."""
    fit = default_fit(len(data.values))
    if options.epochs:
        fit = replace(fit, epochs=options.epochs)
    bar = tqdm(total=fit.epochs, unit="epoch", leave=False, disable=None)
    with step(f"training on them, for {fit.epochs} epochs at most; it ends where it no longer improves"), bar:
        learned = histories.learn(
            data,
            key=jax.random.key(options.seed),
            latent=options.latent,
            scale=options.scale,
            bounds=options.bounds or range_of(data),
            duration=options.duration,
            fit_config=fit,
            smooth=width_of(options.smooth),
            progress=advance(bar),
        )
    found = learned.report
    say(
        f"  {found.epochs} epochs; held-out histories are reconstructed with an error of {100 * found.error:.0f} % of "
        f"their spread, by {options.latent} principal components {100 * found.linear_error:.0f} %"
    )
    if learned.scaling.smooth:
        say(f"  candidates are smoothed over {100 * learned.scaling.smooth:g} % of their duration (--smooth)")
    return learned


def width_of(smooth: str) -> float | str:
    """Return the width that --smooth gives, or "auto". ValueError for anything else."""
    try:
        return smooth if smooth == "auto" else float(smooth)
    except ValueError:
        raise ValueError(f"--smooth is {smooth!r}; give auto, or a share of the duration such as 0.01") from None


def read_words(data: Histories) -> str:
    """Return what was read as a person would check it."""
    absent = missing(data.mask, data.values)
    channels = (
        f"{name or 'value'}{f' ({unit})' if unit else ''}" for name, unit in zip(data.names, data.units, strict=True)
    )
    shortest, longest = data.duration.min(), data.duration.max()
    times = f"{shortest:.4g}" if shortest == longest else f"{shortest:.4g} to {longest:.4g}"
    return (
        f"{len(data.values)} histories of {data.values.shape[1]} samples: {', '.join(channels)}; durations {times} "
        f"{data.time_unit or '(no unit of time)'}; {100 * absent.mean():.2g} % of the values missing"
    )


def range_of(data: Histories) -> list[tuple[float, float]]:
    """Return the smallest and the largest value of each channel."""
    values = np.where(missing(data.mask, data.values), np.nan, data.values).reshape(*data.values.shape[:2], -1)
    low, high = np.nanmin(values, (0, 1)), np.nanmax(values, (0, 1))
    return [(float(a), float(b)) if a < b else (float(a) - 1, float(b) + 1) for a, b in zip(low, high, strict=True)]
