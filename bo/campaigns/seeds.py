"""Many seeds of one function over the devices, and the processes, of a mesh.

Left to itself, XLA's partitioner gathers the operands of factorisations on every device. So the seed axis, and nothing
else, is sharded, and each device runs the vmapped function on its own share (``shard_map``): no communication at all.
"""

from functools import partial
from typing import Any

import jax
from jax.sharding import Mesh, NamedSharding

from bo.campaigns.protocols import Campaign
from bo.campaigns.records import Info, State
from bo.campaigns.running import run
from bo.compiling import compiler_options
from bo.devices import lanes, over_mesh
from ferro_jax import values


def run_seeds(
    keys: jax.Array, campaign: Campaign, *, side_by_side: int | None = None, **options: Any
) -> tuple[State, Info]:
    """Run the campaign of every key, as one program: State and Info with a leading seed axis, sharded as ``keys`` are.

    ``side_by_side`` campaigns advance together on each device, by default all of its share; the next follow when they
    are done. Each holds a posterior of evaluations × pool numbers: over a large pool one at a time is the cheapest on
    a CPU; over small pools and on accelerators it is many. Keys that carry a NamedSharding
    (``bo.place(keys, bo.mesh_of())``) are computed where they lie; others on one device.
    It compiles with ``bo.compiler_options()``. A simulator in the objective runs up to a quarter slower with them:
    where that costs more than ten seconds of compilation, write ``jax.jit(jax.vmap(...))`` of ``bo.run`` yourself.
    ``options`` are those of ``bo.run``. ValueError for a ``side_by_side`` below 1, and for a sharding over more than
    one axis of a mesh.
    """
    keys = values.key(keys, "keys")
    side_by_side = None if side_by_side is None else values.whole(side_by_side, "side_by_side", 1)
    if keys.ndim != 1 or not keys.size:
        raise ValueError(f"keys have shape {keys.shape}; expected (seeds,): jax.random.split(jax.random.key(0), 16)")
    member = partial(run, campaign=campaign, **options)
    sharding = keys.sharding
    if not isinstance(sharding, NamedSharding):
        return jax.jit(lanes(member, side_by_side), compiler_options=compiler_options())(keys)
    mesh = sharding.mesh
    if not isinstance(mesh, Mesh) or len(mesh.axis_names) != 1 or len(sharding.spec) != 1 or sharding.spec[0] is None:
        raise ValueError(f"keys are sharded as {sharding.spec} over {mesh}; expected bo.place(keys, bo.mesh_of())")
    return over_mesh(member, mesh, side_by_side, compiler_options())(keys)
