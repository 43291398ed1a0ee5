"""Experiments on deep kernels: scores of latent spaces, what campaigns are given, options that cannot be."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

import bo
from experiments import dkl_cards, dkl_trajectories, latent_quality
from experiments.latent_quality import organisation
from experiments.latent_quality.verdict import sign_test
from experiments.shared.deep_kernels import joint_vae, programs, tables
from helpers import finished_runs
from models import VAEConfig, vae


@pytest.fixture(scope="module")
def square() -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (300, 2))


def score(points: np.ndarray, target: np.ndarray, data: np.ndarray) -> dict[str, float]:
    values = organisation.scores(points, target, squareform(pdist(data)))
    return dict(zip(organisation.NAMES, values.tolist(), strict=True))


def test_a_space_in_order_has_high_scores_and_one_without_has_none(square):
    target = -np.linalg.norm(square - 0.3, axis=1)
    good = score(square, target, square)
    assert good["neighbour_r2"] > 0.95 and good["moran"] > 0.9 and good["components"] == 1
    assert good["distance_rank"] > 0.2 and good["trust"] == 1
    mixed = np.random.default_rng(1).permutation(square)
    bad = score(mixed, target, square)
    assert bad["neighbour_r2"] < 0.1 and abs(bad["moran"]) < 0.1 and bad["components"] > 4
    assert abs(bad["distance_rank"]) < 0.05 and bad["trust"] < 0.6


def test_scores_do_not_depend_on_turning_shifting_or_scaling(square):
    target = np.sin(3 * square[:, 0]) + square[:, 1]
    turned = 4 * square @ np.array([[0.6, -0.8], [0.8, 0.6]]) + 7
    assert score(turned, target, square) == pytest.approx(score(square, target, square), abs=1e-9)


def test_the_best_in_two_places_are_two_parts(square):
    distance = np.minimum(np.linalg.norm(square - 0.7, axis=1), np.linalg.norm(square + 0.7, axis=1))
    assert score(square, -distance, square)["components"] == 2


def test_latents_of_any_size_keep_their_distances_in_a_table(square):
    """Up to one factor for all: missing columns count for nothing."""
    latents = np.stack([square, square * 5 + 1])
    table = tables.table_of_latents(latents, width=4)
    assert table.rows.shape == (2, 300, 4) and table.rows.min() == 0 and table.rows.max() == 1
    for points in tables.units(table):
        ratio = pdist(points) / pdist(square)
        np.testing.assert_allclose(ratio, ratio[0], rtol=1e-9)


def test_the_embedding_of_a_kernel_has_the_kernels_distances():
    rows = np.random.default_rng(2).uniform(size=(1, 30, 5))
    weights = np.array([[1.0, 2.0, 0.5, 3.0, 1.0]])
    table = tables.Table(rows, weights, (("raw", 0, 2), ("pca", 2, 5)))
    learned = {"variance": np.array([2.0, 0.3]), "lengthscale": np.array([0.5, 4.0])}
    first, second = (pdist(tables.units(tables.pick(table, name))[0]) ** 2 for name in ("raw", "pca"))
    squares = pdist(tables.kernel_embedding(table, 3, learned)) ** 2
    np.testing.assert_allclose(squares, 2.0 * first / 0.25 + 0.3 * second / 16, rtol=1e-9)
    undecided = tables.kernel_embedding(table, 0, learned | {"variance": np.zeros(2)})
    np.testing.assert_allclose(pdist(undecided) ** 2, first / 0.25 + second / 16, rtol=1e-9)


def test_a_turned_and_mirrored_space_is_aligned_with_the_original(square):
    reference = tables.aligned(square, np.eye(2)[np.zeros(300, int)])
    mirrored = 3 * square @ np.array([[0.6, 0.8], [0.8, -0.6]]) + 2
    np.testing.assert_allclose(tables.aligned(mirrored, reference), reference, atol=1e-9)


@pytest.mark.slow
def test_a_joint_vae_encodes_the_examples_of_a_table_and_is_trained_on_them():
    config = VAEConfig(shape=(4, 4), hidden=(8,), likelihood="bernoulli")
    ramp = np.linspace(0, 1, 16).reshape(1, 4, 4)  # its first pixel is the same for all
    x = np.random.default_rng(3).uniform(size=(40, 1, 1)) * ramp
    table = tables.table_of(bo.fit_features(jax.random.key(0), x, (bo.raw(),)))
    model = vae(config)
    encoders = joint_vae.encoders(config, jax.vmap(model.init)(jax.random.split(jax.random.key(1), 2)), x)
    start = joint_vae.Encoders(config, *jax.tree.map(lambda leaf: leaf[1], tuple(encoders)[1:]))
    rows = jnp.asarray(table.rows[0])
    np.testing.assert_allclose(joint_vae.examples(start, rows), x, atol=1e-6)
    surrogate = joint_vae.joint_vae(programs.blocks_of(table.spans, table.weights[0]), rows, start, 60)
    params = jax.jit(surrogate.init)(jax.random.key(2), bo.observations(rows[:10], jnp.asarray(x[:10, 0, 1])))
    bounds = jax.jit(jax.vmap(lambda weights: model.bound(jax.random.key(3), weights, jnp.asarray(x, "float32"))[0]))
    before, after = bounds(jax.tree.map(lambda *leaves: jnp.stack(leaves), start.params, params.deep.weights))
    assert after < before - 0.5


def test_sign_test():
    wins = np.array([True] * 9 + [False])
    assert sign_test(wins, ~wins) == pytest.approx(2 * 11 / 2**10)
    assert sign_test(np.zeros(5, bool), np.zeros(5, bool)) == 1
    assert sign_test(wins, ~wins) == sign_test(~wins, wins)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"pool": 1001}, "multiple of 4"),
        ({"steps": 2000}, "holds 20 \\+ 2000"),
        ({"recall_share": 1.0}, "between 0 and 1"),
        ({"dials": (1.5,)}, "from 0 to 1"),
        ({"shares": (0.5,)}, "100 of the 1000 histories are good"),
        ({"kappa": -1.0}, "at least 0"),
    ],
)
def test_latent_quality_that_cannot_be_done_is_refused(option, words):
    with pytest.raises(ValueError, match=words):
        latent_quality.Config(**option)


@pytest.mark.parametrize(
    ("config", "option", "words"),
    [
        (dkl_cards.Config, {"per_suit": 100}, "600 evaluations and 200 labels need more than 400 candidates"),
        (dkl_cards.Config, {"share": 0.0}, "between 0 and 1"),
        (dkl_cards.Config, {"seeds": 1}, "--seeds is 1"),
        (dkl_trajectories.Config, {"pool": 8000}, "--pool is 8000 of --histories 7500"),
        (dkl_trajectories.Config, {"kappa": -1.0}, "at least 0"),
    ],
)
def test_campaigns_that_cannot_be_done_are_refused(config, option, words):
    with pytest.raises(ValueError, match=words):
        config(**option)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dkl_cards", "dkl_trajectories", "latent_quality"])
def test_smoke(name, tmp_path):
    folder, _, metrics = finished_runs.checked(name, tmp_path)
    assert (folder / "report.html").is_file() and metrics["complete"] == 1
