"""Campaigns over pools and boxes: their records, how they run, how they are saved and asked from outside."""

__all__ = [
    "assembly",
    "batch",
    "box",
    "calibration",
    "checkpoint",
    "failures",
    "keys",
    "maximise",
    "points",
    "pool",
    "protocols",
    "records",
    "resumable",
    "rules",
    "running",
    "seeds",
    "session",
]
