"""The settings that make one member of the VAE family; a variant is a VAEConfig, not a copy of the code."""

import math
from dataclasses import dataclass

from ferro_jax import options
from models.parts.coordinates import COMPONENTS
from models.parts.likelihoods import LIKELIHOODS
from models.parts.losses import Schedule, check_schedule
from models.parts.networks import ACTIVATIONS, check_choice

ENCODERS = ("mlp", "conv")
DECODERS = ("plain", "coordinate")
CLASS_MODES = ("none", "conditional", "semi_supervised", "joint")
FACTOR_MODES = ("none", "conditional", "regression")
INFERENCE = ("search", "enumerate", "gumbel")
CLASS_PRIORS = ("uniform", "learned")


@dataclass(frozen=True)
class VAEConfig:
    """The shape and the bound of a VAE; the defaults are the model of field histories in arXiv 2206.12435.

    **Data.** ``shape`` of one example: ``(n,)`` a vector or 1-D signal, ``(ny, nx)`` an image, ``(ny, nx, channels)``.
    ``likelihood`` is a name of models.parts.likelihoods, ``sigma`` the Gaussian's standard deviation (Student's
    scale) in the units of the data (where a learned one starts).

    **Networks.** ``hidden`` are the encoder's layers, mirrored in the decoder. ``encoder="conv"`` puts convolutions of
    stride 2 with ``channels`` outputs in front. ``decoder="coordinate"`` makes the example a function of the spatial
    coordinate, which a ``pose`` needs; ``detail`` multiplies the usual size of its first weights at the start.

    **Pose**: any of "angle", "shift", "scale", "shear", each with the standard deviation of its prior (units of
    models.types.Pose). ``angle_posterior="circular"`` puts the angle on the circle, with a prior that is uniform
    (``angle_std=math.inf``) or von Mises of concentration 1/``angle_std``²; its posterior has ``bins`` equal parts of
    the circle, each scored on a copy of the image turned back by that much, and a Gaussian inside each.

    **Known and unknown**: ``classes`` with ``class_mode`` "conditional" (all labels known), "semi_supervised" (few) or
    "joint" (none); ``factors`` continuous numbers, standardised by the user, with ``factor_mode`` "conditional" (all
    known) or "regression" (partly). ``known_weight`` multiplies −log q(known | x) of known labels and factors, the
    term from which the encoder learns them. ``class_prior`` is the p(class) of "joint" and "semi_supervised":
    "uniform", or "learned", the frequencies among the examples without label; labelled ones then have to be drawn with
    every class alike (``labelled_share`` of a FitConfig). A ``guess`` in the Batch is learned as a label is, at its
    own frequency.

    **Inference** over the bins × classes: "search" scores all of them by decoding ``search_pixels`` pixels each without
    gradient, takes one of q* ∝ q^(1−1/T) exp(score/T), T = ``search_temperature`` ≥ 1, and teaches q* to the encoder;
    "enumerate" takes all of them with gradient; "gumbel" relaxes the class at ``gumbel_temperature`` (bins=1).
    ``class_search=False`` leaves the class to the encoder, in training and after it: only the angle bins of each class
    are searched then, and classes are learned from the labels alone.

    **Bound**: a Schedule each, over the training, for ``reconstruction_weight`` (below 1 it widens the likelihood, and
    should end at 1) and for the KL weights: ``kl_weight`` (content), ``angle_weight``,
    ``shift_weight``, ``scale_weight``, ``shear_weight``, ``class_weight``. With ``content_capacity`` C the loss has
    |weighted KL of content and pose − ``kl_weight`` C|, with ``class_capacity`` |KL of the classes − C|, C at most
    ln ``classes``. ``balance_weight`` (a Schedule) multiplies KL(batch mean of q(class|x) ‖ uniform). ``pixels`` is the
    share of the pixels that a training step of a coordinate decoder uses.
    """

    shape: tuple[int, ...] = (900,)
    hidden: tuple[int, ...] = (128, 128)
    latent_dim: int = 2
    activation: str = "tanh"
    encoder: str = "mlp"
    channels: tuple[int, ...] = (16, 32)
    decoder: str = "plain"
    detail: float = 4.0
    likelihood: str = "gaussian"
    sigma: float = 0.1

    pose: tuple[str, ...] = ()
    angle_posterior: str = "gaussian"
    bins: int = 1
    angle_std: float = 1.0
    shift_std: float = 0.1
    scale_std: float = 0.1
    shear_std: float = 0.2

    classes: int = 0
    class_mode: str = "none"
    class_prior: str = "uniform"
    factors: int = 0
    factor_mode: str = "none"
    known_weight: float = 1.0

    inference: str = "search"
    class_search: bool = True
    search_pixels: int = 16
    search_temperature: float = 2.0
    gumbel_temperature: float = 0.5

    reconstruction_weight: Schedule = 1.0
    kl_weight: Schedule = 1.0
    angle_weight: Schedule = 1.0
    shift_weight: Schedule = 1.0
    scale_weight: Schedule = 1.0
    shear_weight: Schedule = 1.0
    class_weight: Schedule = 1.0
    content_capacity: Schedule | None = None
    class_capacity: Schedule | None = None
    balance_weight: Schedule = 0.0
    pixels: float = 1.0

    def __post_init__(self):
        options.check_fields(self, infinite=("angle_std",))
        for name, choices in {
            "activation": ACTIVATIONS,
            "likelihood": LIKELIHOODS,
            "encoder": ENCODERS,
            "decoder": DECODERS,
            "class_mode": CLASS_MODES,
            "factor_mode": FACTOR_MODES,
            "inference": INFERENCE,
            "class_prior": CLASS_PRIORS,
            "angle_posterior": ("gaussian", "circular"),
        }.items():
            check_choice(name, getattr(self, name), choices)
        sizes = {"shape": self.shape, "hidden": self.hidden, "latent_dim": (self.latent_dim,), "bins": (self.bins,)}
        for name, given in sizes.items():
            if any(value < 1 for value in given):
                raise ValueError(f"{name}={given}: every layer needs a size of one or more.")
        _check_shape(self)
        _check_pose(self)
        _check_modes(self)
        _check_numbers(self)

    @property
    def grid(self) -> tuple[int, ...]:
        """The spatial sides: (n,) or (ny, nx)."""
        return self.shape[:2]

    @property
    def depth(self) -> int:
        """Number of channels."""
        return self.shape[2] if len(self.shape) == 3 else 1


