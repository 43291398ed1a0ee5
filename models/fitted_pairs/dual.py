"""One call that learns one latent space of images and spectra, from which either predicts the other."""

import warnings
from typing import Any

import jax
import numpy as np

from ferro_jax import values
from models.fitted_pairs import choosing, judging
from models.fitted_pairs.dual_predicting import DualReport, FittedDual, decoded, encoded
from models.fitted_pairs.given import pairs_of
from models.fitted_pairs.preparing import prepared_of
from models.fitted_pairs.training import trained
from models.paired.dual_vae import dual_vae
from models.parts.observation import observation_of
from models.training.config import FitConfig
from models.training.ensemble import best_of


def fit_dual(
    images: Any,
    spectra: Any,
    *,
    split: Any = None,
    patch: int = 0,
    axis: Any = None,
    turned: bool = False,
    latent: int = 8,
    seed: int = 0,
    starts: int = 3,
    progress: bool = True,
    steps: int | None = None,
    fit_config: FitConfig | None = None,
    **settings: Any,
) -> FittedDual:
    """Fit a dual VAE: one latent space of images and spectra of the same places or things.

    ``images``, ``spectra``, ``split``, ``patch`` and ``axis`` are those of ``fit_im2spec``; spectra of pairs may be
    several each, [n kind channel]. ``turned``: learn from every patch of a scan in all orientations.

    The widths of the likelihoods are the noise of the data. Of ``starts`` fits the one with the best bound on watched
    pairs is kept. ``steps``, ``fit_config`` and fields of VAEConfig, for both sides, as ``settings`` change model and
    training. ``progress`` shows a line with the time left.

    The report has the errors of either side predicted from the other on the scored pairs, beside those of the mean, the
    nearest trained example and a ridge regression; where one of them is as good, that is a warning and a line of
    ``report.problems``. ValueError, before any training, for data that cannot be learned; FloatingPointError for a
    training that became non-finite.
    """
    starts, seed = values.whole(starts, "starts", 1), values.whole(seed, "seed", 0)
    latent, steps = values.whole(latent, "latent", 1), None if steps is None else values.whole(steps, "steps", 1)
    given = pairs_of(images, spectra, axis)
    prepared = prepared_of(given, split, patch, seed, turned)
    sets = prepared.sets
    shapes = sets.training.image.shape[1:], sets.training.spectrum.shape[1:]
    sigmas = observation_of(sets.training.image).sigma, observation_of(sets.training.spectrum).sigma
    config = choosing.dual_of(shapes, sigmas, latent, settings)
    fit_config = fit_config or choosing.training_of(
        len(sets.training.image), steps or choosing.DUAL_STEPS, choosing.DUAL_BATCH
    )
    model, (to_fits, to_bound) = dual_vae(config), jax.random.split(jax.random.key(seed))
    params, history = trained(to_fits, starts, model, sets, fit_config, "fit_dual" if progress else None)
    chosen, bounds = jax.jit(lambda params, data: best_of(to_bound, model, params, data))(params, sets.watched.pair)
    params, history = jax.device_get(jax.tree.map(lambda leaf: leaf[chosen], (params, history)))
    codes = encoded(config, params, sets.scored.image, sets.scored.spectrum)
    found = {}
    for what, forward, scaling in (("spectra", True, prepared.spectrum), ("images", False, prepared.image)):
        given_sides, wanted_sides = zip(*(part.sides(forward) for part in sets), strict=True)
        code = encoded(config, params, *((given_sides[2], None) if forward else (None, given_sides[2])))
        predicted = decoded(config, params, np.asarray(code.mean))[int(forward)]
        found[what] = judging.judged(predicted, given_sides, wanted_sides, float(scaling.spread[0]))
    report = DualReport(
        spectra=tuple(found["spectra"]),
        images=tuple(found["images"]),
        trained=len(sets.training.image),
        scored=len(sets.scored.image),
        patch=shapes[0],
        turned=prepared.turned,
        negative_elbo=tuple(np.asarray(bounds).tolist()),
        chosen=int(chosen),
        epochs=int(history.chosen),
        latent_std=tuple(np.asarray(codes.mean).std(0).tolist()),
        problems=(*judging.in_words("spectra", found["spectra"]), *judging.in_words("images", found["images"])),
    )
    for problem in report.problems:
        warnings.warn(problem, UserWarning, stacklevel=2)
    return FittedDual(
        config, params, prepared.image, prepared.spectrum, report, history, given.axis, given.pixel, given.unit
    )
