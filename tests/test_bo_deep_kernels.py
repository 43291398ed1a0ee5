"""Deep kernels: equal to the Gaussian process where they should be, honest where the target is noise, never silent."""

from dataclasses import replace
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bo.acquisitions import analytic
from bo.campaigns import running
from bo.campaigns.pool import campaign
from bo.campaigns.records import CampaignConfig
from bo.data import observations
from bo.deep_kernels.blocks import fit_data, widened
from bo.deep_kernels.deep_kernel import DeepKernelConfig, deep_kernel, masks, processes
from bo.deep_kernels.embedding import NetworkParams, embedded
from bo.deep_kernels.published import PublishedDeepKernelConfig, published_deep_kernel
from bo.deep_kernels.trained import TrainedDeepKernelConfig, trained_deep_kernel
from bo.features import base
from bo.features.base import indexed, lookup, pca, raw
from bo.surrogates.circular import circular
from bo.surrogates.held_out import held_out, judge, leave_one_out
from bo.surrogates.observing import with_noise
from bo.surrogates.process import process
from bo.surrogates.process_types import GPConfig
from bo.surrogates.warped import warped
from models.features import mlp, skip
from models.parts.networks import Network

QUICK = GPConfig(starts=1, iterations=6, noise_prior=(-2.0, 1.0))
CONFIG = DeepKernelConfig(folds=3, gp=QUICK)
JOINT = TrainedDeepKernelConfig(steps=4, warm_steps=2, every=2, deep_kernel=CONFIG)
NETWORK = skip(3, 2, (4,))
COUNT, CAPACITY = 48, 51


@cache
def pool():
    """60 points of a curve in 5 dimensions, and a smooth target along it."""
    t = np.sort(np.random.default_rng(0).uniform(-1, 1, 60))
    x = np.stack([t, t**2, np.sin(3 * t), np.cos(5 * t), 0.1 * np.random.default_rng(1).normal(size=60)], 1)
    return base.fit_features(jax.random.key(0), x, (raw(), pca(3))), np.sin(4 * t)


@cache
def data(kind="smooth"):
    found, y = pool()
    rows = np.random.default_rng(2).permutation(60)[:CAPACITY]
    if kind == "noise":
        y = np.random.default_rng(3).normal(size=60)
    mask = jnp.arange(CAPACITY) < COUNT
    x = found.table[rows].at[COUNT:].set(7.0)  # what stands in the padding must not matter
    return observations(x, jnp.where(mask, y[rows], 1e6), mask)


@cache
def programs(kind):
    found, _ = pool()
    own = {
        "frozen": lambda: deep_kernel(found.blocks, CONFIG),
        "joint": lambda: trained_deep_kernel(found.blocks, NETWORK, JOINT),
        "never flat": lambda: deep_kernel(found.blocks, replace(CONFIG, noise_alone=False)),
        "paper": lambda: published_deep_kernel(found.blocks, mlp((5, 64, 64, 2), "relu")),
    }[kind]()
    return own, jax.jit(own.init), jax.jit(own.fit), jax.jit(own.predict)


@cache
def fitted(kind, target="smooth"):
    _, init, fit, _ = programs(kind)
    params = init(jax.random.key(1), data(target))
    return fit(jax.random.key(2), params, data(target))


@pytest.mark.parametrize("kind", ["frozen", pytest.param("joint", marks=pytest.mark.slow)])
def test_fit_predicts_reports_and_conditions_on_the_pool(kind):
    own, _, _, predict = programs(kind)
    params, info = fitted(kind)
    found, y = pool()
    prediction = predict(params, data(), found.table)
    assert np.sqrt(np.mean((prediction.mean - y) ** 2)) < 0.15
    assert np.isfinite(info.objective) and int(info.evaluations) > 0
    surface = jax.jit(lambda p, d, x: own.surface(p, own.condition(p, d, x)))(params, data(), found.table)
    np.testing.assert_allclose(surface.mean, prediction.mean, atol=1e-7)
    np.testing.assert_allclose(surface.std, prediction.std, atol=1e-5)
    seen = with_noise(params, prediction)
    assert np.all(seen.std > prediction.std)
    report = params.report if kind == "frozen" else params.sampler.report
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(report.frozen if kind == "joint" else report))


@pytest.mark.parametrize("kind", ["frozen", pytest.param("joint", marks=pytest.mark.slow)])
def test_vmapped_seeds_equal_single_ones(kind):
    own, init, _, _ = programs(kind)
    keys = jax.random.split(jax.random.key(7), 2)
    many = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), data())._replace(y=jnp.stack([data().y, data("noise").y]))
    together = jax.jit(jax.vmap(own.init))(keys, many)
    for member in range(2):
        alone = init(keys[member], jax.tree.map(lambda leaf: leaf[member], many))  # noqa: B023
        for a, b in zip(jax.tree.leaves(together), jax.tree.leaves(alone), strict=True):
            np.testing.assert_allclose(a[member], b, rtol=1e-4, atol=1e-5)


