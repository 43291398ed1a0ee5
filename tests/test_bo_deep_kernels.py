"""Deep kernels: equal to the plain process where they must be, calibrated on noise, refusing what cannot be fitted."""

from dataclasses import replace
from functools import cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.gaussian_process.kernels import Matern

from bo.acquisitions import analytic
from bo.campaigns import running
from bo.campaigns.pool import campaign
from bo.campaigns.records import CampaignConfig
from bo.campaigns.tables import lookup
from bo.data import Data, observations
from bo.deep_kernels.blocks import block_kernel, fit_data, scale_variances
from bo.deep_kernels.candidates import masks, processes
from bo.deep_kernels.deep_kernel import DeepKernelConfig, deep_kernel
from bo.deep_kernels.embedding import NetworkParams, embedded
from bo.deep_kernels.published import published_deep_kernel
from bo.deep_kernels.trained import TrainedDeepKernelConfig, trained_deep_kernel
from bo.features.base import Features, fit_features, pca, raw
from bo.surrogates.base import with_noise
from bo.surrogates.circular import circular
from bo.surrogates.held_out import held_out_residuals, leave_one_out, nll_and_coverage
from bo.surrogates.kernels import cross
from bo.surrogates.process import process
from bo.surrogates.process_types import GPConfig
from bo.surrogates.warped import warped
from models.features import mlp, skip

QUICK = GPConfig(starts=1, iterations=6, noise_prior=(-2.0, 1.0))
CONFIG = DeepKernelConfig(folds=3, gp=QUICK)
TRAINED = TrainedDeepKernelConfig(steps=4, warm_steps=2, stop_every=2, deep_kernel=CONFIG)
NETWORK = skip(3, 2, (4,))
COUNT, CAPACITY = 48, 51


class Pool(NamedTuple):
    """Features of a pool, and the target of each point."""

    features: Features
    y: np.ndarray


@cache
def pool():
    """60 points of a curve in 5 dimensions, and a smooth target along it."""
    t = np.sort(np.random.default_rng(0).uniform(-1, 1, 60))
    x = np.stack([t, t**2, np.sin(3 * t), np.cos(5 * t), 0.1 * np.random.default_rng(1).normal(size=60)], 1)
    return Pool(fit_features(jax.random.key(0), x, (raw(), pca(3))), np.sin(4 * t))


@cache
def data(target="smooth") -> Data:
    """48 of the points; what stands in the padding must not matter."""
    rows = np.random.default_rng(2).permutation(60)[:CAPACITY]
    y = np.random.default_rng(3).normal(size=60) if target == "noise" else pool().y
    mask = jnp.arange(CAPACITY) < COUNT
    x = pool().features.table[rows].at[COUNT:].set(7.0)
    return observations(x, jnp.where(mask, y[rows], 1e6), mask)


@cache
def compiled(kind):
    """The surrogate of a kind, with the functions compiled that the tests call."""
    blocks = pool().features.blocks
    surrogate = {
        "deep kernel": lambda: deep_kernel(blocks, CONFIG),
        "trained": lambda: trained_deep_kernel(blocks, NETWORK, TRAINED),
        "never flat": lambda: deep_kernel(blocks, replace(CONFIG, noise_alone=False)),
        "published": lambda: published_deep_kernel(blocks, mlp((5, 64, 64, 2), "relu")),
    }[kind]()
    return surrogate._replace(**{name: jax.jit(getattr(surrogate, name)) for name in ("init", "fit", "predict")})


@cache
def fitted(kind, target="smooth"):
    """Params after a first and a warm fit, and what the warm fit did."""
    surrogate = compiled(kind)
    params = surrogate.init(jax.random.key(1), data(target))
    return surrogate.fit(jax.random.key(2), params, data(target))


