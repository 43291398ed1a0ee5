"""Hyperparameters in natural units and the flat vector that optimisers and samplers move in."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jaxtyping import Array
from numpyro.distributions import Distribution, biject_to

_DRAWS = 101  # draws of a prior whose median is the first start, where no better one is given


class Hyperparameter(NamedTuple):
    """A prior, and where optimisation starts: (centre, spread) of a normal on the unconstrained axis.

    Without ``start``, the first start is the prior's median and the others are draws from the prior.
    """

    prior: Distribution
    start: tuple[float, float] | None = None


class Layout(NamedTuple):
    """How a tree of hyperparameters lies in a vector of ``size`` unconstrained numbers.

    constrain   (theta) -> tree in natural units
    unconstrain (tree) -> theta
    log_prior   (theta) -> (log density of the natural values, log |d natural / d theta|); their sum is the density
                of theta, the first alone has its mode where the natural parameters have theirs
    starts      (key, count) -> theta of each start, F["count size"]
    """

    size: int
    constrain: Callable[[Array], Any]
    unconstrain: Callable[[Any], Array]
    log_prior: Callable[[Array], tuple[Array, Array]]
    starts: Callable[[Array, int], Array]


def layout(tree: Any, dtype: Any) -> Layout:
    """Return the layout of a tree with ``Hyperparameter`` leaves; supports map to the real axis by ``biject_to``."""
    leaves, structure = jax.tree.flatten(tree, is_leaf=lambda leaf: isinstance(leaf, Hyperparameter))
    transforms = [biject_to(leaf.prior.support) for leaf in leaves]
    shapes = [move.inverse_shape(leaf.prior.shape()) for leaf, move in zip(leaves, transforms, strict=True)]
    ends = [0]
    for shape in shapes:
        ends.append(ends[-1] + math.prod(shape))

    def split(theta):
        return [theta[a:b].reshape(shape) for a, b, shape in zip(ends[:-1], ends[1:], shapes, strict=True)]

    def natural(theta):
        return [jnp.asarray(move(part), dtype) for move, part in zip(transforms, split(theta), strict=True)]

    def constrain(theta):
        return jax.tree.unflatten(structure, natural(theta))

    def unconstrain(values):
        values = structure.flatten_up_to(values)
        return flat(move.inv(jnp.asarray(value)) for move, value in zip(transforms, values, strict=True))

    def log_prior(theta):
        density = volume = jnp.zeros((), dtype)
        for leaf, move, part, value in zip(leaves, transforms, split(theta), natural(theta), strict=True):
            density += jnp.sum(leaf.prior.log_prob(value)).astype(dtype)
            volume += jnp.sum(move.log_abs_det_jacobian(part, value)).astype(dtype)
        return density, volume

    def starts(key, count):
        # one draw for all columns, because each generator of random numbers has to be compiled
        normal = jax.random.normal(key, (count, ends[-1]), dtype).at[0].set(0)
        columns = []
        for place, (leaf, move) in enumerate(zip(leaves, transforms, strict=True)):
            if leaf.start is None:
                draws = jax.vmap(move.inv)(leaf.prior.sample(jax.random.fold_in(key, place), (max(count, _DRAWS),)))
                column = draws[:count].at[0].set(jnp.median(draws, axis=0)).reshape(count, -1).astype(dtype)
            else:
                centre, spread = leaf.start
                column = centre + spread * normal[:, ends[place] : ends[place + 1]]
            columns.append(column)
        return jnp.concatenate(columns, axis=1)

    def flat(parts):
        return jnp.concatenate([jnp.ravel(part).astype(dtype) for part in parts])

    return Layout(ends[-1], constrain, unconstrain, log_prior, starts)


def log_normal(location: float, scale: float, shape: tuple[int, ...] = ()) -> dist.Distribution:
    """Return LogNormal(location, scale), independent over ``shape``; both are those of the logarithm."""
    return dist.LogNormal(location, scale).expand(shape)
