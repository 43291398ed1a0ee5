"""Tables of pandas as numbers: its own types with missing values are converted, text is refused with its column."""

import numpy as np
import pandas
import pytest

from ferro_jax import values

TABLE = pandas.DataFrame({"temperature": [300.0, 400.0, 500.0], "coats": [1, 2, 3]})


def test_types_of_pandas_become_floats_with_nan_where_missing():
    plain = values.floats(TABLE, "rows")
    for types in ("Float64", {"coats": "Int64"}, {"coats": "Int16", "temperature": "Float32"}, {"coats": "category"}):
        np.testing.assert_array_equal(values.floats(TABLE.astype(types), "rows"), plain)
    missing = TABLE.astype("Float64")
    missing.iloc[1, 0] = pandas.NA
    np.testing.assert_array_equal(values.floats(missing, "rows"), [[300, 1], [np.nan, 2], [500, 3]])
    for column in (missing["temperature"], missing["temperature"].array):
        np.testing.assert_array_equal(values.floats(column, "x"), [300, np.nan, 500])
    with pytest.raises(ValueError, match="finite"):
        values.floats(missing, "rows", finite=True)


@pytest.mark.parametrize("types", ["string", "object"])
def test_text_is_refused_with_its_column(types):
    table = TABLE.assign(gas=pandas.Series(["Ar", "N2", "O2"], dtype=types))
    with pytest.raises(ValueError, match="column 'gas' of rows holds text"):
        values.floats(table, "rows")
    with pytest.raises(ValueError, match="column 'gas' of x holds text"):
        values.floats(table["gas"], "x")


def test_dates_beside_numbers_of_pandas_are_refused():
    table = TABLE.astype({"coats": "Int64"}).assign(day=pandas.date_range("2024", periods=3))
    with pytest.raises(ValueError, match="expected real numbers|no array of numbers"):
        values.floats(table, "rows")
