"""What the experiments on digits share: their options, the data and how they are split, what neighbours tell.

The set is scikit-learn's 8 × 8 digits unless ``--mnist`` names the user's own files; the report says which it was.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.vae_options import VaeSettings, at_least

if TYPE_CHECKING:  # both import JAX, which --help must not
    import jax

    from experiments.vae_runs import Split

UPRIGHT: dict[str, Any] = {
    "decoder": "plain", "pose": (), "bins": 1, "angle_posterior": "gaussian", "angle_std": 1.0,
}  # fmt: skip
"""Changes of a recipe of ``models.recipes`` for upright digits: no pose, hence the cheaper plain decoder."""

GREY: dict[str, Any] = {"likelihood": "gaussian", "sigma": 0.2}
"""The likelihood of grey digits. Under a Bernoulli one, which takes grey for doubt, two latents of 8 × 8 digits earn so
little that most seeds leave them unused (median KL .03 nats after 2,000 steps, with this one 4 nats)."""


@dataclass(frozen=True)
class DigitSettings(VaeSettings):
    """Options of the experiments on digits."""

    mnist: Path | None = None
    """MNIST: the folder of its four IDX files, or a mnist.npz; without it scikit-learn's digits of 8 × 8 pixels."""
    count: int = 0
    """Digits drawn at random from the set; 0: all of them (1,797, or the 60,000 of MNIST's training part)."""
    held_out: int = 400
    """Digits that scores and figures are made from, seen by no training."""
    watched: int = 100
    """Digits of the validation loss, by which restarts are chosen where there are any."""
    epochs: int = 50
    batch_size: int = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, count=0, held_out=50, watched=10)


def digits(key: "jax.Array", settings: DigitSettings, padding: int = 0, rotation_degrees: float = 0.0) -> "Split":
    """Digits in random order, split; the same key makes the same split, whatever the padding and rotation.

    ValueError where too few are left to train on, and for files that are not MNIST's.
    """
    import jax

    from experiments import datasets
    from experiments.vae_runs import Split

    to_set, to_order = jax.random.split(key)
    path = "" if settings.mnist is None else str(settings.mnist)
    images = datasets.load(
        to_set, "digits", path=path, count=settings.count, padding=padding, rotation_degrees=rotation_degrees
    )
    held, watched = settings.held_out, settings.watched
    training = len(images.x) - held - watched
    if training < settings.batch_size:
        raise ValueError(
            f"{len(images.x)} digits less --held-out {held} and --watched {watched} leave {training} to train on, "
            f"fewer than --batch-size {settings.batch_size}: raise --count or lower the others"
        )
    order = np.asarray(jax.random.permutation(to_order, len(images.x)))
    parts = np.split(order, [training, training + watched])
    return Split(*(datasets.take(images, part) for part in parts))


def neighbour_accuracy(z: np.ndarray, label: np.ndarray, neighbours: int = 10) -> float:
    """How well the digit is known from where an image lies: share whose nearest neighbours, the image itself left out,
    have its label in majority (of equal votes the smaller digit)."""
    from scipy.spatial import KDTree

    near = np.asarray(KDTree(z).query(z, k=neighbours + 1)[1])[:, 1:]
    votes = np.eye(int(label.max()) + 1)[label[near]].sum(1)
    return float(np.mean(votes.argmax(1) == label))


def strokes(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slant (radians, positive: the top leans to the right) and ink (mean intensity) of images [n ny nx].

    The slant is the shear that undoes the correlation of x and y in second moments: tan slant = Σxy / Σy², y upwards,
    about the centre of mass.
    """
    total = x.sum((1, 2))
    rows, columns = np.arange(x.shape[1]), np.arange(x.shape[2])
    row = (x.sum(2) @ rows / total)[:, None, None]
    column = (x.sum(1) @ columns / total)[:, None, None]
    up, right = row - rows[None, :, None], columns[None, None, :] - column
    return np.arctan2((x * up * right).sum((1, 2)), (x * up**2).sum((1, 2))), total / (x.shape[1] * x.shape[2])


def chance(label: np.ndarray) -> float:
    """The share of the most frequent digit: what a constant answer has right."""
    return float(np.bincount(label).max() / len(label))


def less_class_mean(values: np.ndarray, label: np.ndarray) -> np.ndarray:
    """A number per image less the mean over its class: what is left is style."""
    count = np.bincount(label)
    return values - (np.bincount(label, values) / np.maximum(count, 1))[label]
