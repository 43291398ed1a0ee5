"""Structure and property: the goals on held-out data, and the cost of a training beside atomai's ImSpec.

Command: ``python -m benchmarks.structure.structure_property``.
"""

__all__ = ["imspec_side", "structure_property"]
