"""Named set-ups: ``lecture``, with which the published figures were made, and ``physical``, which follows the physics.

Source of ``lecture``: Digital Discovery (2022), arXiv 2206.12435, and MLST 5 015012, arXiv 2303.14554.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from ferro_jax import values
from ferro_jax.materials import axes_of, landau_params, nominal_coercive_field, published_coercive_field
from ferro_jax.types import Lattice, Params

REFINED = {"rhombohedral": 10}  # the published time step over that of the Landau set


class Settle(NamedTuple):
    """The rule for settling after the hold.

    The simulation goes on at the last field, in chunks of ``chunk`` steps, until max |dp/dt| < ``tolerance`` (model
    units), for at most ``limit`` more steps.
    """

    tolerance: float
    chunk: int
    limit: int


class Setup(NamedTuple):
    """One experiment on the lattice.

    ``coercive_field`` (model units) is the unit in which applied and local fields are given. The applied field is
    ``field_scale · coercive_field · curve`` along ``field_axis`` ("x" or "y"): ``drive_steps`` samples of it and
    ``hold_steps`` more at the last value. The target takes the curl with ``curl_boundary`` and ``curl_x_axis``.
    """

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
    field_axis: str = "x"

    @property
    def dtype(self) -> Any:
        """The float type of a simulation, which is that of the time step; a whole number has JAX's default type."""
        return values.array(self.params.dt, "params.dt").dtype


def _params_and_axes(landau: str, dtype: Any) -> tuple[Params, str]:
    """Return the params and axes of a Landau set with the published time step, or a tenth of it where that is unstable.

    The rhombohedral set reaches |p| of 4 to 6, and its wells relax 6.6 times as fast as the tetragonal ones. So with a
    tenth of the step the drive is about as slow for the material as in the other sets.
    """
    dt = 4 / 1199 / REFINED.get(landau, 1)
    return landau_params(landau, dtype, dt=dt), axes_of(landau)


def lecture(dtype: Any = jnp.float32, landau: str = "tetragonal") -> Setup:
    """Return the set-up of the published figures.

    20 × 20 sites, grounded edges, random-subset update, 900 driven and 50 held steps, fields in the published unit (√2
    too low for the tetragonal set), the curl with periodic wrap and the first lattice index as x. Published figures
    exist for the tetragonal set alone. The uniaxial set has py only and is driven along y; the rhombohedral set has a
    tenth of the time step, because these fields are beyond the stability bound of the published one. ValueError for an
    unknown Landau set.
    """
    params, axes = _params_and_axes(landau, dtype)
    return Setup(
        name="lecture",
        params=params,
        lattice=Lattice((20, 20), boundary="grounded", update="random_subset", clip=10.0, axes=axes),
        coercive_field=published_coercive_field(landau),
        field_scale=150.0,
        drive_steps=900,
        hold_steps=50,
        settle=None,
        curl_boundary="periodic",
        curl_x_axis="row",
        field_axis="y" if axes == "y" else "x",
    )


def physical(dtype: Any = jnp.float32, landau: str = "tetragonal") -> Setup:
    """Return the set-up that follows the physics.

    20 × 20 sites, free edges, synchronous update, a hold until the lattice rests, the homogeneous coercive field along
    the easy direction as unit, the curl by differences that respect the edges, with x along a row of the array (the
    column index). The uniaxial set has py only and is driven along y; time step as for ``lecture``. ValueError for an
    unknown Landau set.

    The rule for settling was measured on 128 histories of the tetragonal set on two random fields. At
    max |dp/dt| < 1e-3 the target differs by at most 0.002 from that at 1e-6 (0.03 for 1e-2, 0.6 for 1e-1), and 1e-3 is
    30 times what rounding leaves in float32. Half of the histories need no step beyond the hold, 95 % under 400, the
    slowest 1,700; the limit is over twice that. For the other sets the tolerance scales with the coercive field and the
    limit with 1/dt; a few rhombohedral histories need over 5,000 steps.
    """
    params, axes = _params_and_axes(landau, dtype)
    unit = nominal_coercive_field(landau)
    return Setup(
        name="physical",
        params=params,
        lattice=Lattice((20, 20), boundary="open", update="synchronous", axes=axes),
        coercive_field=unit,
        field_scale=150.0,
        drive_steps=900,
        hold_steps=50,
        settle=Settle(1e-3 * (unit / nominal_coercive_field("tetragonal")), 50, 4000 * REFINED.get(landau, 1)),
        curl_boundary="open",
        curl_x_axis="column",
        field_axis="y" if axes == "y" else "x",
    )
