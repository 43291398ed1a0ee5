"""The rollout behind ``dynamics.run``: many lattices side by side, the batch as the last axis of every array.

``terms`` has the coefficients of the force and the sums over neighbours; ``synchronous`` and ``random_subset`` each
build an ``Update`` (defined in ``update``), and ``subsets`` the index tables of the second; ``kernel`` loops over the
steps of an update, ``adjoint`` does the same with a backward pass written by hand; ``observe`` and ``noise`` bring the
user's observations and thermal noise into the loop; ``folding`` makes a batch-last function vmappable, and ``batching``
puts all of it together.
"""

__all__ = [
    "adjoint",
    "batching",
    "choice",
    "folding",
    "kernel",
    "masked_subset",
    "noise",
    "observe",
    "placement",
    "random_subset",
    "slices",
    "subsets",
    "synchronous",
    "terms",
    "update",
]
