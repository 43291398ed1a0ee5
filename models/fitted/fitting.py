"""One call that fits a VAE to a stack as it was measured."""

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from ferro_jax import values
from models.collapse import not_done
from models.data import Batch
from models.evaluation.problems import in_words
from models.fitted import choosing, coding
from models.fitted.labels import Factors, class_names, factor_table, factors_of, numbered, standardised
from models.fitted.records import Codes, Report, axis_of
from models.fitted.reporting import checked_of
from models.fitted.result import Fitted
from models.fitted.scaling import (
    Scaling,
    bursts_in_words,
    sample,
    scaled,
    scaling_of,
    warn_of_outliers,
    with_range_of,
)
from models.fitted.starts import Start, best_start, number_of_classes, with_guesses
from models.fitted.untold import told_factors, untold_groups
from models.parts.observation import Observed
from models.stacks import Stack, check_order, floats, model_shape, saturation_in_words, stack_of
from models.training.config import FitConfig
from models.vaes.config import VAEConfig
from models.vaes.model import vae

LEAST = 20  # examples
MOST = 50_000  # examples that are trained on, drawn from all of them
GUESSED = "Unknown classes were guessed from features without pose and learned from there (models.guess_classes)."


def fit_vae(
    stack: Any,
    *,
    invariant: Sequence[str] | str | None = None,
    classes: int | str | Sequence[str] | None = None,
    labels: Any = None,
    factors: Any = None,
    latent: int = 2,
    seed: int = 0,
    starts: int = 3,
    likelihood: str = "auto",
    progress: bool = True,
    mask: Any = None,
    axis: Any = None,
    steps: int | None = None,
    fit_config: FitConfig | None = None,
    **settings: Any,
) -> Fitted:
    """Fit a VAE to a stack of images [n ny nx], colour images [n ny nx channels] or curves [n samples] as measured.

    Counts, integers, masked arrays and NaN (missing) are taken as they are, and so is a record with ``x`` and perhaps
    ``mask`` (true where measured), such as the windows of ``experiments.datasets.cut``.

    ``invariant``: what the latents shall not tell, of "rotation", "shift", "scale" and "shear"; by default the first
    two for images and none for curves. ``classes`` without labels: so many are found (a number, or their names), of any
    frequency where features without pose show them (``models.guess_classes``), else of about the same; "auto": as many
    as there are groups of such features (``models.groups_of``), a ValueError where these cannot be told.
    ``labels`` [n], numbers or text: with some unknown (−1, "", None) the others are inferred, with all known the
    latents tell what the class does not. ``factors``: numbers in any unit, [n], [n factor] or a mapping from
    names to columns, likewise; NaN where unknown. ``axis`` of curves: their abscissa, or (name, unit, values).

    The recipe, the likelihood and its width come from the data, unless ``likelihood``, ``steps`` of the optimiser,
    ``fit_config`` or fields of VAEConfig as ``settings`` say otherwise. Of ``starts`` fits the one with the best
    held-out bound is kept. ``progress`` shows a line with the time left.

    What went wrong (collapsed latents, unused classes, no better than the mean, far too few steps) is a warning, and
    a line of ``report.problems``. Saturated counts are a warning and a line of ``report.notes``, which begin with the
    notes of a record. ValueError, before any training, for data that cannot be learned; FloatingPointError
    for a training that became non-finite.
    """
    given = stack_of(stack, mask)
    check_order(given.values.shape)
    starts, latent = values.whole(starts, "starts", 1), values.whole(latent, "latent", 1)
    seed = values.whole(seed, "seed", 0)
    steps = None if steps is None else values.whole(steps, "steps", 1)
    axis = axis_of(given.axis if axis is None else axis, given.values.shape[1])
    if auto := isinstance(classes, str) and classes == "auto":
        if labels is not None:
            raise ValueError('classes="auto" is for examples without labels: leave classes out, the labels name them.')
        classes = None
    data = _prepared(given, invariant, classes, labels, factors, likelihood, seed)
    if auto:
        data = _with_classes(data, choosing.config_of(data.known, data.batch, data.observed, 2, likelihood, {}), seed)
    config = choosing.config_of(data.known, data.batch, data.observed, latent, likelihood, settings)
    batch = with_guesses(data.batch, config, settings, seed)
    if batch.guess is not None and config.class_mode == "joint":
        config = choosing.config_of(data.known, data.batch, data.observed, latent, likelihood, settings, guessed=True)
    if batch.guess is not None:
        data = data._replace(notes=(*data.notes, GUESSED))
    fit_config = fit_config or choosing.training_of(data.known, config, len(batch.x), steps)
    vae(config).check(batch)
    start = best_start(config, batch, fit_config, seed, starts, progress)
    trained = coding.Trained(config, start.params, data.scaling, data.factors, data.classes)
    report, codes = _report(trained, data, start, seed)
    for problem in report.problems:
        warnings.warn(problem, UserWarning, stacklevel=2)
    return Fitted(
        config, start.params, data.scaling, data.factors, data.classes, codes, report, start.history,
        axis, given.pixel, given.unit,
    )  # fmt: skip


