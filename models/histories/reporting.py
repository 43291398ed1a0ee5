"""What a learned family of histories is worth, in numbers and in words."""

import math

import numpy as np
from sklearn.utils.extmath import randomized_svd

from models.collapse import NO_BETTER, collapsed, use_of_latents
from models.data import Batch
from models.histories.records import Report, Scaling
from models.types import Code, Params
from models.vaes.config import VAEConfig

ROUGH = 2.0  # times the second differences of the histories, beyond which decoded ones jitter
SEEN = 0.01  # share of the spread below which a second difference is not seen
GOOD = 0.1  # error, as a share of the spread, that needs no comparison


def report_of(
    config: VAEConfig,
    params: Params,
    scaling: Scaling,
    data: Batch,
    rows: tuple[np.ndarray, np.ndarray],
    decoded: np.ndarray,
    code: Code,
    epochs: int,
) -> Report:
    """Return the report on a trained VAE; ``rows`` are those of the training and those held out.

    ``decoded`` are the reconstructions of all vectors, smoothed as histories will be.
    """
    training, held = rows
    x = np.asarray(data.x)
    mask = np.ones(x.shape, bool) if data.mask is None else np.asarray(data.mask) > 0
    features = scaling.centre.size
    measured = mask[:, :features]
    count = np.maximum(measured[training].sum(0), 1)
    mean = np.where(measured[training], x[training, :features], 0).sum(0) / count
    deviation = np.where(measured, x[:, :features] - mean[None], 0.0)
    spread = math.sqrt((deviation**2).sum() / measured.sum()) or 1.0

    def error(estimate: np.ndarray) -> float:
        """Root mean square error over the held-out histories, as a share of the spread."""
        squares = np.where(measured, x[:, :features] - estimate, 0.0)[held] ** 2
        return math.sqrt(squares.sum() / measured[held].sum()) / spread

    linear = mean[None] + _linear(x, mask, training, config.latent_dim)[:, :features]
    latent_std, information = use_of_latents(np.asarray(code.mean), np.asarray(code.std))
    report = Report(
        histories=len(x),
        held_out=len(held),
        error=error(decoded[:, :features]),
        mean_error=error(np.broadcast_to(mean[None], measured.shape)),
        linear_error=error(linear),
        duration_error=_duration_error(x, decoded, scaling, held),
        roughness=_roughness(x, decoded, measured, scaling, SEEN * spread),
        latent_std=latent_std,
        information=information,
        sigma=_sigma(config, params) / spread,
        epochs=epochs,
        problems=(),
    )
    return report._replace(problems=problems_of(report))


def problems_of(report: Report) -> tuple[str, ...]:
    """Return in words what is wrong with a learned family and what to change."""
    found = []
    dead = collapsed(report.information)
    if len(dead) == len(report.latent_std):
        found.append(
            "the latent space has collapsed: every history has the same code. Train longer (epochs of fit_config), "
            "lower kl_weight of the config, or give more histories; where histories hardly differ beside what they "
            "have in common, scale='auto' takes that out."
        )
    elif dead:
        found.append(
            f"latent {', '.join(map(str, dead))} of {len(report.latent_std)} has collapsed and carries nothing: use "
            f"latent={len(report.latent_std) - len(dead)}, or train longer with a lower kl_weight."
        )
    if report.error >= NO_BETTER * report.mean_error:
        found.append(
            f"held-out histories are reconstructed with an error of {report.error:.2f} of their spread, no better than "
            f"by the mean history ({report.mean_error:.2f}): the histories have nothing in common that "
            f"{len(report.latent_std)} numbers could tell, or are too few ({report.histories}). "
            "Raise latent, give more histories, or smooth them."
        )
    elif report.error > max(GOOD, report.linear_error):
        found.append(
            f"held-out histories are reconstructed with an error of {report.error:.2f} of their spread, "
            f"{len(report.latent_std)} principal components reach {report.linear_error:.2f}: train longer (epochs of "
            "fit_config), give more histories, or raise latent."
        )
    if report.roughness > ROUGH:
        found.append(
            f"decoded histories jitter from sample to sample, {report.roughness:.1f} times as much as the histories "
            "(second differences): smooth them before they are run, or train longer or with more histories."
        )
    if report.duration_error > 0.1:
        found.append(
            f"durations come back with a median error of {100 * report.duration_error:.0f} %: raise latent by one for "
            "the duration, or use duration='ignore'."
        )
    return tuple(found)


def _linear(x: np.ndarray, mask: np.ndarray, training: np.ndarray, components: int) -> np.ndarray:
    """Return the deviations of all vectors from their mean as principal components of the training rows tell them."""
    mean = np.where(mask[training], x[training], 0).sum(0) / np.maximum(mask[training].sum(0), 1)
    deviation = np.where(mask, x - mean[None], 0.0)
    # only the first components: a whole decomposition takes seconds where there are thousands of histories
    axes = randomized_svd(deviation[training], min(components, *deviation[training].shape), random_state=0)[2]
    return deviation @ axes.T @ axes


def _roughness(x: np.ndarray, decoded: np.ndarray, measured: np.ndarray, scaling: Scaling, least: float) -> float:
    """Return the root mean square of second differences in time of the decoded histories over that of the histories.

    That of the histories counts as ``least`` at least, because nobody sees less.
    """
    samples, channels = scaling.centre.shape
    if samples < 3:
        return 1.0
    shape = (len(x), samples, channels)
    known = measured.reshape(shape)
    known = known[:, 2:] & known[:, 1:-1] & known[:, :-2]
    centre = scaling.centre / scaling.spread[None]
    own, theirs = (
        np.sqrt(np.mean(np.diff(each[:, : samples * channels].reshape(shape) + centre[None], 2, axis=1)[known] ** 2))
        for each in (x, decoded)
    )
    return float(theirs / max(own, least))


def _duration_error(x: np.ndarray, decoded: np.ndarray, scaling: Scaling, held: np.ndarray) -> float:
    """Return the median relative error of the decoded durations of held-out histories, 0 where none are learned."""
    spread = scaling.log_duration[1]
    if not spread > 0:
        return 0.0
    difference = spread / math.sqrt(len(scaling.centre)) * (decoded[held, -1] - x[held, -1])
    return float(np.median(np.abs(np.expm1(difference))))


def _sigma(config: VAEConfig, params: Params) -> float:
    """Return the standard deviation of the likelihood, as configured or as learned."""
    return float(np.exp(params["log_sigma"])) if "log_sigma" in params else config.sigma