def test_folds_and_leaving_one_out_equal_conditioning_by_hand():
    found, _ = pool()
    model, fitting = processes(found.blocks, CONFIG)
    params, some = fitted("frozen")[0].gp, data()
    squared = fit_data(found.blocks, some, jnp.ones(2))
    fold = jnp.arange(CAPACITY) % 3
    residual, deviation = held_out(fitting, params, squared._replace(mask=some.mask & (fold != 1)))
    alone, alone_deviation = leave_one_out(fitting, params, squared)

    @jax.jit
    def by_hand(mask, point):
        part = some._replace(mask=some.mask & mask)
        seen = model.at(params, part, model.prepare(params, part), point)
        return seen.mean[0], jnp.sqrt(seen.std[0] ** 2 + params.noise * params.scale**2)

    for row in (1, 4, 22):
        for mask, error, width in (
            (fold != 1, residual, deviation),
            (jnp.arange(CAPACITY) != row, alone, alone_deviation),
        ):
            mean, std = by_hand(mask, some.x[row][None])
            np.testing.assert_allclose(params.scale * error[row], some.y[row] - mean, atol=1e-8)
            np.testing.assert_allclose(params.scale * width[row], std, rtol=1e-7)
    nll, coverage = judge(jnp.array([0.0, 5.0, 9.0]), jnp.ones(3), jnp.array([True, True, False]))
    np.testing.assert_allclose(nll, 0.5 * np.log(2 * np.pi) + 25 / 4)
    assert coverage == 0.5


def test_identity_features_are_the_gaussian_process_and_a_factor_widens_alone():
    found, _ = pool()
    model, _ = processes(found.blocks, CONFIG)
    deep = embedded(model, lambda weights, x: x * weights)
    params, some = fitted("frozen")[0].gp, data()

    @jax.jit
    def both(gp, query):
        whole = NetworkParams(gp, jnp.ones(()))
        return model.at(gp, some, model.prepare(gp, some), query), deep.at(
            whole, some, deep.prepare(whole, some), query
        )

    plain, same = both(params, found.table)
    np.testing.assert_array_equal(plain.mean, same.mean)
    np.testing.assert_array_equal(plain.std, same.std)
    wide = both(widened(params, jnp.asarray(4.0)), found.table)[0]
    np.testing.assert_allclose(wide.mean, plain.mean, atol=1e-9)
    np.testing.assert_allclose(wide.std, 2 * plain.std, rtol=1e-7)


def test_gradients_reach_every_weight():
    found, _ = pool()
    network = skip(3, 2, (4,))
    model, _ = processes(
        (*found.blocks[:1], found.blocks[1]._replace(name="net", start=5, stop=7, weights=np.ones(2))), CONFIG
    )
    deep = embedded(
        model,
        lambda weights, x: jnp.concatenate(
            [x[:, :5], network.apply(weights, x[:, 5:8].astype(jnp.float32)).astype(x.dtype)], 1
        ),
    )
    params = fitted("frozen")[0].gp
    weights = network.init(jax.random.key(0))
    slopes = jax.jit(jax.grad(lambda w: deep.log_likelihood(NetworkParams(params, w), data())))(weights)
    assert all(np.all(np.isfinite(leaf)) and np.any(np.asarray(leaf) != 0) for leaf in jax.tree.leaves(slopes))


def covered(kind):
    """Share of fresh noise inside the central 95 % of what is predicted from noise."""
    params = fitted(kind, "noise")[0]
    prediction = programs(kind)[3](params, data("noise"), pool()[0].table)
    return inside(with_noise(params, prediction))


def inside(seen):
    mean, std = (np.asarray(part) for part in seen)
    fresh = np.random.default_rng(4).normal(size=(200, 60))
    return np.mean(np.abs(fresh - mean[None]) < 1.96 * std[None])


def test_a_target_that_is_noise_leaves_the_prior():
    """As a mean over draws: a mean and a variance that 48 values have are off by more than a tenth themselves."""
    shares = []
    for draw in range(6):
        noise = data()._replace(y=jnp.asarray(np.random.default_rng(50 + draw).normal(size=CAPACITY)))
        params = programs("frozen")[1](jax.random.key(0), noise)
        seen = with_noise(params, programs("frozen")[3](params, noise, pool()[0].table))
        shares.append(inside(seen))
    assert np.mean(shares) > 0.9


def test_without_noise_alone_a_surface_is_never_flat():
    """Of noise that the constant wins: what is left out is that candidate and nothing else."""
    noise = data()._replace(y=jnp.asarray(np.random.default_rng(50).normal(size=CAPACITY)))

    def seen(kind):
        _, init, _, predict = programs(kind)
        params = init(jax.random.key(0), noise)
        return params, np.asarray(predict(params, noise, pool()[0].table).mean)

    (flat, level), (curved, bent) = seen("frozen"), seen("never flat")
    assert int(flat.report.chosen) == 2 and not np.any(flat.report.amplitude)
    np.testing.assert_allclose(curved.report.nll, flat.report.nll[:2], rtol=1e-5)
    assert int(curved.report.chosen) < 2
    assert np.ptp(level) < 1e-12 < np.ptp(bent)


