"""Records of histories: as they were read, as a model has learned them, and as it decodes them."""

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Bool, Float

from ferro_jax.printing import described
from models.types import FitHistory, Model, Params
from models.vaes.config import VAEConfig
from models.vaes.model import vae


class Histories(NamedTuple):
    """Histories on a common grid of unit time, in the units of their file.

    ``values`` is [n samples] for one channel and [n samples channels] for several; sample i is the value at the share
    i / (samples − 1) of the history's ``duration``. ``mask`` is 1 where a value was measured and 0 where it is missing
    (the value there is 0), None where nothing is missing. ``duration`` is in ``time_unit``; without times in the file
    it is counted in steps between samples. ``ids`` are the names of the histories, ``names`` and ``units`` those of
    the channels ("" where unknown). ``notes`` say in words what was decided while reading.
    """

    values: Float[np.ndarray, "n samples *channels"]
    mask: Float[np.ndarray, "n samples *channels"] | None
    duration: Float[np.ndarray, " n"]
    ids: tuple[str, ...]
    names: tuple[str, ...]
    units: tuple[str, ...]
    time_unit: str = ""
    notes: tuple[str, ...] = ()


class Scaling(NamedTuple):
    """How histories are scaled for the model, and back: value = centre + spread · scaled.

    The logarithm of the duration is scaled alike; its spread is 0 where durations are all alike or ignored, and every
    decoded history then has the duration exp(log_duration[0]). ``shortest`` and ``longest`` limit decoded durations.
    ``smooth`` is the width, as a share of the duration, over which decoded histories are smoothed (0: not).
    """

    centre: Float[np.ndarray, "samples channels"]
    spread: Float[np.ndarray, " channels"]
    log_duration: Float[np.ndarray, " 2"]
    shortest: float
    longest: float
    smooth: float = 0.0


class Report(NamedTuple):
    """How well histories were learned; errors are root mean squares over measured values of held-out histories, as
    shares of the spread of the histories around their mean (1 = no better than the mean history).

    ``error`` is that of the model, ``mean_error`` that of the mean history of the training part, ``linear_error`` that
    of as many principal components as there are latents. ``duration_error`` is the median relative error of decoded
    durations. ``roughness`` is how many times larger second differences of reconstructions are than those of the
    histories (root mean squares over time). ``latent_std`` is the standard deviation of the encoded means in each
    latent; ``information`` is what these tell of a history, in nats: near 0 where a latent has collapsed. ``sigma`` is
    the standard deviation of the likelihood in units of the spread. ``epochs`` were trained.
    ``problems`` say in words what is wrong and what to change; empty where nothing is.
    """

    histories: int
    held_out: int
    error: float
    mean_error: float
    linear_error: float
    duration_error: float
    roughness: float
    latent_std: tuple[float, ...]
    information: tuple[float, ...]
    sigma: float
    epochs: int
    problems: tuple[str, ...]


class Learned(NamedTuple):
    """A family of histories as a VAE has learned it, with all that leads back to physical units.

    ``low`` and ``high`` are the bounds of each channel that every decoded history keeps (±inf: none). ``mean`` and
    ``std`` are the posteriors of the training histories; the means are the support of the latent space. ``single``
    says that histories have one channel and no axis for it. ``losses`` are those of the training, by epoch.
    """

    config: VAEConfig
    params: Params
    scaling: Scaling
    low: Float[np.ndarray, " channels"]
    high: Float[np.ndarray, " channels"]
    mean: Float[np.ndarray, "n latent"]
    std: Float[np.ndarray, "n latent"]
    single: bool
    names: tuple[str, ...]
    units: tuple[str, ...]
    time_unit: str
    report: Report
    losses: FitHistory

    __repr__ = described

    @property
    def model(self) -> Model:
        """The VAE, whose examples are scaled histories as vectors (channels within samples), log duration last."""
        return vae(self.config)

    @property
    def samples(self) -> int:
        """Samples of a history."""
        return len(self.scaling.centre)

    @property
    def keeps_duration(self) -> bool:
        """Whether the latent space carries the durations."""
        return bool(self.scaling.log_duration[1] > 0)


class Decoded(NamedTuple):
    """Histories from points of a latent space, physical units: values and durations."""

    values: Float[Array, "*batch samples channels"] | Float[Array, "*batch samples"]
    duration: Float[Array, "*batch"]


def with_channels(values: Any) -> Any:
    """Return values [n samples channels], whether they came with an axis of channels or without."""
    return values[..., None] if values.ndim == 2 else values


def missing(mask: np.ndarray | jax.Array | None, values: Any) -> Bool[np.ndarray, "..."]:
    """Return where values are missing: nowhere without a mask."""
    return np.zeros(np.shape(values), bool) if mask is None else np.asarray(mask) == 0
