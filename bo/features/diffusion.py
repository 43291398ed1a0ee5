"""Diffusion-map coordinates of a pool: where its points lie on the manifold that they fill.

Coifman & Lafon 2006 with α = 1 (the density is divided out) on a graph of nearest neighbours, whose bandwidth is set by
the neighbours' distances (Zelnik-Manor & Perona 2004). Eigenvectors are weighted by (1 − λ)^−½, which gives the
diffusion distance summed over all times. Each point's coordinates are then divided by their length (Ng, Jordan & Weiss
2001), because those of small, remote groups are many times longer than all others and would dominate every distance.
New points get their coordinates by Nyström's extension, ψ(x) = λ⁻¹ Σ_j p(x → j) ψ_j.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float
from scipy.sparse import coo_matrix, diags, identity
from scipy.sparse.linalg import aslinearoperator, eigsh
from sklearn.neighbors import NearestNeighbors

from bo.features.base import Extractor


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


def diffusion(vectors: int = 40, *, neighbours: int = 10, floor: float = 0.02, name: str = "diffusion") -> Extractor:
    """Return the Extractor of diffusion-map coordinates.

    ``floor`` is the least 1 − λ, as a share of that of the last vector: parts of the pool that are hardly connected are
    then a finite distance apart. The cost is that of the neighbours, O(pool² dim), and of sparse eigenvectors.
    ValueError for less than one vector or neighbour, and for a pool of no more than ``neighbours`` + 1 points.
    """
    if vectors < 1 or neighbours < 1 or not floor > 0:
        raise ValueError(f"vectors={vectors}, neighbours={neighbours}, floor={floor}: expected positive numbers")

    def learn(key, pool):
        del key
        diffused = diffuse(pool, vectors, neighbours, floor)
        return diffused, diffused.coordinates

    return Extractor(name, learn, lambda params, x: extend(params, x, neighbours))


def diffuse(pool: np.ndarray, vectors: int, neighbours: int, floor: float) -> Diffusion:
    """Compute the coordinates [pool vectors] of a pool; fewer vectors where the pool is too small for them."""
    size = len(pool)
    if size <= neighbours + 1:
        raise ValueError(f"{size} points have no {neighbours} neighbours each: give a larger pool or ask for fewer")
    centre = pool.mean(0)
    spread = float(np.abs(pool - centre).max()) or 1.0
    pool = (pool - centre) / spread  # distances of small units, or far from 0, would be lost to rounding
    distance, near = NearestNeighbors(n_neighbors=neighbours + 1).fit(pool).kneighbors(pool)
    distance, near = distance[:, 1:], near[:, 1:]
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


def extend(diffused: Diffusion, x: Float[Array, "n dim"], neighbours: int) -> Float[Array, "n vectors"]:
    """Compute the coordinates of points outside the pool by Nyström's extension.

    They are continuous except where the nearest neighbours change.
    """
    x = (x - jnp.asarray(diffused.centre, x.dtype)[None]) / diffused.spread
    pool, bandwidth, density, extend = (
        jnp.asarray(part, x.dtype) for part in (diffused.pool, diffused.bandwidth, diffused.density, diffused.extend)
    )

    def coordinates_of(point):
        square = jnp.sum((pool - point[None]) ** 2, axis=1)
        _, near = jax.lax.top_k(-square, neighbours)
        square = square[near]
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
