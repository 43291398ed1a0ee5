"""Structure and property: the goals on held-out data, the cost of a training beside atomai's ImSpec, columns of frames.

Commands: ``python -m benchmarks.structure.structure_property``, ``python -m benchmarks.structure.columns``,
``python -m benchmarks.structure.small_scans``.
"""

__all__ = ["columns", "imspec_side", "small_scans", "structure_property"]
