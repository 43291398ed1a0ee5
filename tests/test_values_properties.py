"""Properties of the doors: whatever comes in, out comes what NumPy says, or a ValueError that names the argument."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn

from ferro_jax import values

QUICK = settings(max_examples=80, deadline=None, derandomize=True)
SHAPES = hn.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
REAL = st.one_of(
    hn.floating_dtypes(endianness="?"), hn.integer_dtypes(endianness="?"), hn.unsigned_integer_dtypes(endianness="?"),
    hn.boolean_dtypes(),
)  # fmt: skip
OTHER = st.one_of(
    hn.complex_number_dtypes(), hn.unicode_string_dtypes(max_len=3), hn.byte_string_dtypes(max_len=3),
    hn.datetime64_dtypes(), hn.timedelta64_dtypes(),
)  # fmt: skip
NUMBERS = st.one_of(st.integers(-(10**6), 10**6), st.floats(), st.booleans())
ANYTHING = st.recursive(
    st.one_of(st.none(), st.text(max_size=3), st.binary(max_size=3), st.complex_numbers(), NUMBERS, st.dates()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.tuples(inner), st.dictionaries(st.text(max_size=2), inner)),
    max_leaves=6,
)


pytestmark = pytest.mark.usefixtures("as_users_run")


def strided(array, how):
    """The same numbers as a view of other memory: reversed, transposed, read only, of a larger array."""
    if how == 1 and array.ndim:
        return array[::-1].copy()[::-1]
    if how == 2 and array.ndim:
        return np.asfortranarray(array)
    if how == 3 and array.ndim:
        return np.repeat(array, 2, 0)[::2]
    array = array.copy()
    array.flags.writeable = how != 4
    return array


reals = REAL.flatmap(lambda dtype: hn.arrays(dtype, SHAPES))


@QUICK
@given(reals, st.integers(0, 4))
def test_floats_have_the_shape_and_the_numbers_of_numpy(array, how):
    before = array.tobytes()
    found = values.floats(strided(array, how), "the field")
    expected = array.astype(np.float32 if array.dtype.kind == "f" and array.dtype.itemsize <= 4 else np.float64)
    assert found.dtype == expected.dtype and found.dtype.isnative and found.shape == array.shape
    np.testing.assert_array_equal(found, expected)
    assert array.tobytes() == before


@QUICK
@given(reals)
def test_what_is_not_finite_is_counted_and_named(array):
    number = array.astype(float)
    bad = int((~np.isfinite(number)).sum())
    if not bad:
        np.testing.assert_array_equal(values.floats(array, "the field", finite=True), values.floats(array, "the field"))
        return
    with pytest.raises(ValueError, match=rf"^the field is not finite: {bad} of {array.size} values"):
        values.floats(array, "the field", finite=True)


@settings(QUICK, max_examples=60)
@given(hn.arrays(np.float64, SHAPES, elements=st.floats(-1e6, 1e6)), st.sampled_from([0.0, 1e9, -1.7e9, 1e15]))
def test_arrays_in_single_precision_keep_what_they_tell_apart_or_are_refused(array, offset):
    given_array = array + offset
    try:
        found = values.array(given_array, "the times", dtype="float32")
    except ValueError as error:
        assert str(error).startswith("the times lie between") and "subtract an offset" in str(error)
        return
    assert isinstance(found, jax.Array) and found.dtype == np.float32 and found.shape == array.shape
    spread = np.ptp(given_array) if array.size else 0
    error = np.abs(np.asarray(found, float) - given_array).max(initial=0)
    assert error <= 1e-3 * spread or spread <= 1e-12 * np.abs(given_array).max(initial=0)


@QUICK
@given(OTHER.flatmap(lambda dtype: hn.arrays(dtype, SHAPES)))
def test_what_is_no_real_number_is_refused_by_name(array):
    for door in (values.floats, values.array, values.mask, values.integers):
        with pytest.raises(ValueError, match="the field"):
            door(array, "the field")


@settings(QUICK, max_examples=60)
@given(ANYTHING)
def test_any_object_gives_what_numpy_makes_of_it_or_a_valueerror(thing):
    for door in (values.floats, values.mask, values.integers, values.bounds, values.number, values.whole, values.key):
        try:
            found = door(thing, "the argument")
        except ValueError as error:
            assert "the argument" in str(error)
            continue
        np.testing.assert_array_equal(np.asarray(found, float), np.asarray(thing, float))


@QUICK
@given(reals.flatmap(lambda array: st.tuples(st.just(array), hn.arrays(bool, array.shape))))
def test_a_masked_array_gives_its_numbers_where_it_shows_them(pair):
    array, hidden = pair
    found, there = values.masked(np.ma.MaskedArray(array, hidden), "the field")
    assert (there is None) == (not hidden.any()) and found.shape == array.shape
    np.testing.assert_array_equal(found, np.where(hidden, 0, values.floats(array, "the field")))
    assert there is None or np.array_equal(there, ~hidden)
    if hidden.any():
        with pytest.raises(ValueError, match=f"the field is a masked array that hides {hidden.sum()} values"):
            values.floats(np.ma.MaskedArray(array, hidden), "the field")


@QUICK
@given(reals)
def test_masks_are_booleans_of_zeros_and_ones_alone(array):
    if np.isin(array, (0, 1)).all():
        found = values.mask(array, "the mask")
        assert found.dtype == bool and np.array_equal(found, array == 1)
        with pytest.raises(ValueError, match="the mask has shape"):
            values.mask(array, "the mask", (*array.shape, 1))
        return
    with pytest.raises(ValueError, match="the mask holds values other than 0 and 1"):
        values.mask(array, "the mask")


@QUICK
@given(reals, st.one_of(st.none(), st.integers(-1, 1)))
def test_integers_are_whole_numbers_of_32_bits_or_refused(array, least):
    exact = [int(each) if np.isfinite(each) and each == np.round(each) else None for each in array.ravel()]
    top = np.iinfo(np.int32).max
    fits = all(each is not None and abs(each) <= top and (least is None or each >= least) for each in exact)
    if not fits:
        with pytest.raises(ValueError, match="the labels"):
            values.integers(array, "the labels", least=least)
        return
    found = values.integers(array, "the labels", least=least)
    assert found.dtype == np.int32 and found.ravel().tolist() == exact and found.shape == array.shape


@QUICK
@given(hn.arrays(st.sampled_from([np.float64, np.float32, np.int16]), hn.array_shapes(max_dims=3, max_side=3)))
def test_bounds_are_rows_of_low_below_high_or_refused(array):
    good = array.ndim == 2 and array.shape[1] == 2 and np.isfinite(array).all() and (array[:, 0] < array[:, 1]).all()
    if good:
        found = values.bounds(array, "the box")
        assert found.dtype == np.float64 and np.array_equal(found, array)
        return
    with pytest.raises(ValueError, match="the box"):
        values.bounds(array, "the box")


@QUICK
@given(st.one_of(NUMBERS, reals, st.sampled_from([np.float32(3), np.int8(-3), np.True_, np.float16(2)])))
def test_numbers_are_one_finite_number_and_whole_ones_an_int(number):
    one = np.ndim(number) == 0 and np.asarray(number).dtype.kind in "iuf" and np.isfinite(number)
    for door, good, kind in (
        (values.number, one, float),
        (values.whole, one and float(number) == np.round(float(number)), int),
    ):
        if good:
            found = door(number, "the size")
            assert type(found) is kind and found == number
        else:
            with pytest.raises(ValueError, match="the size is"):
                door(number, "the size")


@settings(QUICK, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.sampled_from([(), (1,), (3,), (2, 2)]), st.booleans())
def test_keys_of_both_styles_are_the_same_keys(seed, shape, single):
    typed = jax.random.key(seed) if shape == () else jax.random.split(jax.random.key(seed), shape)
    for given_key in (typed, jax.random.key_data(typed), np.asarray(jax.random.key_data(typed))):
        if single and shape != ():
            with pytest.raises(ValueError, match=r"the key has shape .* give one key"):
                values.key(given_key, "the key", single=True)
        else:
            found = values.key(given_key, "the key", single=single)
            assert found.shape == shape and np.array_equal(jax.random.key_data(found), jax.random.key_data(typed))


@QUICK
@given(st.one_of(hn.arrays(np.uint32, SHAPES), hn.arrays(np.int64, SHAPES), NUMBERS, st.text()))
def test_what_is_no_key_is_refused_by_name(thing):
    if getattr(thing, "dtype", None) == np.uint32 and np.ndim(thing) and np.shape(thing)[-1] == 2:
        return
    with pytest.raises(ValueError, match="the key"):
        values.key(thing, "the key")
