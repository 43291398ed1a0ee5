"""Is the number of classes told by the images? ``models.groups_of`` on images whose number of classes is known.

    python -m benchmarks.models.class_number --out class_number.json      minutes
    python -m benchmarks.models.class_number --smoke

Sets, each with other seeds: three, four and five glyphs (letters, digits, suits) in any orientation, sheared by up to
15°, with noise and of unequal frequencies; cards of three and four suits; windows of lattices of two and of three
sublattices; three, four and five of the handwritten digits of scikit-learn, upright; and images without classes: one
glyph, and one sublattice. An answer is right, wrong, or none (no number can be trusted). Settings of ``groups_of`` were
chosen on seeds below 100.
"""

import argparse
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D
from scipy.spatial import cKDTree
from sklearn.datasets import load_digits

import models
from benchmarks.models.frames import drawn, windows
from experiments import datasets
from models import VAEConfig, recipes

GLYPHS = "♠♥♦♣★✚ABEFGHJKLPRTZ234567"  # none is another one turned
SIDE, FINER = 16, 4  # pixels of an image of a glyph, and samples of a pixel along an axis
BRIGHTNESS = (1.0, 0.6, 0.3)  # of three sublattices
FRAME, SPACING, WINDOW = 320, 9.0, 24  # pixels


class Set(NamedTuple):
    """Images [n ny nx], the model that they are for, and the number of their classes (1: none)."""

    x: np.ndarray
    config: VAEConfig
    classes: int


def glyphs(seed: int, classes: int) -> Set:
    """Draw 150 to 450 images of each of some glyphs, in random order."""
    generator = np.random.default_rng(seed)
    font = FontProperties(fname=str(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"))
    images = []
    for glyph in generator.choice(list(GLYPHS), classes, replace=False):
        path = TextPath((0, 0), glyph, size=100, prop=font)
        images += [_glyph(generator, path) for _ in range(int(300 * generator.uniform(0.5, 1.5)))]
    x = np.stack(images) + 0.1 * generator.standard_normal((len(images), SIDE, SIDE))
    return Set(x[generator.permutation(len(x))], recipes.invariant((SIDE, SIDE)), classes)


def _glyph(generator: np.random.Generator, path: TextPath) -> np.ndarray:
    """Draw a glyph [SIDE SIDE] in [0, 1] at a random angle, shear and shift."""
    box, samples = path.get_extents(), SIDE * FINER
    angle, shear = generator.uniform(-np.pi, np.pi), np.radians(generator.uniform(-15, 15))
    place = Affine2D().translate(-(box.x0 + box.x1) / 2, -(box.y0 + box.y1) / 2)
    place = place.scale(1.2 / max(box.width, box.height)).skew(shear, 0).rotate(angle)
    place = place.translate(*generator.uniform(-0.1, 0.1, 2)).scale(samples / 2).translate(samples / 2, samples / 2)
    renderer = RendererAgg(samples, samples, 72)
    context = renderer.new_gc()
    context.set_linewidth(0)
    renderer.draw_path(context, path, place, (1.0, 1.0, 1.0))
    fine = np.asarray(renderer.buffer_rgba())[..., 3] / 255
    return fine.reshape(SIDE, FINER, SIDE, FINER).mean((1, 3))


def cards(seed: int, classes: int) -> Set:
    """Draw 400 cards of each of some suits."""
    images = datasets.load(jax.random.key(seed), "cards_full", size=12, per_suit=400)
    suits = np.random.default_rng(seed).choice(4, classes, replace=False)
    return Set(np.asarray(images.x)[np.isin(images.label, suits)], recipes.invariant((12, 12)), classes)


def sublattices(seed: int, classes: int) -> Set:
    """Cut windows of a frame of two sublattices, as in ``benchmarks.models.unequal``, or of one or three of them."""
    if classes == 2:
        x = windows(*drawn(seed), seed, 600).x
    else:
        x = _triangular(np.random.default_rng(seed), BRIGHTNESS[:classes])
    return Set(x, recipes.invariant(x.shape[1:]), classes)


def _triangular(generator: np.random.Generator, brightness: tuple[float, ...]) -> np.ndarray:
    """Return windows [n WINDOW WINDOW] in counts of a turned triangular lattice, of one or of three sublattices."""
    angle, count = generator.uniform(0, 2 * np.pi), int(FRAME / SPACING)
    i, j = (each.ravel() for each in np.meshgrid(np.arange(-count, count), np.arange(-count, count)))
    turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    xy = SPACING * np.stack([i + j / 2, j * np.sqrt(3) / 2], 1) @ turned.T + FRAME / 2
    kind = (i - j) % 3 if len(brightness) == 3 else np.zeros(len(i), int)
    near = np.all((xy > -SPACING) & (xy < FRAME + SPACING), 1)
    xy, kind = xy[near], kind[near]
    y, x = np.mgrid[:FRAME, :FRAME]
    distance, column = cKDTree(xy).query(np.stack([x.ravel(), y.ravel()], 1), k=7)
    light = (np.asarray(brightness)[kind[column]] * np.exp(-(distance**2) / (2 * 2.0**2))).sum(1) + 0.2
    frame = generator.poisson(generator.uniform(30, 300) * light).reshape(FRAME, FRAME).astype(float)
    half = WINDOW // 2
    inside = np.all((xy > half) & (xy < FRAME - half), 1)
    corners = np.round(xy[inside] - half).astype(int)
    return np.stack([frame[top : top + WINDOW, left : left + WINDOW] for left, top in corners])


def digits(seed: int, classes: int) -> Set:
    """Take all images of some handwritten digits."""
    images, label = load_digits(return_X_y=True)
    chosen = np.random.default_rng(seed).choice(10, classes, replace=False)
    return Set(images[np.isin(label, chosen)].reshape(-1, 8, 8) / 16, VAEConfig(shape=(8, 8)), classes)


SETS: dict[str, tuple[Callable[[int, int], Set], tuple[int, ...]]] = {
    "glyphs": (glyphs, (1, 3, 4, 5)),
    "cards": (cards, (3, 4)),
    "sublattices": (sublattices, (1, 2, 3)),
    "digits": (digits, (3, 4, 5)),
}


def main() -> None:
    """Print how often the number is right, wrong and not told, for every set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=100)
    parser.add_argument("--smoke", action="store_true", help="one seed")
    parser.add_argument("--out", type=Path, help="JSON of all answers")
    given = parser.parse_args()
    answers: dict[str, list[int]] = {}
    print(f"{'images':>14}{'classes':>9}{'right':>7}{'wrong':>7}{'none':>6}   answers")
    for name, (drawn_of, numbers) in SETS.items():
        for classes in numbers:
            found = []
            for seed in range(given.first, given.first + (1 if given.smoke else given.seeds)):
                data = drawn_of(seed, classes)
                found.append(int(models.groups_of(jax.random.key(seed), data.config, data.x).max()) + 1)
            right = sum(each == classes or (classes == 1 and each == 0) for each in found)
            none = sum(each == 0 for each in found) if classes > 1 else 0
            print(
                f"{name:>14}{classes:>9}{right:>7}{len(found) - right - none:>7}{none:>6}   {dict(Counter(found))}",
                flush=True,
            )
            answers[f"{name} {classes}"] = found
    if given.out:
        given.out.write_text(json.dumps(answers, indent=1))


if __name__ == "__main__":
    main()
