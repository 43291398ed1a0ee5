"""Draw assemblies of one to four discs, rods or triangles, and return their dipoles and pictures of them.

Coordinates in nm, x to the right and y up, angles anticlockwise. An assembly has ``PARTICLES`` places, of which the
first ``count`` are taken. Every particle of it is of one shape: a disc of diameter ``size``; a rod (a disc's area, ends
round, ``aspect`` times as long as wide); an equilateral triangle (a disc's area, corners round).
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from experiments.datasets.plasmonics.optics import Dipoles

PARTICLES, PARTS = 4, 3  # places for particles, dipoles of each (a triangle needs three)
SHAPES = ("disc", "rod", "triangle")
CLASSES = ("monomer", "dimer", "trimer", "tetramer")
_DISC, _ROD, _TRIANGLE = range(3)
_CANDIDATES, _BOUNDARY = 24, 24
_CORNERS = np.deg2rad([90.0, 210.0, 330.0])


@dataclass(frozen=True)
class Geometry:
    """Ranges that assemblies are drawn from, uniformly.

    ``size`` (nm) is the diameter of a disc of the particle's area, with
    ``spread`` the relative standard deviation among the particles of an assembly; ``height`` (nm) of discs and
    triangles; ``aspect`` of rods; ``gap`` (nm) between neighbours; ``shapes`` and ``counts`` that occur.
    """

    size: tuple[float, float] = (60.0, 90.0)
    spread: float = 0.05
    height: float = 40.0
    aspect: tuple[float, float] = (1.5, 3.0)
    gap: tuple[float, float] = (4.0, 20.0)
    shapes: tuple[str, ...] = SHAPES
    counts: tuple[int, ...] = (1, 2, 3, 4)

    def __post_init__(self) -> None:
        for name in ("size", "aspect", "gap"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise ValueError(f"{name}={low, high}: give a smallest and a largest value, both above 0")
        if self.aspect[0] < 1 or self.height <= 0 or not 0 <= self.spread < 0.3:
            raise ValueError(
                f"aspect={self.aspect}, height={self.height}, spread={self.spread}: an aspect from 1 up, a height "
                "above 0 and a spread from 0 to 0.3"
            )
        if not self.shapes or set(self.shapes) - set(SHAPES) or len(set(self.shapes)) < len(self.shapes):
            raise ValueError(f"shapes are some of {', '.join(SHAPES)}, each once; got {self.shapes}")
        if not self.counts or set(self.counts) - set(range(1, PARTICLES + 1)):
            raise ValueError(f"counts are numbers of particles from 1 to {PARTICLES}; got {self.counts}")


class Assembly(NamedTuple):
    """One assembly: shape (index into ``SHAPES``) and number of particles, of which all share aspect and height (nm).

    Each place has coordinates (x, y) and size in nm, and an angle in rad.
    """

    shape: Int[Array, ""]
    particles: Int[Array, ""]
    place: Float[Array, "4 2"]
    angle: Float[Array, "4"]
    size: Float[Array, "4"]
    aspect: Float[Array, ""]
    height: Float[Array, ""]


def exists(assembly: Assembly) -> Bool[Array, "4"]:
    """Return which places are taken."""
    return jnp.arange(PARTICLES) < assembly.particles


def _along(angle: Array) -> Array:
    return jnp.stack([jnp.cos(angle), jnp.sin(angle)], -1)


def _halves(shape: Array, size: Array, aspect: Array) -> tuple[Array, Array]:
    """Return half length and half width of a disc or rod: two half discs and a rectangle, together of a disc's area."""
    ratio = jnp.where(shape == _ROD, aspect, 1.0)
    width = size / 2 * jnp.sqrt(math.pi / (math.pi + 4 * (ratio - 1)))
    return width * ratio, width


def _triangle(size: Array) -> tuple[Array, Array]:
    """Return the distance of the sharp inner triangle's corners from the centre, and the radius that rounds them."""
    rounding = 0.12 * size
    # area of a triangle of circumradius R, grown by r: (3√3/4)R² + 3√3 R r + π r²; set to that of the disc
    a, b, c = 3 * math.sqrt(3) / 4, 3 * math.sqrt(3) * rounding, math.pi * (rounding**2 - size**2 / 4)
    return (-b + jnp.sqrt(b**2 - 4 * a * c)) / (2 * a), rounding


