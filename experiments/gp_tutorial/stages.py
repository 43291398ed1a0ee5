"""Stages of ``experiments/gp_tutorial/compute.py``: each computes, records its numbers and saves its arrays."""

from typing import Any

import gpjax as gpx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import norm

from bo.acquisitions import analytic
from bo.acquisitions.base import Acquisition
from bo.campaigns.pool import campaign
from bo.campaigns.records import CampaignConfig, State
from bo.data import Data, observations
from bo.surrogates import gp, process_types
from bo.surrogates.base import Surrogate
from bo.surrogates.kernels import KERNELS as classes
from bo.surrogates.process import standardisation
from experiments.gp_tutorial.config import KAPPAS, KERNELS, LENGTHSCALES, LEVELS, NOISES, Config
from experiments.lab.parallel import over_devices
from experiments.lab.run import Run

TINY_NOISE = 1e-6  # variance: values without noise
CHECK = {"kernel": "matern52", "lengthscale": 0.15, "noise": 0.01}  # noise: variance, of targets of variance 1
CHECKED = {"true": 1.0, "too_short": 1 / 3, "too_long": 3.0}  # factor on the length scale
CHECK_OBSERVATIONS, CHECK_QUERIES = 12, 20


def forrester(x: Any) -> Any:
    """Minus Forrester's function on [0, 1], maximum 6.0207 at 0.7572 (Forrester et al. 2008, p. 83)."""
    return -((6 * x - 2) ** 2) * jnp.sin(12 * x - 4)


def line(config: "Config") -> jax.Array:
    """The points, (point, 1)."""
    return jnp.linspace(0, 1, config.points)[:, None]


def observed(config: "Config") -> Data:
    """Forrester's function at evenly spread places that miss its maximum."""
    x = jnp.linspace(0.05, 0.95, config.observations)[:, None]
    return observations(x, forrester(x[:, 0]))


def params(lengthscale: Any, noise: Any, data: Data | None = None, variance: float = 1.0) -> process_types.GPParams:
    """Fixed hyperparameters, in units of the standardised targets of ``data`` (of none: mean 0, scale 1)."""
    location, scale = (jnp.zeros(()), jnp.ones(())) if data is None else standardisation(data)
    kernel = {"lengthscale": jnp.reshape(jnp.asarray(lengthscale, float), (1,)), "variance": jnp.asarray(variance)}
    return process_types.GPParams((kernel,), jnp.asarray(noise, float), jnp.zeros(()), location, scale)


def _model(kernel: str) -> Surrogate:
    """For values without noise."""
    return gp.gaussian_process(process_types.GPConfig(kernel=kernel, noise_prior=(-10.0, 3.0), noise_floor=1e-8))


def _draws(key: jax.Array, model: Surrogate, fixed: Any, data: Data, x: jax.Array, count: int) -> jax.Array:
    return jax.vmap(lambda key: model.sample(key, fixed, data, x))(jax.random.split(key, count))


def prior(run: Run, key: jax.Array, config: "Config") -> None:
    """Draws from the priors: a posterior of no data, with the same random numbers everywhere."""
    x = line(config)
    nothing = observations(x[:1], jnp.zeros(1), jnp.zeros(1, bool))
    run.add("x", ("point",), x[:, 0], "1", "the line", coordinate=True)
    run.add("kernel", ("kernel",), np.array(KERNELS, dtype=object), "1", "kernel", coordinate=True)
    run.add("lengthscale", ("lengthscale",), LENGTHSCALES, "1", "length scale", coordinate=True)
    found = []
    for kernel in KERNELS:
        model = _model(kernel)

        def one(lengthscale: Any, model: Any = model) -> Any:
            return _draws(key, model, params(lengthscale, TINY_NOISE), nothing, x, config.draws)

        found.append(jax.jit(jax.vmap(one))(jnp.array(LENGTHSCALES)))
    values = np.stack(found)
    run.add("prior_draw", ("kernel", "lengthscale", "draw", "point"), values, "1", "functions drawn from the prior")


