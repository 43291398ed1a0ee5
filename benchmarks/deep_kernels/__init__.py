"""Deep kernels on seven tasks beside plain Gaussian processes, GPyTorch and gpax.

Command: ``python -m benchmarks.deep_kernels.comparison``.
"""

__all__ = ["comparison", "gpax_side", "gpytorch_side", "methods", "parts", "tasks"]