def distance(
    point: Float[Array, "*n 2"], shape: Array, place: Array, angle: Array, size: Array, aspect: Array
) -> Float[Array, "*n"]:
    """Return the signed distance in nm from the outline of one particle, negative inside."""
    away = point - place.reshape((1,) * (point.ndim - 1) + (2,))
    x = away[..., 0] * jnp.cos(angle) + away[..., 1] * jnp.sin(angle)
    y = away[..., 1] * jnp.cos(angle) - away[..., 0] * jnp.sin(angle)
    half, width = _halves(shape, size, aspect)
    beside = jnp.maximum(jnp.abs(x) - (half - width), 0.0)
    round_ = jnp.sqrt(beside**2 + y**2 + 1e-6) - width
    corner, rounding = _triangle(size)
    normals = jnp.asarray(np.stack([np.cos(_CORNERS + np.pi), np.sin(_CORNERS + np.pi)], -1), point.dtype)
    # the sharp triangle's three sides; outside, the distance to the nearest side (as a segment)
    sides = jnp.stack([x, y], -1) @ normals.T - corner / 2
    ends = corner * jnp.asarray(np.stack([np.cos(_CORNERS), np.sin(_CORNERS)], -1), point.dtype)
    along = jnp.roll(ends, -1, 0) - ends
    to = jnp.stack([x, y], -1)[..., None, :] - ends.reshape((1,) * (point.ndim - 1) + (3, 2))
    share = jnp.clip(jnp.einsum("...ka,ka->...k", to, along) / (3 * corner**2), 0, 1)
    rest = to - share[..., None] * along.reshape((1,) * (point.ndim - 1) + (3, 2))
    nearest = jnp.sqrt(jnp.min(jnp.sum(rest**2, -1), -1) + 1e-6)
    pointed = jnp.where(jnp.max(sides, -1) > 0, nearest, -nearest) - rounding
    return jnp.where(shape == _TRIANGLE, pointed, round_)


