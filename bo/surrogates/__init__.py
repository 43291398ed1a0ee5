"""Surrogates: what one is, Gaussian processes, wrappers around any of them, and how well they predict.

A surrogate is a ``base.Surrogate``, a record of pure functions. ``gp``, ``laplace``, ``bayesian``, ``multifidelity``
and ``gradients`` make one on the process of ``process``; ``warped``, ``heteroscedastic`` and ``circular`` work around
any.
"""

__all__ = [
    "base",
    "bayesian",
    "checks",
    "circular",
    "earlier",
    "feasibility",
    "gp",
    "gradients",
    "hamming",
    "held_out",
    "heteroscedastic",
    "hyperparameters",
    "incremental",
    "kernels",
    "laplace",
    "log_noise",
    "mixture",
    "multifidelity",
    "pathwise",
    "process",
    "process_types",
    "warped",
    "wrapping",
]
