"""Classes with unequal frequencies: the learned prior, what labels teach under it, and whose word the class is."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from models import Batch, VAEConfig, recipes, vae
from models.parts import losses
from models.parts.observation import observation_of

SETTINGS: dict[str, Any] = {
    "shape": (5, 5),
    "hidden": (8,),
    "likelihood": "bernoulli",
    "classes": 3,
    "class_mode": "semi_supervised",
    "class_prior": "learned",
    "class_search": False,
    "known_weight": 7.0,
}
PRIOR = np.array([0.7, 0.25, 0.05])
LABEL = jnp.asarray([0, 1, 2, 2, -1, -1, -1, -1, -1, -1])


@pytest.fixture(scope="module")
def semi():
    """A model with weights drawn in NumPy and the prior PRIOR, ten images, and q(class | x) of each."""
    model, generator = vae(VAEConfig(**SETTINGS)), np.random.default_rng(0)
    shapes = jax.eval_shape(model.init, jax.random.key(0))
    params = jax.tree.map(lambda leaf: jnp.asarray(0.4 * generator.normal(size=leaf.shape), leaf.dtype), shapes)
    params["class_logits"] = jnp.asarray(np.log(PRIOR), jnp.float32)
    x = jnp.asarray(generator.uniform(size=(10, 5, 5)) > 0.5, jnp.float32)
    encode = jax.jit(jax.vmap(lambda x: [model.encode(params, x, search=s).probabilities for s in (False, True)]))
    return model, params, x, *map(np.asarray, encode(x))


def test_divergence_from_a_prior_against_scipy():
    q = np.random.default_rng(0).dirichlet(np.ones(3), 4)
    ours = losses.kl_categorical(jnp.log(q), jnp.log(jnp.tile(jnp.asarray(PRIOR), (4, 1))))
    np.testing.assert_allclose(ours, stats.entropy(q, PRIOR[None], axis=1), rtol=1e-5)


def test_class_is_the_encoders_where_it_is_not_searched(semi):
    *_, encoder, searched = semi
    np.testing.assert_allclose(searched, encoder, rtol=1e-5)


def test_prior_follows_the_unlabelled_and_labels_teach_q_over_prior(semi):
    model, params, x, q, _ = semi
    slopes, terms = jax.jit(jax.grad(model.loss, argnums=1, has_aux=True))(
        jax.random.key(0), params, Batch(x, label=LABEL)
    )
    unknown = np.asarray(LABEL) < 0
    np.testing.assert_allclose(slopes["class_logits"], (PRIOR - q[unknown]).sum(0) / len(x), atol=1e-5)
    known = np.flatnonzero(~unknown)
    balanced = q / PRIOR / (q / PRIOR).sum(1, keepdims=True)
    expected = -np.log(balanced[known, np.asarray(LABEL)[known]]).sum() / len(x)
    assert float(terms["known"]) == pytest.approx(expected, rel=1e-4)
    of_unknown = stats.entropy(q[unknown], PRIOR[None], axis=1).sum()
    of_known = -np.log(PRIOR[np.asarray(LABEL)[known]]).sum()
    assert float(terms["kl_class"]) == pytest.approx((of_unknown + of_known) / len(x), rel=1e-4)


def test_without_data_every_value_tells_as_much():
    small, large = (recipes.weight_of_known(shape) for shape in ((2, 2), (40, 40)))
    assert small == recipes.KNOWN and large == pytest.approx(1600 * recipes.A_VALUE / recipes.TOLD * recipes.KNOWN)
    assert large > small


def test_balance_is_the_divergence_of_the_mean_class_from_even_shares(semi):
    _, params, x, q, _ = semi
    model = vae(VAEConfig(**SETTINGS | {"class_prior": "uniform", "balance_weight": 1.0}))
    terms = jax.jit(model.loss)(jax.random.key(0), params, Batch(x, label=jnp.full(10, -1)))[1]
    assert float(terms["balance"]) == pytest.approx(stats.entropy(q.mean(0), [1 / 3] * 3), rel=1e-4)


def test_a_joint_model_of_sharp_data_starts_with_a_wide_likelihood():
    """Nats that an example can tell at the start: those of the cards that the balance was chosen on."""
    generator = np.random.default_rng(0)
    x = 0.3 + 0.1 * np.sin(np.arange(20) / 4 + generator.uniform(0, 6, (200, 1)))[:, None] * np.ones((1, 20, 1))
    x = x + 0.02 * generator.normal(size=x.shape)
    config = recipes.joint((20, 20), 3, data=x)
    schedule = config.reconstruction_weight
    assert isinstance(schedule, tuple) and schedule[-1] == (0.8, 1.0)
    told = 400 * (x.var() - 0.02**2) / (2 * config.sigma**2)
    assert schedule[0][1] * told == pytest.approx(recipes.TOLD, rel=0.1)
    assert recipes.joint((20, 20), 3, data=(x > 0.3).astype(float)).reconstruction_weight == 1.0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"class_mode": "conditional"}, "class_prior='learned' needs"),
        ({"class_capacity": 1.0}, "no class_capacity"),
        ({"class_prior": "lerned"}, "learned, uniform"),
        ({"balance_weight": ((0.5, 1.0), (0.2, 0.0))}, "balance_weight"),
        ({"reconstruction_weight": -1.0}, "reconstruction_weight"),
    ],
)
def test_what_does_not_go_together_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        VAEConfig(**SETTINGS | changes)


def test_known_labels_weigh_in_proportion_to_what_an_example_tells():
    """−log q(label | x) is 10 for 50 nats: beside the thousands of a clear image nothing less is heard."""
    rng = np.random.default_rng(0)
    x = np.sin(np.linspace(0, 12, 24))[:, None] * np.ones(24) * rng.uniform(0.5, 1, (200, 1, 1))
    x = (x + 0.1 * rng.standard_normal(x.shape)).astype(np.float32)
    weight = {scale: recipes.semi_supervised((24, 24), 3, data=scale * x).known_weight for scale in (1, 1000)}
    seen = observation_of(x)
    assert weight[1] == pytest.approx(10 * 576 * (seen.contrast**2 - seen.noise**2) / (2 * seen.sigma**2) / 50)
    assert weight[1] > 100 and weight[1000] == pytest.approx(weight[1], rel=0.01)  # whatever the unit
    masks = (x > 0).astype(np.float32)
    assert recipes.semi_supervised((24, 24), 3, data=masks).known_weight == 10
    assert recipes.semi_supervised((24, 24), 3, likelihood="bernoulli").known_weight == 10