def posterior(run: Run, key: jax.Array, config: "Config") -> None:
    """Mean, standard deviation and draws given a few values, for fixed hyperparameters and for fitted ones."""
    x, data = line(config), observed(config)
    run.add("truth", ("point",), forrester(x[:, 0]), "1", "minus Forrester's function")
    run.add("observed_x", ("observation",), data.x[:, 0], "1", "where it was observed")
    run.add("observed_y", ("observation",), data.y, "1", "value observed, without noise")
    fixed, fitted = [], []
    for kernel in KERNELS:
        model = _model(kernel)

        def one(lengthscale: Any, model: Any = model) -> Any:
            own = params(lengthscale, TINY_NOISE, data)
            return *model.predict(own, data, x), _draws(key, model, own, data, x, config.draws)

        def best(key: jax.Array, model: Any = model) -> Any:
            own = model.init(key, data)
            return *model.predict(own, data, x), own.kernel[0]["lengthscale"][0], own.noise

        fixed.append(jax.jit(jax.vmap(one))(jnp.array(LENGTHSCALES)))
        fitted.append(jax.jit(best)(key))
    mean, std, draws = (np.stack(parts) for parts in zip(*fixed, strict=True))
    dims = ("kernel", "lengthscale", "point")
    run.add("posterior_mean", dims, mean, "1", "posterior mean, fixed hyperparameters")
    run.add("posterior_std", dims, std, "1", "posterior standard deviation, fixed hyperparameters")
    run.add("posterior_draw", ("kernel", "lengthscale", "draw", "point"), draws, "1", "draws from that posterior")
    mean, std, lengthscale, noise = (np.stack(parts) for parts in zip(*fitted, strict=True))
    run.add("fitted_mean", ("kernel", "point"), mean, "1", "posterior mean, fitted hyperparameters")
    run.add("fitted_std", ("kernel", "point"), std, "1", "posterior standard deviation, fitted hyperparameters")
    run.add("fitted_lengthscale", ("kernel",), lengthscale, "1", "fitted length scale")
    for name, size, variance in zip(KERNELS, lengthscale, noise, strict=True):
        run.record(**{f"{name}_fitted_lengthscale": size, f"{name}_fitted_noise_variance_of_targets": variance})


def noise(run: Run, key: jax.Array, config: "Config") -> None:
    """Three times as many values, with noise of several sizes that the model knows."""
    x, model = line(config), _model("matern52")
    places = jnp.linspace(0.02, 0.98, 3 * config.observations)[:, None]
    clean, unit = forrester(places[:, 0]), jax.random.normal(key, places.shape[:1])

    def one(size: Any) -> Any:
        data = observations(places, clean + size * jnp.std(clean) * unit)
        own = params(0.15, size**2, data)
        return data.y, *model.predict(own, data, x)

    y, mean, std = jax.jit(jax.vmap(one))(jnp.array(NOISES))
    run.add(
        "noise", ("noise",), NOISES, "1", "standard deviation of the noise, in that of the targets", coordinate=True
    )
    run.add("noisy_x", ("noisy_observation",), places[:, 0], "1", "where noisy values were taken")
    run.add("noisy_y", ("noise", "noisy_observation"), y, "1", "noisy value")
    run.add("noisy_mean", ("noise", "point"), mean, "1", "posterior mean")
    run.add("noisy_std", ("noise", "point"), std, "1", "posterior standard deviation of the function")


def search(run: Run, key: jax.Array, config: "Config") -> None:
    """A campaign seen from the outside, step by step, and what other acquisitions would choose at its start."""
    x, model = line(config), _model("matern52")
    places = np.round(np.asarray(observed(config).x[:, 0]) * (config.points - 1)).astype(int)
    settings = CampaignConfig(config.observations, config.steps, refit_every=1)
    rules = {f"ucb_{kappa:g}": analytic.upper_confidence_bound(kappa) for kappa in KAPPAS}
    rules |= {
        "log_ei": analytic.log_expected_improvement(),
        "ei": analytic.expected_improvement(),
        "log_pi": analytic.log_probability_of_improvement(),
    }
    own = campaign(lambda key, x: forrester(x[0]), x, model, rules["log_ei"], settings, initial=jnp.asarray(places))

    def scores(rule: Acquisition, key: jax.Array, state: State) -> jax.Array:
        return rule(key, own.surface(state), state, None)  # these rules need marginals and the best value alone

    def advance(state: State, key: jax.Array) -> Any:
        before = own.surface(state), scores(rules["log_ei"], key, state)
        state, info = own.step(key, state)
        return state, (*before, info.index, info.value)

    def whole(key: jax.Array) -> Any:
        to_init, to_rules, to_steps = jax.random.split(key, 3)
        state, info = own.init(to_init)
        start = {name: scores(rule, to_rules, state) for name, rule in rules.items()}
        state, told = jax.lax.scan(
            advance, own.grow(state, settings.evaluations), jax.random.split(to_steps, config.steps)
        )
        return info, start, told, own.surface(state)

    info, start, (prediction, score, index, value), last = jax.jit(whole)(key)
    start["pi"] = jnp.exp(start["log_pi"])
    for name, values in start.items():
        run.add(f"start_{name}", ("point",), values, "1", f"acquisition {name} given the initial design")
        run.record(**{f"{name}_chooses_x": x[int(jnp.argmax(values)), 0]})
    chosen, values = np.concatenate([info.index, index]), np.concatenate([info.value, value])
    run.add("campaign_x", ("evaluation",), x[chosen, 0], "1", "where the campaign evaluated")
    run.add("campaign_y", ("evaluation",), values, "1", "value there")
    for name, steps, end in (("mean", prediction.mean, last.mean), ("std", prediction.std, last.std)):
        run.add(f"campaign_{name}", ("state", "point"), np.concatenate([steps, end[None]]), "1",
                f"posterior {name} before each step, and after the last")  # fmt: skip
    run.add("campaign_score", ("step", "point"), score, "1", "log expected improvement before each step")
    best, truth = np.maximum.accumulate(values), forrester(x[:, 0])
    run.record(
        campaign_initial_points=config.observations, campaign_first_gap=truth.max() - best[config.observations - 1],
        campaign_last_gap=truth.max() - best[-1], campaign_best_x=x[chosen[values.argmax()], 0],
    )  # fmt: skip


