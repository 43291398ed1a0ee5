"""Records of the simulator: parameters, state, a finished simulation, the static configuration of a lattice."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from jax import Array
from jaxtyping import Float, Int

from ferro_jax import options

BOUNDARIES = ("open", "periodic", "grounded")
Scalar = Float[Array, ""] | float  # a Python float is cast to the dtype of the state
UPDATES = ("synchronous", "random_subset")
AXES = ("xy", "y")


class Params(NamedTuple):
    """Numbers of the equation of motion: scalars, all traced, so that any of them may be swept or differentiated.

    Free energy per site ``alpha1 |p|² + alpha2 (px⁴ + py⁴) + alpha3 px² py²``, bonds ``coupling |p − p'|²`` (each
    once), depolarizing field ``−depolarization <p>``, ``dp/dt = −mobility ∂F/∂p``, Euler step ``dt``. With
    ``Lattice(thermal=True)`` a step adds normal noise of variance ``2 mobility thermal_energy dt`` to each component
    (k_B T in units of F: Euler–Maruyama for the overdamped Langevin equation).
    """

    alpha1: Scalar
    alpha2: Scalar
    alpha3: Scalar
    coupling: Scalar
    depolarization: Scalar
    mobility: Scalar
    dt: Scalar
    thermal_energy: Scalar = 0.0


class State(NamedTuple):
    """The state of the lattice after a step. Arrays are ``P[component, row, column]`` with component 0 = x, 1 = y.

    ``visible`` is what neighbours feel and observables use. ``projected`` is ``polarization + dt · (last computed
    rate)``, which is what a site shows while it does not move. Under the synchronous update all three are the same
    array. ``step`` counts the steps done; it selects the random subsets still to come.
    """

    polarization: Float[Array, "2 ny nx"]
    visible: Float[Array, "2 ny nx"]
    projected: Float[Array, "2 ny nx"]
    step: Int[Array, ""] | int


class Patterns(NamedTuple):
    """Fields with a shape in space, each times an amplitude that changes with time (model units): tips, electrodes.

    At step t the site (row, column) feels Σ_k ``amplitude[t, k] · pattern[k, :, row, column]``.
    """

    amplitude: Float[Array, "time k"]
    pattern: Float[Array, "k 2 ny nx"]


class Simulated(NamedTuple):
    """A finished simulation.

    ``state`` is the final state, ``applied`` the field of every observed step (model units), ``observations`` what
    ``observe`` returned at each of these steps, ``residual`` max |dp/dt| over the sites at the end (0 in equilibrium).
    """

    state: State
    applied: Float[Array, "time 2"]
    observations: Any
    residual: Float[Array, ""]


@dataclass(frozen=True)
class Lattice:
    """Static configuration of a lattice: everything that changes a shape or a branch.

    ``boundary``: ``open`` has no bond to a missing neighbour, ``grounded`` counts a missing neighbour as p = 0,
    ``periodic`` wraps. ``update``: ``synchronous`` moves every site at every step, ``random_subset`` a random quarter
    of them (none at step 0, all at step 1). ``clip`` bounds the components that enter the force. ``axes``: with ``y``
    (uniaxial) only py moves and px keeps its start value. ``thermal`` turns on ``Params.thermal_energy``; only for the
    synchronous update. ValueError for a value that is not among these.
    """

    shape: tuple[int, int] = (20, 20)
    boundary: str = "open"
    update: str = "synchronous"
    clip: float | None = None
    axes: str = "xy"
    thermal: bool = False

    def __post_init__(self) -> None:
        options.check_fields(self)
        if self.boundary not in BOUNDARIES:
            raise ValueError(f"boundary={self.boundary!r} is unknown: choose one of {', '.join(BOUNDARIES)}")
        if self.update not in UPDATES:
            raise ValueError(f"update={self.update!r} is unknown: choose one of {', '.join(UPDATES)}")
        if self.axes not in AXES:
            raise ValueError(f"axes={self.axes!r} is unknown: choose one of {', '.join(AXES)}")
        if self.thermal and self.update != "synchronous":
            raise ValueError(
                f"thermal=True with update={self.update!r}: noise is defined for update='synchronous' only, because "
                "a site that does not move has no time to diffuse"
            )
        if min(self.shape) < 2:
            raise ValueError(f"shape={self.shape!r}: expected two whole numbers (rows, columns), each at least 2")
        if self.clip is not None and not self.clip > 0:
            raise ValueError(f"clip={self.clip!r}: expected None (no clipping) or a positive bound")

    @property
    def sites(self) -> int:
        """The number of sites."""
        return self.shape[0] * self.shape[1]

    @property
    def subset_size(self) -> int:
        """The number of sites that move at a step of the random-subset update: a quarter, rounded down."""
        return self.sites // 4