def test_what_else_the_weights_are_for_is_trained_with_them_from_where_they_were():
    """A decoder that the likelihood does not see goes where its own term sends it, and stays without one."""
    found, _ = pool()
    network = mlp((5, 4, 2), "tanh")
    start = {"network": network.init(jax.random.key(5)), "decoder": jnp.full(2, 3.0, jnp.float32)}
    both = Network(lambda key: start, lambda weights, x: network.apply(weights["network"], x))

    def away(key, weights):
        return jnp.sum((weights["decoder"] - jax.random.normal(key, (2,), jnp.float32) * 1e-3) ** 2)

    for also in (None, away):
        own = published_deep_kernel(found.blocks, both, PublishedDeepKernelConfig(steps=300, rate=3e-2), also=also)
        params = jax.jit(own.init)(jax.random.key(1), data())
        np.testing.assert_allclose(params.deep.weights["decoder"], 3.0 if also is None else 0.0, atol=0.02)
        moved = jax.tree.map(lambda a, b: bool(np.any(a != b)), params.deep.weights["network"], start["network"])
        assert all(jax.tree.leaves(moved))


@pytest.mark.slow
def test_noise_refuses_the_network_and_the_papers_form_is_sure_of_it():
    assert covered("joint") > 0.85
    report = fitted("joint", "noise")[0].sampler.report
    assert not report.accepted and report.gain < JOINT.margin and report.amplitude[-1] == 0
    assert covered("paper") < 0.7


@pytest.mark.slow
def test_a_refused_network_predicts_as_the_frozen_process_and_a_collapsed_one_is_restarted():
    found, _ = pool()
    _, _, fit, predict = programs("joint")
    params = fitted("joint", "noise")[0]
    frozen = programs("frozen")[3](params.sampler.frozen, data("noise"), found.table)
    np.testing.assert_allclose(predict(params, data("noise"), found.table).mean, frozen.mean, atol=1e-7)

    dead = jax.tree.map(jnp.zeros_like, params.sampler.weights)
    lost = params._replace(sampler=params.sampler._replace(weights=dead))
    again, _ = fit(jax.random.key(3), lost, data("noise"))
    assert int(again.sampler.report.collapsed) == 3
    usual = jax.vmap(NETWORK.init)(jax.random.split(jax.random.key(4), 3))  # its biases start at 0, each member's own
    drawn = jax.tree.map(lambda leaf: np.any(np.asarray(leaf) != 0), usual)
    alive = jax.tree.map(lambda leaf: all(np.any(member != 0) for member in np.asarray(leaf)), again.sampler.weights)
    assert all(jax.tree.leaves(jax.tree.map(lambda needed, there: there or not needed, drawn, alive)))
    assert int(params.sampler.report.collapsed) == 0


def test_a_campaign_takes_them_as_any_surrogate():
    found, y = pool()
    table = indexed(found.table)
    run = campaign(
        lookup(jnp.asarray(y)),
        table,
        programs("frozen")[0],
        analytic.upper_confidence_bound(2.0),
        CampaignConfig(8, 6, 3, buckets=1),
    )
    state, info = jax.jit(lambda key: running.run(key, run))(jax.random.key(0))
    assert float(state.best) > np.sort(y)[-6]
    np.testing.assert_allclose(np.asarray(info.value), y[np.asarray(info.index)])
    assert info.params.report.nll.shape == (14, 3) and np.all(np.isfinite(info.params.report.nll[-1]))


def test_bad_data_and_settings_are_refused():
    found, _ = pool()
    own = programs("frozen")[0]
    for y, mask, message in (
        (np.arange(51.0), np.arange(51) < 2, "2 observations: expected 3"),
        (np.full(51, 4.0), np.ones(51, bool), "all 51 targets are 4"),
        (np.r_[np.nan, np.arange(50.0)], np.ones(51, bool), "not finite"),
    ):
        with pytest.raises(ValueError, match=message):
            own.init(jax.random.key(0), observations(data().x, jnp.asarray(y), jnp.asarray(mask)))
    for wrong in (
        lambda: DeepKernelConfig(kernel="wiener"),
        lambda: DeepKernelConfig(folds=1),
        lambda: deep_kernel(found.blocks, candidates=[["vae"]]),
        lambda: deep_kernel(found.blocks, candidates=[]),
        lambda: TrainedDeepKernelConfig(steps=30, every=20),
        lambda: TrainedDeepKernelConfig(inputs=()),
        lambda: trained_deep_kernel(found.blocks, skip(4, 2), JOINT),
        lambda: warped(own, powers=()),
        lambda: circular(own, 0.0),
    ):
        with pytest.raises(ValueError):
            wrong()
    with pytest.raises(ValueError, match="the blocks of each"):
        masks.__wrapped__(found.blocks, ["raw", "pca"], True)
    with pytest.raises(ValueError, match="reach to column 8"):
        jax.eval_shape(own.init, jax.random.key(0), observations(jnp.ones((4, 3)), jnp.arange(4.0)))
    assert process(QUICK).config == QUICK
