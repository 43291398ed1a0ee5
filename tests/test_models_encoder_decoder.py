"""Encoder–decoders between images and spectra: convolutions as SciPy's, bounds, training, uncertainty."""

from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.ndimage import convolve, convolve1d

import models
from models import EncoderDecoderConfig, FitConfig, Pair, encoder_decoder, fit, fit_ensemble, predict
from models.paired.networks import neighbours

SMALL = {"image": (6, 6), "spectrum": (9,), "channels": (4,), "width": 8, "latent_dim": 3, "sigma": 0.05} | {
    "decoder_channels": 4,
    "coarser": 2,
    "dilations": (1, 2),
}
CONFIGS = {
    "spectrum": EncoderDecoderConfig(**SMALL),
    "image": EncoderDecoderConfig(**SMALL, direction="spectrum_to_image"),
    "variational": EncoderDecoderConfig(**SMALL, variational=True),
}
FIT = FitConfig(epochs=150, batch_size=16, learning_rate=1e-2, validation_fraction=0.2)


def spots(n=80):
    """Images of one spot; the row of the spot is the place of the spectrum's peak, its column the peak's height."""
    rng = np.random.default_rng(1)
    row, column = rng.uniform(1, 4, (2, n, 1, 1))
    at = np.arange(6)
    image = np.exp(-((at[None, :, None] - row) ** 2) - (at[None, None] - column) ** 2)
    spectrum = column[:, :, 0] / 4 * np.exp(-((np.arange(9)[None] - 2 * row[:, :, 0]) ** 2) / 4)
    return Pair(jnp.asarray(image, jnp.float32), jnp.asarray(spectrum, jnp.float32))


PAIR = spots()


class Members(NamedTuple):
    """Two members of a variational ensemble, trained together."""

    model: Any
    params: Any
    history: Any


@pytest.fixture(scope="module")
def members():
    model = encoder_decoder(CONFIGS["variational"])
    params, history = jax.jit(lambda keys: fit_ensemble(keys, model, PAIR, FIT))(jax.random.split(jax.random.key(2), 2))
    return Members(model, params, history)


@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 3)])
def test_matrix_products_are_convolutions(stride, dilation):
    rng = np.random.default_rng(0)
    image, kernel = rng.normal(size=(7, 8)), rng.normal(size=(3, 3))
    wide = np.zeros((2 * dilation + 1,) * 2)
    wide[::dilation, ::dilation] = kernel[::-1, ::-1]
    product = neighbours(jnp.asarray(image)[..., None], stride=stride, dilation=dilation) @ jnp.asarray(kernel.ravel())
    np.testing.assert_allclose(product, convolve(image, wide, mode="constant")[::stride, ::stride], atol=1e-12)
    product = neighbours(jnp.asarray(image[0])[:, None], stride=stride, dilation=dilation) @ jnp.asarray(kernel[0])
    expected = convolve1d(image[0], wide[-1], mode="constant")
    np.testing.assert_allclose(product, expected[::stride], atol=1e-12)


@pytest.mark.parametrize("name", ["image", "variational"])
def test_shapes_and_gradients_of_every_kind(name, key):
    config = CONFIGS[name]
    model, (source, target) = encoder_decoder(config), config.shapes
    params = jax.jit(model.init)(key)
    (value, terms), slopes = jax.jit(jax.value_and_grad(model.loss, argnums=1, has_aux=True))(key, params, PAIR)
    for leaf, slope in zip(jax.tree.leaves(params), jax.tree.leaves(slopes), strict=True):
        assert leaf.dtype == slope.dtype == jnp.float32 and jnp.abs(slope).max() > 0
    assert np.isfinite(value) and ("kl" in terms) == config.variational
    given = getattr(PAIR, "image" if source == (6, 6) else "spectrum")[0]
    assert jax.eval_shape(lambda: model.decode(params, model.encode(params, given).mean)).shape == target
    weight = terms["kl"] if config.variational else 0.0
    np.testing.assert_allclose(value, terms["reconstruction"] + weight, rtol=1e-6)


def test_members_learn_to_predict_the_spectrum(members):
    history = members.history
    assert (history.validation["rmse"][:, -1] < 0.5 * np.std(PAIR.spectrum)).all()
    assert history.finite.all()


@pytest.mark.slow
def test_a_member_is_its_single_fit(members):
    model = members.model
    short = FitConfig(epochs=2, batch_size=16, learning_rate=1e-2, validation_fraction=0.2)
    keys = jax.random.split(jax.random.key(2), 2)
    both = jax.jit(lambda keys: fit_ensemble(keys, model, PAIR, short))(keys)[0]
    single = jax.jit(lambda key: fit(key, model, PAIR, short))(keys[1])[0]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a[1], b, atol=1e-4), both, single)


def test_uncertainty_is_between_members_and_within_codes(members, key):
    model, params = members.model, members.params
    first = jax.tree.map(lambda leaf: leaf[:1], params)
    run = jax.jit(
        lambda params, samples=1: predict(key, model, params, PAIR.image[0], samples=samples), static_argnums=1
    )
    alone, drawn, both = run(first, 1), run(first, 400), run(params, 1)
    assert (alone.std == 0).all() and (drawn.std > 0).all() and (both.std > 0).any()
    np.testing.assert_allclose(alone.mean, drawn.mean, atol=4 * drawn.std.max() / 20 + 0.02)
    with pytest.raises(ValueError, match="samples=0"):
        predict(key, model, params, PAIR.image[0], samples=0)


def test_a_saved_model_comes_back(members, tmp_path):
    params = members.params
    models.save(tmp_path, CONFIGS["variational"], params)
    config, _, restored = models.load(tmp_path)
    assert config == CONFIGS["variational"]
    jax.tree.map(np.testing.assert_array_equal, params, restored)


BERNOULLI = replace(CONFIGS["spectrum"], likelihood="bernoulli")
refuse = encoder_decoder(CONFIGS["spectrum"]).check


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: EncoderDecoderConfig(direction="sideways"), "direction='sideways'"),
        (lambda: EncoderDecoderConfig(image=(16, 1)), "two points or more"),
        (lambda: EncoderDecoderConfig(dilations=(1, 0)), "every number must be one"),
        (lambda: EncoderDecoderConfig(sigma=0.0), "a sigma above 0"),
        (lambda: refuse(PAIR._replace(image=PAIR.image[:, 1:])), r"expected \[n 6 6\]"),
        (lambda: refuse(PAIR._replace(observed=np.eye(2)[np.zeros(80, int)])), "leave out the rows"),
        (lambda: encoder_decoder(BERNOULLI).check(PAIR._replace(spectrum=3 + PAIR.spectrum)), "allows 0 to 1"),
        (lambda: refuse(PAIR._replace(spectrum=None)), "give the image and spectrum too"),
        (lambda: refuse(PAIR._replace(spectrum=PAIR.spectrum[:5])), r"have \[5, 80\] rows"),
        (lambda: refuse(PAIR._replace(image=PAIR.image.at[3].set(jnp.nan))), "first is row 3"),
    ],
)
def test_bad_input_is_refused_in_words(call, words):
    with pytest.raises(ValueError, match=words):
        call()
