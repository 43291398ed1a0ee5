"""Values from outside: every kind of array gives what the same numbers in floats give, or is refused in words."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bo
import ferro_jax as ferro
import models
from bo.campaigns.cube import unit_cube
from ferro_jax import values
from models.evaluation import alignment, scores

pytestmark = pytest.mark.usefixtures("as_users_run")

RANDOM = np.random.default_rng(0)
FIELD = RANDOM.integers(-3, 4, (2, 6, 6)).astype(float)
SERIES = np.array([0.0, 2, 4, 2, 0, -2, -4, -2])
TABLE = RANDOM.integers(0, 6, (8, 3)).astype(float)
IMAGES = RANDOM.integers(0, 2, (12, 3, 4)).astype(float)
VAE = models.vae(models.VAEConfig(shape=(3, 4), hidden=(4,), likelihood="bernoulli"))
PARAMS = VAE.init(jax.random.key(0))
SPACE = bo.Space([bo.real("a", 0, 6), bo.integer("b", 0, 6), bo.real("c", 0, 6)])

# Doors: (function of arrays, arrays of whole numbers as floats). Each array is given in every kind.
DOORS = {
    "ferro.curl": (ferro.curl, [FIELD]),
    "ferro.divergence": (ferro.divergence, [FIELD]),
    "ferro.sum_abs_curl": (ferro.sum_abs_curl, [FIELD]),
    "ferro.sum_abs_curl_of_directions": (ferro.sum_abs_curl_of_directions, [FIELD]),
    "ferro.sum_magnitude": (ferro.sum_magnitude, [20 * FIELD]),
    "ferro.mean_polarization": (ferro.mean_polarization, [FIELD]),
    "ferro.tip_response": (lambda p: ferro.tip_response(p, (2.5, 2.5), 1), [FIELD]),
    "ferro.domain_wall_density": (lambda p: ferro.domain_wall_density(p, minimum=0.5), [FIELD]),
    "ferro.count_vortices": (lambda p: jnp.stack(ferro.count_vortices(p, minimum=0.9)), [FIELD]),
    "ferro.relaxation_rate": (lambda q: ferro.relaxation_rate(q, 1.0, 0.5), [SERIES[2:5] ** 2]),
    "ferro.smooth_abs": (lambda x: ferro.smooth_abs(x, 0.5), [SERIES]),
    "ferro.loop_quantities": (lambda e, p: jnp.stack(ferro.loop_quantities(e, p)), [SERIES, np.roll(SERIES, 1)]),
    "ferro.cycle": (lambda a: ferro.cycle(a, 8), [np.asarray(4.0)]),
    "ferro.force": (
        lambda p, e, d: ferro.force(p, e, d, ferro.landau_params(), ferro.Lattice((6, 6))),
        [FIELD, np.array([1.0, -1]), FIELD[::-1]],
    ),
    "ferro.energy": (
        lambda p, e, d: ferro.energy(p, e, d, ferro.landau_params(), ferro.Lattice((6, 6))),
        [FIELD, np.array([1.0, -1]), FIELD[::-1]],
    ),
    "bo.observations": (
        lambda x, y, noise: jnp.concatenate([jnp.ravel(leaf) for leaf in bo.observations(x, y, noise=noise)]),
        [TABLE, TABLE[:, 0], TABLE[:, 1]],
    ),
    "bo.unit_cube": (lambda x: unit_cube(x, np.float32), [TABLE]),
    "bo.hypervolume": (lambda p, r: np.asarray(bo.hypervolume(p, r)), [TABLE, np.zeros(3)]),
    "bo.lookup": (lambda v: bo.lookup(v)(jax.random.key(0), jnp.array([0.0, 4.0])), [TABLE[:, 0]]),
    "bo.features.apply": (
        lambda x: bo.fit_features(jax.random.key(0), TABLE, (bo.raw(),), dtype="float32").apply(x),
        [TABLE],
    ),
    "bo.fit_features": (lambda x: bo.fit_features(jax.random.key(0), x, (bo.raw(),), dtype="float32").table, [TABLE]),
    "bo.Space.to_cube": (SPACE.to_cube, [TABLE]),
    "models.encode": (lambda x: VAE.encode(PARAMS, x).mean, [IMAGES[0]]),
    "models.encode_all": (lambda x: models.encode_all(VAE, PARAMS, x).mean, [IMAGES]),
    "models.decode": (lambda z: VAE.decode(PARAMS, z), [np.array([1.0, -1])]),
    "models.decode_all": (lambda z: models.decode_all(VAE, PARAMS, z), [np.array([[1.0, -1], [0, 2]])]),
    "models.traverse": (lambda z, a: models.traverse(VAE, PARAMS, z, a), [np.zeros((1, 2)), np.array([-1.0, 1])]),
    "models.manifold": (lambda a, b: models.manifold(VAE, PARAMS, (a, b))[1], [np.array([-1.0, 1])] * 2),
    "models.inside_support": (lambda g, m: models.inside_support(g, m, 2), [TABLE[:4], TABLE]),
    "models.observation_of": (lambda x: np.asarray(models.observation_of(x)[1:]), [TABLE]),
    "models.fit_nmf": (lambda s: models.fit_nmf(s, 2, counts=False).component, [TABLE + 1]),
    "scores.angle_errors": (lambda a, b: scores.angle_errors(a, b).error, [SERIES, SERIES[::-1]]),
    "scores.confusion": (lambda a, b: scores.confusion(a, b, 6), [TABLE[:, 0], TABLE[:, 1]]),
    "alignment.consensus": (lambda p: alignment.consensus(p).mean, [IMAGES]),
}
READ_AS_MISSING = {"bo.lookup", "models.observation_of", "models.fit_nmf"}  # NaN says that a value is missing
KINDS = {
    "integers": lambda x: x.astype(np.int64),
    "small integers": lambda x: x.astype(np.int8),
    "integers of JAX": lambda x: jnp.asarray(x, jnp.int32),
    "other byte order": lambda x: x.astype(">f8"),
    "half precision": lambda x: x.astype(np.float16),
    "lists": lambda x: x.tolist(),
    "masked, nothing hidden": np.ma.masked_array,
}
NO_NUMBERS = {
    "objects": lambda x: np.where(np.arange(x.size).reshape(x.shape) == 0, None, x),
    "text": lambda x: x.astype(str),
    "complex": lambda x: x + 1j,
    "dates": lambda x: x.astype("datetime64[s]"),
}


def given(arrays, place, change):
    """Return the arrays with one of them in another kind."""
    return [change(x) if number == place else x for number, x in enumerate(arrays)]


@pytest.mark.parametrize("name", DOORS)
def test_every_kind_of_numbers_gives_what_floats_give(name):
    function, arrays = DOORS[name]
    wanted = np.asarray(function(*arrays), float)
    for place in range(len(arrays)):
        for kind, change in KINDS.items():
            found = np.asarray(function(*given(arrays, place, change)), float)
            np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4, err_msg=f"{kind} for argument {place}")


@pytest.mark.parametrize("name", DOORS)
def test_what_is_no_number_is_refused_in_words(name):
    function, arrays = DOORS[name]
    for place in range(len(arrays)):
        for change in NO_NUMBERS.values():
            with pytest.raises(ValueError):
                function(*given(arrays, place, change))


@pytest.mark.filterwarnings("ignore:.* spectra have missing values")
@pytest.mark.parametrize("name", DOORS)
def test_hidden_and_missing_values_are_never_numbers(name):
    """A masked array is used or refused; NaN is refused, or seen in the result."""
    function, arrays = DOORS[name]
    for place, x in enumerate(arrays):
        hidden = np.arange(x.size).reshape(x.shape) == x.size // 2
        filled = np.where(hidden, 5.0, x)
        for change in (np.ma.masked_array(filled, hidden), np.where(hidden, np.nan, x)):
            try:
                found = np.asarray(function(*given(arrays, place, lambda _, change=change: change)), float)
            except ValueError:
                continue
            dropped = np.asarray(function(*given(arrays, place, lambda _, filled=filled: filled)), float)
            used = found.shape != dropped.shape or not np.array_equal(found, dropped)
            allowed = isinstance(change, np.ma.MaskedArray) or name in READ_AS_MISSING
            assert (used and allowed) or np.isnan(found).any(), name


def test_nothing_is_added_to_a_program_that_traces_floats():
    program = jax.make_jaxpr(lambda x: values.array(x, "x", finite=True) + 1)(jnp.ones(3))
    assert str(program.jaxpr.eqns[0].primitive) == "add" and len(program.jaxpr.eqns) == 1


def test_keys_of_both_styles_are_one_key_and_seeds_are_refused():
    old, new = jax.random.PRNGKey(7), jax.random.key(7)
    np.testing.assert_array_equal(jax.random.key_data(values.key(old)), jax.random.key_data(values.key(new)))
    setup = ferro.Lattice((4, 4))
    np.testing.assert_array_equal(ferro.random_field(old, setup), ferro.random_field(new, setup))
    for wrong in (7, None, jnp.zeros(3, jnp.uint32), np.zeros(2)):
        with pytest.raises(ValueError, match=r"jax\.random\.key\(0\)"):
            values.key(wrong)


def test_offsets_are_taken_off_before_rounding_or_refused():
    times = 1.7e9 + np.arange(10.0)[:, None]
    cube = unit_cube(times, np.float32)
    np.testing.assert_allclose(cube[:, 0], np.linspace(0, 1, 10), atol=1e-6)
    for refused in (lambda: values.array(times, "times", dtype=jnp.float32), lambda: models.data.admitted(times)):
        with pytest.raises(ValueError, match="subtract an offset"):
            refused()
    flat = np.full((5, 2), 0.3) + 1e-17 * np.arange(10).reshape(5, 2)  # the same but for rounding
    np.testing.assert_array_equal(values.array(flat, "x", dtype=jnp.float32), np.float32(0.3))


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_integers_of_64_bits_are_told_apart_or_refused(dtype):
    """Nanoseconds since 1970 are 1.7e18, where double precision has a number every 256."""
    start = np.array(1_700_000_000_000_000_000, dtype)
    second, nanosecond = (start + np.arange(8, dtype=dtype)[:, None] * dtype(step) for step in (10**9, 1))
    np.testing.assert_allclose(np.diff(values.floats(second, "t")[:, 0]), 1e9)
    beside = np.concatenate([nanosecond, np.full_like(nanosecond, 3)], 1)
    for refused in (nanosecond, nanosecond[:, 0], beside):
        with pytest.raises(ValueError, match=r"subtract an offset, t - t.min\(\)"):
            values.floats(refused, "t")
    wide = np.array([np.iinfo(dtype).min, 0, np.iinfo(dtype).max])
    np.testing.assert_array_equal(values.floats(wide, "t"), wide.astype(float))


def test_masks_of_numbers_are_masks():
    x, y = np.linspace(0, 1, 5)[:, None], np.array([1.0, 2, np.nan, 4, 5])
    wanted = bo.observations(x, y, mask=np.array([True, True, False, True, True]))
    for mask in ([1, 1, 0, 1, 1], np.array([1.0, 1, 0, 1, 1]), np.array([1, 1, 0, 1, 1], ">i2")):
        jax.tree.map(np.testing.assert_array_equal, bo.observations(x, y, mask=mask), wanted)
    hidden = bo.observations(x, np.ma.masked_invalid(y))
    jax.tree.map(np.testing.assert_array_equal, hidden, wanted)
    assert wanted.y[2] == 0  # NaN · 0 would be NaN
    with pytest.raises(ValueError, match="other than 0 and 1"):
        bo.observations(x, y, mask=[1, 2, 0, 1, 1])
    with pytest.raises(ValueError, match="index 2"):
        bo.observations(x, y)
    whole = bo.Data(jnp.arange(3)[:, None], jnp.arange(3), jnp.ones(3, int), jnp.zeros(3, int))
    assert bo.data.append(whole, 2, [0.5], 2.7).y[2] == pytest.approx(2.7)


def test_masked_examples_are_missing_in_every_fit():
    x = RANDOM.uniform(0, 1, (12, 3, 4)).astype(np.float32)
    masked = np.ma.masked_array(x, x < 0.5)
    batch = models.data.admitted(masked)
    np.testing.assert_array_equal(batch.mask, x >= 0.5)
    np.testing.assert_array_equal(models.data.admitted(models.Batch(masked)).mask, x >= 0.5)
    with pytest.raises(ValueError, match="masked array"):
        models.data.admitted(models.Pair(masked, None))
    label = np.ma.masked_array(np.arange(12) % 2, np.arange(12) > 5)
    assert (models.data.admitted(models.Batch(x, label=label)).label[6:] == -1).all()
    for broken in (lambda v: models.encode_all(VAE, PARAMS, v), lambda v: VAE.encode(PARAMS, v[0])):
        with pytest.raises(ValueError, match="not finite"):
            broken(np.where(x < 0.5, np.nan, x))


def test_numbers_of_configs_may_be_numpys():
    plain, given_numpy = models.VAEConfig(shape=(3, 4)), models.VAEConfig(shape=[np.int64(3), np.int32(4)])
    assert plain == given_numpy and repr(plain) == repr(given_numpy) and hash(plain) == hash(given_numpy)
    assert repr(bo.CampaignConfig(np.int64(3), np.int8(4))) == repr(bo.CampaignConfig(3, 4))
    assert repr(models.FitConfig(epochs=np.int64(3))) == repr(models.FitConfig(epochs=3))
    assert ferro.Lattice(tuple(np.array([4, 4]))) == ferro.Lattice((4, 4))
    with pytest.raises(ValueError, match="whole number"):
        bo.CampaignConfig(initial_points=2.5)  # pyright: ignore[reportArgumentType]


def test_the_features_of_a_pool_ignore_unit_and_offset():
    slope, place = RANDOM.uniform(-1, 1, (2, 30))
    images = np.tanh(9 * (np.linspace(-1, 1, 16)[None] * slope[:, None] - place[:, None]))
    for extractor in (bo.diffusion(5, neighbours=4), bo.pca(4), bo.random_conv((4, 4, 1), width=3, regions=2)):

        def gram(x, extractor=extractor):
            z = np.asarray(bo.fit_features(jax.random.key(0), x, (extractor,), dtype="float32").table)
            z = z - z.mean(0)
            return np.abs(z @ z.T)

        for other in (images * 1e-18, images + 1e7):
            np.testing.assert_allclose(gram(other), gram(images), atol=0.05)
    for level in (0.1, 0.5):
        with pytest.raises(ValueError, match="are the same"):
            bo.fit_features(jax.random.key(0), np.full((10, 3), level), (bo.raw(),), dtype="float32")


def test_half_precision_of_either_kind_is_a_float():
    for given in (jnp.ones(3, jnp.bfloat16), np.asarray(jnp.ones(3, jnp.bfloat16)), np.ones(3, np.float16)):
        found = values.floats(given, "x")
        assert found.dtype in (np.float32, np.float64) and np.array_equal(found, [1, 1, 1])
