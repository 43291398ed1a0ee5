"""Atomically resolved sub-images of crystal lattices, as a scanning transmission electron microscope images them.

Each image is centred near an atomic column. Columns are Gaussians, averaged over every pixel; the counts of a pixel are
Poisson-distributed. With x to the right and y up, in half-widths, a point u of the upright lattice appears at

    r = R(angle) S(shear) exp(scale) diag(exp strain, exp −strain) u + shift        S = [[1, tan shear], [0, 1]]

so ``strain`` is logarithmic, acts along the first lattice vector, and keeps the area of the cell. Phases: "square";
"hexagonal"; "perovskite", a square lattice with a weaker column in the middle of each cell.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import erf
from jaxtyping import Array, Float, Int

import models
from experiments.datasets.frames import simulated
from experiments.datasets.types import UNITS, Images, pose_factors
from ferro_jax import values

PHASES = ("square", "hexagonal", "perovskite")
_VECTORS = np.array([[[1, 0], [0, 1]], [[1, 0], [0.5, np.sqrt(0.75)]], [[1, 0], [0, 1]]])  # [phase vector xy]
_WEIGHTS = np.array([[1, 0], [1, 0], [1, 0.5]])  # [phase column]: at the origin, in the middle of the cell
_PERIODS = (np.pi / 2, np.pi / 3, np.pi / 2)


@dataclass(frozen=True)
class Lattice:
    """Options of a set of sub-images; factors are uniform within ± their ranges, strain between 0 and its range.

    Strain is not negative, because a square lattice strained by −ε is the one strained by ε and rotated by 90°.
    ``spacing`` between columns and ``width`` (standard deviation) of a column are in half-widths of the image. ``blur``
    is the range of the logarithm of the width; ``shift`` is in half-widths, ``scale`` logarithmic. ``counts`` is the
    number expected at the centre of a column, 0 for images without noise; ``background`` is its share between columns.
    """

    size: int = 24
    per_phase: int = 2000
    phases: tuple[str, ...] = ("square", "hexagonal")
    spacing: float = 0.6
    width: float = 0.11
    rotation_degrees: float = 30.0
    shear_degrees: float = 0.0
    strain: float = 0.08
    shift: float = 0.1
    scale: float = 0.0
    blur: float = 0.2
    counts: float = 100.0
    background: float = 0.1

    def __post_init__(self) -> None:
        if not self.phases or set(self.phases) - set(PHASES) or len(set(self.phases)) < len(self.phases):
            raise ValueError(f"phases are some of {', '.join(PHASES)}, each once; got {self.phases}")
        if self.size < 4 or self.per_phase < 1:
            raise ValueError(f"size must be at least 4 pixels, per_phase 1; got {self.size}, {self.per_phase}")
        if not 0.1 <= self.spacing <= 2 or not 0.01 <= self.width <= self.spacing / 2:
            raise ValueError(
                "spacing must lie in 0.1 to 2 half-widths and width in 0.01 to half of it, else no "
                f"column is resolved; got {self.spacing}, {self.width}"
            )
        limits = {"rotation_degrees": 180.0, "shear_degrees": 30.0, "strain": 0.3, "shift": 1.0}
        for name, limit in (limits | {"scale": 0.5, "blur": 1.0, "background": 1.0}).items():
            if not 0 <= getattr(self, name) <= limit:
                raise ValueError(f"{name} must lie in 0 to {limit}, got {getattr(self, name)}")
        if self.counts < 0:
            raise ValueError(f"counts must not be negative, got {self.counts}")


def full_scale(counts: float) -> float:
    """Return the counts of the value 1: five standard deviations above a column's centre; 1 without noise."""
    return counts + 5 * math.sqrt(counts) if counts else 1.0


def _columns(config: Lattice) -> tuple[np.ndarray, np.ndarray]:
    """Return places [phase column xy] in half-widths and weights [phase column] of all columns that may be shown."""
    shear = np.tan(np.deg2rad(config.shear_degrees))
    # The shortest distance between rows is the hexagonal one, times the smallest singular value of any map drawn.
    smallest = np.exp(-config.strain - config.scale) * (np.hypot(1, shear / 2) - shear / 2)
    shortest = config.spacing * np.sqrt(0.75) * smallest
    reach = np.sqrt(2) * (1 + config.shift) + 4 * config.width * np.exp(config.blur)
    rows = np.ceil(reach / shortest) + 1
    steps = np.arange(-rows, rows + 1)
    cells = np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 1, 2) + np.array([[0, 0], [0.5, 0.5]])
    number = [PHASES.index(phase) for phase in config.phases]
    places = config.spacing * np.einsum("cbv,pvx->pcbx", cells, _VECTORS[number])
    weights = np.broadcast_to(_WEIGHTS[number][:, None], places.shape[:3])
    shown = weights.any((0, 1))  # a column that no phase has is not drawn
    return places[:, :, shown].reshape(len(number), -1, 2), weights[:, :, shown].reshape(len(number), -1)


