"""Diffusion-map coordinates of a pool: where its points lie on the manifold that they fill.

Coifman & Lafon 2006 with α = 1 (the density is divided out) on a graph of nearest neighbours, whose bandwidth is set by
the neighbours' distances (Zelnik-Manor & Perona 2004). Eigenvectors are weighted by (1 − λ)^−½, which gives the
diffusion distance summed over all times. Each point's coordinates are then divided by their length (Ng, Jordan & Weiss
2001), because those of small, remote groups are many times longer than all others and would dominate every distance.
New points get their coordinates by Nyström's extension, ψ(x) = λ⁻¹ Σ_j p(x → j) ψ_j.

Two images of one thing, a pixel apart, are far apart in the Euclidean distance. For pools of images the distance can be
the least one over small shifts of the image that looks for its neighbours. That is the tangent distance of Simard,
LeCun & Denker (1993) for translations, with the shifts tried one by one, and the zero-order case of the deformation
models of Keysers et al. (2007). Shifts are whole pixels, because an image interpolated between pixels is blurred, and a
blurred image is near to all others.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int
from scipy.sparse import coo_matrix, diags, identity
from scipy.sparse.linalg import aslinearoperator, eigsh
from sklearn.neighbors import NearestNeighbors

from bo.features.base import Extractor
from ferro_jax import options
from ferro_jax import values as given


class Diffusion(NamedTuple):
    """The pool in units of its spread from its ``centre``, each point's bandwidth and density, and its coordinates, of
    length 1.

    ``extend`` are the coordinates before normalisation, times λ⁻¹.
    """

    centre: np.ndarray
    spread: float
    pool: np.ndarray
    bandwidth: np.ndarray
    density: np.ndarray
    coordinates: np.ndarray
    extend: np.ndarray


def diffusion(
    vectors: int = 40,
    *,
    neighbours: int = 10,
    floor: float = 0.02,
    image: tuple[int, int] | None = None,
    shift: int | float = 0,
    name: str = "diffusion",
) -> Extractor:
    """Return the Extractor of diffusion-map coordinates.

    ``floor`` is the least 1 − λ, as a share of that of the last vector: parts of the pool that are hardly connected are
    then a finite distance apart. The cost is that of the neighbours, O(pool² dim), and of sparse eigenvectors. New
    points are interpolated between their neighbours; for a point of the pool this is near its coordinates, not equal.

    With ``shift`` the points are flattened images of ``image`` (ny, nx) pixels, and the distance to a neighbour is the
    least one over shifts of up to ``shift`` whole pixels along both axes. Pixels at the edges are repeated. A shift of
    1 pixel tries 9 shifts, and the neighbours cost 9 times as much. A shift of 0 is the Euclidean distance.

    ValueError for less than one vector or neighbour, for a shift that is no whole number of pixels, as large as the
    image or without ``image``, for images of another size, and for a pool of no more than ``neighbours`` + 1 points.
    """
    vectors, neighbours = given.whole(vectors, "vectors"), given.whole(neighbours, "neighbours")
    floor = given.number(floor, "floor")
    if vectors < 1 or neighbours < 1 or not floor > 0:
        raise ValueError(f"vectors={vectors}, neighbours={neighbours}, floor={floor}: expected positive numbers")
    shift = given.whole(shift, "shift", 0)
    if image is not None:
        sides: tuple[int, int] = options.option(image, "image", tuple[int, int])
        if min(sides) < 1:
            raise ValueError(f"image={sides}: an image has at least 1 pixel along each axis")
        if shift >= min(sides):
            raise ValueError(f"shift={shift}: nothing is left of images of {sides} pixels; 1 or 2 pixels are usual")
        image = sides
    elif shift:
        raise ValueError(f"shift={shift} without image: give the shape (ny, nx) of the images as image")

    def learn(key, pool):
        del key
        diffused = diffuse(pool, vectors, neighbours, floor, image, shift)
        return diffused, diffused.coordinates

    return Extractor(name, learn, lambda params, x: extend(params, x, neighbours, image, shift))


def diffuse(
    pool: np.ndarray,
    vectors: int,
    neighbours: int,
    floor: float,
    image: tuple[int, int] | None = None,
    shift: int = 0,
) -> Diffusion:
    """Compute the coordinates [pool vectors] of a pool; fewer vectors where the pool is too small for them."""
    size = len(pool)
    if size <= neighbours + 1:
        raise ValueError(f"{size} points have no {neighbours} neighbours each: give a larger pool or ask for fewer")
    if image is not None and image[0] * image[1] != pool.shape[1]:
        raise ValueError(f"the pool has {pool.shape[1]} values a point; images of {image} have {image[0] * image[1]}")
    centre = pool.mean(0)
    spread = float(np.abs(pool - centre).max()) or 1.0
    pool = (pool - centre) / spread  # distances of small units, or far from 0, would be lost to rounding
    distance, near = neighbours_of(pool, neighbours, mean_image(centre, spread), image, shift)
    tiny = np.finfo(float).eps
    bandwidth = np.maximum(distance[:, -1], tiny)
    weight = np.exp(-(distance**2) / (bandwidth[:, None] * bandwidth[near]))
    graph = coo_matrix((weight.ravel(), (np.repeat(np.arange(size), neighbours), near.ravel())), (size, size)).tocsr()
    graph = graph.maximum(graph.T) + identity(size)
    density = np.asarray(graph.sum(1)).ravel()
    graph = diags(1 / density) @ graph @ diags(1 / density)
    row = np.asarray(graph.sum(1)).ravel()
    walk = diags(row**-0.5) @ graph @ diags(row**-0.5)
    wanted = min(vectors, size - 2)
    # the constant eigenvector is known and is removed, because a pool in parts has several eigenvalues of 1
    constant = np.sqrt(row / row.sum())
    deflated = aslinearoperator(walk) - aslinearoperator(constant[:, None]) @ aslinearoperator(constant[None])
    value, vector = eigsh(deflated, k=wanted, which="LA", v0=np.cos(np.arange(size)))  # the same start for every run
    order = np.argsort(-value)
    value, vector = np.clip(value[order], 1e-6, 1), vector[:, order] * (row**-0.5 * np.sqrt(row.sum()))[:, None]
    vector = vector * np.sign(vector[np.abs(vector).argmax(0), np.arange(wanted)])
    gap = 1 - value
    gap = np.maximum(gap, max(floor * gap[-1], np.finfo(float).eps))
    coordinates = vector / np.sqrt(gap)
    length = np.maximum(np.linalg.norm(coordinates, axis=1, keepdims=True), np.finfo(float).tiny)
    return Diffusion(centre, spread, pool, bandwidth, density, coordinates / length, coordinates / value)


def neighbours_of(
    pool: np.ndarray, neighbours: int, mean: np.ndarray, image: tuple[int, int] | None, shift: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the least distances [pool neighbours] of all points to their nearest neighbours, and these, as rows.

    Each shifted copy of the pool names its nearest points. The nearest over all shifts are among them.
    """
    search = NearestNeighbors(n_neighbors=neighbours + 1).fit(pool)
    if not shift or image is None:
        distance, near = search.kneighbors(pool)
        return distance[:, 1:], near[:, 1:]
    own = np.arange(len(pool))[:, None]
    distance, near = np.full((len(pool), neighbours), np.inf), np.tile(own, neighbours)
    move = jax.jit(shifted, static_argnums=2)
    for offset in offsets_of(shift):
        copy = np.asarray(move(jnp.asarray(pool + mean[None]), jnp.asarray(offset), image), float) - mean[None]
        found, rows = search.kneighbors(copy)
        distance, near = np.concatenate([distance, found], 1), np.concatenate([near, rows], 1)
        order = np.lexsort((distance, near))  # by neighbour, the least distance of each first
        distance, near = np.take_along_axis(distance, order, 1), np.take_along_axis(near, order, 1)
        again = np.concatenate([own < 0, near[:, 1:] == near[:, :-1]], 1)
        distance[again | (near == own)] = np.inf
        order = np.argsort(distance, 1, kind="stable")[:, :neighbours]
        distance, near = np.take_along_axis(distance, order, 1), np.take_along_axis(near, order, 1)
    return distance, near


