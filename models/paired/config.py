"""The settings of models of two measurements: of a dual VAE and of an encoder–decoder."""

from dataclasses import dataclass, field

from ferro_jax import options
from models.parts.likelihoods import LIKELIHOODS
from models.parts.losses import Schedule, check_schedule
from models.parts.networks import ACTIVATIONS, check_choice
from models.vaes.config import VAEConfig

MODALITIES = ("image", "spectrum")
DIRECTIONS = ("image_to_spectrum", "spectrum_to_image")


@dataclass(frozen=True)
class DualVAEConfig:
    """Two VAEs with one latent space.

    ``image`` and ``spectrum``: VAEConfigs of the same ``latent_dim``, without pose or factors; both with ``classes``
    and class_mode "conditional", or neither. Their own weights of the KL are not used, but ``kl_weight`` is.

    ``weights`` of the bounds given image alone, spectrum alone, and both; they are normalised.
    """

    image: VAEConfig = field(default_factory=lambda: VAEConfig(shape=(32, 32), latent_dim=8))
    spectrum: VAEConfig = field(default_factory=lambda: VAEConfig(shape=(301,), latent_dim=8))
    weights: tuple[float, float, float] = (1.0, 1.0, 1.0)
    kl_weight: Schedule = 1.0

    def __post_init__(self):
        options.check_fields(self)
        check_schedule("kl_weight", self.kl_weight)
        for name, part in {name: getattr(self, name) for name in MODALITIES}.items():
            if part.pose or part.factors or part.class_mode not in ("none", "conditional"):
                raise ValueError(
                    f"{name}: pose={part.pose}, factors={part.factors}, class_mode={part.class_mode!r}; a dual VAE has "
                    "neither pose nor factors, and its classes are known ('conditional') or none"
                )
        for what in ("latent_dim", "classes"):
            if getattr(self.image, what) != getattr(self.spectrum, what):
                raise ValueError(
                    f"{what}={getattr(self.image, what)} of the image, {getattr(self.spectrum, what)} of the spectrum: "
                    "they share one latent space, so give the same"
                )
        if len(self.weights) != 3 or min(self.weights) < 0 or not max(self.weights) > 0:
            raise ValueError(f"weights={self.weights}: give three numbers of zero or more (image, spectrum, both)")


@dataclass(frozen=True)
class EncoderDecoderConfig:
    """Shapes of one example, ``image`` (ny, nx) and ``spectrum`` (n,), and which is predicted from which.

    **Encoder**: convolutions of width 3 and ``stride`` with ``channels`` outputs, a layer of ``width`` units (0: none),
    ``latent_dim`` numbers. **Decoder**: ``decoder_channels`` on a grid ``coarser`` times as coarse, repeated, then one
    convolution for each of ``dilations``.

    ``variational``: the code is a Gaussian with a standard normal prior, KL weighted by ``kl_weight``; else a number.
    ``likelihood`` is a name of models.parts.likelihoods, ``sigma`` a Gaussian's standard deviation in the units of the
    predicted measurement.
    """

    image: tuple[int, int] = (16, 16)
    spectrum: tuple[int] = (64,)
    direction: str = "image_to_spectrum"
    channels: tuple[int, ...] = (16, 32)
    stride: int = 2
    width: int = 128
    latent_dim: int = 10
    decoder_channels: int = 16
    coarser: int = 4
    dilations: tuple[int, ...] = (1, 2, 3, 4)
    activation: str = "silu"
    variational: bool = False
    kl_weight: Schedule = 1.0
    likelihood: str = "gaussian"
    sigma: float = 0.1

    def __post_init__(self):
        options.check_fields(self)
        check_choice("direction", self.direction, DIRECTIONS)
        check_choice("activation", self.activation, ACTIVATIONS)
        check_choice("likelihood", self.likelihood, LIKELIHOODS)
        check_schedule("kl_weight", self.kl_weight)
        if len(self.image) != 2 or len(self.spectrum) != 1 or min(*self.image, *self.spectrum) < 2:
            raise ValueError(
                f"image={self.image}, spectrum={self.spectrum}: give (ny, nx) and (n,), two points or more along each"
            )
        sizes = {
            "channels": self.channels,
            "dilations": self.dilations,
            "stride": (self.stride,),
            "latent_dim": (self.latent_dim,),
            "decoder_channels": (self.decoder_channels,),
            "coarser": (self.coarser,),
        }
        for name, given in sizes.items():
            if any(value < 1 for value in given):
                raise ValueError(f"{name}={given}: every number must be one or more")
        if self.width < 0 or not self.sigma > 0:
            raise ValueError(f"width={self.width}, sigma={self.sigma}: zero or more units, a sigma above 0")

    @property
    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Shapes of the measurement that is given and of the one that is predicted."""
        forward = self.direction == "image_to_spectrum"
        return (self.image, self.spectrum) if forward else (self.spectrum, self.image)
