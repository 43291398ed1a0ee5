"""GPJax kernels from a short expression, with priors, built inside jit. Importing this starts the XLA backend.

    "matern52"                      one kernel on all inputs
    "rbf + periodic"                sums and products, with Python's precedence and parentheses
    "matern52[0, 1] * periodic[2]"  a kernel of some of the inputs only
    "matern52[0] * hamming[1, 2]"   inputs 1 and 2 are codes of unordered categories (``bo.Space`` writes such)

Every kernel has a lengthscale (one per input with ARD) and a variance, except within a product after its first factor,
because a second variance would only multiply the first. periodic has a period, the rational quadratic (rq) an alpha.
"""

import ast
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import gpjax as gpx
import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from gpjax.kernels.base import AbstractKernel, CombinationKernel, ProductKernel, SumKernel, val
from gpjax.kernels.stationary.base import StationaryKernel
from jaxtyping import Array, Float

from bo.surrogates import hamming
from bo.surrogates.hyperparameters import Hyperparameter, log_normal

KERNELS: dict[str, Any] = {
    "rbf": gpx.kernels.RBF,
    "matern12": gpx.kernels.Matern12,
    "matern32": gpx.kernels.Matern32,
    "matern52": gpx.kernels.Matern52,
    "rq": gpx.kernels.RationalQuadratic,
    "periodic": gpx.kernels.Periodic,
    "hamming": hamming.Hamming,
}
_OF_DISTANCE = tuple(kind for name, kind in KERNELS.items() if name not in ("periodic", "hamming"))
PRIORS = ("shared", "saas")  # of lengthscales, by name
_COMMON = 0.9  # share of the variance of log lengthscales that "shared" gives to the number common to all inputs
_FEW = 8  # inputs whose terms are written out one by one
LogNormal = tuple[float, float]


class Kernel(NamedTuple):
    """A covariance function whose hyperparameters are not chosen yet.

    priors (dim) -> tree of Hyperparameters
    build  (natural values of that tree) -> GPJax kernel
    """

    priors: Callable[[int], Any]
    build: Callable[[Any], AbstractKernel]


class Leaf(NamedTuple):
    """One kernel of an expression, on the inputs ``dims`` (all if None); with ``unit`` its variance is fixed to 1."""

    name: str
    dims: tuple[int, ...] | None
    unit: bool


class Pair(NamedTuple):
    """Sum or product of two parts of an expression; ``combine`` is GPJax's SumKernel or ProductKernel."""

    combine: Any
    left: Any
    right: Any


def parse(expression: str) -> Leaf | Pair:
    """Parse an expression to a tree; ValueError says which part is no kernel."""
    try:
        return _read(ast.parse(expression.strip(), mode="eval").body, False)
    except (SyntaxError, ValueError) as error:
        raise ValueError(
            f"kernel is {expression!r}: {error}; expected names of {sorted(KERNELS)} joined by + and *, each on all "
            "inputs or on some, as in 'matern52[0, 1] * periodic[2]'"
        ) from None


def _read(node: ast.expr, unit: bool) -> Leaf | Pair:
    match node:
        case ast.BinOp(left, ast.Add(), right):
            return Pair(SumKernel, _read(left, unit), _read(right, False))
        case ast.BinOp(left, ast.Mult(), right):
            return Pair(ProductKernel, _read(left, unit), _read(right, True))
        case ast.Name(name) if name in KERNELS:
            return Leaf(name, None, unit)
        case ast.Subscript(ast.Name(name), inputs) if name in KERNELS:
            dims = ast.literal_eval(inputs)
            dims = dims if isinstance(dims, tuple) else (dims,)
            if not dims or not all(isinstance(d, int) and d >= 0 for d in dims) or len(set(dims)) < len(dims):
                raise ValueError(f"[{ast.unparse(inputs)}] are no distinct input numbers")
            return Leaf(name, dims, unit)
    raise ValueError(f"{ast.unparse(node)!r} is no kernel")


def leaves(tree: Leaf | Pair) -> tuple[Leaf, ...]:
    """Kernels of an expression from left to right, which is the order of their hyperparameters."""
    return (tree,) if isinstance(tree, Leaf) else leaves(tree.left) + leaves(tree.right)


def kernel(
    expression: str,
    *,
    ard: bool = True,
    lengthscale: LogNormal | str | None = None,
    variance: LogNormal = (0.0, 1.0),
    table: dict[str, Any] = KERNELS,
) -> Kernel:
    """Return the ``Kernel`` of an expression; its hyperparameters are a tuple of dicts, one per leaf.

    Priors are (location, scale) of the logarithm. That of the lengthscale grows with the leaf's number of inputs,
    LogNormal(√2 + ½ ln dim, √3) (Hvarfner et al. 2024), unless one is given. A periodic kernel's lengthscale has
    LogNormal(½ ln dim, 1), because it divides a sine. That of categories always has LogNormal(ln dim, 1), because it
    divides a number of inputs that differ. Two words ask for another prior and need ARD. With ``"shared"`` the
    lengthscales of a leaf are common · relative, and nine tenths of the variance of their logarithms belong to
    ``common``: few data decide about one number, and only more data tell the inputs apart. The mode of ``relative`` is
    1. ``"saas"`` makes all inputs irrelevant until the data say otherwise: 1/lengthscale² = shrinkage · relevance, both
    half-Cauchy, the first of scale 0.1 (Eriksson & Jankowiak 2021); it needs a fit by sampling. ValueError for an input
    number beyond the data's dimension.
    """
    tree = parse(expression)

    def priors(dim):
        return tuple(_priors(leaf, dim, ard, lengthscale, variance) for leaf in leaves(tree))

    def build(params):
        return _build(tree, iter(params), table)

    return Kernel(priors, build)