def _boundary(shape: Array, angle: Array, size: Array, aspect: Array) -> Float[Array, "n 2"]:
    """Return points on the outline of a particle at the origin."""
    turn = jnp.arange(_BOUNDARY, dtype=jnp.float32) * (2 * math.pi / _BOUNDARY)
    half, width = _halves(shape, size, aspect)
    middle = jnp.sign(jnp.cos(turn)) * (half - width)
    round_ = jnp.stack([middle + width * jnp.cos(turn), width * jnp.sin(turn)], -1)
    corner, rounding = _triangle(size)
    nearest = jnp.asarray(_CORNERS, jnp.float32)[jnp.arange(_BOUNDARY) * 3 // _BOUNDARY]
    pointed = corner * _along(nearest) + rounding * _along(nearest + (jnp.mod(turn, 2 * math.pi / 3) - math.pi / 3))
    points = jnp.where(shape == _TRIANGLE, pointed, round_)
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    return jnp.stack([points[:, 0] * cosine - points[:, 1] * sine, points[:, 0] * sine + points[:, 1] * cosine], -1)


def _between(unit: Array, limits: tuple[float, float]) -> Array:
    return limits[0] + (limits[1] - limits[0]) * unit


def draw(key: Array, count: Int[Array, ""], geometry: Geometry) -> Assembly:
    """Draw a random assembly of ``count`` particles, its centre of area at the origin.

    Each particle after the first is put beside a random earlier one, in a random direction and with a random angle,
    a gap away from it; of 24 tries the first that touches no other particle is kept.
    """
    to_whole, to_each, to_next = jax.random.split(key, 3)
    unit = jax.random.uniform(to_whole, (4,), jnp.float32)
    tries = jax.random.uniform(to_next, (PARTICLES - 1, _CANDIDATES, 4), jnp.float32)
    kinds = jnp.asarray([SHAPES.index(name) for name in geometry.shapes], jnp.int32)
    shape = kinds[(unit[0] * len(kinds)).astype(jnp.int32)]
    each = 1 + geometry.spread * jnp.clip(jax.random.normal(to_each, (PARTICLES,), jnp.float32), -2, 2)
    size, aspect = _between(unit[1], geometry.size) * each, _between(unit[2], geometry.aspect)
    angle = jnp.zeros(PARTICLES, jnp.float32).at[0].set(2 * math.pi * unit[3])
    places_by_number = jnp.arange(PARTICLES)

    def attempt(unit: Array, n: Array, place: Array, angle: Array) -> tuple[Array, Array, Array]:
        host, gap = (unit[0] * n).astype(jnp.int32), _between(unit[1], geometry.gap)
        turn, away = 2 * math.pi * unit[2], _along(2 * math.pi * unit[3])
        outline = _boundary(shape, turn, size[n], aspect)

        def step(state: tuple[Array, Array], share: Array) -> tuple[tuple[Array, Array], None]:
            at, clearance = state
            at = at + away * (share * (gap - clearance[host]))
            each = jax.vmap(distance, (None, None, 0, 0, 0, None))(
                at[None] + outline, shape, place, angle, size, aspect
            )
            return (at, jnp.min(each, 1)), None

        # outwards or inwards until the gap is right; outlines are curved, so in steps
        start = place[host] + away * (size[host] + size[n]), jnp.zeros(PARTICLES, jnp.float32)
        (at, clearance), _ = lax.scan(step, start, jnp.asarray([0, 1, 1, 1], jnp.float32))
        return at, turn, jnp.min(jnp.where(places_by_number < n, clearance, 1e3))

    def add(state: tuple[Array, Array], inputs: tuple[Array, Array]) -> tuple[tuple[Array, Array], None]:
        (place, angle), (unit, n) = state, inputs
        places, angles, room = jax.vmap(attempt, (0, None, None, None))(unit, n, place, angle)
        chosen = jnp.argmax(jnp.where(room >= 0.5 * geometry.gap[0], 1e3 - jnp.arange(_CANDIDATES), room))
        return (place.at[n].set(places[chosen]), angle.at[n].set(angles[chosen])), None

    start = jnp.zeros((PARTICLES, 2), jnp.float32), angle
    (place, angle), _ = lax.scan(add, start, (tries, places_by_number[1:]))
    weight = jnp.where(places_by_number < count, size**2, 0.0)
    place = place - (weight @ place / jnp.sum(weight))[None]
    return Assembly(shape, count, place, angle, size, aspect, jnp.asarray(geometry.height, jnp.float32))


def dipoles(assembly: Assembly) -> Dipoles:
    """Return the ellipsoids that stand for the particles.

    A disc or rod is one; a triangle is three around its middle, with a third of its area each. A rod is as high as it
    is wide.
    """
    half, width = _halves(assembly.shape, assembly.size, assembly.aspect)
    third = assembly.size / math.sqrt(12)
    triangle, rod = assembly.shape == _TRIANGLE, assembly.shape == _ROD
    first, second = jnp.where(triangle, third, half), jnp.where(triangle, third, width)
    tall = jnp.where(rod, width, assembly.height / 2)
    semi = jnp.repeat(jnp.stack([first, second, tall], -1), PARTS, 0)
    directions = assembly.angle[:, None] + jnp.asarray(_CORNERS, assembly.angle.dtype)[None]
    out = jnp.where(triangle, 0.36 * assembly.size, 0.0)[:, None, None] * _along(directions)
    place = (assembly.place[:, None] + out).reshape(-1, 2)
    taken = exists(assembly)[:, None] & (triangle | (jnp.arange(PARTS) == 0))[None]
    return Dipoles(place, semi, jnp.repeat(assembly.angle, PARTS), taken.reshape(-1))


def outlines(assembly: Assembly, points: Float[Array, "*n 2"]) -> Float[Array, "*n"]:
    """Return the signed distance in nm from the nearest particle's outline, negative inside."""
    each = jax.vmap(distance, (None, None, 0, 0, 0, None), -1)(
        points, assembly.shape, assembly.place, assembly.angle, assembly.size, assembly.aspect
    )
    taken = exists(assembly).reshape((1,) * (points.ndim - 1) + (PARTICLES,))
    return jnp.min(jnp.where(taken, each, 1e4), -1)


def grid(size: int, pixel: float) -> Float[np.ndarray, "size size 2"]:
    """Return the centres (x, y) in nm of a square image's pixels, row 0 on top, the image's centre at the origin."""
    along = (np.arange(size) + 0.5 - size / 2) * pixel
    x, y = np.meshgrid(along, -along)
    return np.stack([x, y], -1).astype(np.float32)


def secondary_electrons(signed: Float[Array, "*n"], blur: float) -> Float[Array, "*n"]:
    """Return the brightness of points, at signed distances from the outline, in a scanning electron microscope.

    The support is dark, metal bright, edges brighter, outlines are ``blur`` nm wide. Values go from about 0.08 to 1.
    """
    inside = jax.nn.sigmoid(-4 * signed / blur)
    edge = jnp.exp(-((signed / (2.5 * blur)) ** 2))
    return 0.08 + inside * (0.62 + 0.3 * edge)


def thickness(assembly: Assembly, signed: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """Return the height of metal in nm: flat particles with rounded flanks, a quarter circle each."""
    tall = jnp.where(assembly.shape == _ROD, _halves(assembly.shape, assembly.size, assembly.aspect)[1][0] * 2,
                     assembly.height)  # fmt: skip
    depth = jnp.clip(-signed / (tall / 2), 0, 1)
    return tall * jnp.sqrt(jnp.maximum(1 - (1 - depth) ** 2, 1e-12)) * (signed < 0)


def orientation(covered: Float[Array, "ny nx"], points: Float[Array, "ny nx 2"]) -> tuple[Array, Array]:
    """Return the angle of the longer axis in [0, π) rad and the aspect ratio of weights ``covered`` ≥ 0 at ``points``.

    The aspect ratio is the root of the ratio of the two second moments.
    """
    weight = covered / jnp.maximum(jnp.sum(covered), 1e-9)
    centre = jnp.sum(weight[..., None] * points, (0, 1))
    x, y = points[..., 0] - centre[0], points[..., 1] - centre[1]
    xx, yy, xy = jnp.sum(weight * x**2), jnp.sum(weight * y**2), jnp.sum(weight * x * y)
    half, apart = (xx + yy) / 2, jnp.sqrt(((xx - yy) / 2) ** 2 + xy**2 + 1e-12)
    angle = jnp.mod(jnp.arctan2(2 * xy, xx - yy) / 2, math.pi)
    return angle, jnp.sqrt((half + apart) / jnp.maximum(half - apart, 1e-9))
