"""Parts of ``comparison`` beside the tasks: angles of single suits, thousands of observations, a campaign step."""

import argparse
import time

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.deep_kernels import tasks
from benchmarks.deep_kernels.methods import scores, tables
from bo.acquisitions import analytic
from bo.campaigns.pool import campaign
from bo.campaigns.records import CampaignConfig
from bo.campaigns.tables import lookup
from bo.data import observations
from bo.deep_kernels.deep_kernel import deep_kernel
from bo.deep_kernels.static import static_deep_kernel
from bo.deep_kernels.trained import trained_deep_kernel
from bo.features import base
from bo.surrogates.base import with_noise
from bo.surrogates.circular import circular
from models.features import skip


def suits(options: argparse.Namespace, seeds: int) -> dict[str, list[float]]:
    """Return the RMSE of the angle in degrees for each suit, modulo its symmetry, from 25 labels of that suit alone."""
    task = tasks.load("rotation 100", options.smoke)
    features, table = tables(task, 0, options.cache, options.shift, options.vectors)
    assert task.label is not None and task.period is not None
    angle, results = task.y * np.radians(task.scale), {}
    for suit in np.unique(task.label):
        period = float(task.period[task.label == suit][0])
        model = circular(deep_kernel(features.blocks), period)
        fit, predict = jax.jit(model.fit), jax.jit(model.predict)
        of_suit, errors = np.flatnonzero(task.label == suit), []
        for seed in range(seeds):
            rows = of_suit[np.random.default_rng(seed).permutation(len(of_suit))]
            train, test = rows[:25], rows[25:275]
            data = observations(table[train], jnp.asarray(angle[train]))
            prediction = predict(fit(jax.random.key(seed), data), data, table[test])
            gap = (np.asarray(prediction.angle) - angle[test] + period / 2) % period - period / 2
            errors.append(float(np.degrees(np.sqrt(np.mean(gap**2)))))
        name = tasks.SUITS[suit]
        results[name] = errors
        print(f"{name:10} 25 labels, modulo {np.degrees(period):.0f}°: {np.median(errors):.1f}° ", end="")
        print(f"({min(errors):.1f} – {max(errors):.1f}); a random guess has {np.degrees(period) / 12**0.5:.1f}°")
    return results


def large(options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Score static fits to 7,500 curves for Σ|curl|: the exact posterior, and inducing points with their distance from
    it."""
    task = tasks.curves("curl", 400 if options.smoke else 7500)
    start = time.process_time()
    features = base.fit_features(jax.random.key(0), task.x, tasks.extractors(task))
    spent = time.process_time() - start
    m = 100 if options.smoke else 1000
    order = np.random.default_rng(0).permutation(len(task.y))
    held, used = order[: len(order) // 10], order[len(order) // 10 :]
    data = observations(features.table[used], jnp.asarray(task.y[used]))
    print(f"\nstatic fit to {len(used)} observations, hyperparameters from {m}; features {spent:.0f} CPU-s")
    results = {}
    for name, inducing in (("exact", None), (f"{m} inducing points", m), (f"{3 * m} inducing points", 3 * m)):
        start, wall = time.process_time(), time.perf_counter()
        fitting = static_deep_kernel(features.blocks, subset=m, inducing=inducing)
        params = fitting.fit(jax.random.key(1), data)
        latent = fitting.predict(params, features.table[held])
        prediction = jax.block_until_ready(with_noise(latent, fitting.noise(params)))
        spent, wall = time.process_time() - start, time.perf_counter() - wall
        row = scores(task.y[held], prediction)
        gap = fitting.difference(jax.random.key(2), params, data, min(3000, len(used) // 2))
        print(
            f"  {name}: {spent:.0f} CPU-s, {wall:.0f} s, compilation included; held out: RMSE {row['rmse']:.3f}, "
            f"NLL {row['nll']:.3f}, coverage {row['coverage']:.3f}; means differ from the exact ones by "
            f"{gap.in_deviations:.3f} predictive deviations (RMS), their deviations by {gap.deviation:.0%}"
        )
        results[name] = row | gap._asdict() | {"fit_cpu_s": spent, "wall_s": wall}
    return results


def step_cost(options: argparse.Namespace) -> dict[str, float]:
    """Measure the CPU seconds of a campaign step at 600 observations on the 7,500 curves, with its share of a refit."""
    task = tasks.curves("smooth", 400 if options.smoke else 7500)
    features = base.fit_features(jax.random.key(0), task.x, tasks.extractors(task))
    first = 60 if options.smoke else 575
    config = CampaignConfig(first, 25, 25)
    network = skip(next(block.stop - block.start for block in features.blocks if block.name == "pca"))
    results = {}
    for name, surrogate in (
        ("deep kernel", deep_kernel(features.blocks)),
        ("trained deep kernel", trained_deep_kernel(features.blocks, network)),
    ):
        rule = analytic.upper_confidence_bound(10.0)
        run = campaign(lookup(jnp.asarray(task.y)), features.table, surrogate, rule, config)
        state, info = jax.jit(run.init)(jax.random.key(0))
        state = run.grow(state, first + 25)
        advances = jax.jit(
            lambda key, state, run=run: jax.lax.scan(lambda s, k: run.advance(k, s), state, jax.random.split(key, 25))
        )
        refit = jax.jit(run.refit)
        spent = []
        for _ in range(2):  # the first one compiles
            start = time.process_time()
            after, infos = jax.block_until_ready(advances(jax.random.key(1), state))
            middle = time.process_time()
            jax.block_until_ready(refit(jax.random.key(2), after, jax.tree.map(lambda leaf: leaf[-1], infos)))
            spent.append((middle - start, time.process_time() - middle))
        del info
        steps, fits = spent[-1]
        results[name] = (steps + fits) / 25
        print(
            f"{name}: a campaign step at {first + 25} of {len(task.y)} candidates: {results[name]:.3f} CPU-s "
            f"(step {steps / 25:.3f}, refit {fits:.2f} every 25)"
        )
    return results
