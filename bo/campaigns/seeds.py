"""Many seeds of one function over the devices, and the processes, of a mesh.

Left to itself, XLA's partitioner gathers the operands of factorisations on every device. So the seed axis, and nothing
else, is sharded, and each device runs the vmapped function on its own share (``shard_map``): no communication at all.
"""

from typing import Any

import jax
from jax.sharding import Mesh, NamedSharding

from bo.campaigns.records import Campaign, Info, State
from bo.campaigns.running import run
from bo.devices import lanes, over_mesh


def run_seeds(
    keys: jax.Array, campaign: Campaign, *, side_by_side: int | None = None, **options: Any
) -> tuple[State, Info]:
    """``campaign.run`` of every key, as one program: state and Info with a leading seed axis, sharded as ``keys`` are.

    ``side_by_side`` campaigns advance together on each device, by default all of its share; the next follow when they
    are done. Each holds a posterior of evaluations × pool numbers: over a large pool one at a time is the cheapest on
    a CPU; over small pools and on accelerators it is many. Keys that carry a NamedSharding
    (``place(keys, mesh_of())``) are computed where they lie; others on one device.
    ``options`` are those of ``run``. ValueError for a sharding over more than one axis of a mesh.
    """
    sharding = keys.sharding

    def one(key):
        return run(key, campaign, **options)

    if not isinstance(sharding, NamedSharding):
        return jax.jit(lanes(one, side_by_side))(keys)
    mesh = sharding.mesh
    if not isinstance(mesh, Mesh) or len(mesh.axis_names) != 1 or len(sharding.spec) != 1 or sharding.spec[0] is None:
        raise ValueError(f"keys are sharded as {sharding.spec} over {mesh}; expected place(keys, mesh_of(devices))")
    return over_mesh(one, mesh, side_by_side)(keys)