def intensity(
    phase: Int[Array, ""], pose: models.Pose, strain: Float[Array, ""], width: Float[Array, ""], config: Lattice
) -> Float[Array, "size size"]:
    """Return the expected share of the counts of each pixel, about 1 at the centre of a column.

    ``phase`` is an index into the phases of the options.
    """
    strain, width = values.coefficient(strain, "strain"), values.coefficient(width, "width")
    angle, shift, scale, shear = pose
    if angle is None or shift is None or scale is None or shear is None:
        raise ValueError(f"a lattice needs all of {models.Pose._fields}: give 0 for what it does not have")
    places, weights = (jnp.asarray(each, jnp.float32)[phase] for each in _columns(config))
    x, y = jnp.exp(scale + strain) * places[:, 0], jnp.exp(scale - strain) * places[:, 1]
    x = x + jnp.tan(shear) * y
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    x, y = cosine * x - sine * y + shift[0], sine * x + cosine * y + shift[1]
    edges = jnp.linspace(-1, 1, config.size + 1, dtype=jnp.float32)

    def shares(at: Array, edges: Array) -> Array:
        """Return the mean of exp(−(r − at)²/2w²) over each pixel along one axis, [column pixel]."""
        steps = jnp.diff(erf((edges[None, :] - at[:, None]) / (math.sqrt(2) * width)), axis=1)
        return steps * width * math.sqrt(math.pi / 2) * (config.size / 2)

    columns = jnp.einsum("c,cy,cx->yx", weights, shares(-y, edges), shares(x, edges))
    return config.background + (1 - config.background) * columns


def draw(
    key: Array, phase: Int[Array, ""], config: Lattice
) -> tuple[Float[Array, "size size"], dict[str, Array], models.Pose]:
    """Draw one image; returns it, its strain and width, and its pose. vmap it over keys and phases."""
    factor_key, noise_key = jax.random.split(values.key(key))
    ranges = jnp.asarray(
        [*np.deg2rad([config.rotation_degrees, config.shear_degrees]), *[config.shift] * 2, config.scale, config.blur],
        jnp.float32,
    )
    unit = jax.random.uniform(factor_key, (7,), jnp.float32, -1, 1)
    angle, shear, right, up, scale, blur = ranges * unit[:6]
    strain, width = config.strain * (unit[6] + 1) / 2, config.width * jnp.exp(blur)
    pose = models.Pose(angle, jnp.stack([right, up]), scale, shear)
    image = intensity(phase, pose, strain, width, config)
    if config.counts:
        counts = jax.random.poisson(noise_key, config.counts * image, dtype=jnp.int32)
        image = counts.astype(jnp.float32) / full_scale(config.counts)
    return jnp.clip(image, 0, 1), {"strain": strain, "width": width}, pose


@partial(jax.jit, static_argnames="config")
def _draw_all(keys: Array, phase: Array, config: Lattice) -> tuple[Array, dict[str, Array], models.Pose]:
    return jax.lax.map(lambda image: draw(image[0], image[1], config), (keys, phase), batch_size=50)  # as in cards.py


def generate(key: Array, config: Lattice = Lattice()) -> Images:
    """Return a set of sub-images with phase (as the label), pose, strain and width of each; phases take turns.

    Values are counts divided by ``full_scale(counts)``. Any strain or shear leaves only the symmetry of 180°, which is
    then the period of every phase. An image of little strain is still nearly unchanged by the angle of the unstrained
    lattice's symmetry, so rotations beyond half of that angle are hard to recognise. 4,000 images of 24 × 24 pixels
    take 2 processor-seconds, and the sampler of Poisson numbers takes 5 to 10 to compile.
    """
    count = len(config.phases) * config.per_phase
    phase = np.arange(count, dtype=np.int32) % len(config.phases)
    x, extra, pose = _draw_all(jax.random.split(values.key(key), count), jnp.asarray(phase), config)
    factors = pose_factors(pose) | {name: np.asarray(each) for name, each in extra.items()}
    units = UNITS | {"strain": "log", "width": "half-widths"}
    noise = f"1 = {full_scale(config.counts):.4g} counts" if config.counts else "no noise"
    source = (
        f"lattices ({', '.join(config.phases)}): {count} images of {config.size} × {config.size}, spacing "
        f"{config.spacing:g} half-widths, rotation ±{config.rotation_degrees:g}°, shear ±{config.shear_degrees:g}°, "
        f"strain 0 to {config.strain:g}, shift ±{config.shift:g} half-widths, log size ±{config.scale:g}, {noise}"
    )
    deformed = config.strain > 0 or config.shear_degrees > 0
    periods = tuple(np.pi if deformed else _PERIODS[PHASES.index(name)] for name in config.phases)
    return Images(np.asarray(x), phase, factors, units, config.phases, source, periods)


def frame(key: Array, **options: Any) -> simulated.Simulated:
    """Return a whole simulated frame with its truth; the options are the fields of ``frames.simulated.Frame``.

    ValueError for an option that it does not have, or a value out of its range.
    """
    return simulated.with_options(values.key(key), options)
