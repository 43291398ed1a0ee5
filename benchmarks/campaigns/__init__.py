"""Campaigns: the cost of the reference job, and BoTorch from the same starts.

Commands: ``python -m benchmarks.campaigns.pool_campaign`` and ``….against_botorch``.
"""

__all__ = ["against_botorch", "botorch_side", "functions", "landscape", "pool_campaign"]
