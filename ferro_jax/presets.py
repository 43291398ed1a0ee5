"""Named set-ups: ``lecture`` as the published figures were made, ``physical`` as the physics asks.

Source: Digital Discovery (2022), arXiv 2206.12435, and MLST 5 015012, arXiv 2303.14554, for ``lecture``.
"""

from math import sqrt
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ferro_jax.types import Lattice, Params

# alpha1, alpha2, alpha3 of the free energy in types.Params
LANDAU_SETS = {
    "tetragonal": (-1.6, 12.2, 40.0),
    "rhombohedral": (-10.6, 10.2, -10.0),
    "square_electric": (-1.85 / 2, 1.25 / 4, 0.0),  # published as the force −(a1 p + a2 p³) per component
}


class Settle(NamedTuple):
    """After the hold, go on at the last field in chunks of ``chunk`` steps until max |dp/dt| < ``tolerance`` (model
    units), for at most ``limit`` more steps."""

    tolerance: float
    chunk: int
    limit: int


class Setup(NamedTuple):
    """One experiment on the lattice. ``coercive_field`` is the unit (model units) in which applied and local fields
    are quoted; the applied field is ``field_scale`· coercive_field · curve along x, ``drive_steps`` samples of it and
    ``hold_steps`` more at the last value. ``curl_boundary`` and ``curl_x_axis`` say how the target takes the curl."""

    name: str
    params: Params
    lattice: Lattice
    coercive_field: float
    field_scale: float
    drive_steps: int
    hold_steps: int
    settle: Settle | None
    curl_boundary: str
    curl_x_axis: str

    @property
    def dtype(self) -> Any:
        """Precision of a simulation: that of the time step."""
        return jnp.asarray(self.params.dt).dtype


def coercive_field(alpha1: float, alpha2: float) -> float:
    """Field at which the homogeneous polarization, kept on the x axis, loses its well: (4/3)|a1| sqrt(|a1|/(6 a2)).
    0.3154 for the tetragonal set."""
    return 4 / 3 * abs(alpha1) * sqrt(abs(alpha1) / (6 * alpha2))


def published_coercive_field(alpha1: float, alpha2: float) -> float:
    """The unit of field of the published work, (2/3)|a1| sqrt(|a1|/(3 a2)): √2 below ``coercive_field``."""
    return 2 / 3 * abs(alpha1) * sqrt(abs(alpha1) / (3 * alpha2))


def landau_params(
    name: str = "tetragonal",
    dtype: Any = jnp.float32,
    *,
    coupling: float = 12.5,
    depolarization: float = 0.3,
    mobility: float = 1.0,
    dt: float = 4 / 1199,
) -> Params:
    """Params of a named Landau set, each a scalar of ``dtype``."""
    if name not in LANDAU_SETS:
        raise ValueError(f"Landau set {name!r} is unknown: choose one of {', '.join(LANDAU_SETS)}")
    if jax.dtypes.canonicalize_dtype(dtype) != jnp.dtype(dtype):
        raise ValueError(f"dtype={jnp.dtype(dtype).name} needs double precision: set JAX_ENABLE_X64=1 first")
    with jax.ensure_compile_time_eval():
        values = (*LANDAU_SETS[name], coupling, depolarization, mobility, dt)
        return Params(*(jnp.asarray(value, dtype) for value in values))


def lecture(dtype: Any = jnp.float32) -> Setup:
    """The published figures: 20 × 20, grounded edges, random-subset update, 900 driven and 50 held steps, fields in
    units that are √2 too low, the curl with periodic wrap and the first lattice index as x."""
    alpha1, alpha2, _ = LANDAU_SETS["tetragonal"]
    return Setup(
        name="lecture",
        params=landau_params("tetragonal", dtype),
        lattice=Lattice((20, 20), boundary="grounded", update="random_subset", clip=10.0),
        coercive_field=published_coercive_field(alpha1, alpha2),
        field_scale=150.0,
        drive_steps=900,
        hold_steps=50,
        settle=None,
        curl_boundary="periodic",
        curl_x_axis="row",
    )


def physical(dtype: Any = jnp.float32) -> Setup:
    """Free edges, synchronous update, hold until the lattice rests, the homogeneous coercive field as unit, the curl
    by differences that respect the edges with x along a row of the array (the column index).

    The settle rule comes from 128 histories on two random fields: at max |dp/dt| < 1e-3 the target differs by at most
    0.002 from that at 1e-6 (0.03 for 1e-2, 0.6 for 1e-1), and 1e-3 is still 30 times what float32 rounding leaves.
    Half of the histories need no step beyond the hold, 95 % under 400, the slowest 1,700; the limit is twice that.
    """
    alpha1, alpha2, _ = LANDAU_SETS["tetragonal"]
    return Setup(
        name="physical",
        params=landau_params("tetragonal", dtype),
        lattice=Lattice((20, 20), boundary="open", update="synchronous"),
        coercive_field=coercive_field(alpha1, alpha2),
        field_scale=150.0,
        drive_steps=900,
        hold_steps=50,
        settle=Settle(tolerance=1e-3, chunk=50, limit=4000),
        curl_boundary="open",
        curl_x_axis="column",
    )