def _check_shape(config: VAEConfig) -> None:
    """Check that ``shape`` is that of a vector, signal or image with the channels last."""
    if not 1 <= len(config.shape) <= 3:
        raise ValueError(f"shape={config.shape}: give (n,), (ny, nx) or (ny, nx, channels).")
    spatial = len(config.shape) > 1 or config.decoder == "coordinate" or config.encoder == "conv"
    if spatial and min(config.grid) < 2:
        raise ValueError(f"shape={config.shape}: an image or signal needs two pixels or more along each side.")
    if len(config.shape) == 3 and config.shape[0] <= 4 < config.shape[1] == config.shape[2]:
        raise ValueError(f"shape={config.shape}: the channels come last, (ny, nx, channels); move their axis.")
    if config.decoder == "coordinate" and not config.hidden:
        raise ValueError("hidden=(): a coordinate decoder needs a hidden layer.")


def _check_pose(config: VAEConfig) -> None:
    """Check the pose components, their priors and the angle bins."""
    for name in config.pose:
        check_choice("pose component", name, COMPONENTS)
    if len(set(config.pose)) < len(config.pose):
        raise ValueError(f"pose={config.pose}: name each component once.")
    if config.pose and config.decoder != "coordinate":
        raise ValueError(f"pose={config.pose} needs decoder='coordinate': only it can be moved.")
    if len(config.shape) == 1 and {"angle", "shear"} & set(config.pose):
        raise ValueError(f"pose={config.pose}: a 1-D signal has shift and scale only.")
    circular = "angle" in config.pose and config.angle_posterior == "circular"
    if config.bins > 1 and not circular:
        raise ValueError(f"bins={config.bins} needs 'angle' in pose and angle_posterior='circular'.")
    for name in COMPONENTS:
        std = getattr(config, f"{name}_std")
        if not std > 0 or not (math.isfinite(std) or (name == "angle" and circular)):
            raise ValueError(
                f"{name}_std={std}: the prior's standard deviation must be positive and finite; only a circular angle "
                "has a uniform prior (math.inf)."
            )


def _check_modes(config: VAEConfig) -> None:
    """Check that classes, factors, inference and pixels go together."""
    for number, mode, least in ((config.classes, "class_mode", 2), (config.factors, "factor_mode", 1)):
        name = "classes" if mode == "class_mode" else "factors"
        on = getattr(config, mode) != "none"
        if on and number < least:
            raise ValueError(f"{mode}={getattr(config, mode)!r} needs {name} of {least} or more, got {number}.")
        if not on and number:
            raise ValueError(f"{name}={number} but {mode}='none': choose how they are known.")
    if config.inference == "gumbel" and config.bins > 1:
        raise ValueError(f"bins={config.bins}: Gumbel-softmax relaxes classes only; use 'search' or 'enumerate'.")
    if config.class_capacity is not None and config.class_mode not in ("joint", "semi_supervised"):
        raise ValueError("class_capacity needs class_mode='joint' or 'semi_supervised'.")
    if config.class_prior == "learned" and (
        config.class_mode not in ("joint", "semi_supervised") or config.class_capacity is not None
    ):
        raise ValueError(
            "class_prior='learned' needs class_mode='joint' or 'semi_supervised', and no class_capacity: frequencies "
            "would be learned that reach the capacity."
        )
    if config.pixels < 1 and config.decoder != "coordinate":
        raise ValueError(f"pixels={config.pixels}: only decoder='coordinate' can be trained on a share of the pixels.")


def _check_numbers(config: VAEConfig) -> None:
    """Check the ranges of the remaining numbers and schedules."""
    if not config.sigma > 0:
        raise ValueError(f"sigma={config.sigma}: the likelihood's standard deviation must be positive.")
    if not 0 < config.pixels <= 1:
        raise ValueError(f"pixels={config.pixels}: give a share of the pixels above 0 and up to 1.")
    if not config.detail > 0:
        raise ValueError(f"detail={config.detail}: the scale of the first weights must be positive.")
    if config.search_pixels < 1 or not (config.search_temperature >= 1 and config.gumbel_temperature > 0):
        raise ValueError(
            f"search_pixels={config.search_pixels}, search_temperature={config.search_temperature}, "
            f"gumbel_temperature={config.gumbel_temperature}: one pixel or more, a temperature of at least 1 for the "
            "search and above 0 for the relaxation."
        )
    if config.known_weight < 0:
        raise ValueError(f"known_weight={config.known_weight}: give zero or more.")
    check_schedule("balance_weight", config.balance_weight)
    for name in ("reconstruction", "kl", *COMPONENTS, "class"):
        check_schedule(f"{name}_weight", getattr(config, f"{name}_weight"))
    for name in ("content_capacity", "class_capacity"):
        if getattr(config, name) is not None:
            check_schedule(name, getattr(config, name))
