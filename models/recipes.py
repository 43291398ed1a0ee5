"""Recipes for images of objects in unknown poses: VAEConfigs and their training, to start from.

    config = recipes.joint(x.shape[1:], 4, data=x)
    fit_config = recipes.training(config, len(x))

Each recipe returns a VAEConfig; keywords replace any of its fields. With ``data``, examples as an array, a Batch or a
record with ``x`` (or ``values``), likelihood and sigma are those of ``models.observation_of(data)``. Without, the
likelihood is a Gaussian that learns its width, because any fixed one is wrong for some data: a Bernoulli one takes grey
for doubt, and the codes of grey images collapse. Binary images want ``likelihood="bernoulli"``.
"""

import math
from typing import Any

import numpy as np

from models.data import Pair
from models.parts.losses import Schedule
from models.parts.observation import Observed, observation_of
from models.stacks import examples_of
from models.training.config import FitConfig
from models.vaes.config import VAEConfig

# Settings of every recipe for images.
POSED: dict[str, Any] = {
    "decoder": "coordinate",
    "likelihood": "gaussian_learned",
    "sigma": 0.3,
    "pose": ("angle", "shift"),
    "angle_posterior": "circular",
    "angle_std": math.inf,
    "bins": 8,
}
STEPS = 2000  # of the optimiser
TOLD = 50.0  # nats that cards of 12 × 12 pixels tell beyond their mean under a Bernoulli likelihood, about
A_VALUE = 10.0  # nats that one value of a clear grey image tells, about: windows of four frames gave 1.5 to 12
KNOWN = 10.0  # weight of −log q(known | x) where an example tells TOLD nats
LABELLED_SHARE = 0.2  # of every batch, where labels are few


def invariant(shape: tuple[int, ...], *, data: Any = None, **settings: Any) -> VAEConfig:
    """Return a VAEConfig whose content is invariant to rotation and shift, without classes.

    A weight of 4 on the content's KL keeps the content out of use until pose and mean image are learned.
    """
    return _with(shape, data, {"kl_weight": ((0.0, 4.0), (0.6, 4.0), (0.8, 1.0))}, settings)


def joint(
    shape: tuple[int, ...], classes: int, *, data: Any = None, guessed: bool = False, **settings: Any
) -> VAEConfig:
    """Return a VAEConfig with unknown classes of a known number.

    A weight of 4 on the content's KL keeps the content out of use until the classes explain what they can. With
    ``data`` the likelihood is wide until then (``reconstruction_weight``).

    ``guessed``: classes are the guesses of the Batch (``models.guess_classes``), of any frequency, which is learned.
    They stay the encoder's, because decoding would give rare ones up again. Without, they are found from nothing, and
    ``balance_weight`` makes batches use all of them; without it everything goes into one. It supposes that classes are
    about equally frequent: where some are rare, frequent ones are split and rare ones are not found. Clusters depend on
    the start: train three or more members and keep the one with the best held-out bound.
    """
    found: dict[str, Any] = {"classes": classes, "class_mode": "joint"}
    if guessed:
        found |= {"class_prior": "learned", "class_search": False, "known_weight": _weight(shape, data, settings)}
    else:
        found["balance_weight"] = 10.0
    if data is not None:
        found["reconstruction_weight"] = _widened(_observed(shape, data), math.prod(shape))
    return _with(shape, data, _CLASSES | found, settings)


def semi_supervised(shape: tuple[int, ...], classes: int, *, data: Any = None, **settings: Any) -> VAEConfig:
    """Return a VAEConfig for few known labels, whose −log q(label | x) has the weight ``weight_of_known``.

    The frequencies of the classes are learned from the examples without label. ``training`` draws a fifth of every
    batch from the labelled ones, all classes alike. Classes are the encoder's: decoding tells them apart worse,
    because one class with a free content explains much of another. A ``guess`` of the others in the Batch
    (``models.guess_classes`` with the known labels) is learned too.
    """
    known = {"classes": classes, "class_mode": "semi_supervised", "known_weight": _weight(shape, data, settings)}
    return _with(shape, data, _CLASSES | known | {"class_prior": "learned", "class_search": False}, settings)


