"""The rollout behind ``dynamics.run``: many lattices side by side, the batch as the last axis of every array.

``terms`` has the coefficients of the force, what drives it and the sums over neighbours. ``placement`` says how sites
stand in memory: for gathers, or for the slices of ``slices``. ``synchronous`` builds an ``Update`` (defined in
``update``) for each of the two; ``random_subset`` (gathers of the moving sites, by the index tables of ``subsets``) and
``masked_subset`` (slices of all sites, and masks) build the other two, and ``choice`` takes one of the four by shape.
``kernel`` loops over the steps of an update, ``adjoint`` does the same with a backward pass written by hand;
``observe`` and ``noise`` bring the user's observations and thermal noise into the loop; ``folding`` makes a batch-last
function vmappable, and ``batching`` puts all of it together.
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