@pytest.mark.parametrize("kind", ["deep kernel", pytest.param("trained", marks=pytest.mark.slow)])
def test_fit_predicts_reports_and_conditions_on_the_pool(kind):
    surrogate, table = compiled(kind), pool().features.table
    params, info = fitted(kind)
    prediction = surrogate.predict(params, data(), table)
    assert np.sqrt(np.mean((prediction.mean - pool().y) ** 2)) < 0.15
    assert np.isfinite(info.objective) and int(info.evaluations) > 0
    surface = jax.jit(lambda p, d, x: surrogate.surface(p, surrogate.condition(p, d, x)))(params, data(), table)
    np.testing.assert_allclose(surface.mean, prediction.mean, atol=1e-7)
    np.testing.assert_allclose(surface.std, prediction.std, atol=1e-5)
    assert np.all(with_noise(prediction, surrogate.noise(params)).std > prediction.std)
    report = params.sampler.report.deep_kernel if kind == "trained" else params.report
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(report))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["deep kernel", "trained"])
def test_vmapped_seeds_equal_single_ones(kind):
    keys = jax.random.split(jax.random.key(7), 2)
    many = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), data())._replace(y=jnp.stack([data().y, data("noise").y]))
    together = jax.jit(jax.vmap(compiled(kind).init))(keys, many)
    for member in range(2):
        alone = compiled(kind).init(keys[member], jax.tree.map(lambda leaf: leaf[member], many))  # noqa: B023
        for a, b in zip(jax.tree.leaves(together), jax.tree.leaves(alone), strict=True):
            np.testing.assert_allclose(a[member], b, rtol=1e-4, atol=1e-5)


def test_folds_and_leaving_one_out_equal_conditioning_by_hand():
    blocks = pool().features.blocks
    model, fitting = processes(blocks, CONFIG.kernel, CONFIG.gp)
    params, some = fitted("deep kernel")[0].gp, data()
    squared = fit_data(blocks, some, jnp.ones(2))
    fold = jnp.arange(CAPACITY) % 3
    held_out = jax.jit(partial(held_out_residuals, fitting))(params, squared._replace(mask=some.mask & (fold != 1)))
    left_out = jax.jit(partial(leave_one_out, fitting))(params, squared)

    @jax.jit
    def by_hand(mask, point):
        part = some._replace(mask=some.mask & mask)
        latent = model.predict_at(params, part, model.prepare(params, part), point)
        observation = with_noise(latent, model.noise(params))
        return observation.mean[0], observation.std[0]

    for row in (1, 4, 22):
        for mask, residuals in ((fold != 1, held_out), (jnp.arange(CAPACITY) != row, left_out)):
            mean, std = by_hand(mask, some.x[row][None])
            np.testing.assert_allclose(params.scale * residuals.residual[row], some.y[row] - mean, atol=1e-8)
            np.testing.assert_allclose(params.scale * residuals.deviation[row], std, rtol=1e-7)
    nll, coverage = nll_and_coverage(jnp.array([0.0, 5.0, 9.0]), jnp.ones(3), jnp.array([True, True, False]))
    np.testing.assert_allclose(nll, 0.5 * np.log(2 * np.pi) + 25 / 4)
    assert coverage == 0.5


def test_identity_features_are_the_gaussian_process_and_a_factor_changes_the_deviations_alone():
    model, _ = processes(pool().features.blocks, CONFIG.kernel, CONFIG.gp)
    deep = embedded(model, lambda weights, x: x * weights)
    params, some, table = fitted("deep kernel")[0].gp, data(), pool().features.table

    @jax.jit
    def both(gp, query):
        whole = NetworkParams(gp, jnp.ones(()))
        same = deep.predict_at(whole, some, deep.prepare(whole, some), query)
        return model.predict_at(gp, some, model.prepare(gp, some), query), same, model.noise(gp) - deep.noise(whole)

    plain, same, noise_difference = both(params, table)
    np.testing.assert_array_equal(plain.mean, same.mean)
    np.testing.assert_array_equal(plain.std, same.std)
    assert noise_difference == 0
    wide = both(scale_variances(params, jnp.asarray(4.0)), table)[0]
    np.testing.assert_allclose(wide.mean, plain.mean, atol=1e-9)
    np.testing.assert_allclose(wide.std, 2 * plain.std, rtol=1e-7)