class Prepared(NamedTuple):
    """A stack as it is trained on, and all that was decided about it."""

    known: choosing.Known
    batch: Batch
    scaling: Scaling
    factors: Factors
    classes: tuple[str, ...]
    observed: Observed
    outliers: int
    notes: tuple[str, ...]


def _prepared(
    stack: Stack, invariant: Any, classes: Any, labels: Any, factors: Any, likelihood: str, seed: int
) -> Prepared:
    """Return what is trained on: scaled examples with numbered labels and standardised factors."""
    count = len(stack.values)
    if count < LEAST:
        raise ValueError(
            f"{count} example{'s' * (count > 1)} of shape {stack.values.shape[1:]}, expected {LEAST} or more: the "
            "first axis counts the examples. From one image cut windows first (experiments.datasets.cut)."
        )
    shape = model_shape(stack.values.shape[1:])
    pose = choosing.pose_of(invariant, shape)
    names = class_names(classes, labels) if classes is not None or labels is not None else ()
    label = None if labels is None else numbered(labels, names, count)
    table, factor_names = (None, ()) if factors is None else factor_table(factors, count)
    standard = Factors() if table is None else factors_of(table, factor_names)
    some = sample(stack)
    scaling, observed = scaling_of(some, likelihood)
    scaling = with_range_of(stack, scaling)
    rng, notes = np.random.default_rng(seed), list(stack.notes)
    if saturated := saturation_in_words(some):
        warnings.warn(saturated, UserWarning, stacklevel=3)
        notes.append(saturated)
    rows = np.arange(count)
    if count > MOST:
        rows = np.sort(rng.choice(count, MOST, replace=False))
        notes.append(f"{MOST} of {count} examples were trained on, drawn at random.")
    x, mask, outliers = scaled(floats(stack, rows), scaling)
    warn_of_outliers(outliers)
    if likelihood == "auto" and (bursts := bursts_in_words(np.where(mask == 0, np.nan, x) if mask is not None else x)):
        warnings.warn(bursts, UserWarning, stacklevel=3)
        notes.append(bursts)
    label = None if label is None else label[rows]
    if label is not None and (label < 0).any() and 2 * (label >= 0).sum() > len(rows):
        label, note = _half_known(label, rng)
        notes.append(note)
    factor = None if table is None else standardised(table[rows], standard)
    batch = Batch(x.reshape(-1, *shape), None if mask is None else mask.reshape(-1, *shape), label, factor)
    known = choosing.Known(shape, pose, len(names), label, factor)
    return Prepared(known, batch, scaling, standard, names, observed, int(outliers.sum()), tuple(notes))


def _with_classes(data: Prepared, config: VAEConfig, seed: int) -> Prepared:
    """Return the same data with as many unknown classes as there are groups of features without the pose of config."""
    number = number_of_classes(data.batch, config, seed)
    note = f"The number of classes, {number}, is that of the groups of features without pose (models.groups_of)."
    return data._replace(
        known=data.known._replace(classes=number), classes=class_names(number, None), notes=(*data.notes, note)
    )


def _half_known(label: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, str]:
    """Return labels of which half are known, the same share of each class, because semi-supervised training needs as
    many examples without a label."""
    kept = label.copy()
    share = 0.5 * len(label) / (label >= 0).sum()
    for number in np.unique(label[label >= 0]):
        rows = rng.permutation(np.flatnonzero(label == number))
        kept[rows[max(1, int(share * len(rows))) :]] = -1
    return kept, f"{int((label >= 0).sum() - (kept >= 0).sum())} labels were not used: half of the examples need none."


def _report(trained: coding.Trained, data: Prepared, start: Start, seed: int) -> tuple[Report, Codes]:
    """Return the report of a fit, and the codes of the examples that it was trained on."""
    batch, config = data.batch, trained.config
    given = batch if config.class_mode == "conditional" else batch._replace(label=None)
    code = coding.encoded(trained, given)
    held = jax.tree.map(lambda leaf: leaf[start.held], given)
    checked = checked_of(batch, start.held, coding.reconstructed(trained, held), code, config.class_mode)
    log_sigma = start.params.get("log_sigma")
    sigma = config.sigma if log_sigma is None else float(np.exp(log_sigma))
    report = Report(
        examples=len(batch.x),
        held_out=len(start.held),
        outliers=data.outliers,
        recipe=choosing.recipe_of(data.known),
        likelihood=config.likelihood,
        sigma=float(sigma * data.scaling.spread.max()),
        error=checked.error / max(checked.mean_error, 1e-30),
        negative_elbo=tuple(start.negative_elbo.tolist()),
        chosen=start.chosen,
        epochs=int(start.history.chosen),
        latent_std=checked.latent_std,
        information=checked.information,
        class_shares=checked.class_shares,
        notes=data.notes,
        problems=(
            *in_words(checked),
            *untold_groups(config, batch, np.asarray(code.mean), seed),
            *told_factors(config, data.known.factors, data.factors.names, np.asarray(code.mean), seed),
            *not_done(*start.history[:2], int(start.history.chosen)),
        ),
    )
    return report, coding.codes_of(trained, code)
