"""The lattice: rates against C, numba, NumPy and naive JAX (``rollout``), gradients, and the ground-truth map.

Commands: ``python -m benchmarks.simulator.rollout``, ``….sizes`` (every size of lattice), ``….lattice_map`` and
``….fused_kernel`` (the last one on a GPU).
"""

__all__ = [
    "c_kernel",
    "cases",
    "compiler",
    "fused_kernel",
    "gradient_report",
    "gradients",
    "lattice_map",
    "measurements",
    "numba_loops",
    "plain_rollouts",
    "report",
    "rollout",
    "sizes",
]