def conditional(shape: tuple[int, ...], classes: int, *, data: Any = None, **settings: Any) -> VAEConfig:
    """Return a VAEConfig for known classes, with one latent space for each."""
    return _with(shape, data, {"classes": classes, "class_mode": "conditional"}, settings)


def weight_of_known(shape: tuple[int, ...], data: Any = None) -> float:
    """Return the weight of known labels and factors: KNOWN where an example tells TOLD nats, and in proportion more.

    Without it the encoder would hardly look at them, because the reconstruction of a clear image counts thousands of
    nats. Without ``data`` each value is taken to tell A_VALUE nats.
    """
    values = math.prod(shape)
    told = values * A_VALUE if data is None else _told(_observed(shape, data), values)
    return KNOWN * max(1.0, told / TOLD)


def training(config: VAEConfig, rows: int, **settings: Any) -> FitConfig:
    """Return the training of a recipe's VAE on ``rows`` examples: about 2,000 steps of Adam on batches of 50.

    The rate is 5e-3 after a short warm-up and falls by a cosine to 5 %. A semi-supervised model has
    ``labelled_share``, so that every class is in every batch. Keywords replace any field of the FitConfig.
    """
    held_out = settings.get("validation_fraction", FitConfig.validation_fraction)
    batch = settings.get("batch_size", min(50, max(2, rows // 4)))
    per_epoch = max(1, round((1 - held_out) * rows) // batch)
    chosen: dict[str, Any] = {
        "epochs": max(1, round(STEPS / per_epoch)),
        "batch_size": batch,
        "learning_rate": 5e-3,
        "final_rate": 0.05,
    }
    if config.class_mode == "semi_supervised":
        chosen["labelled_share"] = max(LABELLED_SHARE, 1 / batch)
    return FitConfig(**(chosen | settings))


_CLASSES: dict[str, Any] = {"kl_weight": ((0.0, 4.0), (0.5, 4.0), (0.8, 1.0))}


def _weight(shape: tuple[int, ...], data: Any, settings: dict[str, Any]) -> float:
    """Return the weight of known labels; a Bernoulli likelihood without data is that of cards."""
    if data is None and settings.get("likelihood") == "bernoulli":
        return KNOWN
    return weight_of_known(shape, data)


def _observed(shape: tuple[int, ...], data: Any) -> Observed:
    """Return how the data are observed. ValueError for data that are not examples of ``shape``."""
    if isinstance(data, Pair):
        raise ValueError("data is a Pair: a recipe takes an array [n *shape], a Batch or a record with x or values.")
    given = examples_of(data, shape)
    return observation_of(given.values, given.known)


def _widened(observed: Observed, values: int) -> Schedule:
    """Return the weight of the reconstruction over the training: low until classes are found, then 1.

    The weights of balance and content were chosen where an example told ``TOLD`` nats. Where it tells many times more
    they would weigh nothing beside it, and one class with its content would explain all.
    """
    low = min(1.0, TOLD / max(_told(observed, values), TOLD))
    return 1.0 if low == 1 else ((0.0, low), (0.5, low), (0.65, math.sqrt(low)), (0.8, 1.0))


def _told(observed: Observed, values: int) -> float:
    """Return what an example can tell beyond its mean: at most values · contrast²/2σ² nats, TOLD if it is binary."""
    if observed.likelihood == "bernoulli":
        return TOLD
    signal = max(observed.contrast**2 - float(np.nan_to_num(observed.noise)) ** 2, 0.0)
    return values * signal / (2 * observed.sigma**2)


def _with(shape: tuple[int, ...], data: Any, recipe: dict[str, Any], settings: dict[str, Any]) -> VAEConfig:
    """Return a VAEConfig of the pose settings, the data's likelihood, the recipe and the caller; later ones win.

    A signal has no angle. ValueError for data that are not examples of ``shape``.
    """
    posed = POSED
    if len(shape) == 1:
        posed = POSED | {"pose": ("shift",), "angle_posterior": "gaussian", "angle_std": 1.0, "bins": 1}
    if data is not None:
        observed = _observed(shape, data)
        posed = posed | {"likelihood": observed.likelihood, "sigma": observed.sigma}
    return VAEConfig(shape=shape, **(posed | recipe | settings))
