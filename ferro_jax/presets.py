"""Named set-ups: ``lecture`` as the published figures were made, ``physical`` as the physics asks.

Source: Digital Discovery (2022), arXiv 2206.12435, and MLST 5 015012, arXiv 2303.14554, for ``lecture``.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from ferro_jax.materials import axes_of, landau_params, nominal_coercive_field, published_coercive_field
from ferro_jax.types import Lattice, Params

REFINED = {"rhombohedral": 10}  # by how much the time step of a Landau set is below the published one


class Settle(NamedTuple):
    """After the hold, go on at the last field in chunks of ``chunk`` steps until max |dp/dt| < ``tolerance`` (model
    units), for at most ``limit`` more steps."""

    tolerance: float
    chunk: int
    limit: int


class Setup(NamedTuple):
    """One experiment on the lattice. ``coercive_field`` is the unit (model units) in which applied and local fields
    are quoted; the applied field is ``field_scale · coercive_field · curve`` along ``field_axis`` ("x" or "y"),
    ``drive_steps`` samples of it and ``hold_steps`` more at the last value. ``curl_boundary`` and ``curl_x_axis`` say
    how the target takes the curl."""

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
        """Precision of a simulation: that of the time step."""
        return jnp.asarray(self.params.dt).dtype


def _params_and_axes(landau: str, dtype: Any) -> tuple[Params, str]:
    """The published time step, or a tenth of it where that is unstable: the rhombohedral set drives p to 4–6 and its
    wells relax 6.6 times as fast, so the drive is about as slow for the material as the others' is for theirs."""
    dt = 4 / 1199 / REFINED.get(landau, 1)
    return landau_params(landau, dtype, dt=dt), axes_of(landau)


def lecture(dtype: Any = jnp.float32, landau: str = "tetragonal") -> Setup:
    """The published figures: 20 × 20, grounded edges, random-subset update, 900 driven and 50 held steps, fields in
    the published unit (√2 too low for the tetragonal set), the curl with periodic wrap and the first lattice index as
    x. Figures exist for the tetragonal set alone. Of the others the uniaxial one has py only and is driven along y;
    the rhombohedral one takes a tenth of the time step, without which these fields are beyond the stability bound."""
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
    """Free edges, synchronous update, hold until the lattice rests, the homogeneous coercive field along the easy
    direction as unit, the curl by differences that respect the edges with x along a row of the array (the column
    index). The uniaxial set has py only and is driven along y; time step as for ``lecture``.

    The settle rule comes from 128 histories of the tetragonal set on two random fields: at max |dp/dt| < 1e-3 the
    target differs by at most 0.002 from that at 1e-6 (0.03 for 1e-2, 0.6 for 1e-1), and 1e-3 is still 30 times what
    float32 rounding leaves. Half of the histories need no step beyond the hold, 95 % under 400, the slowest 1,700; the
    limit is twice that. For the other sets the tolerance goes with the coercive field and the limit with 1/dt; a few
    rhombohedral histories need over 5,000 steps.
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
