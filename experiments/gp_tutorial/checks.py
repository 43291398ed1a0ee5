"""Stages that check: is the posterior calibrated, and does it equal GPJax's own?"""

from typing import Any

import gpjax as gpx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import norm

import bo
from bo.surrogates.kernels import KERNELS as CLASSES
from experiments.gp_tutorial.config import KERNELS, LENGTHSCALES, LEVELS, Config
from experiments.gp_tutorial.models import forrester, line, noiseless, nothing, params
from experiments.lab.parallel import over_devices
from experiments.lab.run import Outcome

CHECK = {"kernel": "matern52", "lengthscale": 0.15, "noise": 0.01}  # noise: variance, of targets of variance 1
CHECKED = {"true": 1.0, "too_short": 1 / 3, "too_long": 3.0}  # factor on the length scale
CHECK_OBSERVATIONS, CHECK_QUERIES = 12, 20


def inside_intervals(key: jax.Array) -> dict[str, jax.Array]:
    """Draw a function, predict it from noisy values with each model; share of test values inside each interval."""
    model = bo.gaussian_process(bo.GPConfig(kernel=CHECK["kernel"]))  # its prior of the noise suits these values
    z = jnp.asarray(norm.ppf(0.5 + np.array(LEVELS) / 2))
    truth = params(CHECK["lengthscale"], CHECK["noise"])
    to_x, to_f, to_noise, to_fit = jax.random.split(key, 4)
    x = jax.random.uniform(to_x, (CHECK_OBSERVATIONS + CHECK_QUERIES, 1))
    f = model.sample(to_f, truth, nothing(x), x)
    noisy = f + jnp.sqrt(truth.noise) * jax.random.normal(to_noise, f.shape)
    data = bo.observations(x[:CHECK_OBSERVATIONS], noisy[:CHECK_OBSERVATIONS])
    rest, target = x[CHECK_OBSERVATIONS:], f[CHECK_OBSERVATIONS:]
    models = {name: params(factor * CHECK["lengthscale"], truth.noise) for name, factor in CHECKED.items()}
    models["fitted"] = model.init(to_fit, data)
    shares = {}
    for name, hyperparameters in models.items():
        prediction = model.predict(hyperparameters, data, rest)
        error = jnp.abs(target - prediction.mean) / prediction.std
        shares[name] = jnp.mean(error[None, :] < z[:, None], axis=1)
    return shares


def coverage(key: jax.Array, config: Config) -> Outcome:
    """Share of test values inside central intervals, over functions drawn from the prior.

    Standard errors are over functions, because values of one function go together.
    """
    shares = over_devices(inside_intervals)(jax.random.split(key, config.functions))
    names = (*CHECKED, "fitted")
    mean = np.stack([shares[name].mean(0) for name in names])
    error = np.stack([shares[name].std(0, ddof=1) / np.sqrt(config.functions) for name in names])
    numbers = {}
    for row, name in enumerate(names):
        for column, level in enumerate(LEVELS):
            label = f"coverage_{name}_{100 * level:.0f}"
            numbers |= {label: mean[row, column], f"{label}_standard_error": error[row, column]}
    numbers |= {"functions": config.functions, "check_observations": CHECK_OBSERVATIONS}
    axes = {"model": np.array(names, dtype=object), "level": LEVELS}
    return Outcome({**axes, "coverage": mean, "coverage_standard_error": error}, numbers)


def gpjax(key: jax.Array, config: Config) -> Outcome:
    """Largest difference of mean and standard deviation from GPJax's prediction, over kernels and length scales."""
    x = line(config)
    places = jax.random.uniform(key, (10, 1))
    data = bo.observations(places, forrester(places[:, 0]) / 5)
    worst = {"mean": 0.0, "std": 0.0}
    for name in KERNELS:
        model = noiseless(name)

        def differences(lengthscale: Any, model: Any = model, name: str = name) -> Any:
            fixed = params(lengthscale, CHECK["noise"])
            process = gpx.gps.Prior(
                kernel=CLASSES[name](**fixed.kernel[0]),
                mean_function=gpx.mean_functions.Constant(fixed.mean),
                jitter=0.0,
            ) * gpx.likelihoods.Gaussian(obs_stddev=jnp.sqrt(fixed.noise))
            theirs = process.predict(x, gpx.Dataset(data.x, data.y[:, None]), covariance="diagonal")
            ours = model.predict(fixed, data, x)
            return jnp.max(jnp.abs(ours.mean - theirs.mean)), jnp.max(jnp.abs(ours.std - jnp.sqrt(theirs.variance)))

        mean, std = jax.jit(jax.vmap(differences))(jnp.array(LENGTHSCALES))
        worst = {"mean": max(worst["mean"], float(mean.max())), "std": max(worst["std"], float(std.max()))}
    return Outcome({}, {f"gpjax_{name}_max_difference": value for name, value in worst.items()})
