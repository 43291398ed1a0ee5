"""Tables and columns of pandas: as numbers, its own types with missing values and text among them, and as rows."""

from typing import Any

import numpy as np


def numbers_of(value: Any, name: str) -> Any:
    """Return a table or column of pandas with its own types (Int64, Float64) as floats, NaN where a value is missing.

    ValueError for a column of text, with its name. Other values are returned as they are.
    """
    if type(value).__module__.split(".")[0] != "pandas":
        return value
    table = hasattr(value, "columns")
    types = (
        list(zip(value.columns, value.dtypes, strict=True)) if table else [(getattr(value, "name", None), value.dtype)]
    )
    for number, (column, dtype) in enumerate(types):
        values = value.iloc[:, number] if table else value
        if str(dtype).startswith(("string", "str")) or (str(dtype) == "object" and _has_text(values)):
            named = name if column is None else f"column {column!r} of {name}"
            raise ValueError(f"{named} holds text, expected real numbers: leave it out, or use pandas.to_numeric")
    dates = any(getattr(dtype, "kind", "") in "mM" for _, dtype in types)  # refused as NumPy's are
    own = any(hasattr(dtype, "numpy_dtype") for _, dtype in types) and not dates
    return value.to_numpy(dtype=float, na_value=np.nan) if own else value


def records_of(value: Any) -> Any:
    """Return the rows of a table of pandas, dicts of name to value; other values are returned as they are."""
    return value.to_dict("records") if hasattr(value, "columns") and hasattr(value, "to_dict") else value


def _has_text(column: Any) -> bool:
    """Return whether one of the values of a column is text."""
    return any(isinstance(each, str) for each in column)
