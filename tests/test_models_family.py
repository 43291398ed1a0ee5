"""The family of VAEs: one protocol for all variants; poses, classes, factors, masks and the search."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import models
from models import Batch, Pose, VAEConfig, reconstruct, vae
from models.data import check

INVARIANT: dict[str, Any] = {"shape": (5, 5), "hidden": (8,), "likelihood": "bernoulli", "decoder": "coordinate"} | {
    "pose": ("angle", "shift")
}
CIRCULAR: dict[str, Any] = INVARIANT | {
    "pose": ("angle", "shift", "scale", "shear"),
    "angle_posterior": "circular",
    "angle_std": math.inf,
    "bins": 4,
    "search_pixels": 6,
}
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {"shape": (7,), "hidden": (8,)},
    "conv": {"shape": (5, 6, 2), "hidden": (8,), "encoder": "conv", "channels": (3,), "likelihood": "poisson"},
    "invariant": INVARIANT,
    "signal": {"shape": (9,), "hidden": (8,), "decoder": "coordinate", "pose": ("shift", "scale")}
    | {"likelihood": "gaussian_learned"},
    "search": CIRCULAR | {"pixels": 0.4},
    "conditional": INVARIANT | {"classes": 3, "class_mode": "conditional", "likelihood": "continuous_bernoulli"},
    "factors": INVARIANT | {"factors": 2, "factor_mode": "conditional"},
    "regression": INVARIANT | {"factors": 2, "factor_mode": "regression"},
    "joint": CIRCULAR | {"classes": 3, "class_mode": "joint"},
    "enumerated": CIRCULAR
    | {"classes": 3, "class_mode": "joint", "inference": "enumerate", "class_capacity": ((0.0, 0.0), (1.0, 5.0))}
    | {"content_capacity": ((0.0, 0.0), (0.5, 3.0))},
    "gumbel": INVARIANT | {"classes": 3, "class_mode": "joint", "inference": "gumbel"},
    "semi_supervised": CIRCULAR | {"classes": 3, "class_mode": "semi_supervised", "balance_weight": 1.0},
}
HELPERS = {"loss", "negative_elbo", "rmse", "guide", "known", "balance", "rmse_of_mean", "classes_unused"}


def data(config, key, n=8):
    x = jnp.round(jax.random.uniform(key, (n, *config.shape), jnp.float32))
    label = {"conditional": jnp.arange(n) % 3, "semi_supervised": jnp.where(jnp.arange(n) < 3, jnp.arange(n), -1)}
    factor = jnp.ones((n, 2), jnp.float32)
    factor = {"conditional": factor, "regression": factor.at[2:].set(jnp.nan)}
    return Batch(x, None, label.get(config.class_mode), factor.get(config.factor_mode))


def weights(model):
    """Weights of the shapes that ``init`` returns, drawn in NumPy because compiling every ``init`` takes longest."""
    generator = np.random.default_rng(0)
    shapes = jax.eval_shape(model.init, jax.random.key(0))
    return jax.tree.map(lambda leaf: jnp.asarray(0.4 * generator.normal(size=leaf.shape), leaf.dtype), shapes)


SLOW = ("search", "joint", "invariant", "enumerated", "gumbel", "factors", "conv")


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in VARIANTS])
def test_protocol(key, name):
    config = VAEConfig(**VARIANTS[name])
    model, batch = vae(config), data(config, key)
    model.check(batch)
    params = weights(model)
    (loss, terms), slopes = jax.jit(jax.value_and_grad(model.loss, argnums=1, has_aux=True))(key, params, batch, 0.4)
    for path, slope in jax.tree_util.tree_leaves_with_path(slopes):
        assert slope.dtype == jnp.float32 and jnp.isfinite(slope).all()
        assert jnp.abs(slope).max() > 0, f"no gradient reaches {jax.tree_util.keystr(path)}"
    assert loss.dtype == jnp.float32 and jnp.isfinite(loss)
    parts = sum(value for term, value in terms.items() if term not in HELPERS)
    np.testing.assert_allclose(parts, terms["negative_elbo"], rtol=1e-5)
    assert {f"kl_{component}" for component in config.pose} <= set(terms)

    example = jax.tree.map(lambda leaf: leaf[0], batch)

    def back(params):
        code = model.encode(params, example.x, label=example.label, factor=example.factor, search=True)
        return code, reconstruct(model, params, example.x, label=example.label, factor=example.factor)

    code, image = jax.jit(back)(params)
    assert image.shape == config.shape and code.mean.shape == code.std.shape == (2,)
    assert [name for name, value in code.pose._asdict().items() if value is not None] == [
        name for name in Pose._fields if name in config.pose
    ]
    if config.classes:
        np.testing.assert_allclose(code.probabilities.sum(), 1, rtol=1e-5)
    if config.factors:
        np.testing.assert_array_equal(code.factor, example.factor)


def built(**settings):
    config = VAEConfig(**settings)
    model = vae(config)
    return config, model, weights(model)


def test_decoded_image_turns_and_moves_with_its_pose(key):
    _, model, params = built(**INVARIANT)
    z = jax.random.normal(key, (2,), jnp.float32)

    @jax.jit
    @jax.vmap
    def decode(angle, shift):
        return model.decode(params, z, pose=Pose(angle=angle, shift=shift))

    angles = jnp.asarray([0.0, math.pi / 2, -math.pi / 2, 0.0], jnp.float32)
    shifts = jnp.zeros((4, 2), jnp.float32).at[3].set(jnp.asarray([0.4, 0.8], jnp.float32))  # one pixel right, two up
    upright, left, right, moved = np.asarray(decode(angles, shifts))
    np.testing.assert_allclose(left, np.rot90(upright), atol=1e-5)  # rot90 is anticlockwise as shown
    np.testing.assert_allclose(right, np.rot90(upright, -1), atol=1e-5)
    np.testing.assert_allclose(moved[:3, 1:], upright[2:, :4], atol=1e-5)


def test_encoded_pose_turns_with_the_image_and_the_content_stays(key):
    """Quarter turns of a square image are exact, because the copies are the same ones in another order."""
    config, model, params = built(**CIRCULAR, classes=3, class_mode="joint")
    image = data(config, key, 1).x[0]
    turned = jnp.rot90(image)
    encode = jax.jit(lambda x: model.encode(params, x))
    code, other = encode(image), encode(turned)
    np.testing.assert_allclose(other.mean, code.mean, atol=1e-5)
    np.testing.assert_allclose(other.probabilities, code.probabilities, atol=1e-5)
    difference = np.mod(other.pose.angle - code.pose.angle, 2 * math.pi)
    np.testing.assert_allclose(difference, math.pi / 2, atol=1e-5)
    np.testing.assert_allclose(other.pose.shift, [-code.pose.shift[1], code.pose.shift[0]], atol=1e-5)
    restored = jax.jit(lambda x: reconstruct(model, params, x))
    np.testing.assert_allclose(restored(turned), jnp.rot90(restored(image)), atol=1e-5)


def test_missing_pixels_count_for_nothing_and_give_no_gradient(key):
    config, model, params = built(**INVARIANT)
    x = data(config, key).x
    mask = jnp.ones_like(x).at[:, 0].set(0)
    value = jax.jit(jax.value_and_grad(lambda p, x: model.loss(key, p, Batch(x, mask))[0]))
    (loss, slopes), (same, others) = value(params, x), value(params, jnp.asarray(x).at[:, 0].set(jnp.nan))
    assert loss == same and jnp.isfinite(loss)
    jax.tree.map(np.testing.assert_array_equal, slopes, others)
    whole = jax.jit(lambda mask: model.bound(key, params, Batch(x, mask))[0])
    np.testing.assert_allclose(whole(jnp.ones_like(x)), whole(None), rtol=1e-6)


def test_enumeration_equals_gumbel_at_low_temperature(key):
    settings = INVARIANT | {"classes": 3, "class_mode": "joint", "gumbel_temperature": 0.01}
    _, exact, params = built(**settings, inference="enumerate")
    _, relaxed, _ = built(**settings, inference="gumbel")
    x = jnp.broadcast_to(data(VAEConfig(**settings), key, 1).x, (4000, 5, 5))
    names = ("reconstruction", "kl", "kl_shift", "kl_class")
    enumerated, gumbel = (jax.jit(model.loss)(key, params, x)[1] for model in (exact, relaxed))
    for name in names:
        np.testing.assert_allclose(enumerated[name], gumbel[name], rtol=0.02)


def test_enumerated_loss_is_the_mean_over_sampled_candidates(key):
    """``bound`` draws one candidate from q; its mean over many copies of an example equals the enumerated loss."""
    _, model, params = built(**CIRCULAR, classes=3, class_mode="joint", inference="enumerate")
    x = jnp.broadcast_to(data(VAEConfig(**CIRCULAR), key, 1).x, (4000, 5, 5))
    (loss, _), (bound, _) = jax.jit(model.loss)(key, params, x), jax.jit(model.bound)(key, params, x)
    np.testing.assert_allclose(loss, bound, rtol=0.01)


def test_search_improves_the_bound_and_a_pixel_share_estimates_the_loss(key):
    settings = CIRCULAR | {"classes": 3, "class_mode": "joint"}
    config, model, params = built(**settings)
    x = data(config, key, 60).x
    bound = jax.jit(model.bound, static_argnums=3)
    assert bound(key, params, x, True)[0] < bound(key, params, x, False)[0] - 0.1
    some = vae(VAEConfig(**INVARIANT, pixels=0.3))
    whole = vae(VAEConfig(**INVARIANT))
    params = weights(whole)
    keys = jax.random.split(key, 200)
    part, full = (jax.jit(jax.vmap(lambda k, m=m: m.loss(k, params, x)[0]))(keys) for m in (some, whole))
    assert abs(part.mean() - full.mean()) < 4 * math.hypot(part.std(), full.std()) / math.sqrt(200)


def test_known_label_leaves_its_class_alone_and_unknown_ones_change_nothing(key):
    settings = CIRCULAR | {"classes": 3}
    config, semi, params = built(**settings, class_mode="semi_supervised")
    _, joint, _ = built(**settings, class_mode="joint")
    x = data(config, key).x
    bound = jax.jit(semi.bound)
    unknown = bound(key, params, Batch(x, label=jnp.full(8, -1)))[0]
    np.testing.assert_allclose(unknown, jax.jit(joint.bound)(key, params, x)[0], rtol=1e-6)
    terms = bound(key, params, Batch(x, label=jnp.full(8, 1)))[1]
    np.testing.assert_allclose(terms["kl_class"], math.log(3), rtol=1e-5)
    code = jax.jit(lambda x: semi.encode(params, x, label=1))(x[0])
    np.testing.assert_allclose(code.probabilities, [0, 1, 0], atol=1e-6)


def trained(key, model, x, steps, rate=1e-2):
    optimise = optax.adam(rate)

    def step(carry, key):
        params, state = carry
        loss, slopes = jax.value_and_grad(lambda p: model.loss(key, p, x)[0])(params)
        updates, state = optimise.update(slopes, state)
        return (optax.apply_updates(params, updates), state), loss

    def run(key):
        params = model.init(key)
        return jax.lax.scan(step, (params, optimise.init(params)), jax.random.split(key, steps))[0][0]

    return jax.jit(run)(key)


def test_a_moved_signal_changes_its_shift_alone(key):
    """Gaussian bumps of two widths at any place: the shift follows the place, the content does not."""
    config = VAEConfig(
        shape=(24,), hidden=(24,), latent_dim=1, decoder="coordinate", pose=("shift",), shift_std=0.4, sigma=0.05
    )
    model = vae(config)
    position = jnp.linspace(-1, 1, 24, dtype=jnp.float32)
    place = jnp.tile(jnp.linspace(-0.5, 0.5, 16, dtype=jnp.float32), 2)
    width = jnp.repeat(jnp.asarray([0.12, 0.25], jnp.float32), 16)
    x = jnp.exp(-0.5 * ((position[None] - place[:, None]) / width[:, None]) ** 2)
    params = trained(key, model, x, 800)
    code = jax.jit(jax.vmap(model.encode, (None, 0)))(params, x)
    for kind in (slice(0, 16), slice(16, 32)):
        slope = np.polyfit(place[kind], code.pose.shift[kind, 0], 1)[0]
        assert slope == pytest.approx(1, abs=0.1)
    within = np.std(np.asarray(code.mean[:, 0]).reshape(2, 16), axis=1).max()
    assert abs(code.mean[:16].mean() - code.mean[16:].mean()) > 4 * within


@pytest.mark.slow
def test_training_overfits_four_images(key):
    settings = {"hidden": (32, 32), "pose": ("angle", "shift"), "kl_weight": 0.1, "search_pixels": 25}
    config = VAEConfig(**CIRCULAR | settings)
    model = vae(config)
    x = data(config, key, 4).x
    params = trained(key, model, x, 600)
    restored = jax.jit(jax.vmap(lambda x: reconstruct(model, params, x, search=True)))(x)
    assert jnp.abs(restored - x).mean() < 0.05


IMAGES = np.random.default_rng(0).uniform(size=(6, 4, 4)).astype(np.float32)
BERNOULLI = VAEConfig(shape=(4, 4), likelihood="bernoulli")
COLOUR = VAEConfig(shape=(4, 4, 3), likelihood="bernoulli")
SEMI = VAEConfig(shape=(4, 4), likelihood="bernoulli", classes=2, class_mode="semi_supervised")
FACTOR = VAEConfig(shape=(4, 4), likelihood="bernoulli", factors=1, factor_mode="conditional")


@pytest.mark.parametrize(
    ("config", "batch", "words"),
    [
        (COLOUR, Batch(np.zeros((6, 3, 4, 4), np.float32)), "moveaxis"),
        (BERNOULLI, Batch(IMAGES[0]), r"data\[None\]"),
        (BERNOULLI, Batch(3 * IMAGES), "rescale"),
        (BERNOULLI, Batch(np.where(IMAGES > 0.9, np.nan, IMAGES)), "give a mask"),
        (BERNOULLI, Batch(IMAGES, np.zeros_like(IMAGES)), "no measured value"),
        (SEMI, Batch(IMAGES), "needs labels"),
        (SEMI, Batch(IMAGES, label=np.array([0, 1, 2, -1, -1, -1])), "classes=3"),
        (SEMI, Batch(IMAGES, label=np.array([0, 1, 1, 0, -1, -1])), "expects more"),
        (SEMI, Batch(IMAGES, label=np.array([0, 0, -1, -1, -1, -1])), r"class \[1\]"),
        (SEMI, Batch(IMAGES)._replace(label=np.array([0, 1.5, np.nan, -1, -1, -1])), "labels are float64"),
        (BERNOULLI, Batch(IMAGES[:0]), "no example"),
        (FACTOR, Batch(IMAGES, factor=np.full((6, 1), np.nan, np.float32)), "regression"),
        (FACTOR, Batch(IMAGES, factor=np.zeros((6, 2), np.float32)), r"\[6 1\]"),
    ],
)
def test_data_that_cannot_be_trained_on_is_refused_in_words(config, batch, words):
    with pytest.raises(ValueError, match=words):
        vae(config).check(batch)
    vae(BERNOULLI).check(Batch(np.where(IMAGES > 0.9, np.nan, IMAGES), (IMAGES <= 0.9).astype(np.float32)))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda model, params: check(model, "images"), "data is a str"),
        (lambda model, params: model.decode(params, jnp.zeros(2), label=9), "classes are 0 to 1"),
        (lambda model, params: model.encode(params, jnp.asarray(IMAGES[0]), label=2), "classes are 0 to 1"),
        (lambda model, params: models.decode_all(model, params, jnp.zeros((3, 2)), label=7), "classes from 0 to 1"),
    ],
)
def test_what_no_model_can_use_is_refused_in_words(call, words):
    model = vae(SEMI)
    with pytest.raises(ValueError, match=words):
        call(model, weights(model))
