"""Points that satisfy linear constraints: a set that fills what they leave, and the deepest of them.

Everything here is in straight coordinates v = (x − low) / (high − low), in which the constraints are G v ≤ h with rows
of G of length 1; inputs with a logarithmic scale are straight there too.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.optimize import linprog
from scipy.stats import qmc

from bo.space import Space

TRIED = 2**17  # Sobol points that are tried before a walk inside the constraints


def straight(space: Space) -> tuple[Float[np.ndarray, "constraints dim"], Float[np.ndarray, "constraints"]]:
    """Return G and h of the space's constraints."""
    weights, most = space.inequalities()
    low, high = space.bounds.T
    normals = weights * (high - low)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return normals / length, (most - weights @ low) / length[:, 0]


def deepest(space: Space) -> Float[np.ndarray, "dim"]:
    """Return the centre of the largest ball between constraints and bounds; ValueError if there is no room for one."""
    normals, limits = straight(space)
    dim = len(space.inputs)
    faces = np.concatenate([normals, np.eye(dim), -np.eye(dim)])
    distances = np.concatenate([limits, np.ones(dim), np.zeros(dim)])
    faces = np.concatenate([faces, np.ones((len(faces), 1))], axis=1)
    best = linprog(np.append(np.zeros(dim), -1.0), faces, distances, bounds=[(None, None)] * (dim + 1))
    if not best.success or best.x[-1] <= 1e-9:
        raise ValueError(
            "the linear constraints leave no room between the bounds: relax one, or, where a sum must be exact, leave "
            "one input out and bound the sum of the others"
        )
    return best.x[:-1]


def fill(space: Space, number: int, seed: int = 0) -> Float[np.ndarray, "number dim"]:
    """Return ``number`` points of the unit cube that fill what the constraints leave, integers and codes whole.

    Points of a Sobol sequence that satisfy them or, where too few of many do, the ends of random walks inside
    (hit-and-run, Smith 1984). Where integers leave fewer points than asked for, points come more than once. ValueError
    if none is found.
    """
    sequence = qmc.Sobol(len(space.inputs), rng=seed)
    found, tried = [], 0
    while tried < TRIED and sum(map(len, found)) < number:
        block = shared_out(levels_of(space), sequence.random(2**13))
        found.append(block[space.feasible(space.from_cube(block))])
        tried += len(block)
    points = np.concatenate(found)
    if len(points) < number:
        points = np.concatenate([points, walk(space, max(number, 2**10), np.random.default_rng(seed))])
    if not len(points):
        raise ValueError(
            "no point was found that satisfies the linear constraints with whole integers: relax one of them"
        )
    return points[np.arange(number) % len(points)]


def walk(space: Space, number: int, generator: np.random.Generator) -> Float[np.ndarray, "found dim"]:
    """Return the ends of ``number`` random walks inside the constraints, those that are still inside once rounded."""
    normals, limits = straight(space)
    dim = len(space.inputs)
    faces = np.concatenate([normals, np.eye(dim), -np.eye(dim)])
    distances = np.concatenate([limits, np.ones(dim), np.zeros(dim)])
    v = np.tile(deepest(space), (number, 1))
    for _ in range(20 * dim):
        direction = generator.normal(size=v.shape)
        slack, slope = np.maximum(distances - v @ faces.T, 0), direction @ faces.T
        with np.errstate(divide="ignore", invalid="ignore"):
            steps = slack / slope
        forward = np.where(slope > 0, steps, np.inf).min(axis=1)
        back = np.where(slope < 0, steps, -np.inf).max(axis=1)
        v += (back + (forward - back) * generator.random(number))[:, None] * direction
    low, high = space.bounds.T
    x = low + (high - low) * np.clip(v, 0, 1)
    integers = list(space.columns("integer", "category"))
    x[:, integers] = np.round(x[:, integers])
    return space.to_cube(x[space.feasible(x)])


def levels_of(space: Space) -> np.ndarray:
    """Return the number of values of each column, 0 for a real."""
    return np.array([0 if one.kind == "real" else int(one.high - one.low) + 1 for one in space.inputs])


def shared_out(levels: np.ndarray, z: Any) -> Any:
    """Return points of the cube, (n, dim), with equal shares of it as integers and codes; NumPy's or JAX's arrays."""
    xp = np if isinstance(z, np.ndarray) else jnp
    number = xp.broadcast_to(xp.asarray(levels, z.dtype), z.shape)
    share = xp.clip(xp.floor(z * number), 0, xp.maximum(number - 1, 0)) / xp.maximum(number - 1, 1)
    return xp.where(number > 0, share, z)
