"""The tasks of ``comparison``: pools, their targets, and splits that depend on a seed alone.

digits          scikit-learn's 1,797 images of 8 × 8; the target is the digit, 500 images are for the test
digits_out      the same, with the test images kept out of the pool (features are those of new points)
mnist           5,000 images of 28 × 28 of MNIST (the extra ``digits``); 1,000 images are for the test
rotation, shear cards of 30 × 30, rotated by up to ±120°, sheared by up to ±20°; the targets are those angles
smooth          curves A exp(αt) cos(ωt) + B; the target is sin 3a cos 2w + aw/2, a and w being α and ω on [−1, 1]
curl            the same curves; the target is Σ|curl| at the end of the lecture preset's simulation

All targets are standardised over the pool, so that an NLL can be compared between tasks; ``scale`` restores the units.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.datasets import load_digits

import ferro_jax as ferro
from bo.features.base import Extractor
from experiments import datasets
from experiments.shared.deep_kernels import tables


class Task(NamedTuple):
    """A pool with a target and the sizes of its splits.

    ``x`` (pool, dim), standardised ``y`` (pool,), the numbers of ``labelled`` and of ``test`` points, the target's
    standard deviation ``scale`` in ``unit``, the ``shape`` of the images (None for curves), the class ``label`` of each
    point and the ``period`` of its symmetry in radians. ``outside``: the test points are kept out of the pool.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    labelled: int
    test: int
    scale: float
    unit: str
    shape: tuple[int, int, int] | None = None
    label: np.ndarray | None = None
    period: np.ndarray | None = None
    outside: bool = False

    def split(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the labelled and the test rows of a split."""
        order = np.random.default_rng(seed).permutation(len(self.y))
        return order[: self.labelled], order[self.labelled : self.labelled + self.test]


def standard(y: Any) -> tuple[np.ndarray, float]:
    """Return y with mean 0 and standard deviation 1, and its standard deviation before."""
    y = np.asarray(y, float)
    return (y - y.mean()) / y.std(), float(y.std())


def digits(labelled: int, outside: bool) -> Task:
    """Return the task whose target is the digit in an image of 8 × 8."""
    x, digit = load_digits(return_X_y=True)
    y, scale = standard(digit)
    name = f"digits{'_out' if outside else ''} {labelled}"
    return Task(name, x / 16, y, labelled, 500, scale, "", (8, 8, 1), outside=outside)


def mnist(labelled: int, smoke: bool) -> Task:
    """Return the task whose target is the digit in an image of 28 × 28."""
    images = datasets.load(jax.random.key(0), "digits", set="mnist")
    some = slice(None, None, 10 if smoke else 1)
    y, scale = standard(images.label[some])
    flat = np.asarray(images.x[some], float).reshape(len(y), -1)
    return Task(f"mnist {labelled}", flat, y, labelled, 100 if smoke else 1000, scale, "", (28, 28, 1))


def cards(target: str, per_suit: int) -> Task:
    """Return the task whose target is an angle of the cards: ``rotation`` or ``shear``."""
    images = datasets.load(jax.random.key(0), "cards_deep_kernel", per_suit=per_suit)
    y, scale = standard(images.factors["angle" if target == "rotation" else "shear"])
    unit, scale = ("°", float(np.degrees(scale))) if target == "rotation" else ("rad", scale)
    flat = images.x.reshape(len(y), -1).astype(float)
    period = np.asarray(images.periods)[images.label]
    return Task(f"{target} 100", flat, y, 100, 1000, scale, unit, (30, 30, 1), images.label, period)


def curves(target: str, number: int) -> Task:
    """Return the task on field histories whose target is ``smooth`` or ``curl``."""
    histories = ferro.damped_oscillation(jax.random.key(1), number)
    if target == "smooth":
        a, w = np.asarray(histories.growth) / 2.75, np.asarray(histories.frequency) / np.pi * 3 - 7
        y = np.sin(3 * a) * np.cos(2 * w) + a * w / 2
    else:
        setup = ferro.lecture(jnp.float32)
        local = ferro.random_field(jax.random.key(2), setup.lattice, coercive_field=setup.coercive_field)
        local = local.astype(setup.dtype)

        def curl(curve: jax.Array) -> jax.Array:
            return ferro.target(ferro.simulate(jax.random.key(3), curve, local, setup, check=False).state, setup)

        y = jax.jit(lambda each: jax.lax.map(curl, each, batch_size=64))(histories.curves)
    y, scale = standard(y)
    return Task(f"{target} 100", np.asarray(histories.curves, float), y, 100, 1000, scale, "")


def extractors(task: Task, shift: int = 0, vectors: int = 40) -> list[Extractor]:
    """Return the extractors of features for a task's pool, as experiments have them but for shifts and vectors."""
    return tables.extractors(task.x.shape[1:] if task.shape is None else task.shape[:2], shift, vectors)


SUITS = ("spade", "heart", "diamond", "club")
NAMES = (
    "digits 200", "digits 400", "digits_out 200", "mnist 200", "mnist 1000", "rotation 100", "shear 100", "smooth 100",
    "curl 100",
)  # fmt: skip


def load(name: str, smoke: bool = False) -> Task:
    """Return the task of a name in ``NAMES``."""
    kind, labelled = name.split()
    if kind.startswith("digits"):
        return digits(int(labelled), kind == "digits_out")
    if kind == "mnist":
        return mnist(min(int(labelled), 300) if smoke else int(labelled), smoke)
    if kind in ("rotation", "shear"):
        return cards(kind, 100 if smoke else 1000)
    return curves(kind, 400 if smoke else 4000)
