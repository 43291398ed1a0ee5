"""Refuse numbers that a float of the wanted precision cannot tell apart: what lies far from 0 beside its spread."""

from typing import Any

import jax.numpy as jnp
import numpy as np

_COARSE = 1e-3  # of the spread of the values: what rounding may move them by
_ROUNDED = 1e-12  # of the values: a spread below it comes from rounding


def check_rounding(value: np.ndarray, name: str, dtype: Any) -> None:
    """Raise ValueError where rounding to ``dtype`` moves values by more than a thousandth of their spread.

    A spread that double precision itself may have left is none.
    """
    known = value[np.isfinite(value)]
    spread = np.ptp(known) if known.size else 0
    if (
        spread > _ROUNDED * np.abs(known).max(initial=0)
        and np.abs(known - known.astype(dtype)).max() > _COARSE * spread
    ):
        raise ValueError(
            f"{name} lie between {known.min():.10g} and {known.max():.10g}, which {jnp.dtype(dtype).name} cannot tell "
            f"apart: subtract an offset, {name} - {name}.min(), or switch on double precision, "
            "jax.config.update('jax_enable_x64', True)"
        )


def check_whole(value: np.ndarray, name: str) -> None:
    """Raise ValueError where double precision cannot tell integers of 64 bits apart, nanoseconds since 1970 for
    instance; of a table [n column] in any column."""
    if not value.size or max(int(value.max()), -int(value.min())) <= 2**53:
        return
    table = value if value.ndim == 2 else value.reshape(-1, 1)
    above = (table.astype(np.uint64) - table.min(0, keepdims=True).astype(np.uint64)).astype(float)  # exact, modulo 2⁶⁴
    rounded = table.astype(float)
    moved = np.abs(rounded - rounded.min(0, keepdims=True) - above).max(0)
    if (moved > _COARSE * above.max(0)).any():
        raise ValueError(
            f"{name} go up to {value.max()} in steps that double precision cannot tell apart: subtract an offset, "
            f"{name} - {name}.min()"
        )