def test_gradients_reach_every_weight():
    network, (first, second) = skip(3, 2, (4,)), pool().features.blocks
    blocks = first, second._replace(name="net", start=5, stop=7, weights=np.ones(2))
    model, _ = processes(blocks, CONFIG.kernel, CONFIG.gp)

    def embed(weights, x):
        return jnp.concatenate([x[:, :5], network.apply(weights, x[:, 5:8].astype(jnp.float32)).astype(x.dtype)], 1)

    deep, params = embedded(model, embed), fitted("deep kernel")[0].gp
    weights = network.init(jax.random.key(0))
    slopes = jax.jit(jax.grad(lambda w: deep.log_likelihood(NetworkParams(params, w), data())))(weights)
    assert all(np.all(np.isfinite(leaf)) and np.any(np.asarray(leaf) != 0) for leaf in jax.tree.leaves(slopes))


def share_of_noise_covered(kind, params, noise):
    """Share of fresh noise inside the central 95 % of what is predicted from ``noise``."""
    latent = compiled(kind).predict(params, noise, pool().features.table)
    mean, std = (np.asarray(part) for part in with_noise(latent, compiled(kind).noise(params)))
    fresh = np.random.default_rng(4).normal(size=(200, 60))
    return np.mean(np.abs(fresh - mean[None]) < 1.96 * std[None])


def noise_data(seed):
    """Targets that are noise."""
    return data()._replace(y=jnp.asarray(np.random.default_rng(seed).normal(size=CAPACITY)))


def test_a_target_that_is_noise_leaves_the_prior():
    """As a mean over draws, because mean and variance of 48 values are off by more than a tenth themselves."""
    shares = []
    for draw in range(6):
        noise = noise_data(50 + draw)
        params = compiled("deep kernel").init(jax.random.key(0), noise)
        shares.append(share_of_noise_covered("deep kernel", params, noise))
    assert np.mean(shares) > 0.9


def test_without_noise_alone_a_surface_is_never_flat():
    """The constant wins on noise; ``noise_alone=False`` leaves out that candidate and nothing else."""
    noise = noise_data(50)

    def fit(kind):
        params = compiled(kind).init(jax.random.key(0), noise)
        return params, np.asarray(compiled(kind).predict(params, noise, pool().features.table).mean)

    (flat, flat_mean), (curved, curved_mean) = fit("deep kernel"), fit("never flat")
    assert int(flat.report.chosen) == 2 and not np.any(flat.report.amplitude)
    np.testing.assert_allclose(curved.report.nll, flat.report.nll[:2], rtol=1e-5)
    assert int(curved.report.chosen) < 2
    assert np.ptp(flat_mean) < 1e-12 < np.ptp(curved_mean)


@pytest.mark.slow
def test_noise_refuses_the_trained_network_and_the_published_form_is_overconfident_on_it():
    params = {kind: fitted(kind, "noise")[0] for kind in ("trained", "published")}
    assert share_of_noise_covered("trained", params["trained"], data("noise")) > 0.85
    report = params["trained"].sampler.report
    assert not report.accepted and report.gain < TRAINED.margin and report.amplitude[-1] == 0
    assert share_of_noise_covered("published", params["published"], data("noise")) < 0.7


@pytest.mark.slow
def test_a_refused_network_predicts_as_the_deep_kernel_without_it_and_a_collapsed_one_is_restarted():
    table, surrogate = pool().features.table, compiled("trained")
    params = fitted("trained", "noise")[0]
    without = compiled("deep kernel").predict(params.sampler.deep_kernel, data("noise"), table)
    np.testing.assert_allclose(surrogate.predict(params, data("noise"), table).mean, without.mean, atol=1e-7)

    dead = jax.tree.map(jnp.zeros_like, params.sampler.weights)
    collapsed = params._replace(sampler=params.sampler._replace(weights=dead))
    again, _ = surrogate.fit(jax.random.key(3), collapsed, data("noise"))
    assert int(again.sampler.report.collapsed) == 3
    usual = jax.vmap(NETWORK.init)(jax.random.split(jax.random.key(4), 3))  # biases start at 0 in each member
    drawn = jax.tree.map(lambda leaf: np.any(np.asarray(leaf) != 0), usual)
    alive = jax.tree.map(lambda leaf: all(np.any(member != 0) for member in np.asarray(leaf)), again.sampler.weights)
    assert all(jax.tree.leaves(jax.tree.map(lambda needed, there: there or not needed, drawn, alive)))
    assert int(params.sampler.report.collapsed) == 0


