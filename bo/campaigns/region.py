"""What a campaign needs of the points it may propose: their units, the initial design, raw points, the maximiser.

A box of reals and a space of mixed inputs each have such a region; ``bo.campaigns.box`` is written in its terms.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import jax.numpy as jnp
from jaxtyping import Array, Float

from bo.campaigns import maximise, mixed
from bo.campaigns.maximise import around_best, shifted, sobol
from bo.campaigns.records import BoxConfig
from bo.data import Data
from bo.inputs import inward
from bo.space import Space


class Raw(Protocol):
    """Return raw points of one step, F["raw dim"] in the cube, with the context columns as ``given`` in the cube."""

    def __call__(self, key: Array, key_local: Array, data: Data, given: Any, /) -> Float[Array, "raw dim"]: ...


class Region(NamedTuple):
    """The points of a campaign over a box or a space; those of the cube are in the surrogate's precision.

    space      None for a box of reals
    bounds     F["dim 2"] in the user's units
    to_cube    (x F["... dim"] in the user's units) -> the same in the unit cube
    from_cube  the inverse, with integers and codes whole
    design     (key) -> F["initial_points dim"] in the cube
    raw        raw points of a step
    filling    F["filling dim"] in the cube: points that stand for the whole region
    maximise   (score, raw) -> F["dim"] in the cube, the best point found, and B[""], whether any point has a score
    """

    space: Space | None
    bounds: Float[Array, "dim 2"]
    to_cube: Callable[[Array], Array]
    from_cube: Callable[[Array], Array]
    design: Callable[[Array], Array]
    raw: Raw
    filling: Float[Array, "filling dim"]
    maximise: Callable[[Callable[[Array], Array], Array], tuple[Array, Array]]


def _check_config(config: Any) -> None:
    if not isinstance(config, BoxConfig):
        raise ValueError(f"config is a {type(config).__name__}; expected a bo.BoxConfig, because this is a box")


def of_reals(bounds: Any, config: BoxConfig, dtype: Any) -> Region:
    """Return the region between the two columns of ``bounds``, (dim, 2); ValueError for another config."""
    _check_config(config)
    edges = jnp.asarray(inward(bounds, dtype))
    low, high = edges.T
    dim = low.shape[0]
    spread, filling = (jnp.asarray(sobol(dim, size), dtype) for size in (config.initial_points, config.raw_points))

    def raw(key, key_local, data, given):
        del given
        return jnp.concatenate(
            [shifted(key, filling), around_best(key_local, data, config.local_points, config.leaders)]
        )

    return Region(
        space=None,
        bounds=edges,
        to_cube=lambda x: (x - _along(low, x)) / _along(high - low, x),
        from_cube=lambda x: jnp.clip(_along(low, x) + _along(high - low, x) * x, _along(low, x), _along(high, x)),
        design=lambda key: shifted(key, spread),
        raw=raw,
        filling=filling,
        maximise=lambda score, raw: maximise.maximise(
            score, raw, config.raw_points, starts=config.starts, iterations=config.iterations
        ),
    )


def of_space(space: Space, config: BoxConfig, dtype: Any) -> Region:
    """Return the region of a space; ValueError for another config, and if its constraints leave no room."""
    _check_config(config)
    parts = mixed.mixed(space, config.raw_points, dtype)
    spread = jnp.asarray(sobol(len(space.inputs), config.initial_points), dtype)

    def raw(key, key_local, data, given):
        return mixed.raw_points(
            parts, key, key_local, data, config.raw_points, config.local_points, config.leaders, given
        )

    return Region(
        space=space,
        bounds=jnp.asarray(inward(space.bounds, dtype)),
        to_cube=space.to_cube,
        from_cube=space.from_cube,
        design=lambda key: mixed.design(parts, key, spread),
        raw=raw,
        filling=parts.filling[: config.raw_points],
        maximise=lambda score, raw: mixed.maximise(
            parts, score, raw, config.raw_points, starts=config.starts, iterations=config.iterations
        ),
    )


def _along(row: Float[Array, "dim"], x: Float[Array, "*rows dim"]) -> Float[Array, "*rows dim"]:
    """Return a row once for each row of x."""
    return jnp.broadcast_to(row, x.shape)
