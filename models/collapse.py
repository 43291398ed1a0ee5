"""When a latent space has collapsed, a class is unused, a model tells no more than the mean or is not done: in words.

Reports on histories and on images and the history of every fit use the same ones.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Array, Float

Losses = Mapping[str, Float[Array | np.ndarray, " epochs"]]
"""Named terms of a loss, one entry per epoch."""

EMPTY = 0.05  # nats about an example below which a latent carries nothing
NO_BETTER = 0.95  # error over that of the mean example, from which on a model tells nothing
UNUSED = 0.005  # share of the examples below which a class is not used
STEEP = 0.02  # of the mean example's squared error: fall over the last tenth, from which on a training is not done
CERTAIN = 3.0  # standard errors by which the bound must have risen there


def use_of_latents(
    mean: Float[np.ndarray, "n latent"], std: Float[np.ndarray, "n latent"]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the standard deviation of the means, and what they tell of an example in nats, of every latent.

    The latter is ½ ln(1 + variance of the means / mean variance of the posteriors), the capacity of a channel with
    Gaussian noise. The standard deviation alone does not tell, because means .1 apart are told apart where posteriors
    are .01 wide.
    """
    mean, std = np.asarray(mean, float), np.asarray(std, float)
    spread = mean.std(0)
    return tuple(spread.tolist()), tuple((0.5 * np.log1p(spread**2 / np.square(std).mean(0))).tolist())


def collapsed(information: Sequence[float]) -> list[int]:
    """Return the numbers, from 1, of the latents that carry nothing; ``information`` is that of ``use_of_latents``."""
    return [number for number, nats in enumerate(information, 1) if not nats >= EMPTY]


def not_done(train: Losses, validation: Losses, epoch: int) -> tuple[str, ...]:
    """Return in words that a training that ends with ``epoch`` was too short; empty where it was not.

    The last tenth of the epochs is compared with the tenth before: the running bound must have risen by more than its
    noise, and the squared error on held-out examples have fallen by ``STEEP`` of the mean example's. Because most
    rates fall to nearly nothing at the end, only trainings far too short are found.
    """
    some = max(2, epoch // 10)
    if epoch < 2 * some or not {"rmse", "rmse_of_mean", "negative_elbo"} <= validation.keys() & train.keys():
        return ()
    bound, error, mean = (
        np.asarray(values[epoch - 2 * some : epoch], float)
        for values in (train["negative_elbo"], validation["rmse"], validation["rmse_of_mean"])
    )
    noise = np.std(np.diff(bound, 2)) / np.sqrt(6) * np.sqrt(2 / some)
    risen = bound[:some].mean() - bound[some:].mean()
    fallen = np.square(error[:some]).mean() - np.square(error[some:]).mean()
    if not (risen > CERTAIN * noise and fallen > STEEP * np.square(mean).mean()):
        return ()
    share = 100 * fallen / np.square(mean).mean()
    return (
        f"the training was too short: over its last tenth the bound rose by {risen:.3g} nats and the squared error "
        f"fell by {share:.0f} % of the mean example's. Train longer (steps, or epochs of the FitConfig).",
    )


def in_last_epoch(train: Losses, validation: Losses, epoch: int) -> tuple[str, ...]:
    """Return in words what the terms of a fit say at the end of ``epoch`` (from 1), the one whose weights are kept."""
    if epoch < 1:
        return ("no epoch was better than none, and the first weights are kept: look at the losses of the fit.",)
    found, last = [], {name: float(values[epoch - 1]) for name, values in validation.items()}
    if last.get("kl", EMPTY) < EMPTY:
        found.append(
            f"the content has collapsed: its latents carry {last['kl']:.2g} nats, and every example has the same code. "
            "Take likelihood and sigma from the data (models.observation_of), train longer, or lower kl_weight."
        )
    if last.get("rmse", 0.0) >= NO_BETTER * last.get("rmse_of_mean", np.inf):
        found.append(
            f"held-out examples are reconstructed with an error of {last['rmse']:.3g}, no better than by their mean "
            f"({last['rmse_of_mean']:.3g}): train longer, raise latent_dim, or smooth the data if it is noise."
        )
    unused = min(last.get("classes_unused", 0.0), float(train.get("classes_unused", np.zeros(epoch))[epoch - 1]))
    if unused >= 1:
        found.append(
            f"{unused:.0f} of the classes are not used by any example: give fewer classes, or start again with other "
            "keys (models.restarts)."
        )
    return (*found, *not_done(train, validation, epoch))