def coverage(run: Run, key: jax.Array, config: "Config") -> None:
    """Share of test values inside central intervals, over functions drawn from the prior; standard errors are over
    functions, since values of one function go together."""
    model = gp.gaussian_process(
        process_types.GPConfig(kernel=CHECK["kernel"])
    )  # its prior of the noise suits these values
    z = jnp.asarray(norm.ppf(0.5 + np.array(LEVELS) / 2))
    count = CHECK_OBSERVATIONS + CHECK_QUERIES
    truth = params(CHECK["lengthscale"], CHECK["noise"])

    def one(key: jax.Array) -> Any:
        to_x, to_f, to_noise, to_fit = jax.random.split(key, 4)
        x = jax.random.uniform(to_x, (count, 1))
        nothing = observations(x[:1], jnp.zeros(1), jnp.zeros(1, bool))
        f = model.sample(to_f, truth, nothing, x)
        noisy = f + jnp.sqrt(truth.noise) * jax.random.normal(to_noise, f.shape)
        data = observations(x[:CHECK_OBSERVATIONS], noisy[:CHECK_OBSERVATIONS])
        rest, target = x[CHECK_OBSERVATIONS:], f[CHECK_OBSERVATIONS:]
        shares = {}
        models = {name: params(factor * CHECK["lengthscale"], truth.noise) for name, factor in CHECKED.items()}
        models["fitted"] = model.init(to_fit, data)
        for name, own in models.items():
            prediction = model.predict(own, data, rest)
            error = jnp.abs(target - prediction.mean) / prediction.std
            shares[name] = jnp.mean(error[None, :] < z[:, None], axis=1)
        return shares

    shares = over_devices(one)(jax.random.split(key, config.functions))
    names = (*CHECKED, "fitted")
    run.add("model", ("model",), np.array(names, dtype=object), "1", "model that predicts", coordinate=True)
    run.add("level", ("level",), LEVELS, "1", "nominal share of the central interval", coordinate=True)
    mean = np.stack([shares[name].mean(0) for name in names])
    error = np.stack([shares[name].std(0, ddof=1) / np.sqrt(config.functions) for name in names])
    run.add("coverage", ("model", "level"), mean, "1", "share of test values inside the interval")
    run.add("coverage_standard_error", ("model", "level"), error, "1", "standard error over the functions")
    for row, name in enumerate(names):
        for column, level in enumerate(LEVELS):
            run.record(**{
                f"coverage_{name}_{100 * level:.0f}": mean[row, column],
                f"coverage_{name}_{100 * level:.0f}_standard_error": error[row, column],
            })  # fmt: skip
    run.record(functions=config.functions, check_observations=CHECK_OBSERVATIONS)


def gpjax(run: Run, key: jax.Array, config: "Config") -> None:
    """Largest difference of mean and standard deviation from GPJax's own prediction, over kernels and length scales."""

    x = line(config)
    places = jax.random.uniform(key, (10, 1))
    data = observations(places, forrester(places[:, 0]) / 5)
    worst = {"mean": 0.0, "std": 0.0}
    for name in KERNELS:
        model = _model(name)

        def both(lengthscale: Any, model: Any = model, name: str = name) -> Any:
            own = params(lengthscale, CHECK["noise"])
            process = gpx.gps.Prior(
                kernel=classes[name](**own.kernel[0]), mean_function=gpx.mean_functions.Constant(own.mean), jitter=0.0
            ) * gpx.likelihoods.Gaussian(obs_stddev=jnp.sqrt(own.noise))
            theirs = process.predict(x, gpx.Dataset(data.x, data.y[:, None]), covariance="diagonal")
            ours = model.predict(own, data, x)
            return jnp.max(jnp.abs(ours.mean - theirs.mean)), jnp.max(jnp.abs(ours.std - jnp.sqrt(theirs.variance)))

        mean, std = jax.jit(jax.vmap(both))(jnp.array(LENGTHSCALES))
        worst = {"mean": max(worst["mean"], float(mean.max())), "std": max(worst["std"], float(std.max()))}
    run.record(**{f"gpjax_{name}_max_difference": value for name, value in worst.items()})
