"""What is wrong with a trained VAE on given data, in numbers and in words."""

import math
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Bool, Float

from models.collapse import NO_BETTER, UNUSED, collapsed, use_of_latents
from models.data import Batch, Data, Pair, check
from models.evaluation.latent import encode_all
from models.parts.observation import noise_of
from models.types import Code, FitHistory, Model, Params
from models.vaes.model import decode_code

AT_NOISE = 1.1  # times the noise: an error below leaves nothing to tell


class Checked(NamedTuple):
    """What a trained VAE makes of data, in numbers, and in ``problems`` what is wrong and what to change.

    ``error`` is the root mean square of x less its reconstruction, ``mean_error`` of x less the mean example, ``noise``
    the estimated noise (NaN where it cannot be told), all in the units of the data. ``latent_std`` is the standard
    deviation of the encoded means of every content latent, ``information`` what they tell of an example, in nats.
    ``class_shares`` of the examples by their most probable class, empty where no class is inferred.
    """

    examples: int
    error: float
    mean_error: float
    noise: float
    latent_std: tuple[float, ...]
    information: tuple[float, ...]
    class_shares: tuple[float, ...]
    problems: tuple[str, ...]


def problems_of(
    model: Model,
    params: Params,
    data: Data,
    history: FitHistory | None = None,
    *,
    search: bool = True,
    chunk: int = 200,
) -> Checked:
    """Check a trained VAE on ``data``, an array [n *shape] or a Batch, outside jit.

    Labels are used by a conditional model only. ``search`` and ``chunk`` are those of ``encode_all``. ``history`` is
    that of the fit, and adds whether it became non-finite. ValueError for data that the model cannot be trained on.
    """
    if isinstance(data, Pair):
        raise ValueError("problems_of checks a VAE of images or curves: give an array [n *shape] or a Batch, no Pair.")
    given = check(model, data)
    batch = given if isinstance(given, Batch) else Batch(given)
    inferred = model.config.class_mode in ("joint", "semi_supervised")
    if inferred:
        batch = batch._replace(label=None)

    def pass_through(params: Params, batch: Batch) -> tuple[Code, Array]:
        code = encode_all(model, params, batch, chunk, search=search)
        return code, jax.lax.map(lambda code: decode_code(model, params, code), code, batch_size=chunk)

    code, decoded = jax.device_get(jax.jit(pass_through)(params, batch))
    x = np.asarray(batch.x, float)
    measured = np.ones(x.shape, bool) if batch.mask is None else np.asarray(batch.mask) > 0
    x = np.where(measured, x, 0.0)
    mean = x.sum(0) / np.maximum(measured.sum(0), 1)
    latent_std, information = use_of_latents(code.mean, code.std)
    shares = np.bincount(code.probabilities.argmax(1), minlength=model.config.classes) / len(x) if inferred else []
    checked = Checked(
        examples=len(x),
        error=_root_mean_square(x - decoded, measured),
        mean_error=_root_mean_square(x - mean[None], measured),
        noise=noise_of(x, measured),
        latent_std=latent_std,
        information=information,
        class_shares=tuple(float(share) for share in shares),
        problems=(),
    )
    ended = () if history is None or np.all(np.asarray(history.finite)) else history.problems
    return checked._replace(problems=(*ended, *in_words(checked)))


def in_words(checked: Checked) -> tuple[str, ...]:
    """Return in words what is wrong with a trained VAE and what to change.

    Noise cannot be told, so the error is judged by what it leaves of the mean example's error beyond the noise. A
    content without a use for some of its latents is no fault where the examples are explained down to the noise.
    """
    found, noise = [], 0.0 if math.isnan(checked.noise) else min(checked.noise, checked.error, checked.mean_error)
    left, there = checked.error**2 - noise**2, checked.mean_error**2 - noise**2
    told_all = checked.error <= AT_NOISE * noise
    dead = collapsed(checked.information)
    if len(dead) == len(checked.latent_std):
        found.append(
            "the latent space has collapsed: every example has the same code. "
            + "Pose and classes explain the examples down to their noise, so it may have nothing to tell; if it has: "
            * told_all
            + "take likelihood and sigma from the data (models.observation_of, or data=... of a recipe), train longer, "
            "or lower kl_weight."
        )
    elif dead and not told_all:
        found.append(
            f"latent {', '.join(map(str, dead))} of {len(checked.latent_std)} has collapsed and carries nothing: use "
            f"latent_dim={len(checked.latent_std) - len(dead)}, or train longer with a lower kl_weight."
        )
    if not math.isfinite(checked.error) or left >= NO_BETTER**2 * there:
        found.append(
            f"examples are reconstructed with an error of {checked.error:.3g}, no better than by the mean example "
            f"({checked.mean_error:.3g}; noise {checked.noise:.2g}): train longer, raise latent_dim, or give more "
            f"examples ({checked.examples})."
        )
    unused = [number for number, share in enumerate(checked.class_shares) if share < UNUSED]
    if unused:
        found.append(
            f"class {', '.join(map(str, unused))} of {len(checked.class_shares)} is not used by any example: give "
            f"classes={len(checked.class_shares) - len(unused)}, or start again with other keys (models.restarts)."
        )
    return tuple(found)


def _root_mean_square(values: Float[np.ndarray, "n *shape"], measured: Bool[np.ndarray, "n *shape"]) -> float:
    """Return the root mean square of the measured values."""
    return math.sqrt(np.square(values[measured]).mean())
