"""Acquisition functions: which point is worth evaluating next. ``bo.acquisitions.base`` shows how to write one."""

__all__ = ["analytic", "base", "combined", "fidelity", "front", "generative", "lookahead", "weights"]
