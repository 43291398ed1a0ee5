"""The options of a grid over coupling and depolarization, without JAX, so that ``--help`` starts at once."""

from typing import NamedTuple


class Sweep(NamedTuple):
    """What the grid spans and how each of its cells is driven."""

    preset: str  # set-up whose coupling and depolarization vary
    grid_points: int  # per axis
    coupling_max: float  # the coupling K runs from 0 to this
    depolarization_max: float  # the depolarization strength runs from 0 to this
    steps_per_cycle: int  # time steps of one field cycle
    amplitude: float = 3.0  # largest field of a cycle, in coercive fields of the preset
    cycles: int = 2  # from p = 0; the last is evaluated
