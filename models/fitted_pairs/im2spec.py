"""One call that learns to predict spectra from images, or images from spectra, in the units of the user."""

import warnings
from typing import Any

import jax

from ferro_jax import values
from models.fitted.scaling import in_counts
from models.fitted_pairs import choosing, judging
from models.fitted_pairs.given import pairs_of
from models.fitted_pairs.predicting import Im2Spec, Im2SpecReport, member_predictions
from models.fitted_pairs.preparing import prepared_of
from models.fitted_pairs.training import trained
from models.paired.config import DIRECTIONS
from models.paired.encoder_decoder import encoder_decoder
from models.parts.networks import check_choice
from models.training.config import FitConfig


def fit_im2spec(
    images: Any,
    spectra: Any,
    *,
    direction: str = "image_to_spectrum",
    split: Any = None,
    patch: int = 0,
    axis: Any = None,
    turned: bool | None = None,
    latent: int = 10,
    seed: int = 0,
    starts: int = 3,
    progress: bool = True,
    steps: int | None = None,
    fit_config: FitConfig | None = None,
    **settings: Any,
) -> Im2Spec:
    """Fit an ensemble of encoder–decoders from images to spectra, or from spectra to images.

    ``images`` and ``spectra`` are those of one scan, [ny nx] and [ny nx channel] on the same points, of which patches
    are cut, or pairs, [n ny nx] and [n channel]. Counts, integers, masked arrays and NaN (missing) are taken as they
    are, and so are records with ``values`` such as those of ``experiments.datasets.read``.

    ``split``: where the scan is scored: "columns", "rows" or "blocks", or a mask [ny nx] that is true there. No patch
    reaches over a border. Pairs are split at "random", or by a mask [n]. ``patch``: points along its side, an odd
    number; 0: 15, or as many as a smaller scan has room for. ``turned``: learn from every patch of a scan in all
    orientations; None: unless a ridge regression is worse with them. ``axis`` of the spectra: its values, or (name,
    unit, values).

    All ``starts`` are kept: predictions are their mean. ``steps`` of the optimiser, ``fit_config`` or fields of
    EncoderDecoderConfig as ``settings`` change the training and the model. ``progress`` shows a line with the time
    left.

    The report has the error on the scored part beside those of the mean, the nearest trained example and a ridge
    regression. Where the fit is no better than one of them, that is a warning and a line of ``report.problems``.
    ValueError, before any training, for data that cannot be learned; FloatingPointError for a training that became
    non-finite.
    """
    check_choice("direction", direction, DIRECTIONS)
    starts, seed = values.whole(starts, "starts", 1), values.whole(seed, "seed", 0)
    latent, steps = values.whole(latent, "latent", 1), None if steps is None else values.whole(steps, "steps", 1)
    given = pairs_of(images, spectra, axis)
    if not given.scan and given.spectrum.ndim != 2:
        raise ValueError(
            f"spectra of shape {given.spectrum.shape}: join their axes, spectra.reshape(len(spectra), -1)."
        )
    forward = direction == "image_to_spectrum"
    prepared = prepared_of(given, split, patch, seed, turned, forward)
    sets, turned = prepared.sets, prepared.turned
    sides = sets.training.image.shape[1:], sets.training.spectrum.shape[1:]
    config = choosing.encoder_decoder_of(*sides, direction, latent, settings)
    pairs = len(sets.training.image)
    fit_config = fit_config or choosing.training_of(pairs, steps or choosing.STEPS, choosing.BATCH)
    what = "fit_im2spec" if progress else None
    params, history = trained(jax.random.key(seed), starts, encoder_decoder(config), sets, fit_config, what)
    given_sides, wanted_sides = zip(*(part.sides(forward) for part in sets), strict=True)
    members = member_predictions(config, params, given_sides[2], turned)
    unit = (prepared.spectrum if forward else prepared.image).spread
    found = judging.judged(members.mean(0), given_sides, wanted_sides, float(unit[0]), members)
    if forward:
        found = judging.with_noise(found, in_counts(wanted_sides[2], prepared.spectrum))
    report = Im2SpecReport(
        **found._asdict(),
        direction=direction,
        trained=pairs,
        scored=len(given_sides[2]),
        patch=sides[0],
        turned=turned,
        epochs=tuple(history.chosen.tolist()),
        problems=judging.in_words("spectra" if forward else "images", found),
    )
    for problem in report.problems:
        warnings.warn(problem, UserWarning, stacklevel=2)
    return Im2Spec(
        config, params, prepared.image, prepared.spectrum, report, history, given.axis, given.scan, turned,
        given.pixel, given.unit,
    )  # fmt: skip