@pytest.mark.slow
def test_a_campaign_takes_them_as_any_surrogate():
    features, y = pool()
    problem = campaign(
        lookup(jnp.asarray(y)),
        features.table,
        compiled("deep kernel"),
        analytic.upper_confidence_bound(2.0),
        CampaignConfig(8, 6, 3),
    )
    state, info = jax.jit(lambda key: running.run(key, problem))(jax.random.key(0))
    assert float(state.best) > np.sort(y)[-6]
    np.testing.assert_allclose(np.asarray(info.value), y[np.asarray(info.index)])
    assert info.params.report.nll.shape == (14, 3) and np.all(np.isfinite(info.params.report.nll[-1]))


def test_bad_data_and_settings_are_refused():
    blocks = pool().features.blocks
    surrogate = deep_kernel(blocks, CONFIG)
    for y, mask, message in (
        (np.arange(51.0), np.arange(51) < 2, "2 observations: expected 3"),
        (np.full(51, 4.0), np.ones(51, bool), "all 51 targets are 4"),
        (np.r_[np.nan, np.arange(50.0)], np.ones(51, bool), "not finite"),
    ):
        with pytest.raises(ValueError, match=message):
            surrogate.init(jax.random.key(0), observations(data().x, jnp.asarray(y), jnp.asarray(mask)))
    for wrong in (
        lambda: DeepKernelConfig(kernel="wiener"),
        lambda: DeepKernelConfig(folds=1),
        lambda: deep_kernel(blocks, candidates=[["vae"]]),
        lambda: deep_kernel(blocks, candidates=[]),
        lambda: TrainedDeepKernelConfig(steps=30, stop_every=20),
        lambda: TrainedDeepKernelConfig(steps=20, warm_steps=40),
        lambda: TrainedDeepKernelConfig(inputs=()),
        lambda: trained_deep_kernel(blocks, skip(4, 2), TRAINED),
        lambda: warped(surrogate, powers=()),
        lambda: circular(surrogate, 0.0),
    ):
        with pytest.raises(ValueError):
            wrong()
    with pytest.raises(ValueError, match="the blocks of each"):
        masks.__wrapped__(blocks, ["raw", "pca"], True)
    with pytest.raises(ValueError, match="reach to column 8"):
        jax.eval_shape(surrogate.init, jax.random.key(0), observations(jnp.ones((4, 3)), jnp.arange(4.0)))
    assert process(QUICK).config == QUICK
    assert TrainedDeepKernelConfig(warm_steps=0).stops(cold=False) == 1


@pytest.mark.parametrize(
    ("kind", "smoothness"), [("matern12", 0.5), ("matern32", 1.5), ("matern52", 2.5), ("rbf", np.inf)]
)
def test_the_kernel_of_blocks_is_scikit_learn_s_pair_by_pair_and_as_a_matrix(kind, smoothness):
    blocks, scales = pool().features.blocks, {"lengthscale": jnp.array([0.7, 2.0]), "variance": jnp.array([1.5, 0.4])}
    kernel, x = block_kernel(blocks, kind).build(scales), pool().features.table[:6]
    expected = 0.0
    for block, length, variance in zip(blocks, scales["lengthscale"], scales["variance"], strict=True):
        own = Matern(float(length), nu=smoothness)
        expected += float(variance) * own(np.asarray(x[:, block.start : block.stop]) * block.weights)
    np.testing.assert_allclose(cross(kernel, x, x), expected, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose([[kernel(a, b) for b in x] for a in x], expected, rtol=1e-6, atol=1e-7)