def _priors(leaf: Leaf, dim: int, ard: bool, lengthscale: Any, variance: LogNormal) -> dict[str, Hyperparameter]:
    if leaf.dims is not None and max(leaf.dims) >= dim:
        raise ValueError(f"{leaf.name}{list(leaf.dims)} needs input {max(leaf.dims)}; the data have 0..{dim - 1}")
    inputs = dim if leaf.dims is None else len(leaf.dims)
    shape = (inputs,) if ard else ()
    hyperparameters = {}
    if leaf.name == "hamming":
        location = math.log(inputs)
        hyperparameters["lengthscale"] = Hyperparameter(log_normal(location, 1.0, shape), (location, 0.5))
    elif lengthscale == "saas":
        hyperparameters["shrinkage"] = Hyperparameter(dist.HalfCauchy(0.1), (-2.3, 0.5))
        hyperparameters["relevance"] = Hyperparameter(dist.HalfCauchy(1.0).expand(shape), (1.0, 1.5))
    else:
        sine = leaf.name == "periodic"
        default = (0.5 * math.log(inputs), 1.0) if sine else (2.0**0.5 + 0.5 * math.log(inputs), 3.0**0.5)
        start = (0.0, 0.5) if sine else (-1.5, 1.0)
        location, scale = default if lengthscale in (None, "shared") else lengthscale
        if lengthscale == "shared":
            own = (1 - _COMMON) * scale**2
            hyperparameters["common"] = Hyperparameter(log_normal(location, _COMMON**0.5 * scale), start)
            hyperparameters["relative"] = Hyperparameter(log_normal(own, own**0.5, shape), (0.0, 0.3))
        else:
            hyperparameters["lengthscale"] = Hyperparameter(log_normal(location, scale, shape), start)
    if not leaf.unit:
        hyperparameters["variance"] = Hyperparameter(log_normal(*variance), (0.0, 0.5))
    if leaf.name == "periodic":
        hyperparameters["period"] = Hyperparameter(log_normal(-0.7, 0.7), (-0.7, 0.7))
    if leaf.name == "rq":
        hyperparameters["alpha"] = Hyperparameter(log_normal(0.0, 1.0), (0.0, 0.5))
    return hyperparameters


def _build(tree: Leaf | Pair, params: Iterator[dict[str, Array]], table: dict[str, Any]) -> AbstractKernel:
    if isinstance(tree, Pair):
        return tree.combine(kernels=[_build(tree.left, params, table), _build(tree.right, params, table)])
    values = dict(next(params))
    if "shrinkage" in values:
        values["lengthscale"] = 1 / jnp.sqrt(values.pop("shrinkage") * values.pop("relevance"))
    if "common" in values:
        values["lengthscale"] = values.pop("common") * values.pop("relative")
    if tree.unit:
        values["variance"] = jnp.ones((), values["lengthscale"].dtype)
    return table[tree.name](active_dims=None if tree.dims is None else list(tree.dims), **values)


def cross(kernel: AbstractKernel, x: Float[Array, "n dim"], y: Float[Array, "m dim"]) -> Float[Array, "n m"]:
    """Evaluate k(x, y) for all pairs; matrices of a sum are added whole: GPJax would stack them pair by pair."""
    if isinstance(kernel, CombinationKernel):
        parts = [cross(part, x, y) for part in kernel.kernels]
        total = parts[0]
        for part in parts[1:]:
            total = total + part if isinstance(kernel, SumKernel) else total * part
        return total
    if isinstance(kernel, hamming.Hamming):
        return hamming.cross(kernel, x, y)
    if isinstance(kernel, StationaryKernel) and type(kernel) in _OF_DISTANCE:
        scaled = [kernel.slice_input(z) / jnp.reshape(val(kernel.lengthscale), (1, -1)) for z in (x, y)]
        if scaled[0].shape[1] <= _FEW:
            return _of_distance(kernel, *map(jnp.asarray, scaled))
    return jnp.asarray(kernel.cross_covariance(x, y))


def _of_distance(kernel: Any, x: Float[Array, "n dim"], y: Float[Array, "m dim"]) -> Float[Array, "n m"]:
    """Evaluate the kernel of inputs in units of the lengthscale, by the same kernel on a line.

    The terms of the squared distance are written out, because XLA is slow at sums over a short last axis on a CPU: the
    matrix takes half the time.
    """
    square = sum((jnp.square(x[:, None, i] - y[None, :, i]) for i in range(x.shape[1])), start=jnp.zeros((), x.dtype))
    distance = jnp.sqrt(jnp.maximum(square, 1e-36))
    more = {"alpha": kernel.alpha} if hasattr(kernel, "alpha") else {}
    line = type(kernel)(lengthscale=jnp.ones((), x.dtype), variance=kernel.variance, n_dims=1, **more)
    origin = jnp.zeros(1, x.dtype)
    return jax.vmap(jax.vmap(lambda r: jnp.asarray(line(r[None], origin))))(distance)


def diagonal(kernel: AbstractKernel, x: Float[Array, "n dim"]) -> Float[Array, "n"]:
    """Evaluate k(x, x) point by point."""
    return jax.vmap(lambda point: jnp.asarray(kernel(point, point)))(x)