def offsets_of(shift: int) -> np.ndarray:
    """Return all shifts [shift 2] along y and x in pixels."""
    steps = np.arange(-shift, shift + 1)
    return np.stack(np.meshgrid(steps, steps, indexing="ij"), -1).reshape(-1, 2)


def mean_image(centre: Any, spread: Any) -> Any:
    """Return the pool's mean image in units of its spread, around its mean value: what ``centre`` took from images."""
    return (centre - centre.mean()) / spread


def shifted(x: Float[Array, "n dim"], offset: Int[Array, "2"], image: tuple[int, int]) -> Float[Array, "n dim"]:
    """Shift flattened images by ``offset`` pixels down and to the right, with the pixels at the edges repeated."""
    rows, columns = (jnp.clip(jnp.arange(side) - step, 0, side - 1) for side, step in zip(image, offset, strict=True))
    return x.reshape(-1, *image)[:, rows][:, :, columns].reshape(x.shape)


def extend(
    diffused: Diffusion,
    x: Float[Array, "n dim"],
    neighbours: int,
    image: tuple[int, int] | None = None,
    shift: int = 0,
) -> Float[Array, "n vectors"]:
    """Compute the coordinates of points outside the pool by Nyström's extension.

    They are continuous except where the nearest neighbours change.
    """
    mean = jnp.asarray(mean_image(diffused.centre, diffused.spread), x.dtype)
    x = (x - jnp.asarray(diffused.centre, x.dtype)[None]) / diffused.spread
    pool, bandwidth, density, extend = (
        jnp.asarray(part, x.dtype) for part in (diffused.pool, diffused.bandwidth, diffused.density, diffused.extend)
    )

    def nearest(point):
        square = jnp.sum((pool - point[None]) ** 2, axis=1)
        _, near = jax.lax.top_k(-square, neighbours)
        return square[near], near

    def nearest_shifted(image, point):
        offsets, still = jnp.asarray(offsets_of(shift)), jax.lax.stop_gradient(point)

        def squares(point, offset, rows):
            moved = shifted((point + mean)[None], offset, image)[0] - mean
            return jnp.sum((rows - moved[None]) ** 2, axis=1)

        def closer(best, offset):
            square = squares(still, offset, pool)
            least = square < best[0]
            return (jnp.where(least, square, best[0]), jnp.where(least[:, None], offset[None], best[1])), None

        start = jnp.full(len(pool), jnp.inf, x.dtype), jnp.zeros((len(pool), 2), offsets.dtype)
        (square, offset), _ = jax.lax.scan(closer, start, offsets)
        _, near = jax.lax.top_k(-square, neighbours)
        # once more for the nearest, because their gradients are wanted, and not those of the whole pool and all shifts
        return jax.vmap(lambda offset, row: squares(point, offset, row[None])[0])(offset[near], pool[near]), near

    def coordinates_of(point):
        square, near = (nearest if image is None or not shift else partial(nearest_shifted, image))(point)
        width = jnp.sqrt(jnp.maximum(jnp.max(square), jnp.finfo(x.dtype).tiny ** 0.5))
        weight = jnp.exp(-square / (width * bandwidth[near])) / density[near]
        coordinates = weight @ extend[near]
        return coordinates / jnp.sqrt(jnp.sum(coordinates**2) + jnp.finfo(x.dtype).tiny ** 0.5)

    return jax.lax.map(coordinates_of, x, batch_size=64)


