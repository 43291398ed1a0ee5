"""The dual VAE: a product of experts where both are observed, each VAE alone where one is, imputation of the other."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import models
from models import DualVAEConfig, FitConfig, Pair, Posterior, VAEConfig, dual_vae, fit, impute, vae
from models.paired.dual_vae import combine


def configs(**changes):
    return DualVAEConfig(
        VAEConfig(shape=(4, 4), hidden=(32,), latent_dim=2, **changes),
        VAEConfig(shape=(9,), hidden=(32,), latent_dim=2, **changes),
    )


CONFIG = configs()
MODEL = dual_vae(CONFIG)
BOUND = jax.jit(MODEL.bound)
SLOPES = jax.jit(jax.grad(lambda params, key, pair: MODEL.loss(key, params, pair)[0]))
FIT = FitConfig(epochs=150, batch_size=40, learning_rate=1e-2, validation_fraction=0.2)


def pairs(n=200):
    """Pairs that one number determines: it is the direction of a gradient in the image and the phase of a wave."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(-1.2, 1.2, (n, 1))
    y, x = np.mgrid[-1:1:4j, -1:1:4j]
    image = np.cos(angle)[..., None] * x + np.sin(angle)[..., None] * y
    spectrum = np.sin(np.linspace(0, 5, 9) + angle)
    noise = 0.05 * rng.normal(size=(n, 25))
    image, spectrum = image + noise[:, :16].reshape(n, 4, 4), spectrum + noise[:, 16:]
    return Pair(jnp.asarray(image, jnp.float32), jnp.asarray(spectrum, jnp.float32))


PAIR = pairs()


class Trained(NamedTuple):
    """Parameters of a dual VAE after its fit, and the losses of the fit."""

    params: Any
    history: Any


@pytest.fixture(scope="module")
def trained():
    return Trained(*jax.jit(lambda key: fit(key, MODEL, PAIR, FIT))(jax.random.key(1)))


@pytest.fixture(scope="module")
def untrained():
    return jax.jit(MODEL.init)(jax.random.key(5))


@pytest.mark.parametrize("name", ["image", "spectrum"])
def test_one_modality_is_its_single_vae(name, untrained, key):
    """The same bound with the same key, whether the other is None or not observed, whatever values are in its place."""
    single = jax.jit(vae(getattr(CONFIG, name)).bound)
    x = getattr(PAIR, name)
    expected = single(key, untrained[name], x)[0]
    other = "spectrum" if name == "image" else "image"
    alone = PAIR._replace(**{other: None})
    np.testing.assert_allclose(BOUND(key, untrained, alone)[0], expected, rtol=1e-6)

    own_key = jax.random.split(key, 3)[("image", "spectrum").index(name)]
    expected = single(own_key, untrained[name], x)[0]
    blank = {other: jnp.full_like(getattr(PAIR, other), jnp.nan)}
    observed = jnp.tile(jnp.asarray([name == "image", name == "spectrum"])[None], (200, 1))
    np.testing.assert_allclose(BOUND(key, untrained, PAIR._replace(**blank, observed=observed))[0], expected, rtol=1e-6)
    slopes = SLOPES(untrained, key, PAIR._replace(**blank, observed=observed))
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))


def test_the_product_of_experts_is_bayes_rule():
    """q(z|x) and q(z|y) of a linear Gaussian model give its posterior given both."""
    x, y = 1.1, -0.4  # x = z + 0.5 ε, y = z + 0.8 ε
    alone = [(value / (1 + s**2), np.sqrt(1 / (1 + s**-2))) for value, s in ((x, 0.5), (y, 0.8))]
    parts = [Posterior(jnp.array([mean]), jnp.array([std])) for mean, std in alone]
    combined = combine(parts, jnp.ones(2))
    precision = 1 + 0.5**-2 + 0.8**-2
    np.testing.assert_allclose(combined.mean, [(x / 0.25 + y / 0.64) / precision], rtol=1e-12)
    np.testing.assert_allclose(combined.std, [precision**-0.5], rtol=1e-12)
    for observed, part in ((jnp.array([1.0, 0.0]), parts[0]), (jnp.array([0.0, 1.0]), parts[1])):
        jax.tree.map(np.testing.assert_array_equal, combine(parts, observed), part)


