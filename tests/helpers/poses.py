"""A pose from numbers, for tests that draw one picture at a time."""

import jax.numpy as jnp

from models.types import Pose


def pose(angle=0.0, shear=0.0, shift_x=0.0, shift_y=0.0, scale=0.0):
    """Return the pose with these components, in float32."""
    angle, scale, shear = (jnp.float32(value) for value in (angle, scale, shear))
    return Pose(angle, jnp.asarray([shift_x, shift_y], jnp.float32), scale, shear)