def distilled(
    extractor: Extractor, network: Any, *, steps: int = 1500, rate: float = 3e-3, batch: int = 256
) -> Extractor:
    """Return the Extractor of the same features by a ``network`` (init, apply) that is trained to reproduce them.

    Features of new points are then smooth, with gradients everywhere, and cheap; the pool keeps the exact features.
    ``network.apply`` maps [n dim] to [n features]. Inputs are standardised as a whole, outputs column by column. Adam
    takes ``steps`` steps at ``rate``, on ``batch`` points each.
    """

    def learn(key, pool):
        _, features = extractor.fit(key, pool)
        centre, spread = pool.mean(0), np.sqrt(pool.var(0).sum() / pool.shape[1])
        middle, scale = features.mean(0), features.std(0)
        scale = np.where(scale > 0, scale, 1)
        x = jnp.asarray((pool - centre) / (spread if spread > 0 else 1), jnp.float32)
        y = jnp.asarray((features - middle) / scale, jnp.float32)
        weight = jnp.asarray(scale**2 / np.sum(scale**2), jnp.float32)
        key_init, key_steps = jax.random.split(jax.random.fold_in(key, 1))
        optimiser = optax.adam(optax.cosine_decay_schedule(rate, steps))

        @jax.jit
        def train(params):
            def step(carry, key):
                params, state = carry
                rows = jax.random.choice(key, x.shape[0], (min(batch, x.shape[0]),))

                def loss(params):
                    return jnp.mean(((network.apply(params, x[rows]) - y[rows]) ** 2) @ weight)

                updates, state = optimiser.update(jax.grad(loss)(params), state, params)
                return (optax.apply_updates(params, updates), state), None

            carry = params, optimiser.init(params)
            return jax.lax.scan(step, carry, jax.random.split(key_steps, steps))[0][0]

        return (centre, spread if spread > 0 else 1.0, middle, scale, train(network.init(key_init))), features

    def apply(params, x):
        centre, spread, middle, scale, weights = params
        inputs = (x - jnp.asarray(centre, x.dtype)[None]) / spread
        out = network.apply(weights, inputs.astype(jnp.float32)).astype(x.dtype)
        return out * jnp.asarray(scale, x.dtype)[None] + jnp.asarray(middle, x.dtype)[None]

    return Extractor(extractor.name, learn, apply)