def test_the_bound_is_below_the_evidence():
    """With linear decoders both measurements are one Gaussian whose density is known."""
    linear = {"hidden": (), "latent_dim": 2, "sigma": 0.3}
    model = dual_vae(DualVAEConfig(VAEConfig(shape=(2, 2), **linear), VAEConfig(shape=(3,), **linear)))
    params = jax.jit(model.init)(jax.random.key(3))

    def joined(z):
        return jnp.concatenate([part.ravel() for part in model.decode(params, z)[:2]])

    decoded = jax.jit(jax.vmap(joined))(jnp.asarray([[0, 0], [1, 0], [0, 1]], jnp.float32))
    offset, weight = decoded[0], (decoded[1:] - decoded[:1]).T
    x = np.random.default_rng(0).normal(size=7)
    evidence = stats.multivariate_normal(np.asarray(offset), np.asarray(weight @ weight.T) + 0.09 * np.eye(7)).logpdf(x)
    many = jnp.tile(jnp.asarray(x, jnp.float32)[None], (5000, 1))
    value = jax.jit(model.bound)(jax.random.key(0), params, Pair(many[:, :4].reshape(-1, 2, 2), many[:, 4:]))[0]
    assert -float(value) < evidence - 0.1  # the encoders are untrained


def test_training_imputes_the_missing_modality(trained):
    params, history = trained.params, trained.history
    assert history.finite.all()
    for given, wanted in (("image", "spectrum"), ("spectrum", "image")):
        imputed = jax.jit(
            jax.vmap(lambda x, given=given: impute(MODEL, params, Pair(None, None)._replace(**{given: x})))
        )
        predicted, true = getattr(imputed(getattr(PAIR, given)), wanted), getattr(PAIR, wanted)
        assert np.sqrt(np.mean((predicted - true) ** 2)) < 0.35 * np.std(true - true.mean(0)[None])
    last = {name: float(values[-1]) for name, values in history.validation.items()}
    assert last["rmse_spectrum"] < 0.25 and last["rmse_image"] < 0.25


def test_the_code_given_both_is_narrower_than_given_either(trained):
    params = trained.params
    encode = jax.jit(jax.vmap(lambda pair: MODEL.encode(params, pair)))
    codes = [encode(pair) for pair in (PAIR, PAIR._replace(image=None), PAIR._replace(spectrum=None))]
    assert (codes[0].std <= jnp.minimum(codes[1].std, codes[2].std) + 1e-6).all()


def test_classes_condition_what_is_decoded(key):
    model = dual_vae(configs(classes=3, class_mode="conditional"))
    params, pair = jax.jit(model.init)(key), PAIR._replace(label=jnp.arange(200) % 3)
    z = jnp.zeros(2, jnp.float32)

    @jax.jit
    def everything(pair):
        code = jax.vmap(lambda example: model.encode(params, example))(pair)
        images = jax.vmap(lambda label: model.decode(params, z, label=label).image)(jnp.arange(3))
        return model.loss(key, params, pair)[0], code, images

    loss, code, images = everything(pair)
    assert np.isfinite(loss)
    np.testing.assert_array_equal(code.probabilities.argmax(1), pair.label)
    assert (images[0] != images[1]).any()
    with pytest.raises(ValueError, match="give label"):
        model.decode(params, z)
    with pytest.raises(ValueError, match="give its label"):
        model.loss(key, params, PAIR)


def test_a_saved_model_comes_back(untrained, tmp_path):
    models.save(tmp_path, CONFIG, untrained)
    config, _, restored = models.load(tmp_path)
    assert config == CONFIG
    jax.tree.map(np.testing.assert_array_equal, untrained, restored)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: DualVAEConfig(VAEConfig(shape=(4,), latent_dim=2), VAEConfig(shape=(4,), latent_dim=3)),
            "share one latent",
        ),
        (lambda: configs(decoder="coordinate", pose=("shift",)), "neither pose nor factors"),
        (lambda: DualVAEConfig(weights=(0.0, 0.0, 0.0)), "three numbers of zero or more"),
        (lambda: dual_vae(CONFIG).check(Pair(None, None)), "a pair with nothing"),
        (lambda: dual_vae(CONFIG).check(PAIR._replace(observed=jnp.zeros((200, 2)))), "200 examples have neither"),
        (lambda: MODEL.check(PAIR._replace(observed=jnp.ones(200))), "a row"),
        (lambda: MODEL.check(PAIR._replace(label=jnp.ones(200, int), observed=jnp.ones((200, 2)))), "without classes"),
        (lambda: dual_vae(CONFIG).check(PAIR._replace(spectrum=PAIR.spectrum[:, 1:])), r"expected \[n 9\]"),
        (lambda: MODEL.loss(jax.random.key(0), None, PAIR._replace(image=PAIR.image[:, 1:])), r"shape \(4, 4\)"),
        (lambda: MODEL.loss(jax.random.key(0), None, Pair(None, None)), "neither image nor spectrum"),
    ],
)
def test_bad_input_is_refused_in_words(call, words):
    with pytest.raises(ValueError, match=words):
        call()
